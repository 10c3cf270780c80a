#include "paper_checks/shrink.hpp"

#include <gtest/gtest.h>

#include "theory/proposition.hpp"

namespace lml::checks {
namespace {

using rigorous::PointCase;
using rigorous::Reading;

RationalCase one_point() { return {{{{1, 1}, {0, 1}}}, {{1, 1}}, {4, 5}, {3, 5}, {{0, 1}, {0, 1}}}; }

TEST(Shrink, ReachesTheSimplestNumbers) {
  // Refuted wherever the first coordinates of x and of some point differ by more than 3.
  const Refutes refutes = [](const PointCase<double>& c) {
    for (const auto& y : c.points)
      if (std::abs(c.x[0] - y[0]) > 3) return true;
    return false;
  };
  const PointCase<double> start{{{0.1, 5.7, -2}, {7.31, 1, 1}, {0, 0, 0}}, {1, 2.5, 3}, 0.6, 0.8, {-1.234, 9, 9}};
  const auto simple = simplify(start, refutes);
  ASSERT_TRUE(simple);
  EXPECT_EQ(simple->points.size(), 1u);
  EXPECT_EQ(simple->x.size(), 1u);
  EXPECT_EQ(simple->alpha.denominator, 5);
  EXPECT_TRUE(refutes(simple->rounded()));
  EXPECT_EQ(simple->points[0][0].denominator, 1);
  EXPECT_EQ(simple->x[0].text(), "0");
}

TEST(Shrink, KeepsTheTimeOnTheCircleExactly) {
  const Refutes noisy = [](const PointCase<double>& c) { return c.sigma < 0.1; };
  const auto simple = simplify({{{1.0}}, {1}, std::sqrt(1 - 0.0025), 0.05, {0.5}}, noisy);
  ASSERT_TRUE(simple);
  const long a = simple->alpha.numerator, s = simple->sigma.numerator, c = simple->alpha.denominator;
  EXPECT_EQ(a * a + s * s, c * c);
  EXPECT_EQ(simple->sigma.denominator, c);
  EXPECT_LT(simple->sigma.value(), 0.1);
  EXPECT_EQ(c, 221);  // (220, 21, 221) is the simplest triple with a leg below a tenth
}

TEST(Shrink, PassesOverSizesThatDoNotRefute) {
  const LogRatio needs_three = [](const PointCase<double>& c) { return c.dim() == 2 && c.size() >= 2 ? 1.0 : -1.0; };
  const auto shrunk = shrink(needs_three, 0, 3, 3, {1, 5, 1}, 0.1);
  ASSERT_TRUE(shrunk);
  EXPECT_EQ(shrunk->smallest.x.size(), 2u);
  EXPECT_EQ(shrunk->smallest.points.size(), 2u);
  EXPECT_EQ(shrunk->attacks, 6 * 4 + 6 * 1);  // 3 sizes in d = 1, then d = 2 with 1 and 2 points, 6 cases each
}

TEST(Shrink, WhatHoldsIsNotShrunk) {
  const LogRatio never = [](const PointCase<double>&) { return -1.0; };
  EXPECT_FALSE(shrink(never, 0, 2, 2, {1, 5, 1}, 0.1));
}

TEST(Shrink, EnclosureOfOnePointIsExact) {
  // r Hess r = I - u u^T has norm 1 in the plane, F is off by 1/sigma^2 = 25/9, and at x = 0 the bound is 0.
  const Enclosure r = enclose(Reading::true_r, one_point()), f = enclose(Reading::fisher, one_point());
  EXPECT_LE(r.error.low, 1);
  EXPECT_GE(r.error.high, 1);
  EXPECT_LT(r.error.high - r.error.low, 1e-15);
  EXPECT_LE(f.error.low, 25.0 / 9);
  EXPECT_GE(f.error.high, 25.0 / 9);
  EXPECT_EQ(f.bound.high, 0);
  EXPECT_TRUE(f.refutes());
}

TEST(Shrink, EnclosureDoesNotRefuteWhatHolds) {
  RationalCase far = one_point();
  far.x = {{100, 1}, {0, 1}};
  EXPECT_FALSE(enclose(Reading::fisher, far).refutes());
  // No direction: eps = 0, and intervals that cannot decide refute nothing.
  RationalCase at_point = one_point();
  at_point.x = {{4, 5}, {0, 1}};
  EXPECT_FALSE(enclose(Reading::fisher, at_point).refutes());
}

TEST(Shrink, CounterexampleReplaysInTheLibrary) {
  const Counterexample e = one_point().counterexample("");
  const Marginal marginal(Target::points(e.points, e.weights), e.time);
  const Local local = marginal.at(e.x);
  const double error =
      rank_one_error(local.fisher(), noise_direction(local, e.x, marginal).value(), e.time.sigma).error_fisher;
  EXPECT_FALSE(holds(error, bound_paper(e.x.norm(), 0, 0, diameter(e.points).value, e.time), e.time.sigma));
}

}  // namespace
}  // namespace lml::checks
