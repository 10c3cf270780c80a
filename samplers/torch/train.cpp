#include "samplers/torch/train.hpp"

#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <cmath>
#include <future>
#include <numeric>

#include "dynamics/random.hpp"
#include "experiments/errors.hpp"

namespace lml {
namespace {

using at::Tensor;

namespace draws {
constexpr std::uint64_t weights = 1, order = 2, levels = 3, noise = 4;
}

at::Tensor of_samples(const Tensor& v) { return v.view({-1, 1, 1, 1}); }

// Convolutions and matrix products in bfloat16 while it lives, on this thread.
class Bfloat16Products {
 public:
  explicit Bfloat16Products(bool on) : before_(at::autocast::is_autocast_enabled(at::kCPU)) {
    at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
    at::autocast::set_autocast_cache_enabled(false);  // every weight is used once, and then changes
    at::autocast::set_autocast_enabled(at::kCPU, on);
  }
  ~Bfloat16Products() { at::autocast::set_autocast_enabled(at::kCPU, before_); }
  Bfloat16Products(const Bfloat16Products&) = delete;
  Bfloat16Products& operator=(const Bfloat16Products&) = delete;

 private:
  bool before_;
};

std::string under(const char* group, const std::string& name) { return std::string(group) + "/" + name; }

}  // namespace

Preconditioning edm_preconditioning(const Tensor& sigma, double s) {
  const Tensor sum = sigma * sigma + s * s;
  return {of_samples(s * s / sum), of_samples(sigma * s / sum.sqrt()), of_samples(sum.rsqrt()), sigma.log() / 4};
}

Tensor edm_loss(const Network& network, const Tensor& y, const Tensor& z, const Tensor& sigma, double sigma_data) {
  const Tensor s = sigma.to(at::kDouble);
  const Preconditioning c = edm_preconditioning(s, sigma_data);
  const auto cast = [&](const Tensor& v) { return v.to(y.options()); };
  const Tensor x = y + cast(of_samples(s)) * z;
  // (y - c_skip x)/c_out without the cancellation at small sigma: (sigma y/s - s z)/sqrt(sigma^2 + s^2).
  const Tensor target = cast(of_samples(s) * c.in / sigma_data) * y - cast(sigma_data * c.in) * z;
  return (network(cast(c.in) * x, c.told).to(y.scalar_type()) - target).square().mean();
}

Weights initial_weights(const WeightShapes& shapes, const std::string& zero, std::uint64_t seed, at::ScalarType type) {
  const Random random(seed, draws::weights);
  Weights out;
  std::uint64_t number = 0;
  for (const auto& [name, shape] : shapes) {
    const bool bias = name.ends_with(".bias");
    const std::string layer = name.substr(0, name.rfind('.'));
    const auto& weight = shapes.at(layer + ".weight");
    Tensor v = at::zeros(shape, at::kDouble);
    if (weight.size() == 1) {  // a norm
      if (!bias) v.fill_(1);
    } else if (layer != zero) {
      const double inputs =
          double(std::accumulate(weight.begin() + 1, weight.end(), std::int64_t(1), std::multiplies()));
      double* p = v.data_ptr<double>();
      for (std::int64_t i = 0; i < v.numel(); ++i)
        p[i] = (2 * random.uniform(number, 0, std::uint64_t(i)) - 1) / std::sqrt(inputs);
    }
    out.emplace(name, v.to(type));
    ++number;
  }
  return out;
}

Trainer::Trainer(const Network& network, Tensor data, TrainingPlan plan)
    : network_(&network), data_(std::move(data)), plan_(plan) {
  for (const auto& [name, w] : network.weights()) {
    Tensor leaf = w;
    leaf.set_requires_grad(true);
    average_.emplace(name, w.detach().clone());
    first_.emplace(name, at::zeros_like(average_.at(name)));
    second_.emplace(name, at::zeros_like(average_.at(name)));
  }
}

double Trainer::learning_rate(std::int64_t step) const {
  const double seen = double(step * plan_.batch), all = double(plan_.images), rising = double(plan_.warm_up);
  const double share = std::min(1.0, std::max(0.0, seen - rising) / std::max(1.0, all - rising));
  const double up = rising > 0 ? std::min(1.0, (seen + double(plan_.batch)) / rising) : 1.0;
  return plan_.learning_rate * up * (1 + std::cos(M_PI * share)) / 2;
}

Tensor Trainer::next_images() {
  const std::int64_t n = data_.size(0);
  Tensor index = at::empty({plan_.batch}, at::kLong);
  for (std::int64_t i = 0; i < plan_.batch; ++i) {
    const std::int64_t seen = done_ * plan_.batch + i;
    if (seen / n != epoch_) {
      epoch_ = seen / n;
      const Random random(plan_.seed, draws::order);
      std::vector<double> key(static_cast<std::size_t>(n));
      for (std::int64_t k = 0; k < n; ++k)
        key[std::size_t(k)] = random.uniform(std::uint64_t(k), std::uint64_t(epoch_), 0);
      order_.resize(key.size());
      std::iota(order_.begin(), order_.end(), 0);
      std::sort(order_.begin(), order_.end(),
                [&](auto a, auto b) { return key[std::size_t(a)] < key[std::size_t(b)]; });
    }
    index.data_ptr<std::int64_t>()[i] = order_[std::size_t(seen % n)];
  }
  return data_.index_select(0, index);
}

// Each worker takes its part of the batch alone, which beats sharing every small convolution: the parts meet once a
// step.
std::pair<double, std::vector<Tensor>> Trainer::loss_and_gradient(const Tensor& y, const Tensor& z,
                                                                  const Tensor& sigma) const {
  std::vector<Tensor> leaves;
  for (const auto& [name, w] : network_->weights()) leaves.push_back(w);
  using Part = std::pair<double, std::vector<Tensor>>;
  const auto part = [&](std::int64_t from, std::int64_t to) -> Part {
    const auto cut = [&](const Tensor& v) { return v.slice(0, from, to); };
    Tensor loss;
    {
      const Bfloat16Products products(plan_.bfloat16);
      loss =
          edm_loss(*network_, cut(y), cut(z), cut(sigma), plan_.sigma_data) * (double(to - from) / double(plan_.batch));
    }
    return {loss.item<double>(), torch::autograd::grad({loss}, leaves)};
  };
  const std::int64_t workers = std::clamp<std::int64_t>(plan_.workers, 1, plan_.batch);
  if (workers == 1) return part(0, plan_.batch);
  std::vector<std::future<Part>> parts;
  for (std::int64_t i = 0; i < workers; ++i)
    parts.push_back(std::async(std::launch::async, [&, i] {
      at::set_num_threads(1);
      return part(i * plan_.batch / workers, (i + 1) * plan_.batch / workers);
    }));
  Part sum = parts[0].get();
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const Part more = parts[i].get();
    sum.first += more.first;
    for (std::size_t k = 0; k < leaves.size(); ++k) sum.second[k] += more.second[k];
  }
  return sum;
}

double Trainer::step() {
  const Tensor y = next_images();
  const std::uint64_t first = std::uint64_t(done_ * plan_.batch);
  const Random levels(plan_.seed, draws::levels), noise(plan_.seed, draws::noise);
  Tensor sigma = at::empty({plan_.batch}, at::kDouble);
  for (std::int64_t i = 0; i < plan_.batch; ++i)
    sigma.data_ptr<double>()[i] =
        std::exp(plan_.mean + plan_.deviation * levels.normal(first + std::uint64_t(i), 0, 1)[0]);
  Points z = noise.normals(first, 0, plan_.batch, data_[0].numel());
  const Tensor normals = at::from_blob(z.data(), y.sizes(), at::kDouble).to(y.scalar_type());

  const auto [value, gradients] = loss_and_gradient(y, normals, sigma);
  if (!std::isfinite(value))
    throw std::runtime_error("training: the loss of step " + std::to_string(done_ + 1) +
                             " is not finite; a lower learning_rate may help");

  const c10::NoGradGuard no_grad;
  constexpr double b1 = 0.9, b2 = 0.999, floor = 1e-8;
  const double rate = learning_rate(done_), k = double(++done_);
  const double up1 = 1 - std::pow(b1, k), up2 = 1 - std::pow(b2, k);
  const double half = std::min(plan_.ema, k * double(plan_.batch) / 20);
  const double keep = half > 0 ? std::exp2(-double(plan_.batch) / half) : 0;
  std::size_t i = 0;
  for (const auto& [name, w] : network_->weights()) {
    const Tensor& g = gradients[i++];
    Tensor weight = w, m = first_.at(name), v = second_.at(name), mean = average_.at(name);
    m.mul_(b1).add_(g, 1 - b1);
    v.mul_(b2).addcmul_(g, g, 1 - b2);
    weight.addcdiv_(m, (v / up2).sqrt_().add_(floor), -rate / up1);
    mean.mul_(keep).add_(weight, 1 - keep);
  }
  return value;
}

Weights Trainer::state() const {
  Weights out;
  for (const auto& [name, w] : network_->weights()) {
    out.emplace(under("weights", name), w.detach());
    out.emplace(under("average", name), average_.at(name));
    out.emplace(under("first", name), first_.at(name));
    out.emplace(under("second", name), second_.at(name));
  }
  out.emplace("step", at::full({1}, done_, at::kLong));
  return out;
}

void Trainer::resume(const Weights& state) {
  const c10::NoGradGuard no_grad;
  for (const auto& [name, w] : network_->weights()) {
    Tensor(w).copy_(state.at(under("weights", name)));
    average_.at(name).copy_(state.at(under("average", name)));
    first_.at(name).copy_(state.at(under("first", name)));
    second_.at(name).copy_(state.at(under("second", name)));
  }
  done_ = state.at("step").item<std::int64_t>();
}

}  // namespace lml
