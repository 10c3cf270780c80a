#include "samplers/torch/bias_free_cnn.hpp"

namespace lml {
namespace {

using at::Tensor;

std::string convolution(std::int64_t layer) { return "conv_layers." + std::to_string(layer) + ".weight"; }
// Of the inner layer: 1, 2, ...
std::string scaling(std::int64_t layer, const char* part) {
  return "BN_layers." + std::to_string(layer - 1) + "." + part;
}

class BiasFreeCnn : public Network {
 public:
  BiasFreeCnn(const BiasFreeConfig& c, Weights w) : config_(c), weights_(std::move(w)) {}
  Tensor operator()(const Tensor& y, const Tensor&) const override {
    Tensor x = convolved(0, y);
    for (std::int64_t l = 1; l + 1 < config_.layers; ++l)
      x = at::relu(convolved(l, x) / weight(scaling(l, "running_sd")) * weight(scaling(l, "gammas")));
    return convolved(config_.layers - 1, x);
  }
  const Weights& weights() const override { return weights_; }

 private:
  const Tensor& weight(const std::string& name) const { return weights_.find(name)->second; }
  Tensor convolved(std::int64_t layer, const Tensor& x) const {
    return at::conv2d(x, weight(convolution(layer)), {}, 1, 1);
  }
  BiasFreeConfig config_;
  Weights weights_;
};

}  // namespace

BiasFreeConfig guess_bias_free(const Weights& weights) {
  BiasFreeConfig c;
  std::int64_t layers = 0;
  while (weights.contains(convolution(layers))) ++layers;
  if (layers < 2) return c;
  c.layers = layers;
  if (const Tensor& first = weights.at(convolution(0)); first.dim() == 4) {
    c.in_channels = first.size(1);
    c.width = first.size(0);
  }
  if (const Tensor& last = weights.at(convolution(layers - 1)); last.dim() == 4) c.out_channels = last.size(0);
  return c;
}

WeightShapes bias_free_shapes(const BiasFreeConfig& c) {
  WeightShapes out;
  for (std::int64_t l = 0; l < c.layers; ++l) {
    const bool first = l == 0, last = l + 1 == c.layers;
    out[convolution(l)] = {last ? c.out_channels : c.width, first ? c.in_channels : c.width, 3, 3};
    if (first || last) continue;
    for (const char* part : {"running_sd", "gammas"}) out[scaling(l, part)] = {1, c.width, 1, 1};
  }
  return out;
}

std::unique_ptr<Network> make_bias_free(const BiasFreeConfig& config, Weights weights) {
  return std::make_unique<BiasFreeCnn>(config, std::move(weights));
}

}  // namespace lml
