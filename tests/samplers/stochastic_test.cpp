// Exact laws of stochastic samplers: on a Gaussian target every prediction is affine, so the end of a chain is
// x_N = b + a x_T + sum_j c_j z_j, and one run over N + 2 rows (all zero; x_T = 1; z_j = 1) gives every coefficient.
#include <gtest/gtest.h>

#include "samplers/exact_source.hpp"
#include "samplers/run.hpp"
#include "samplers/steppers/ddim.hpp"
#include "samplers/steppers/ddpm.hpp"
#include "samplers/steppers/dpm_sde.hpp"
#include "samplers/steppers/euler.hpp"
#include "samplers/steppers/heun.hpp"

namespace lml {
namespace {

struct UnitNoise {
  Index rows;
  Points operator()(Index step, int) const {
    Points z = Points::Zero(rows, 1);
    z(step + 2, 0) = 1;
    return z;
  }
};

struct Moments {
  double mean, variance;
};

template <class Stepper>
Moments end_of_chain(const Grid& grid, const Stepper& stepper, double mean, double variance) {
  ExactSource source(Target::gaussian_mixture(Vec::Ones(1), Points::Constant(1, 1, mean), {variance}));
  Model<Points> model(source);
  UnitNoise noise{Index(grid.size()) + 2};
  Points start = Points::Zero(noise.rows, 1);
  start(1, 0) = 1;
  const Points end = sample(grid, stepper, model, noise, start);
  const Vec response = end.col(0).tail(noise.rows - 1).array() - end(0, 0);
  const Node& from = grid.front().from;
  return {end(0, 0) + response[0] * from.alpha * mean,
          response[0] * response[0] * (from.alpha * from.alpha * variance + from.sigma * from.sigma) +
              response.tail(response.size() - 1).squaredNorm()};
}

Node at_log_snr(double l) { return node_of_level(1, std::exp(-l)); }

// Variance-preserving, uniform in log(alpha/sigma) from -2 to 2.
Grid uniform_grid(Index steps) {
  std::vector<Node> nodes;
  for (Index i = 0; i < steps; ++i) nodes.push_back(at_log_snr(-2 + 4 * double(i) / double(steps)));
  return chain(nodes, at_log_snr(2));
}

// Error of the end's variance against alpha^2 S + sigma^2.
template <class Stepper>
double variance_error(Index steps, const Stepper& stepper) {
  const Grid grid = uniform_grid(steps);
  const Node& end = grid.back().to;
  return end_of_chain(grid, stepper, 0.8, 0.3).variance - (end.alpha * end.alpha * 0.3 + end.sigma * end.sigma);
}
// From two fine grids: the next term of the error changes the ratio by a factor 1 + O(4/512).
template <class Stepper>
double weak_order(const Stepper& stepper) {
  return std::log2(std::abs(variance_error(512, stepper) / variance_error(1024, stepper)));
}

// One data point: the prediction of x_0 is exact and constant, so every step draws from the exact conditional law.
// 1e-13: 20 steps, each a few roundings relative to sigma^2.
TEST(AncestralSampling, IsExactInLawForOnePointWhateverTheStep) {
  for (Index steps : {1, 3, 20}) {
    const Grid grid = uniform_grid(steps);
    const Node& end = grid.back().to;
    const auto check = [&](const auto& stepper) {
      const Moments m = end_of_chain(grid, stepper, 0.8, 0);
      EXPECT_NEAR(m.mean, 0.8 * end.alpha, 1e-13);
      EXPECT_NEAR(m.variance, end.sigma * end.sigma, 1e-13);
    };
    check(Ddpm{});
    check(Ddim{1});
    check(SdeDpmSolverPlusPlus{{1}});
    check(SdeDpmSolverPlusPlus{{2}, SolverType::midpoint});
    check(SdeDpmSolverPlusPlus{{2}, SolverType::heun});
    check(SdeDpmSolverPlusPlus{{3}});
  }
}

// DDPM with the small variance is DDIM with eta = 1, and order-1 SDE-DPM-Solver++ (h of one, log(sigma/sigma') etc. of
// the others): the same law by three formulas.
TEST(AncestralSampling, DdpmIsDdimWithEtaOneAndSdeDpmSolverPlusPlusOfOrderOne) {
  const Grid grid = uniform_grid(7);
  const Moments ddpm = end_of_chain(grid, Ddpm{}, 0.8, 0.3);
  for (const Moments& other :
       {end_of_chain(grid, Ddim{1}, 0.8, 0.3), end_of_chain(grid, SdeDpmSolverPlusPlus{{1}}, 0.8, 0.3)}) {
    EXPECT_NEAR(ddpm.mean, other.mean, 1e-14);
    EXPECT_NEAR(ddpm.variance, other.variance, 1e-14);
  }
}

TEST(AncestralSampling, DdpmConvergesToTheDataWithWeakOrderOne) {
  EXPECT_NEAR(weak_order(Ddpm{false}), 1, 0.1);
  EXPECT_NEAR(weak_order(Ddpm{true}), 1, 0.1);
  // The mean is exact: an affine prediction of x_0 carries the mean of p_t to that of p_t'.
  const Grid grid = uniform_grid(5);
  EXPECT_NEAR(end_of_chain(grid, Ddpm{}, 0.8, 0.3).mean, grid.back().to.alpha * 0.8, 1e-14);
}

TEST(SdeDpmSolver, WeakOrdersAreTheDeclaredOnes) {
  EXPECT_NEAR(weak_order(SdeDpmSolver{{1}}), 1, 0.1);
  EXPECT_NEAR(weak_order(SdeDpmSolverPlusPlus{{1}}), 1, 0.1);
  for (SolverType type : {SolverType::midpoint, SolverType::heun}) {
    EXPECT_NEAR(weak_order(SdeDpmSolver{{2}, type}), 2, 0.1);
    EXPECT_NEAR(weak_order(SdeDpmSolverPlusPlus{{2}, type}), 2, 0.1);
  }
}

// What diffusers' weight of D_2 does: the header's statement.
TEST(SdeDpmSolver, ThirdOrderOfTheParityFormulaIsOfWeakOrderOne) {
  EXPECT_NEAR(weak_order(SdeDpmSolverPlusPlus{{3}}), 1, 0.1);
}

// Two steps by hand, numbers of diffusers' formula (Eq. 7): alpha^2 = 0.36, 0.64, 1.
TEST(AncestralSampling, DdpmFollowsTheFormulaOfItsPaper) {
  const Node first{2, 0.6, 0.8}, second{1, 0.8, 0.6};
  ExactSource source(Target::points(Points::Constant(1, 1, 0.5)));
  Model<Points> model(source);
  UnitNoise noise{4};
  const Grid grid{{first, second}, {second, clean()}};
  const double beta = 1 - 0.36 / 0.64;
  const Points x = Points::Constant(4, 1, 0.9);
  const Points small = Ddpm{false}.step(grid, 0, x, {}, model, noise).x,
               large = Ddpm{true}.step(grid, 0, x, {}, model, noise).x;
  const double mean = 0.8 * beta / 0.64 * 0.5 + std::sqrt(1 - beta) * 0.36 / 0.64 * 0.9;
  EXPECT_NEAR(small(0, 0), mean, 1e-15);
  EXPECT_NEAR(small(2, 0), mean + std::sqrt(0.36 / 0.64 * beta), 1e-15);
  EXPECT_NEAR(large(2, 0), mean + std::sqrt(beta), 1e-15);
  // The last step ends at the prediction and what is left of the noise: all of it with fixed_large.
  EXPECT_NEAR((Ddpm{false}.step(grid, 1, x, {}, model, noise).x(3, 0)), 0.5 + 1e-10, 1e-15);
  EXPECT_NEAR((Ddpm{true}.step(grid, 1, x, {}, model, noise).x(3, 0)), 0.5 + 0.6, 1e-15);
}

}  // namespace
}  // namespace lml
