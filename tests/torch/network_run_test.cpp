// Networks as sources of samplers, batches of images through them, and runs that are taken up again.
#include "samplers/torch/network_run.hpp"

#include <gtest/gtest.h>

#include "samplers/torch/matched_noise.hpp"
#include "samplers/torch/run_store.hpp"

namespace lml {
namespace {

/// a tanh(x) + b t, of which all answers are known.
class Toy : public Network {
 public:
  explicit Toy(double b = 0.01) : b_(b) { weights_["a"] = at::full({1}, 0.7, at::kDouble); }
  at::Tensor operator()(const at::Tensor& x, const at::Tensor& t) const override {
    return weights_.at("a") * at::tanh(x) + b_ * t.view({-1, 1, 1, 1}).to(x.options());
  }
  const Weights& weights() const override { return weights_; }

 private:
  double b_;
  Weights weights_;
};

PretrainedModel toy(Asked asked, Parameterisation prediction = Parameterisation::epsilon) {
  PretrainedModel out;
  out.network = std::make_unique<Toy>();
  out.asked = asked;
  out.prediction = prediction;
  out.shape = {1, 2, 3};
  return out;
}

const Node at{40, 0.8, 0.6};

at::Tensor some_x(Index n = 3) { return at::linspace(-1.5, 2, 6 * n, at::kDouble).view({n, 1, 2, 3}); }

double largest(const at::Tensor& t) { return t.abs().max().item<double>(); }

// x = alpha x_0 + sigma eps, whatever the network predicts, and the velocity is eps - x_0.
TEST(NetworkSource, ItsAnswersBelongTogether) {
  for (const auto& [asked, prediction] :
       {std::pair{Asked::at_timestep, Parameterisation::epsilon},
        std::pair{Asked::at_timestep, Parameterisation::sample}, std::pair{Asked::at_timestep, Parameterisation::v},
        std::pair{Asked::preconditioned, Parameterisation::epsilon},
        std::pair{Asked::blind, Parameterisation::epsilon}})
    for (const Node& node : {at, Node{900, 0.1, std::sqrt(0.99)}}) {
      const PretrainedModel model = toy(asked, prediction);
      NetworkSource source(model);
      const at::Tensor x = some_x(), eps = source.epsilon(x, node), x0 = source.data(x, node);
      // A few roundings of terms of size |x|/alpha.
      EXPECT_LT(largest(node.alpha * x0 + node.sigma * eps - x), 20 * 0x1p-53 * 2 / node.alpha);
      EXPECT_LT(largest(source.velocity(x, node) - (eps - x0)), 20 * 0x1p-53 * 20 / node.alpha);
      EXPECT_EQ(source.calls().size(), 3u);
    }
}

TEST(NetworkSource, EachKindIsAskedAsItWasTrained) {
  const at::Tensor x = some_x();
  const Toy net;
  const auto told = [](double t) { return at::full({3}, t, at::kDouble); };
  const PretrainedModel timestep = toy(Asked::at_timestep), edm = toy(Asked::preconditioned), blind = toy(Asked::blind);
  const double level = 0.6 / 0.8, norm = std::hypot(level, 0.5);
  NetworkSource a(timestep), b(edm), c(blind);
  EXPECT_LT(largest(a.epsilon(x, at) - net(x, told(40))), 1e-15);
  EXPECT_LT(largest(c.epsilon(x, at) - net(x / 0.8, told(0)) / level), 1e-14);
  const at::Tensor y = x / 0.8;
  const at::Tensor denoised = 0.25 / (norm * norm) * y + level * 0.5 / norm * net(y / norm, told(std::log(level) / 4));
  EXPECT_LT(largest(b.data(x, at) - denoised), 1e-14);
}

Sampler two_step_sampler() {
  std::vector<Node> nodes;
  for (int i = 0; i < 6; ++i)
    nodes.push_back({800.0 - 130 * i, 0.2 + 0.13 * i, std::sqrt(1 - std::pow(0.2 + 0.13 * i, 2))});
  Sampler out{DpmSolverPlusPlus{{2, true, false}, SolverType::midpoint}, chain(nodes, clean())};
  out.correction = LmlStable{{0.3, 1.0}};
  return out;
}

at::Tensor whole_run(const Sampler& sampler, const PretrainedModel& model, const Points& start, std::uint64_t first) {
  const BatchPlan plan{7, first};
  BatchState state = begin_batch(model, start, plan);
  NetworkSource source(model);
  finish_batch(sampler, source, plan, state);
  return state.run.x;
}

Points starts(const PretrainedModel& model, Index n, std::uint64_t first) {
  return network_starts(model, two_step_sampler().grid.front().from, 1, n, {7, first});
}

TEST(NetworkRun, ARunTakenUpBetweenTwoStepsEndsWithTheSameBits) {
  const PretrainedModel model = toy(Asked::at_timestep);
  for (const Stepper& stepper : {Stepper(DpmSolverPlusPlus{{2, true, false}, SolverType::midpoint}), Stepper(Ddpm{})}) {
    Sampler sampler = two_step_sampler();
    sampler.stepper = stepper;
    const at::Tensor whole = whole_run(sampler, model, starts(model, 3, 0), 0);
    const std::filesystem::path folder = std::filesystem::path(testing::TempDir()) / "network_run";
    std::filesystem::create_directories(folder);
    const RunStore store(folder, "a run");
    struct Killed {};
    const BatchPlan plan{7, 0};
    {
      BatchState state = begin_batch(model, starts(model, 3, 0), plan);
      NetworkSource source(model);
      const auto die_after_three = [&](const BatchState& s) {
        if (s.run.step != 3) return;
        store.write({Points(0, 6), {}, s});
        throw Killed();
      };
      EXPECT_THROW(finish_batch(sampler, source, plan, state, die_after_three), Killed);
    }
    EXPECT_THROW(RunStore(folder, "another run").read(model, at::kDouble), std::runtime_error);
    std::optional<SavedRun> saved = store.read(model, at::kDouble);
    ASSERT_TRUE(saved);
    EXPECT_EQ(saved->batch->run.step, 3);
    NetworkSource source(model);
    finish_batch(sampler, source, plan, *saved->batch);
    EXPECT_TRUE(at::equal(saved->batch->run.x, whole));
    EXPECT_EQ(saved->batch->calls.size(), 6u);
    store.remove();
    EXPECT_FALSE(store.read(model, at::kDouble));
  }
}

TEST(NetworkRun, AnImageDoesNotDependOnItsBatch) {
  const PretrainedModel model = toy(Asked::at_timestep);
  Sampler sampler = two_step_sampler();
  sampler.stepper = Ddpm{};  // which draws at every step
  sampler.correction = NoCorrection{};
  const at::Tensor all = whole_run(sampler, model, starts(model, 4, 0), 0);
  const at::Tensor tail = whole_run(sampler, model, starts(model, 2, 2), 2);
  EXPECT_LT(largest(all.narrow(0, 2, 2) - tail), 1e-14);
  EXPECT_GT(largest(all.narrow(0, 0, 2) - tail), 0.1);
}

TEST(NetworkRun, WhatIsNotFiniteIsNamedByImageAndStep) {
  PretrainedModel model = toy(Asked::at_timestep);
  Points start = starts(model, 3, 0);
  start(1, 2) = 1e308;
  Sampler sampler = two_step_sampler();
  sampler.correction = NoCorrection{};
  try {
    whole_run(sampler, model, start, 5);
    FAIL();
  } catch (const NotFinite& e) {
    EXPECT_NE(std::string(e.what()).find("image 6 is not a finite number after step"), std::string::npos) << e.what();
  }
}

// The control of a correction: changes of the asked size, on average over directions, in the same call.
TEST(MatchedNoise, HasTheSizeOfTheCorrectionsChanges) {
  PretrainedModel model = toy(Asked::at_timestep);
  model.shape = {1, 40, 50};
  Sampler sampler = two_step_sampler();
  const Points start = network_starts(model, sampler.grid.front().from, 1, 2, {3, 0});
  const BatchPlan plan{3, 0};
  RecordingSource source(model);
  BatchState state = begin_batch(model, start, plan);
  finish_batch(sampler, source, plan, state);
  const std::vector<at::Tensor> sizes = relative_changes(source.answers(), sampler.correction);
  ASSERT_EQ(sizes.size(), 6u);
  EXPECT_EQ(largest(sizes[0]), 0);  // nothing is remembered at the first call
  EXPECT_GT(sizes[3].min().item<double>(), 1e-4);
  NoisySource noisy(model, {at::full({2}, 0.05, at::kDouble)}, {3, 0});
  const at::Tensor x = tensor_of(start, model, at::kDouble);
  NetworkSource plain(model);
  const at::Tensor q = plain.epsilon(x, at), change = noisy.epsilon(x, at) - q;
  // chi-squared of 2,000 degrees over 2,000: 1 +- 0.032; 5 standard deviations, of a fixed draw.
  for (int i = 0; i < 2; ++i) EXPECT_NEAR((change[i].norm() / q[i].norm()).item<double>() / 0.05, 1, 5 * 0.016);
}

}  // namespace
}  // namespace lml
