#include "theory/proposition.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dynamics/random.hpp"

namespace lml {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// With one data point F = I/sigma^2, so the error is exactly sqrt(d-1)/sigma^2: a few roundings.
TEST(Proposition1, OneDataPointMissesEveryDirectionButOne) {
  for (Index d : {1, 2, 3, 10, 100}) {
    const double sigma = 0.6;
    const Marginal p(Target::points(Points::Zero(1, d)), {0.8, sigma});
    const Vec x = Random(1, 0).normal(0, 0, d);
    const Local local = p.at(x);
    const auto u = noise_direction(local, x, p);
    ASSERT_TRUE(u);
    const RankOneError e = rank_one_error(local.fisher(), *u, sigma);
    EXPECT_NEAR(e.error_fisher, std::sqrt(double(d - 1)) / (sigma * sigma), 1e-14 * double(d) / (sigma * sigma));
    EXPECT_NEAR(e.relative(), std::sqrt(double(d - 1) / double(d)), 1e-14 * double(d));
  }
}

TEST(Proposition1, NoDirectionWhereTheNoisePredictionVanishes) {
  const Marginal p(Target::points(Points{{1.0, 0.0}, {-1.0, 0.0}}), {0.8, 0.6});
  const Vec middle = Vec::Zero(2), beside{{1e-10, 0.0}};
  EXPECT_FALSE(noise_direction(p.at(middle), middle, p));
  EXPECT_TRUE(noise_direction(p.at(beside), beside, p));
}

TEST(Proposition2, BoundsAreWhatThePaperAndTheProofsSay) {
  const Time t{0.9, 0.5};
  EXPECT_DOUBLE_EQ(bound_paper(1.5, 0, 0, 2, t), (1.5 + 1.8) * (2 + 2 * 0.81 / 0.25 * 4));
  EXPECT_DOUBLE_EQ(bound_paper(1, 0.5, 0.25, 0, t), (1 + 0.45) * 2.25);
  EXPECT_DOUBLE_EQ(bound_corrected(3, 2, t), (std::sqrt(2.0) + 0.81 * 4 / 0.5) / 0.25);
  EXPECT_DOUBLE_EQ(bound_sharp(3, 2, t), (std::sqrt(2.0) + 0.81 * 4 / 1.0) / 0.25);
  EXPECT_EQ(bound_corrected(3, infinity, t), infinity);
  EXPECT_DOUBLE_EQ(bound_corrected(3, infinity, {0, 0.5}), std::sqrt(2.0) / 0.25);
  EXPECT_DOUBLE_EQ(bound_paper(1, 0, 0, infinity, {0, 0.5}), 2);
}

// Two points in one dimension, x beside the midpoint: C -> D^2/4 and u u^T = 1, so the sharp bound is attained.
TEST(Proposition2, TwoPointsAttainTheSharpBound) {
  const Time t{0.8, 0.6};
  const Marginal p(Target::points(Points{{1.0}, {-1.0}}), t);
  const Vec x{{1e-7}};
  const auto u = noise_direction(p.at(x), x, p);
  const double error = rank_one_error(p.at(x).fisher(), *u, t.sigma).error_fisher;
  EXPECT_NEAR(error / bound_sharp(1, 2, t), 1, 1e-12);  // 1 - O(x^2)
}

TEST(Proposition2, HoldsAllowsForRoundingOnly) {
  EXPECT_TRUE(holds(1 + 5e-10, 1, 1));
  EXPECT_FALSE(holds(1 + 2e-9, 1, 1));
  EXPECT_TRUE(holds(5e-13, 0, 1));
  EXPECT_FALSE(holds(infinity, 1, 1));
  EXPECT_TRUE(holds(1, infinity, 1));
}

}  // namespace
}  // namespace lml
