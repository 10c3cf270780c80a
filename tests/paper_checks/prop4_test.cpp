#include <gtest/gtest.h>

#include <cmath>

#include "paper_checks/checks/prop4_common.hpp"

namespace lml::checks {
namespace {

// N(0, s): C = 1 + lambda s and C_L = s.
TEST(DualPoincare, IsTheClosedFormForGaussians) {
  const DualPoincare dual(gaussian_law(0.3, 2), 120);
  EXPECT_NEAR(dual.plain(), 2, 1e-10);
  for (double lambda : {0.0, 0.5, 10.0}) EXPECT_NEAR(dual.damped(lambda) / (1 + 2 * lambda), 1, 1e-10);
}

// Resolution does not matter, and at the critical damping the figure still exists; below it there is no metric.
TEST(DualPoincare, ReachesTheCriticalDamping) {
  const DualPoincare coarse(double_well(1.5), 160), fine(double_well(1.5), 220);
  EXPECT_NEAR(coarse.damped(1.25) / fine.damped(1.25), 1, 1e-9);
  EXPECT_THROW(fine.damped(1.2), BadInput);
}

// C(lambda) is a supremum of affine functions.
TEST(DualPoincare, IsConvexInTheDamping) {
  const DualPoincare dual(double_well(2), 240);
  const double a = dual.damped(3), b = dual.damped(4), c = dual.damped(5);
  EXPECT_LE(b, 0.5 * (a + c) * (1 + 1e-12));
  EXPECT_LE(a, 1 + 3 * dual.plain());
}

// On N(0, s) the chain is an autoregression: variance s/(1 - h/(2 s)), slowest factor 1 - h/s.
TEST(EulerChain, OfAGaussianIsTheAutoregression) {
  const double s = 2, h = 0.5;
  const EulerChain chain({gaussian_law(0, s), {Curvature::identity}}, 1, h, 14, 161);
  EXPECT_LT(chain.defect(), 1e-8);
  const Vec law = chain.stationary();
  EXPECT_NEAR((law.array() * chain.nodes().array().square()).sum(), s / (1 - h / (2 * s)), 1e-8);
  EXPECT_NEAR(chain.relaxation(), -std::log1p(-h / s), 1e-8);
  // From a point-like start at 1: the mean falls by the same factor a step.
  Vec start = Vec::Zero(161);
  start[100] = 1;
  EXPECT_NEAR(chain.after(start, 5).dot(chain.nodes()) / chain.nodes()[100], std::pow(1 - h / s, 5), 1e-8);
}

}  // namespace
}  // namespace lml::checks
