// The corrections that Section D.4 of the paper asks for: an adaptive lambda', and the exact Fisher.
#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "samplers/fisher_source.hpp"
#include "samplers/sampler.hpp"

namespace lml {
namespace {

Points random_points(std::uint64_t i, Index n, Index d) { return Random(3, 17).normals(i, 0, n, d); }

Points adaptive(const Points& q, Points p, double beta) { return lml_adaptive_over(q, &p, beta); }

// lambda' = kappa ||q||^2/beta, kappa to 0: the stable form differs from the limit by a relative kappa (1 +
// ||d||/||q||) of the turn, which is at most beta ||d||/||q||.
TEST(AdaptiveForm, IsTheStableOneAtItsLambda) {
  for (double beta : {0.1, 0.5, 2.0}) {
    const Points q = random_points(0, 1, 7), p = random_points(1, 1, 7);
    const double kappa = 1e-9, ratio = (p - q).norm() / q.norm();
    const Points a = adaptive(q, p, beta), b = lml_stable(q, &p, {kappa, kappa * q.squaredNorm() / beta});
    EXPECT_LE((a - b).norm(), 4 * kappa * beta * ratio * (1 + ratio) * (1 + beta * ratio) * q.norm());
    EXPECT_GT((a - q).norm(), 0.01 * q.norm());
  }
}

TEST(AdaptiveForm, KeepsTheLengthAndTheFirstAnswer) {
  const Points q = random_points(2, 5, 9), p = random_points(3, 5, 9);
  EXPECT_EQ(lml_adaptive_over(q, static_cast<Points*>(nullptr), 0.5), q);
  const Points out = adaptive(q, p, 0.5);
  for (Index i = 0; i < 5; ++i) EXPECT_NEAR(out.row(i).norm() / q.row(i).norm(), 1, 1e-14);  // 9 sums, a few roundings
}

// Equal steps in sigma/alpha: half of the difference is Adams-Bashforth's.
TEST(SecondOrderBetas, AreAHalfAtEqualSteps) {
  Grid grid;
  for (int i = 0; i < 4; ++i) grid.push_back({node_of_level(i, 5.0 - i), node_of_level(i, 4.0 - i)});
  const std::vector<double> betas = second_order_betas(grid);
  EXPECT_EQ(betas[0], 0);
  for (std::size_t i = 1; i < 4; ++i) EXPECT_NEAR(betas[i], 0.5, 1e-14);  // a few roundings of the levels
}

// One Gaussian: F = A^-1, eps = sigma A^-1 x, so v = (A^-1 + c/sigma^2)^-1 A^-1 x, closed form along each axis.
// Relative rounding: the condition number of the metric, below 10, times a few roundings.
TEST(FisherForm, IsTheDampedNewtonDirectionOfAGaussian) {
  Vec variances(3);
  variances << 0.1, 1, 4;
  ExactSource exact(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 3), {Covariance(variances)}));
  const Node at{0, 0.8, 0.6};
  const double c = 0.7;
  FisherSource source(exact, c);
  const Points x = random_points(4, 6, 3), got = source.epsilon(x, at), eps = exact.epsilon(x, at);
  const Vec spread = 0.64 * variances.array() + 0.36;
  for (Index i = 0; i < 6; ++i) {
    Vec v = x.row(i).transpose().array() / spread.array() / (1 / spread.array() + c / 0.36);
    v *= eps.row(i).norm() / v.norm();
    EXPECT_LE((got.row(i).transpose() - v).norm(), 1e-14 * v.norm());
  }
}

TEST(FisherForm, RefusesAnIndefiniteMetric) {
  ExactSource exact(Target::points((Points(2, 1) << 5, -5).finished()));
  FisherSource source(exact, 0.1);
  EXPECT_THROW(source.epsilon(Points::Zero(1, 1) + Points::Constant(1, 1, 1e-3), Node{0, 0.8, 0.6}), NotPositive);
}

}  // namespace
}  // namespace lml
