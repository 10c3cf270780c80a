#include <gtest/gtest.h>

#include "paper_checks/checks/sampling_common.hpp"

namespace lml::checks::sampling {
namespace {

// The flow of N(m, s^2) between two levels is affine: it maps N(alpha m, alpha^2 s^2 + sigma^2) to the same at its end.
// Runge-Kutta of order 4 with steps h = 0.04 in log(sigma/alpha): h^4 = 2.6e-6, over 120, times the growth on the way.
TEST(Flow, IsTheClosedFormForGaussians) {
  const Target data = Target::gaussian_mixture(Vec::Ones(1), Points{{0.5, -1.0}}, {Covariance(Vec{{0.25, 4.0}})});
  const Grid grid = uniform_grid(10);
  const Node from = grid.front().from, to = grid.back().to;
  const Points x{{1.0, 0.3}, {-2.0, 0.7}}, end = flow(data, from, to, x);
  for (Index j = 0; j < 2; ++j) {
    const double m = data.means()(0, j), v = data.spreads()[0].variances[j];
    const auto spread = [&](const Node& at) { return std::sqrt(at.alpha * at.alpha * v + at.sigma * at.sigma); };
    for (Index k = 0; k < 2; ++k)
      EXPECT_NEAR(end(k, j), to.alpha * m + spread(to) / spread(from) * (x(k, j) - from.alpha * m), 1e-6);
  }
}

// A Gaussian in its own axes: end points of a sampler turn with the data.
TEST(Reference, ErrorsDoNotDependOnTheAxes) {
  const double c = std::cos(0.7), s = std::sin(0.7);
  Mat turn(2, 2);
  turn << c, -s, s, c;
  const Mat spread = Vec{{1.0, 0.04}}.asDiagonal();
  const auto target = [](const Mat& v) {
    return Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 2), {Covariance(v)});
  };
  Reference straight(target(spread), uniform_grid(10), 4, 1),
      turned(target(turn * spread * turn.transpose()), uniform_grid(10), 4, 1);
  turned.start = straight.start * turn.transpose();
  turned.flow_end = straight.flow_end * turn.transpose();
  const DpmSolver solver{{3}};
  const Vec a = straight.errors(solver, NoCorrection{}), b = turned.errors(solver, NoCorrection{});
  EXPECT_LT((a - b).cwiseAbs().maxCoeff(), 1e-12);  // values of about 1, a few hundred roundings
}

// Two columns in which one is twice the other have a ratio without error; and the error is that of the delta method.
TEST(RatioOfMeans, KnowsThatSamplesArePaired) {
  const Vec under{{1.0, 2.0, 5.0}};
  EXPECT_DOUBLE_EQ(ratio_of_means(2 * under, under).value, 2);
  EXPECT_NEAR(ratio_of_means(2 * under, under).error, 0, 1e-15);
  const Ratio r = ratio_of_means(Vec{{1.0, 3.0}}, Vec{{1.0, 1.0}});
  EXPECT_DOUBLE_EQ(r.value, 2);
  EXPECT_DOUBLE_EQ(r.error, std::sqrt(2.0) / 2);
}

}  // namespace
}  // namespace lml::checks::sampling
