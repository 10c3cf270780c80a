#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

Common with(std::vector<std::string> more, std::vector<std::string> base) {
  Common common;
  common.json = true;
  common.seed = 3;
  common.set = {"alpha=0.8", "sigma=0.6", "method=simulation"};
  common.set.insert(common.set.end(), base.begin(), base.end());
  common.set.insert(common.set.end(), more.begin(), more.end());
  return common;
}

const std::vector<std::string> ring{
    "target=ring8", R"(metric={"curvature":"identity"})", "calculus=ito", "step=0.02", "particles=3000", "time=4"};

Json answer(const Common& common) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(stationary_command(common), 0);
  return parse_json(testing::internal::GetCapturedStdout(), "answer");
}

std::string refusal(std::vector<std::string> more) {
  try {
    stationary_command(with(std::move(more), ring));
  } catch (const std::runtime_error& e) {
    return e.what();
  }
  return "accepted";
}

// What is estimated contains the truth: four standard errors and the step's own error. False alarm 1e-4 per figure at
// the most, five figures.
TEST(Simulation, ItsErrorEstimateCoversTheTarget) {
  const Json r = answer(with({}, ring));
  EXPECT_TRUE(r["exists"].get<bool>());
  const double error = r["error_estimate"].get<double>();
  EXPECT_LT(error, 0.2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NEAR(r["moments"]["mean"][i].get<double>(), r["target_moments"]["mean"][i].get<double>(), error);
    for (int j = 0; j < 2; ++j)
      EXPECT_NEAR(r["moments"]["covariance"][i][j].get<double>(), r["target_moments"]["covariance"][i][j].get<double>(),
                  error);
  }
  EXPECT_GT(r["effective_samples"].get<double>(), 3000);
  EXPECT_LT(r["r_hat"].get<double>(), 1.05);
}

// The Metropolis chain agrees with the quadrature of the same law, which is p: within 4.5 standard errors (1e-5).
TEST(Simulation, AgreesWithQuadratureOnTheLine) {
  std::vector<std::string> well{"target=double_well_1d",
                                R"(metric={"curvature":"rank_one_scaled","damping":2})",
                                "calculus=corrected",
                                "particles=400",
                                "step=0.1",
                                "time=10",
                                "integrator=metropolis"};
  const Json r = answer(with({}, well));
  const double variance = r["moments"]["covariance"][0][0].get<double>(),
               error = r["standard_error"]["covariance"][0][0].get<double>();
  EXPECT_NEAR(variance, r["target_moments"]["covariance"][0][0].get<double>(), 4.5 * error);
  EXPECT_GT(r["acceptance"].get<double>(), 0.1);
}

TEST(Simulation, AStepBeyondStabilityIsSaidWithTheParticleThatShowsIt) {
  const Json r = answer(with({"step=5", "time=5000"}, ring));
  EXPECT_FALSE(r["exists"].get<bool>());
  const std::string why = r["why"].get<std::string>();
  EXPECT_NE(why.find("of seed 3 at step"), std::string::npos) << why;
  EXPECT_NE(why.find("its last state was ["), std::string::npos) << why;
  EXPECT_FALSE(r.contains("moments"));
}

TEST(Simulation, ALawThatCannotBeNormalisedIsNotSimulated) {
  const Json r = answer(with({}, {"target=double_well_1d", R"(metric={"curvature":"rank_one_scaled","damping":2})",
                                  "calculus=ito", "particles=10", "step=0.1", "time=1"}));
  EXPECT_FALSE(r["exists"].get<bool>());
  EXPECT_FALSE(r["why"].get<std::string>().empty());
}

// In the plane and above too, and the same as the generator says.
TEST(Simulation, ALawWhereTheMetricVanishesIsNotTheOnlyOne) {
  const auto scaled = [](const char* target, const char* calculus) {
    return answer(with({}, {target, R"(metric={"curvature":"rank_one_scaled","damping":30})", calculus, "particles=10",
                            "step=0.1", "time=1"}));
  };
  const std::string points = R"(target={"kind":"points","points":[[0,0,0,0,0,0,0,0,0,0,0,0]]})";
  for (const Json& r : {scaled("target=ring8", "calculus=ito"), scaled(points.c_str(), "calculus=corrected")})
    EXPECT_FALSE(r["unique"].get<bool>());
  EXPECT_FALSE(scaled("target=ring8", "calculus=ito")["exists"].get<bool>());
  EXPECT_TRUE(scaled("target=ring8", "calculus=half")["exists"].get<bool>());
  EXPECT_TRUE(scaled(points.c_str(), "calculus=ito")["exists"].get<bool>());
  const Json far = answer(with({}, {points, R"(metric={"curvature":"rank_one_scaled","damping":10})", "calculus=ito",
                                    "particles=10", "step=0.1", "time=1"}));
  EXPECT_FALSE(far["exists"].get<bool>());
}

TEST(Simulation, MistakesAreNamedByTheirPlace) {
  EXPECT_EQ(refusal({"step=0"}), "--set: /step: must be > 0, is 0.0");
  EXPECT_EQ(refusal({"particles=1"}).rfind("--set: /particles: ", 0), 0u);
  EXPECT_EQ(refusal({"time=-1"}), "--set: /time: must be > 0, is -1.0");
  EXPECT_EQ(refusal({"time=0.02"}), "--set: /time: must hold at least two steps after the burn-in");
  EXPECT_EQ(refusal({"step=1e-300"}), "--set: /step: makes too many steps: time/step is above 1e15");
  EXPECT_EQ(refusal({"burn_in=4"}), "--set: /burn_in: must be >= 0 and below time");
  EXPECT_EQ(refusal({"integrator=ula", R"(metric={"curvature":"rank_one","damping":1})"}),
            "--set: /integrator: is for the identity only; euler_maruyama, heun, weak2 and metropolis take any metric");
  EXPECT_EQ(refusal({"integrator=metropolis", R"(metric={"curvature":"rank_one","damping":1})"}),
            "--set: /integrator: keeps the target whatever the drift: its calculus is corrected");
  EXPECT_EQ(refusal({"integrator=leapfrog"}).rfind("--set: /integrator: ", 0), 0u);
  EXPECT_EQ(refusal({"method=generator"}), "--set: /step: goes with the method simulation only");
}

// A checkpoint of another spec, or a broken one, is refused by name and left alone; a run that ends leaves none.
TEST(Simulation, AForeignCheckpointIsRefused) {
  const test::Folder folder;
  const auto path = folder.write("checkpoint.lml", "LMLRUN01 and then nothing of sense");
  Common common = with({"particles=64", "time=1"}, ring);
  common.out = folder.path().string();
  try {
    stationary_command(common);
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_EQ(std::string(e.what()).find(path.string() + ": "), 0u) << e.what();
  }
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::remove(path);
  answer(common);
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "result.json"));
}

}  // namespace
}  // namespace lml
