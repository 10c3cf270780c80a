#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

const std::vector<std::string> well{"target=double_well_1d", "alpha=0.8", "sigma=0.6"};

Common with(std::vector<std::string> more) {
  Common common;
  common.json = true;
  common.set = well;
  common.set.insert(common.set.end(), more.begin(), more.end());
  return common;
}

Json answer(int (*command)(const Common&), std::vector<std::string> more) {
  testing::internal::CaptureStdout();
  EXPECT_EQ(command(with(std::move(more))), 0);
  return parse_json(testing::internal::GetCapturedStdout(), "answer");
}

std::string refusal(int (*command)(const Common&), std::vector<std::string> more) {
  try {
    command(with(std::move(more)));
  } catch (const SpecError& e) {
    return e.what();
  }
  return "accepted";
}

TEST(Laws, TheCorrectedDynamicsKeepsTheTarget) {
  const Json r = answer(stationary_command, {R"(metric={"curvature":"exact","damping":3.5})", "calculus=corrected"});
  EXPECT_TRUE(r["exists"].get<bool>());
  EXPECT_LE(r["chi2"].get<double>(), 1e-20);
  EXPECT_NEAR(r["moments"]["covariance"][0][0].get<double>(), r["target_moments"]["covariance"][0][0].get<double>(),
              1e-10);
}

TEST(Laws, WhatDoesNotExistSaysWhyAndGivesNoFigure) {
  const Json r = answer(stationary_command, {R"(metric={"curvature":"exact","damping":1})", "calculus=ito"});
  EXPECT_FALSE(r["exists"].get<bool>());
  EXPECT_NE(r["why"].get<std::string>().find("not positive"), std::string::npos);
  EXPECT_FALSE(r.contains("chi2"));
}

TEST(Laws, AMetricThatVanishesHasNoGap) {
  const Json r = answer(gap_command, {R"(metric={"curvature":"rank_one_scaled","damping":1})"});
  EXPECT_EQ(r["gap"], 0.0);
  EXPECT_EQ(r["poincare_constant"], "inf");
  EXPECT_FALSE(r["unique"].get<bool>());
}

// The trapezoid rule on the nodes of spectral elements is good to about 1e-3.
TEST(Laws, DensitiesAlongTheFlowAreThoseWhoseDivergencesAreGiven) {
  const test::Folder folder;
  Common common = with({R"(metric={"curvature":"exact","damping":3})", "calculus=ito", "times=[0,0.5,2]",
                        R"(initial={"kind":"gaussian_mixture","weights":[1],"means":[[0.5]],"covariances":[0.25]})"});
  common.out = (folder.path() / "run").string();
  testing::internal::CaptureStdout();
  EXPECT_EQ(converge_command(common), 0);
  const Json r = parse_json(testing::internal::GetCapturedStdout(), "answer");
  const auto x = r["x"].get<std::vector<double>>(), p = r["target_density"].get<std::vector<double>>();
  const auto q = r["density"].get<std::vector<std::vector<double>>>();
  ASSERT_EQ(q.size(), 3u);
  for (std::size_t k = 0; k < 3; ++k) {
    double mass = 0, distance = 0;
    for (std::size_t i = 1; i < x.size(); ++i) {
      const double width = (x[i] - x[i - 1]) / 2;
      for (const std::size_t j : {i - 1, i}) {
        mass += width * q[k][j];
        distance += width * std::abs(q[k][j] - p[j]) / 2;
      }
    }
    EXPECT_NEAR(mass, 1, 2e-3);
    EXPECT_NEAR(distance, r["total_variation"][k].get<double>(), 2e-3);
  }
}

TEST(Laws, MistakesAreNamedByTheirPlace) {
  const auto gap = [](const char* metric) { return refusal(gap_command, {std::string("metric=") + metric}); };
  EXPECT_EQ(gap(R"({"curvature":"exact","damping":-1})"), "--set: /metric/damping: must be finite and >= 0");
  EXPECT_EQ(gap(R"({"curvature":"rank_one","damping":0})"),
            "--set: /metric/damping: must be > 0 for a rank-one metric");
  EXPECT_EQ(gap(R"({"curvature":"identity","damping":1})"),
            "--set: /metric/damping: is none of the curvature identity");
  EXPECT_EQ(gap(R"({"curvature":"exact"})"), "--set: /metric/damping: is missing");
  EXPECT_EQ(gap(R"({"curvature":"identity","sign":"printed"})"),
            "--set: /metric/sign: matters for the curvature exact only");
  const std::string identity = R"(metric={"curvature":"identity"})";
  EXPECT_EQ(gap(R"({"curvature":"identity","rank":1})"), "--set: /metric/rank: is for the curvature rank_k only");
  EXPECT_EQ(gap(R"({"curvature":"constant","matrix":[[-1]]})"), "--set: /metric/matrix: must be positive definite");
  EXPECT_EQ(refusal(converge_command,
                    {identity, "calculus=ito", "times=[0,-1]", R"(initial={"kind":"points","points":[[0]]})"}),
            "--set: /initial: must have a density: every covariance positive definite");
  EXPECT_EQ(refusal(converge_command,
                    {identity, "calculus=ito", "times=[0,-1]",
                     R"(initial={"kind":"gaussian_mixture","weights":[1],"means":[[0]],"covariances":[1]})"}),
            "--set: /times/1: must be >= 0");
}

}  // namespace
}  // namespace lml
