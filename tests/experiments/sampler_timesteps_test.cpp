// What a spec says about a sampler's timesteps, and how it is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"
#include "experiments/sampler_options.hpp"

namespace lml {
namespace {

const std::string scaled =
    R"({"name":"scaled_linear","beta_start":0.00085,"beta_end":0.012,"num_train_timesteps":1000})";

Sampler read(const std::string& sampler, const std::string& schedule = scaled) {
  const Document document = parse_document("{\"schedule\":" + schedule + ",\"sampler\":" + sampler + "}");
  return read_sampler(Reader(document).object({"schedule", "sampler", "lml"})).sampler;
}

std::string refusal(const std::string& sampler, const std::string& schedule = scaled) {
  try {
    read(sampler, schedule);
  } catch (const SpecError& e) {
    return e.what();
  }
  return "accepted";
}

std::vector<double> calls(const Grid& grid) {
  std::vector<double> out;
  for (const Interval& step : grid) out.push_back(step.from.t);
  return out;
}

TEST(ExplicitTimesteps, AreTheCallsAndEachStepEndsAtTheNext) {
  const Grid grid = read(R"({"name":"ddim","timesteps":[900,420,17]})").grid;
  EXPECT_EQ(calls(grid), (std::vector<double>{900, 420, 17}));
  for (std::size_t i = 0; i + 1 < grid.size(); ++i) EXPECT_EQ(grid[i].to.t, grid[i + 1].from.t);
  EXPECT_EQ(grid.back().to.sigma, 0);
}

TEST(ExplicitTimesteps, EndAtTimestepZeroUnderSigmaMin) {
  const Grid grid = read(R"({"name":"dpm_solver","timesteps":[900,420,17]})").grid;
  EXPECT_EQ(grid.back().to.t, 0);
  EXPECT_GT(grid.back().to.sigma, 0);
}

TEST(ExplicitTimesteps, OfAContinuousScheduleNameTheirEnd) {
  const Grid grid = read(R"({"name":"ddim","timesteps":[1,0.5,0.2]})", R"({"name":"vp_sde"})").grid;
  EXPECT_EQ(calls(grid), (std::vector<double>{1, 0.5}));
  EXPECT_EQ(grid.back().to.t, 0.2);
  EXPECT_EQ(read(R"({"name":"ddim","timesteps":[1,0.5,0]})", R"({"name":"vp_sde"})").grid.back().to.sigma, 0);
}

// diffusers calls the model once more there and goes nowhere.
TEST(SigmaMin, KarrasLevelsEndInAStepOfNoLength) {
  const Grid grid = read(R"({"name":"dpm_solver","steps":6,"use_karras_sigmas":true})").grid;
  ASSERT_EQ(grid.size(), 6u);
  EXPECT_EQ(noise_level(grid.back().from), noise_level(grid.back().to));
  for (std::size_t i = 0; i + 1 < grid.size(); ++i) EXPECT_LT(noise_level(grid[i].to), noise_level(grid[i].from));
}

TEST(Karras, OneStepGoesFromTheNoisiestLevelToTheEnd) {
  const Grid grid = read(R"({"name":"dpm_solver","steps":1,"use_karras_sigmas":true})").grid;
  ASSERT_EQ(grid.size(), 1u);
  EXPECT_EQ(grid[0].from.t, 999);
  EXPECT_EQ(grid[0].to.t, 0);
  // The only level of this spacing is both the least and the most.
  EXPECT_EQ(read(R"({"name":"euler","steps":1,"timestep_spacing":"leading","use_karras_sigmas":true})").grid[0].from.t,
            0);
}

TEST(BadTimesteps, AreNamedByTheirPlace) {
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[900,900,17]})"),
            "-: /sampler/timesteps/1: is no less noisy than the one before");
  EXPECT_EQ(refusal(R"({"name":"dpm_solver++","timesteps":[900,17,18]})"),
            "-: /sampler/timesteps/2: is no less noisy than the one before");
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[1000,17]})"), "-: /sampler/timesteps/0: must lie in 0..999");
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[900,-1]})"), "-: /sampler/timesteps/1: must lie in 0..999");
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[900,17.5]})"),
            "-: /sampler/timesteps/1: must be an integer for a discrete schedule");
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[900,17],"steps":2})"),
            "-: /sampler/timesteps: stands in place of steps, never beside it");
  EXPECT_EQ(refusal(R"({"name":"dpm_solver","timesteps":[900,17],"use_karras_sigmas":true})"),
            "-: /sampler/timesteps: stands in place of use_karras_sigmas, never beside it");
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[0.2,0.5]})", R"({"name":"vp_sde"})"),
            "-: /sampler/timesteps/1: is no less noisy than the one before");
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[0.9,0.5,0.5]})", R"({"name":"vp_sde"})"),
            "-: /sampler/timesteps/2: is no less noisy than the one before");
  EXPECT_EQ(refusal(R"({"name":"ddim","timesteps":[0.2]})", R"({"name":"vp_sde"})"),
            "-: /sampler/timesteps: needs the beginning and the end of at least one step");
  EXPECT_EQ(refusal(R"({"name":"ddim","steps":5})", R"({"name":"vp_sde"})"),
            "-: /sampler/timesteps: is missing: a continuous schedule needs them, falling, end included");
}

TEST(BadSteps, AreNamed) {
  EXPECT_EQ(refusal(R"({"name":"ddim","steps":1001})"),
            "-: /sampler/steps: must be at most 1000, the schedule's timesteps");
  EXPECT_EQ(refusal(R"({"name":"dpm_solver","steps":1000})"),
            "-: /sampler/steps: this spacing would call the model at a timestep twice, or outside 0..999: take fewer "
            "steps");
  EXPECT_EQ(refusal(R"({"name":"ddim","steps":1000,"steps_offset":1})"),
            "-: /sampler/steps: this spacing would call the model at a timestep twice, or outside 0..999: take fewer "
            "steps");
  EXPECT_EQ(refusal(R"({"name":"ddim","steps":0})"), "-: /sampler/steps: must lie in 1..1000000, is 0");
  EXPECT_EQ(refusal(R"({"name":"ddim"})"), "-: /sampler/steps: is missing (steps, or an explicit list of timesteps)");
}

TEST(PredictionType, IsOneOfDiffusersOrVelocity) {
  for (const char* kind : {"epsilon", "sample", "v_prediction", "flow_prediction", "velocity"})
    EXPECT_EQ(refusal(R"({"name":"ddim","steps":5,"prediction_type":")" + std::string(kind) + "\"}"), "accepted");
  EXPECT_NE(refusal(R"({"name":"ddim","steps":5,"prediction_type":"v_predictoin"})").find("v_prediction"),
            std::string::npos);
}

}  // namespace
}  // namespace lml
