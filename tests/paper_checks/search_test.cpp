#include "paper_checks/search.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace lml::checks {
namespace {

TEST(Search, FindsAMaximumInTenDimensions) {
  const Vec top = Vec::LinSpaced(10, -2, 2);
  const Found found = maximise([&](const Vec& p) { return -(p - top).squaredNorm(); }, 10, {4, 2000, 3});
  EXPECT_LT((found.at - top).norm(), 1e-3);  // 2000 steps of a linearly converging method; 1e-3 is far from the end
  EXPECT_EQ(found.attacks, 4 * 2001);
}

// Two hills, the higher one narrow: one restart in many finds it.
TEST(Search, RestartsEscapeALowerHill) {
  const auto hills = [](const Vec& p) {
    return std::exp(-p.squaredNorm() / 8) + 2 * std::exp(-(p - Vec::Constant(2, 3)).squaredNorm() * 4);
  };
  EXPECT_GT(maximise(hills, 2, {40, 300, 3}).value, 1.9);
}

TEST(Search, IsDeterministicAndItsSeedMatters) {
  const auto objective = [](const Vec& p) { return std::sin(3 * p.sum()) - 0.1 * p.squaredNorm(); };
  const Found a = maximise(objective, 3, {2, 50, 5}), b = maximise(objective, 3, {2, 50, 5});
  EXPECT_TRUE((a.at.array() == b.at.array()).all());
  EXPECT_FALSE((a.at.array() == maximise(objective, 3, {2, 50, 6}).at.array()).all());
}

TEST(Search, WhatIsNoCaseNeverWins) {
  const auto half = [](const Vec& p) { return p[0] > 0 ? std::numeric_limits<double>::quiet_NaN() : p[0]; };
  const Found found = maximise(half, 1, {4, 200, 1});
  EXPECT_LE(found.at[0], 0);
  EXPECT_NEAR(found.value, 0, 1e-3);
}

TEST(Search, CasesLieOnTheVariancePreservingCircle) {
  const CaseSpace space{2, 3, 0.05, true};
  const Vec far = Vec::LinSpaced(space.dimension(), -50, 50);
  const auto c = space.decode(far);
  EXPECT_NEAR(c.alpha * c.alpha + c.sigma * c.sigma, 1, 1e-15);
  EXPECT_GE(c.sigma, 0.05 * (1 - 1e-12));
  EXPECT_EQ(c.points.size(), 3u);
  EXPECT_EQ(c.x.size(), 2u);
  for (double w : c.weights) EXPECT_GT(w, 0);
}

}  // namespace
}  // namespace lml::checks
