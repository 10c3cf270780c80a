// What costs the third-order singlestep solvers an order (order_test.cpp measures where they have it).
#include <gtest/gtest.h>

#include "reference_flow.hpp"
#include "samplers/run.hpp"
#include "samplers/steppers/dpm_singlestep.hpp"

namespace lml {
namespace {

template <class Stepper>
double error_at_end(const Stepper& stepper, const Grid& grid) {
  const Flow flow = mixture_flow();
  ExactSource source(flow.target);
  Model<Points> model(source);
  NoNoise<Points> noise;
  const Points end = sample(grid, stepper, model, noise, flow.start);
  return (end - flow.exact(grid.front().from, grid.back().to, flow.start)).cwiseAbs().maxCoeff();
}

template <class Stepper, class GridOf>
double order_of(const Stepper& stepper, const GridOf& grid_of, Index n) {
  return std::log2(error_at_end(stepper, grid_of(n)) / error_at_end(stepper, grid_of(2 * n)));
}

// Blocks of three steps, uniform in log(alpha/sigma); the second and third step begin at these shares of the block.
template <int Second, int Third>
Grid blocks(Index n) {
  const double share[] = {0, Second / 15.0, Third / 15.0};
  std::vector<Node> nodes;
  for (Index i = 0; i < n; ++i)
    nodes.push_back(node_of_log_snr(VpSde{}, -1.5 + 9 * (double(i / 3) + share[i % 3]) / double(n)));
  return chain(nodes, node_of_log_snr(VpSde{}, 1.5));
}

template <class Solver>
class Singlestep : public testing::Test {};
using Solvers = testing::Types<DpmSolverSinglestep, DpmSolverPlusPlusSinglestep>;
TYPED_TEST_SUITE(Singlestep, Solvers);

// r_2 is the third number over fifteen.
TYPED_TEST(Singlestep, OfOrderThreeNeedsItsThirdStepAtTwoThirdsOfTheBlock) {
  for (SolverType type : {SolverType::midpoint, SolverType::heun}) {
    const TypeParam solver{{3, false, type}};
    EXPECT_NEAR(order_of(solver, blocks<3, 10>, 192), 3, 0.1);
    EXPECT_NEAR(order_of(solver, blocks<3, 6>, 192), 2, 0.1);
  }
}

// What is left over after whole blocks is done at lower order: one step of order 1 leaves a whole run at order 2.
TYPED_TEST(Singlestep, OfOrderThreeEndsAtOrderTwoAfterALastStepOfOrderOne) {
  const auto one_too_many = [](Index n) { return log_snr_grid(n + 1); };
  EXPECT_NEAR(order_of(TypeParam{{3, false, SolverType::heun}}, one_too_many, 384), 2, 0.1);
}

}  // namespace
}  // namespace lml
