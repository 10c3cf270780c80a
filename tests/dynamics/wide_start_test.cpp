#include "dynamics/wide_start.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dynamics/gaussian_gap.hpp"

namespace lml {
namespace {

Marginal gaussian(double mean, double variance) {
  return {Target::gaussian_mixture(Vec::Ones(1), Points::Constant(1, 1, mean), {variance - 1e-6}), {1, 1e-3}};
}

// The closed form has no part in the finite volumes; both meshes share their code only.
TEST(WideStart, AgreesWithTheClosedFormOnceChi2IsFiniteAndIsInfiniteBefore) {
  const Marginal p = gaussian(0.3, 0.8), start = gaussian(-0.5, 2.9);
  const Metric metric(p, {Curvature::exact, 0.5});
  const std::vector<double> times{0.1, 1, 3};
  const WideFlow flow = flow_of_a_wide_start(metric, 1, start, times);
  const GaussianFlow exact({Vec::Constant(1, 0.3), Mat::Constant(1, 1, 0.8)}, Mat::Constant(1, 1, 1 / (1 / 0.8 + 0.5)));
  const Departure from = exact.departure({Vec::Constant(1, -0.5), Mat::Constant(1, 1, 2.9)});
  EXPECT_LT(flow.error, 0.01);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const Divergences want = divergences(exact.at(from, times[i]));
    EXPECT_EQ(std::isinf(flow.at[i].chi2), std::isinf(want.chi2));
    if (std::isfinite(want.chi2)) {
      EXPECT_NEAR(flow.at[i].chi2, want.chi2, flow.error + 1e-12);
    }
    // Second order, extrapolated: far below the difference between the meshes.
    EXPECT_NEAR(flow.at[i].kl, want.kl, 1e-4 * want.kl);
    EXPECT_NEAR(flow.at[i].total_variation, want.total_variation, 1e-4);
    EXPECT_NEAR(flow.at[i].hellinger, want.hellinger, 1e-4);
  }
  EXPECT_TRUE(std::isinf(flow.at[0].chi2));
}

TEST(WideStart, RefusesTimesThatWouldTakeForever) {
  EXPECT_THROW(flow_of_a_wide_start(Metric(gaussian(0, 1), {}), 1, gaussian(0, 4), {1e9}), BadInput);
}

}  // namespace
}  // namespace lml
