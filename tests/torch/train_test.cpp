// EDM training on networks of a few hundred parameters: its formulas, its derivative, its average, and that a run cut
// in two gives the bits of an unbroken one.
#include "samplers/torch/train.hpp"

#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "dynamics/random.hpp"
#include "samplers/torch/network_source.hpp"
#include "samplers/torch/unet2d.hpp"

namespace lml {
namespace {

using at::Tensor;

// On one thread: more only wait for each other on tensors this small.
class OneThread : public testing::Test {
 protected:
  OneThread() { at::set_num_threads(1); }
  ~OneThread() override { at::set_num_threads(before_); }

 private:
  int before_ = at::get_num_threads();
};
class Edm : public OneThread {};
class Training : public OneThread {};

// F(x; t) = a x + b t, with numbers that can be trained.
class Affine : public Network {
 public:
  explicit Affine(double a, double b, at::ScalarType type = at::kDouble)
      : weights_{{"a", at::full({1}, a, type)}, {"b", at::full({1}, b, type)}} {}
  Tensor operator()(const Tensor& x, const Tensor& t) const override {
    return weights_.at("a") * x + weights_.at("b") * t.to(x.scalar_type()).view({-1, 1, 1, 1});
  }
  const Weights& weights() const override { return weights_; }

 private:
  Weights weights_;
};

Tensor normals(std::vector<std::int64_t> shape, std::uint64_t stream) {
  Tensor out = at::empty(shape, at::kDouble);
  const Vec z = Random(7, stream).normal(0, 0, out.numel());
  std::copy(z.begin(), z.end(), out.data_ptr<double>());
  return out;
}

UNet2dConfig tiny() {
  UNet2dConfig c;
  c.sample_size = 4;
  c.in_channels = c.out_channels = 1;
  c.widths = {4, 4};
  c.down_attention = {false, true};
  c.up_attention = {true, false};
  c.layers = 1;
  c.groups = 2;
  c.head_width = 4;
  return c;
}

std::unique_ptr<Network> tiny_network(at::ScalarType type, const char* zero = "conv_out") {
  return make_unet2d(tiny(), initial_weights(unet2d_shapes(tiny()), zero, 3, type));
}

// Two images in opposite corners of [-1, 1]^16, as a data set.
Tensor two_images(std::int64_t n, at::ScalarType type) {
  Tensor y = at::ones({n, 1, 4, 4}, type);
  y.slice(0, 0, n / 2).neg_();
  return y;
}

TrainingPlan plan() {
  TrainingPlan p;
  p.batch = 6;
  p.images = 60;
  p.learning_rate = 0.01;
  p.ema = 30;
  p.sigma_data = 1;
  p.mean = 0;
  p.deviation = 1;
  p.seed = 5;
  return p;
}

std::vector<Tensor> values(const Weights& w) {
  std::vector<Tensor> out;
  for (const auto& [name, v] : w) out.push_back(v.detach().clone());
  return out;
}

// What is trained, as a sampler asks it.
PretrainedModel trained(std::unique_ptr<Network> network, double sigma_data) {
  PretrainedModel out;
  out.network = std::move(network);
  out.asked = Asked::preconditioned;
  out.sigma_data = sigma_data;
  return out;
}

TEST_F(Edm, ANetworkThatSaysNothingLeavesTheSkip) {
  const double s = 0.7;
  const PretrainedModel model = trained(std::make_unique<Affine>(0, 0), s);
  const Tensor x = normals({3, 1, 2, 2}, 1);
  for (const double sigma : {0.01, 0.7, 50.0}) {
    const Tensor sum = at::full({1}, sigma * sigma + s * s, at::kDouble);
    const Preconditioning c = edm_preconditioning(at::full({3}, sigma, at::kDouble), s);
    // A few roundings each.
    EXPECT_LT((c.skip * x - x * s * s / sum).abs().max().item<double>(), 4e-15) << sigma;
    EXPECT_LT((NetworkSource(model).data(x, {sigma, 1, sigma}) - c.skip * x).abs().max().item<double>(), 4e-15)
        << sigma;
  }
}

TEST_F(Edm, InputAndTargetHaveUnitVarianceOnGaussianData) {
  const double s = 0.6;
  const std::int64_t n = 20000;
  const Tensor y = s * normals({n, 1, 2, 2}, 2), z = normals({n, 1, 2, 2}, 3);
  // Of 80,000 squares of normals, the mean has deviation sqrt(2/80000) = 0.005; five of them.
  for (const double sigma : {0.002, 0.3, 80.0}) {
    const Tensor all = at::full({n}, sigma, at::kDouble);
    EXPECT_NEAR(edm_loss(Affine(0, 0), y, z, all, s).item<double>(), 1, 0.025) << sigma;
    const Tensor in = edm_preconditioning(all, s).in * (y + sigma * z);
    EXPECT_NEAR(in.square().mean().item<double>(), 1, 0.025) << sigma;
  }
}

// The loss, written with F, is lambda ||D - y||^2/d with the D that samplers use.
TEST_F(Edm, TheLossIsTheWeightedErrorOfTheDenoiser) {
  const double s = 0.6;
  const PretrainedModel model = trained(std::make_unique<Affine>(0.4, -0.3), s);
  const Tensor y = normals({5, 1, 2, 2}, 4), z = normals({5, 1, 2, 2}, 5);
  for (const double sigma : {0.1, 0.5, 1.0, 5.0, 40.0}) {
    const Tensor d = NetworkSource(model).data(y + sigma * z, {sigma, 1, sigma});
    const double weight = (sigma * sigma + s * s) / (sigma * sigma * s * s);
    const double direct = weight * (d - y).square().mean().item<double>();
    const double loss = edm_loss(*model.network, y, z, at::full({5}, sigma, at::kDouble), s).item<double>();
    // D - y cancels by a factor of at most 1/0.1 there.
    EXPECT_NEAR(loss, direct, 1e-13 * direct) << sigma;
  }
}

TEST_F(Edm, GradientAgreesWithDifferences) {
  const auto network = tiny_network(at::kDouble, "");
  const Tensor y = normals({3, 1, 4, 4}, 6), z = normals({3, 1, 4, 4}, 7);
  const Tensor sigma = at::tensor({0.05, 0.8, 6.0}, at::kDouble);
  const auto loss = [&] { return edm_loss(*network, y, z, sigma, 0.5); };
  std::vector<Tensor> leaves;
  for (const auto& [name, w] : network->weights()) leaves.push_back(Tensor(w).set_requires_grad(true));
  const std::vector<Tensor> gradient = torch::autograd::grad({loss()}, leaves);
  const c10::NoGradGuard no_grad;
  // Along a random direction of all weights. Central difference: h^2/6 of a third derivative of order one and rounding
  // 1e-16/h; at h = 1e-5 both are below 1e-9.
  const double h = 1e-5;
  double along = 0;
  std::vector<Tensor> direction;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    direction.push_back(normals(leaves[i].sizes().vec(), 100 + i));
    along += (direction[i] * gradient[i]).sum().item<double>();
  }
  const auto moved = [&](double step) {
    for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i].add_(direction[i], step);
    return loss().item<double>();
  };
  const double up = moved(h), down = moved(-2 * h);
  EXPECT_NEAR((up - down) / (2 * h), along, 1e-7 * std::max(1.0, std::abs(along)));
}

TEST_F(Training, ARunCutInTwoGivesTheSameBits) {
  const Tensor y = two_images(8, at::kFloat);
  const auto whole = tiny_network(at::kFloat), first = tiny_network(at::kFloat), second = tiny_network(at::kFloat);
  Trainer unbroken(*whole, y, plan());
  for (int i = 0; i < 10; ++i) unbroken.step();

  Trainer before(*first, y, plan());
  for (int i = 0; i < 4; ++i) before.step();
  Weights kept;
  for (const auto& [name, v] : before.state()) kept.emplace(name, v.clone());
  Trainer after(*second, y, plan());
  after.resume(kept);
  ASSERT_EQ(after.steps_done(), 4);
  for (int i = 4; i < 10; ++i) after.step();

  const Weights a = unbroken.state(), b = after.state();
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, v] : a) EXPECT_TRUE(at::equal(v, b.at(name))) << name;
  EXPECT_FALSE(at::equal(a.at("weights/conv_in.weight"), kept.at("weights/conv_in.weight")));
}

TEST_F(Training, AnotherSeedIsAnotherRun) {
  TrainingPlan other = plan();
  other.seed = 6;
  const Tensor y = two_images(8, at::kFloat);
  const auto a = tiny_network(at::kFloat), b = tiny_network(at::kFloat);
  Trainer one(*a, y, plan()), two(*b, y, other);
  EXPECT_NE(one.step(), two.step());
}

// mean_k = sum_j c_j w_j with c_j = (1 - keep_j) prod_{i > j} keep_i, where keep_i = 2^(-batch/min(ema, seen_i/20));
// the first weights count as w_0.
TEST_F(Training, TheAverageIsItsClosedForm) {
  const auto network = tiny_network(at::kDouble);
  TrainingPlan p = plan();
  p.ema = 2;  // reached at 40 images
  Trainer trainer(*network, two_images(8, at::kDouble), p);
  std::vector<std::vector<Tensor>> w{values(network->weights())};
  for (int i = 0; i < 10; ++i) {
    trainer.step();
    w.push_back(values(network->weights()));
  }
  const std::vector<Tensor> average = values(trainer.average());
  for (std::size_t k = 0; k < average.size(); ++k) {
    Tensor expected = at::zeros_like(average[k]);
    double rest = 1;
    for (std::size_t j = 10; j >= 1; --j) {
      const double keep = std::exp2(-6 / std::min(2.0, 6.0 * double(j) / 20));
      expected += rest * (1 - keep) * w[j][k];
      rest *= keep;
    }
    expected += rest * w[0][k];
    // Ten sums of numbers of order one.
    EXPECT_LT((average[k] - expected).abs().max().item<double>(), 1e-14);
  }
}

// The first step of Adam moves each weight by the rate, whatever the gradient's size; the last one's rate is near 0.
TEST_F(Training, TheRateRisesAndFalls) {
  const Affine network(0.2, 0.1);
  TrainingPlan p = plan();
  p.warm_up = 12;
  Trainer trainer(network, two_images(8, at::kDouble), p);
  EXPECT_DOUBLE_EQ(trainer.learning_rate(0), 0.005);
  EXPECT_DOUBLE_EQ(trainer.learning_rate(2), 0.01);
  EXPECT_DOUBLE_EQ(trainer.learning_rate(6), 0.005);  // 24 of the 48 images after the rise
  EXPECT_NEAR(trainer.learning_rate(10), 0, 1e-17);
  trainer.step();
  // eps = 1e-8 beside a gradient of order 0.1.
  EXPECT_NEAR(std::abs(network.weights().at("a").item<double>() - 0.2), 0.005, 1e-8);
}

// Two sums of three terms in place of one of six: a rounding or two of the first step, of which Adam makes that of its
// rate. A part that was lost or counted twice would change the loss by a third.
TEST_F(Training, WorkersShareABatch) {
  const Tensor y = two_images(8, at::kDouble);
  const auto a = tiny_network(at::kDouble, ""), b = tiny_network(at::kDouble, "");
  TrainingPlan shared = plan();
  shared.workers = 4;
  Trainer one(*a, y, plan()), four(*b, y, shared);
  for (int i = 0; i < 3; ++i) {
    const double loss = one.step();
    EXPECT_NEAR(four.step(), loss, 1e-9 * loss);
  }
}

TEST_F(Training, EveryImageIsSeenOnceAnEpoch) {
  TrainingPlan p = plan();
  p.batch = 4;
  const Affine network(0, 0);
  const Tensor numbers = at::arange(8, at::kDouble);
  Trainer trainer(network, numbers.view({8, 1, 1, 1}).expand({8, 1, 4, 4}).contiguous(), p);
  std::vector<Tensor> seen;
  for (int i = 0; i < 4; ++i) {
    seen.push_back(trainer.next_images().flatten(1).select(1, 0));
    trainer.step();
  }
  EXPECT_TRUE(at::equal(std::get<0>(at::cat({seen[0], seen[1]}).sort()), numbers));
  EXPECT_TRUE(at::equal(std::get<0>(at::cat({seen[2], seen[3]}).sort()), numbers));
  EXPECT_FALSE(at::equal(seen[0], seen[2]));
}

TEST_F(Training, ATinyNetworkLearnsTwoPoints) {
  const auto network = tiny_network(at::kFloat);
  TrainingPlan p = plan();
  p.batch = 16;
  p.images = 16 * 150;
  Trainer trainer(*network, two_images(8, at::kFloat), p);
  for (std::int64_t i = 0; i < p.steps(); ++i) trainer.step();
  // On draws it has not seen, at a noise level where the skip alone is wrong by order one and the exact denoiser
  // tanh-like. The trivial denoiser's loss is 1 on average; a third of it is far below what chance gives.
  const c10::NoGradGuard no_grad;
  const Tensor y = two_images(512, at::kFloat), z = normals({512, 1, 4, 4}, 9).to(at::kFloat);
  const Tensor sigma = at::full({512}, 0.7, at::kDouble);
  const double trivial = edm_loss(Affine(0, 0, at::kFloat), y, z, sigma, 1).item<double>();
  EXPECT_NEAR(trivial, 1, 0.1);
  EXPECT_LT(edm_loss(*network, y, z, sigma, 1).item<double>(), trivial / 3);
}

}  // namespace
}  // namespace lml
