// Orders of accuracy, from both sides: the slope of log error against log h on grids refined by halving lies within 0.1
// of the declared order, twice in a row.
//
// A multistep formula needs history, and the lower-order steps that make it leave an error of their own: one step of
// order 1 costs O(h^2) in a whole run, once, which is the same order as all later steps of a method of order 2
// together (so it changes only the constant there), and hides any order above 2. So two orders are declared: of the
// formula, measured with the first steps put back on the exact flow, so that no start-up error enters; and of a whole
// run as it is.
#include <gtest/gtest.h>

#include "declared.hpp"
#include "reference_flow.hpp"

namespace lml {
namespace {

using GridOf = Grid (*)(Index, const Schedule&);

/// Largest error at the end of the grid. The state is put back on the exact flow after each of the first `exact` steps.
template <class S>
double error_at_end(const S& stepper, const Grid& grid, const Flow& flow, Index exact) {
  ExactSource source(flow.target);
  Model<Points> model(source);
  NoNoise<Points> noise;
  Run<Points> run{flow.start};
  Points on_flow = flow.start;
  advance(grid, stepper, model, noise, run, [&](Run<Points>& r) {
    if (r.step > exact) return;
    const Interval& last = grid[std::size_t(r.step - 1)];
    r.x = on_flow = flow.exact(last.from, last.to, on_flow);
  });
  const Points end = flow.exact(grid.front().from, grid.back().to, flow.start);
  return (run.x - end).cwiseAbs().maxCoeff();
}

/// log2 of the ratios of errors at n, 2n, 4n, ..., until the error is so small that rounding (1e-14) would show.
template <class Make>
std::vector<double> slopes(const Make& make, GridOf grid_of, const Schedule& schedule, const Flow& flow, Index exact) {
  std::vector<double> out;
  double before = 0;
  for (Index n = 24; n <= 3072; n *= 2) {  // whole blocks of singlestep methods
    const Grid grid = grid_of(n, schedule);
    const double error = error_at_end(make(grid), grid, flow, exact);
    if (error < 1e-12) break;
    if (before > 0) out.push_back(std::log2(before / error));
    before = error;
  }
  return out;
}

testing::AssertionResult confirms(int declared, const std::vector<double>& slopes) {
  std::string list;
  for (double s : slopes) list += " " + std::to_string(s);
  const auto holds = [&](double s) { return s >= declared - 0.1 && s <= declared + 0.1; };
  if (slopes.size() >= 2 && holds(slopes.back()) && holds(slopes[slopes.size() - 2]))
    return testing::AssertionSuccess() << "order " << declared << ", slopes" << list;
  return testing::AssertionFailure() << "not of order " << declared << ", slopes" << list;
}

constexpr Index start_up = 6;  // more steps than any method needs to fill its history

// A declared stepper is of any type; the order harness below takes a type at a time.
std::vector<double> slopes_of(const Declared& d, GridOf grid_of, const Flow& flow, Index exact) {
  struct Any {
    Stepper stepper;
    Stepped<Points> step(const Grid& grid, Index i, const Points& x, Memory<Points> memory, Model<Points>& model,
                         NoNoise<Points>& noise) const {
      return std::visit([&](const auto& s) { return s.step(grid, i, x, std::move(memory), model, noise); }, stepper);
    }
  };
  return slopes([&](const Grid& grid) { return Any{d.make(grid, exact)}; }, grid_of, d.schedule, flow, exact);
}

class Order : public testing::TestWithParam<Declared> {};

TEST_P(Order, OfTheFormulaOnAGaussian) {
  EXPECT_TRUE(confirms(GetParam().formula, slopes_of(GetParam(), log_snr_grid, gaussian_flow(), start_up)));
}
TEST_P(Order, OfTheFormulaOnAMixture) {
  EXPECT_TRUE(confirms(GetParam().formula, slopes_of(GetParam(), log_snr_grid, mixture_flow(), start_up)));
}
TEST_P(Order, OfAWholeRun) {
  EXPECT_TRUE(confirms(GetParam().run, slopes_of(GetParam(), log_snr_grid, mixture_flow(), 0)));
}

INSTANTIATE_TEST_SUITE_P(Steppers, Order, testing::ValuesIn(declared_steppers()), name_of);

std::vector<Declared> better_on_even_steps() {
  std::vector<Declared> out;
  for (Declared& d : declared_steppers())
    if (d.even > 0) out.push_back(std::move(d));
  return out;
}
class OrderOnEvenSteps : public testing::TestWithParam<Declared> {};

TEST_P(OrderOnEvenSteps, OfTheFormula) {
  EXPECT_TRUE(confirms(GetParam().even, slopes_of(GetParam(), noise_level_grid, mixture_flow(), start_up)));
}

INSTANTIATE_TEST_SUITE_P(Steppers, OrderOnEvenSteps, testing::ValuesIn(better_on_even_steps()), name_of);

// DPM-Solver++ of order 2 whose weight of D_1 is 1% too large: consistent still, of order 1, and with so small a
// constant that a coarse grid alone would not show it.
struct Sabotaged {
  template <class Model, class Noise>
  Stepped<Points> step(const Grid& grid, Index i, const Points& x, Memory<Points> memory, Model& model, Noise&) const {
    const int k = i == 0 ? 1 : 2;
    DpmWeights w = dpmpp_weights(grid, i, k, SolverType::midpoint);
    w.m[0] -= 0.01 * w.m[1];
    w.m[1] *= 1.01;
    Points x0 = model.data(x, grid[std::size_t(i)].from);
    Points next = dpm_step(w, k, x, x0, memory);
    return {std::move(next), remember(std::move(x0), std::move(memory), 1)};
  }
};

TEST(OrderHarness, RejectsASabotagedStepper) {
  const auto measured =
      slopes([](const Grid&) { return Sabotaged{}; }, log_snr_grid, VpSde{}, mixture_flow(), start_up);
  EXPECT_FALSE(confirms(2, measured));
}

TEST(OrderHarness, RejectsOrdersDeclaredOneTooHighOrTooLow) {
  const auto measured =
      slopes([](const Grid&) { return DpmSolverPlusPlus{}; }, log_snr_grid, VpSde{}, mixture_flow(), start_up);
  EXPECT_TRUE(confirms(2, measured));
  EXPECT_FALSE(confirms(1, measured));
  EXPECT_FALSE(confirms(3, measured));
}

// There and back again, ten times better than the least error that is looked at.
TEST(OrderHarness, ReferenceFlowIsExactTo1em13) {
  const Grid grid = log_snr_grid(1);
  const Flow flow = mixture_flow();
  const Points end = flow.exact(grid[0].from, grid[0].to, flow.start);
  EXPECT_LT((flow.exact(grid[0].to, grid[0].from, end) - flow.start).cwiseAbs().maxCoeff(), 1e-13);
}

}  // namespace
}  // namespace lml
