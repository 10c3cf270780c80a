#include "theory/schedule.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lml {
namespace {

TEST(Schedule, LinearIsTheRunningProductOfOneMinusBeta) {
  const Schedule s = DiscreteSchedule::linear(0.1, 0.3, 3);  // betas 0.1, 0.2, 0.3
  EXPECT_DOUBLE_EQ(at(s, 0).alpha, std::sqrt(0.9));
  EXPECT_DOUBLE_EQ(at(s, 1).alpha, std::sqrt(0.9 * 0.8));
  EXPECT_DOUBLE_EQ(at(s, 2).sigma, std::sqrt(1 - 0.9 * 0.8 * 0.7));
}

TEST(Schedule, ScaledLinearIsLinearInTheRootOfBeta) {
  const auto s = DiscreteSchedule::scaled_linear(0.04, 0.36, 3);  // roots 0.2, 0.4, 0.6
  EXPECT_DOUBLE_EQ(s.alpha_bar[2], 0.96 * 0.84 * 0.64);
}

TEST(Schedule, CosineFollowsItsDefinitionUntilTheCap) {
  const auto s = DiscreteSchedule::squaredcos_cap_v2(100);
  const auto f = [](double t) { return std::pow(std::cos((t + 0.008) / 1.008 * M_PI / 2), 2); };
  EXPECT_NEAR(s.alpha_bar[49], f(0.5) / f(0), 1e-14);
  EXPECT_NEAR(s.alpha_bar[99] / s.alpha_bar[98], 1e-3, 1e-15);
}

TEST(Schedule, EveryVariancePreservingTimeHasUnitSum) {
  const Schedule discrete = DiscreteSchedule::linear(1e-4, 0.02, 1000), vp = VpSde{};
  for (double t : {0.0, 1.0, 500.0, 999.0}) {
    const Time at_t = at(discrete, t);
    EXPECT_NEAR(at_t.alpha * at_t.alpha + at_t.sigma * at_t.sigma, 1, 4e-16);
  }
  for (double t : {1e-9, 1e-3, 0.5, 1.0}) {
    const Time at_t = at(vp, t);
    EXPECT_NEAR(at_t.alpha * at_t.alpha + at_t.sigma * at_t.sigma, 1, 4e-16);
  }
  // sigma^2 = t beta_min to leading order: no cancellation at small t
  EXPECT_NEAR(at(vp, 1e-9).sigma / std::sqrt(1e-10), 1, 1e-6);
}

TEST(Schedule, RefusesTimesOutsideAndBetween) {
  const Schedule s = DiscreteSchedule::linear(1e-4, 0.02, 10);
  EXPECT_THROW(at(s, 10), BadInput);
  EXPECT_THROW(at(s, -1), BadInput);
  EXPECT_THROW(at(s, 1.5), BadInput);
  EXPECT_THROW(at(s, NAN), BadInput);
  EXPECT_THROW(at(VpSde{}, 0), BadInput);
  EXPECT_THROW(at(Edm{}, HUGE_VAL), BadInput);
  EXPECT_THROW(at(RectifiedFlow{}, 1.1), BadInput);
  EXPECT_THROW(DiscreteSchedule::trained_betas({0.1, 1.0}), BadInput);
}

}  // namespace
}  // namespace lml
