// The options of PNDM, iPNDM, DEIS and UniPC: diffusers' defaults, and what is refused.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"
#include "experiments/sampler_options.hpp"

namespace lml {
namespace {

Sampler read(const std::string& sampler, const std::string& schedule = R"({"name":"linear","beta_start":1e-4,
    "beta_end":0.02,"num_train_timesteps":1000})") {
  const Document document = parse_document("{\"schedule\":" + schedule + ",\"sampler\":" + sampler + "}");
  return read_sampler(Reader(document).object({"schedule", "sampler", "lml"})).sampler;
}
std::string refusal(const std::string& sampler) {
  try {
    read(sampler);
  } catch (const SpecError& e) {
    return e.what();
  }
  return "accepted";
}
testing::AssertionResult refused(const std::string& sampler, const std::string& place) {
  const std::string said = refusal(sampler);
  if (said.find("/sampler/" + place + ":") != std::string::npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << sampler << ": " << said;
}

TEST(PndmOptions, DefaultsAreThoseOfDiffusers) {
  const Sampler s = read(R"({"name":"pndm","steps":6})");
  const auto& pndm = std::get<Pndm>(s.stepper);
  EXPECT_EQ(pndm.middles.size(), 3u);
  EXPECT_FALSE(pndm.of_v);
  EXPECT_EQ(s.grid[0].from.t, 830);
  EXPECT_EQ(s.grid.back().from.t, 0);
  EXPECT_GT(s.grid.back().to.sigma, 0);  // set_alpha_to_one is false
  EXPECT_EQ(read(R"({"name":"pndm","steps":6,"set_alpha_to_one":true})").grid.back().to.sigma, 0);
}

// Stride 142, its half 71: with `trailing` the second step of the first pair begins 143 above.
TEST(PndmOptions, StagesGoByTheStrideAndAreEvaluatedAtHalfOfItAboveTheEnd) {
  const auto middle =
      std::get<Pndm>(read(R"({"name":"pndm","steps":7,"timestep_spacing":"trailing"})").stepper).middles[0];
  EXPECT_EQ(middle.first.t, 999 - 71);
  EXPECT_EQ(middle.second.t, 856 + 71);
  const Sampler plain = read(R"({"name":"pndm","steps":7,"timestep_spacing":"trailing","skip_prk_steps":true})");
  EXPECT_EQ(plain.grid[0].to.t, 999 - 142);
  EXPECT_EQ(std::get<Pndm>(plain.stepper).pair->from.t, 856 + 142);
  EXPECT_EQ(std::get<Pndm>(plain.stepper).pair->to.t, 856);
}

TEST(PndmOptions, MiddlesOfExplicitTimestepsAreHalfway) {
  const auto discrete = std::get<Pndm>(read(R"({"name":"pndm","timesteps":[901,600,300,100,3]})").stepper);
  EXPECT_EQ(discrete.middles[0].first.t, 750);  // rounded down
  EXPECT_EQ(discrete.middles[0].second.t, 750);
  const auto continuous =
      std::get<Pndm>(read(R"({"name":"pndm","timesteps":[1,0.7,0.5,0.3,0]})", R"({"name":"vp_sde"})").stepper);
  EXPECT_DOUBLE_EQ(continuous.middles[0].first.t, 0.85);
}

TEST(PndmOptions, WhatHasNoMeaningIsRefused) {
  EXPECT_TRUE(refused(R"({"name":"pndm","steps":3})", "steps"));
  EXPECT_TRUE(refused(R"({"name":"pndm","timesteps":[900,500,100]})", "timesteps"));
  EXPECT_EQ(refusal(R"({"name":"pndm","steps":3,"skip_prk_steps":true})"), "accepted");
  EXPECT_TRUE(refused(R"({"name":"pndm","steps":8,"prediction_type":"sample"})", "prediction_type"));
  EXPECT_TRUE(refused(R"({"name":"pndm","steps":8,"solver_order":2})", "solver_order"));
  EXPECT_TRUE(refused(R"({"name":"pndm","steps":8,"skip_prk_steps":1})", "skip_prk_steps"));
}

TEST(IpndmOptions, OrderIsFourUnlessSaidAndAtMostFour) {
  EXPECT_EQ(std::get<Ipndm>(read(R"({"name":"ipndm","steps":8})").stepper).order, 4);
  EXPECT_EQ(std::get<Ipndm>(read(R"({"name":"ipndm","steps":8,"solver_order":2})").stepper).order, 2);
  for (const char* order : {"0", "5", "2.5", "\"4\""})
    EXPECT_TRUE(refused(R"({"name":"ipndm","steps":8,"solver_order":)" + std::string(order) + "}", "solver_order"));
}

TEST(DeisOptions, DefaultsAreThoseOfDiffusers) {
  const Sampler s = read(R"({"name":"deis","steps":8})");
  EXPECT_EQ(std::get<Deis>(s.stepper).order, 2);
  EXPECT_TRUE(std::get<Deis>(s.stepper).lower_order_final);
  EXPECT_EQ(s.grid.back().to.t, 0);
  EXPECT_GT(s.grid.back().to.sigma, 0);
  EXPECT_TRUE(refused(R"({"name":"deis","steps":8,"solver_type":"midpoint"})", "solver_type"));
  EXPECT_TRUE(refused(R"({"name":"deis","steps":8,"solver_order":4})", "solver_order"));
  EXPECT_TRUE(refused(R"({"name":"deis","steps":8,"final_sigmas_type":"zero"})", "final_sigmas_type"));
}

TEST(UniPcOptions, DefaultsAreThoseOfDiffusers) {
  const Sampler s = read(R"({"name":"unipc","steps":8})");
  const auto& unipc = std::get<UniPc>(s.stepper);
  EXPECT_EQ(unipc.order, 2);
  EXPECT_EQ(unipc.type, UniPcType::bh2);
  EXPECT_TRUE(unipc.of_data && unipc.lower_order_final && unipc.uncorrected.empty());
  EXPECT_EQ(s.grid.back().to.sigma, 0);
}

TEST(UniPcOptions, WhatCannotReachCleanDataIsRefused) {
  EXPECT_TRUE(refused(R"({"name":"unipc","steps":8,"solver_type":"bh1"})", "final_sigmas_type"));
  EXPECT_TRUE(refused(R"({"name":"unipc","steps":8,"predict_x0":false})", "final_sigmas_type"));
  EXPECT_TRUE(refused(R"({"name":"unipc","steps":8,"lower_order_final":false})", "lower_order_final"));
  EXPECT_EQ(refusal(R"({"name":"unipc","steps":8,"lower_order_final":false,"solver_order":1})"), "accepted");
  for (const char* options : {R"("solver_type":"bh1")", R"("predict_x0":false)", R"("lower_order_final":false)"})
    EXPECT_EQ(refusal(R"({"name":"unipc","steps":8,"final_sigmas_type":"sigma_min",)" + std::string(options) + "}"),
              "accepted");
  EXPECT_TRUE(refused(R"({"name":"unipc","steps":8,"disable_corrector":[1,-1]})", "disable_corrector/1"));
  EXPECT_TRUE(refused(R"({"name":"unipc","steps":8,"use_lu_lambdas":true})", "use_lu_lambdas"));
}

}  // namespace
}  // namespace lml
