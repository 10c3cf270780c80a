#include <gtest/gtest.h>

#include "dynamics/normal_stream.hpp"
#include "samplers/ensemble.hpp"

namespace lml {
namespace {

constexpr Index n = 40'000;

Target two_points() {
  Points y(2, 1);
  y << -1, 1;
  return Target::gaussian_mixture(Vec::Constant(2, 1), y, {0.05, 0.05});
}

// Three levels of a variance-preserving schedule.
std::vector<Node> levels() { return {node_of_level(2, 2), node_of_level(1, 0.8), node_of_level(0, 0.3)}; }

Points normals(std::uint64_t step) {
  const NormalStream stream(1, 2);
  Points z(n, 1);
  for (Index i = 0; i < n; ++i) z(i, 0) = stream.normal(std::uint64_t(i), step, 1)[0];
  return z;
}

// n independent draws of the law that the chain should keep: k uniform, y ~ p_k.
Chains equilibrium() {
  Chains out{Points(n, 1), std::vector<Index>(std::size_t(n))};
  const Points z = normals(0);
  for (Index i = 0; i < n; ++i) {
    const Index k = i % 3;  // stratified: a variance below that of independent draws
    const double s = noise_level(levels()[std::size_t(k)]);
    out.level[std::size_t(i)] = k;
    out.y(i, 0) = ((i / 3) % 2 ? 1 : -1) + std::sqrt(0.05 + s * s) * z(i, 0);
  }
  return out;
}

Chains after(const LangevinGibbs& method) {
  ExactSource source(two_points());
  Chains chains = equilibrium();
  for (Index i = 0; i < method.steps; ++i)
    chains = langevin_gibbs_step(method, levels(), source, chains,
                                 [&](int stage) { return normals(std::uint64_t(16 * (i + 1) + stage)); });
  return chains;
}

// Distances from the law in its own standard errors: the count of each level, and y^2 and y at each.
Vec deviations(const Chains& chains) {
  Vec out(9);
  for (Index k = 0; k < 3; ++k) {
    const double s = noise_level(levels()[std::size_t(k)]), v = 0.05 + s * s;
    double count = 0, sum = 0, square = 0;
    for (Index i = 0; i < n; ++i)
      if (chains.level[std::size_t(i)] == k) {
        ++count;
        sum += chains.y(i, 0);
        square += chains.y(i, 0) * chains.y(i, 0);
      }
    // y = +-1 + sqrt(v) z: E y^2 = 1 + v, Var y^2 = 2 v^2 + 4 v.
    out[3 * k] = (count - n / 3.0) / std::sqrt(n * 2.0 / 9);
    out[3 * k + 1] = sum / std::sqrt(count * (1 + v));
    out[3 * k + 2] = (square - count * (1 + v)) / std::sqrt(count * (2 * v * v + 4 * v));
  }
  return out;
}

// Chains that start in equilibrium are independent draws of it at any later time. Nine normal deviates above 5: 5e-6.
TEST(LangevinGibbs, KeepsTheJointLawExactlyWithMetropolis) {
  EXPECT_LT(deviations(after({4, 1.0, true})).cwiseAbs().maxCoeff(), 5);
}

// The control, and the header's statement: unadjusted the law moves, and less with a smaller step.
TEST(LangevinGibbs, MovesTheJointLawWithoutMetropolis) {
  EXPECT_GT(deviations(after({4, 1.0, false})).cwiseAbs().maxCoeff(), 20);
  EXPECT_LT(deviations(after({4, 0.01, false})).cwiseAbs().maxCoeff(), 5);
}

TEST(LangevinGibbs, GibbsProbabilitiesAreThoseOfBayes) {
  ExactSource source(Target::points(Points::Constant(1, 2, 0.5)));
  Points y(1, 2);
  y << 1.1, -0.4;
  const Points p = level_probabilities(levels(), source, y);
  Vec expected(3);
  for (Index k = 0; k < 3; ++k) {
    const double s = noise_level(levels()[std::size_t(k)]);
    expected[k] = std::exp(-(0.36 + 0.81) / (2 * s * s)) / (s * s);
  }
  expected /= expected.sum();
  EXPECT_TRUE(p.row(0).transpose().isApprox(expected, 1e-14));
}

Sampler dlg() {
  Sampler out{Heun{}, chain(levels(), clean())};
  out.chain = LangevinGibbs{6, 0.5, false};
  return out;
}

TEST(LangevinGibbs, EachSampleIsTheSameInAnyBatch) {
  ExactSource source(two_points());
  const Points start = noise_starts(1, 10'000, 1, {7});
  const SampleSet all = sample(dlg(), source, start, {7, 0, true});
  const SampleSet some = sample(dlg(), source, start.middleRows(4000, 500), {7, 4000, true});
  EXPECT_EQ(all.samples.middleRows(4000, 500), some.samples);
  ASSERT_EQ(all.trajectory.size(), 1 + 6 + 3u);
  EXPECT_EQ(all.trajectory.back(), all.samples);
  EXPECT_EQ(all.trajectory[8].middleRows(4000, 500), some.trajectory[8]);
}

// What a stepper keeps for each step of its grid moves along: a run that begins at step k is the rest of the whole run,
// where nothing is remembered from step to step.
TEST(LangevinGibbs, ADenoiserBegunInsideItsGridIsTheRestOfIt) {
  std::vector<Node> nodes;
  for (double s : karras_levels(0.05, 2, 6)) nodes.push_back({s, 1, s});
  Sampler whole{Heun{}, chain(nodes, {0, 1, 0.02})};
  Pndm every_step;
  Churn churn;
  for (const Interval& step : whole.grid) {
    const double middle = (step.from.sigma + step.to.sigma) / 2, raised = 1.1 * step.from.sigma;
    every_step.middles.push_back({{middle, 1, middle}, {middle, 1, middle}});
    churn.raised.push_back({raised, 1, raised});
  }
  ExactSource source(two_points());
  const auto noise = [](std::size_t shift) {
    return [=](Index step, int) { return Points::Constant(2, 1, std::sin(double(step) + double(shift))).eval(); };
  };
  for (const Stepper& stepper : {Stepper(every_step), Stepper(Euler{churn}), Stepper(Heun{churn})}) {
    whole.stepper = stepper;
    Model<Points> model(source);
    lml::Run<Points> rest{Points{{0.3}, {-0.8}}, 2}, begun{rest.x};
    const auto here = noise(0), there = noise(2);
    const auto nothing = [](const lml::Run<Points>&) {};
    advance(whole, model, here, rest, nothing);
    advance(begun_at(whole, 2), model, there, begun, nothing);
    EXPECT_EQ(rest.x, begun.x);
  }
  whole.stepper = UniPc{.uncorrected = {0, 2, 5}};
  EXPECT_EQ(std::get<UniPc>(begun_at(whole, 2).stepper).uncorrected, (std::vector<Index>{0, 3}));
}

// Six steps of the chain, then at most 5 of Heun on three levels (2 + 2 + 1), 3 or 1 from the lower levels.
TEST(LangevinGibbs, CountsTheCallsOfTheLongestSampleAndTheMean) {
  ExactSource source(two_points());
  const SampleSet set = sample(dlg(), source, noise_starts(1, 500, 1, {7}), {7, 0, false});
  EXPECT_EQ(set.calls.size(), 11u);
  EXPECT_GT(set.calls_a_sample, 7);
  EXPECT_LT(set.calls_a_sample, 11);
}

// A denoiser that starts from p_k ends near p_0: second moment 1.05 within 5 standard errors sqrt((2 0.05^2 + 4
// 0.05)/4000) = 0.0072, and 0.002 for the fifteen steps of Heun and what the chain still remembers of its start
// (400,000 samples: -0.0018 +- 0.0007). False alarms: 1e-6.
TEST(LangevinGibbs, SamplesTheData) {
  ExactSource source(two_points());
  Sampler sampler = dlg();
  std::vector<Node> fine;
  for (double s : karras_levels(0.05, 2, 15)) fine.push_back({s, 1, s});
  sampler.grid = chain(fine, clean());
  sampler.chain = LangevinGibbs{40, 0.5, true};
  const Points x = sample(sampler, source, noise_starts(2, 4000, 1, {3}), {3, 0, false}).samples;
  EXPECT_NEAR(x.array().square().mean(), 1.05, 0.038);
  EXPECT_NEAR(x.mean(), 0, 5 * std::sqrt(1.05 / 4000));
}

}  // namespace
}  // namespace lml
