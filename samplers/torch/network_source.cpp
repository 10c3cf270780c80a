#include "samplers/torch/network_source.hpp"

#include <cmath>

namespace lml {

using at::Tensor;

namespace {

Tensor told(double t, const Tensor& x) { return at::full({x.size(0)}, t, at::kDouble); }

// The network's own precision, and the order of axes that its convolutions like best.
Tensor called(const Network& network, const Tensor& x, double t) {
  const at::TensorOptions own = network.options();
  Tensor in = x.to(own);
  if (own.dtype() != at::kDouble) in = in.contiguous(at::MemoryFormat::ChannelsLast);
  return network(in, told(t, x)).to(x.options()).contiguous();
}

}  // namespace

Tensor NetworkSource::answer(const Tensor& x, const Node& at) {
  calls_.push_back(at);
  const Stopwatch watch(&seconds_, x.device());
  const Network& network = *model_->network;
  if (model_->asked == Asked::at_timestep) return called(network, x, at.t);
  const double level = noise_level(at);
  if (model_->asked == Asked::blind) return called(network, x / at.alpha, 0) / level;
  // F: with y = x/alpha, D = c_skip y + c_out F.
  const double data = model_->sigma_data, norm = std::hypot(level, data);
  return called(network, x / (at.alpha * norm), std::log(level) / 4);
}

Tensor NetworkSource::data(const Tensor& x, const Node& at) {
  Tensor out = answer(x, at);
  if (model_->asked == Asked::preconditioned) {
    const double level = noise_level(at), data = model_->sigma_data, norm = std::hypot(level, data);
    return combine(data * data / (norm * norm) / at.alpha, x, level * data / norm, out);
  }
  return data_of(kind(), std::move(out), x, at);
}

Tensor NetworkSource::epsilon(const Tensor& x, const Node& at) {
  Tensor out = answer(x, at);
  if (model_->asked == Asked::preconditioned) {
    // (y - D)/s, without the cancellation at small s: 1 - c_skip = s^2/(s^2 + sigma_data^2).
    const double level = noise_level(at), data = model_->sigma_data, norm = std::hypot(level, data);
    return combine(level / (norm * norm) / at.alpha, x, -data / norm, out);
  }
  return epsilon_of(kind(), std::move(out), x, at);
}

Tensor NetworkSource::velocity(const Tensor& x, const Node& at) {
  const double sum = at.alpha + at.sigma;
  if (at.alpha > at.sigma) return combine(sum / at.alpha, epsilon(x, at), -1 / at.alpha, x);
  return combine(1 / at.sigma, x, -sum / at.sigma, data(x, at));
}

}  // namespace lml
