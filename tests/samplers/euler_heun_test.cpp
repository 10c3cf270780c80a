#include <gtest/gtest.h>

#include "samplers/exact_source.hpp"
#include "samplers/run.hpp"
#include "samplers/steppers/euler.hpp"
#include "samplers/steppers/flow.hpp"
#include "samplers/steppers/heun.hpp"

namespace lml {
namespace {

Target two_bumps() {
  Points means(2, 2);
  means << 1.5, -0.5, -1, 0.25;
  return Target::gaussian_mixture(Vec::Constant(2, 1), means, {0.2, 0.3});
}

Points starts() {
  Points out(3, 2);
  out << 0.7, -1.2, -0.4, 0.9, 2.1, 0.3;
  return out;
}

// Noise levels in the variance-exploding scale, then clean data.
Grid levels_to_clean(const std::vector<double>& levels) {
  std::vector<Node> nodes;
  for (double s : levels) nodes.push_back({s, 1, s});
  return chain(nodes, clean());
}

Grid flow_grid(const std::vector<double>& t) {
  std::vector<Node> nodes;
  for (double v : t) nodes.push_back({v, 1 - v, v});
  return chain(nodes, clean());
}

struct FixedNoise {
  Points operator()(Index step, int stage) const {
    Points z(3, 2);
    for (Index i = 0; i < z.size(); ++i) z.data()[i] = std::sin(double(1 + i + 7 * step + 3 * stage));
    return z;
  }
};

template <class Stepper, class Noise>
Points run(const Grid& grid, const Stepper& stepper, Noise noise, Index* calls = nullptr) {
  ExactSource source(two_bumps());
  Model<Points> model(source);
  Points out = sample(grid, stepper, model, noise, starts());
  if (calls) *calls = model.calls();
  return out;
}

TEST(EulerAndHeun, ChurnThatRaisesNothingChangesNoBit) {
  const Grid grid = levels_to_clean({10, 3, 0.8, 0.1});
  Churn none;
  for (const Interval& step : grid) none.raised.push_back(step.from);
  EXPECT_EQ(run(grid, Euler{none}, NoNoise<Points>{}), run(grid, Euler{}, NoNoise<Points>{}));
  EXPECT_EQ(run(grid, Heun{none}, NoNoise<Points>{}), run(grid, Heun{}, NoNoise<Points>{}));
}

TEST(EulerAndHeun, HeunCallsTheModelTwiceAStepAndOnceInTheStepToCleanData) {
  Index calls = 0;
  run(levels_to_clean({10, 3, 0.8, 0.1}), Heun{}, NoNoise<Points>{}, &calls);
  EXPECT_EQ(calls, 7);
  run(flow_grid({1, 0.6, 0.2}), FlowHeun{}, NoNoise<Points>{}, &calls);
  EXPECT_EQ(calls, 5);
  run(levels_to_clean({10, 3, 0.8, 0.1}), Euler{}, NoNoise<Points>{}, &calls);
  EXPECT_EQ(calls, 4);
}

// Both are the same formulas in y = x/alpha; 1e-14: some thirty operations on numbers of order 1.
TEST(EulerAndHeun, DoNotDependOnTheScaleOfTheSchedule) {
  const Grid exploding = levels_to_clean({10, 3, 0.8, 0.1});
  Grid preserving = exploding;
  for (Interval& step : preserving) {
    step.from = node_of_level(step.from.t, step.from.sigma);
    if (step.to.sigma > 0) step.to = node_of_level(step.to.t, step.to.sigma);
  }
  const auto check = [&](const auto& stepper, const auto& raised) {
    ExactSource source(two_bumps());
    Model<Points> model(source);
    FixedNoise noise;
    const Points start = preserving[0].from.alpha * starts();
    EXPECT_TRUE(sample(preserving, raised, model, noise, start).isApprox(run(exploding, stepper, FixedNoise{}), 1e-14));
  };
  Churn churn{{}, 1.003}, same = churn;
  for (const Interval& step : exploding) {
    const double s = 1.3 * step.from.sigma;
    churn.raised.push_back({s, 1, s});
    same.raised.push_back(node_of_level(s, s));
  }
  check(Euler{churn}, Euler{same});
  check(Heun{churn}, Heun{same});
}

// With one data point eps = (x - alpha y)/sigma, and one step from any level ends there exactly.
TEST(EulerAndHeun, ChurnAddsNoiseOfExactlyTheVarianceBetweenTheLevels) {
  const double low = 0.7, high = 0.9;
  const Grid grid{{{low, 1, low}, {low / 2, 1, low / 2}}};
  const Churn churn{{{high, 1, high}}, 1};
  const Points x = starts(), z = FixedNoise{}(0, 0);
  FixedNoise noise;
  const Points raised = *churn.raise(grid, 0, x, noise);
  EXPECT_TRUE(((raised - x) - std::sqrt(high * high - low * low) * z).cwiseAbs().maxCoeff() < 1e-15);
}

// x' = (1 - t') x_0 + t' eps in both: rounding only. From t = 1 Euler's form divides by alpha = 0, the flow's does not.
TEST(RectifiedFlow, EulerInTIsEulerInTheNoiseLevel) {
  const Grid grid = flow_grid({0.9, 0.7, 0.4, 0.1});
  EXPECT_TRUE(run(grid, FlowEuler{}, NoNoise<Points>{}).isApprox(run(grid, Euler{}, NoNoise<Points>{}), 1e-14));
  EXPECT_TRUE(run(flow_grid({1, 0.5}), FlowEuler{}, NoNoise<Points>{}).allFinite());
}

TEST(RectifiedFlow, TheVelocityAtTimeOneIsTheStartMinusTheMean) {
  ExactSource source(two_bumps());
  const Points v = source.velocity(starts(), {1, 0, 1});
  const Points expected = starts().rowwise() - two_bumps().mean().transpose();
  EXPECT_TRUE(v.isApprox(expected, 1e-15));
}

// The two formulas for the velocity meet at alpha = sigma/100, where that through eps loses two digits.
TEST(RectifiedFlow, TheVelocityIsEpsilonMinusData) {
  ExactSource source(two_bumps());
  for (double alpha : {0.5, 0.0101, 0.0099, 1e-9}) {
    const Node at{0, alpha, 0.7};  // alpha + sigma need not be 1
    const Points v = source.velocity(starts(), at), eps = source.epsilon(starts(), at);
    const Marginal& p = source.law(at);
    for (Index i = 0; i < 3; ++i) {
      const Vec x0 = p.at(starts().row(i).transpose()).posterior_mean();
      EXPECT_LT((v.row(i).transpose() - (eps.row(i).transpose() - x0)).norm(), 1e-13);
    }
  }
}

}  // namespace
}  // namespace lml
