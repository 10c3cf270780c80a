// The bias-free denoiser of Kadkhodaie, Guth, Mallat, Simoncelli 2023 (arXiv 2303.02984): 3x3 convolutions without
// bias; the first and the last are linear, each of those between is divided by a recorded deviation, scaled, and cut at
// zero. It is told no noise level and answers the residual y - D(y), about sigma eps.
#pragma once
#include <memory>

#include "samplers/torch/network.hpp"

namespace lml {

struct BiasFreeConfig {
  std::int64_t in_channels = 1, out_channels = 1, width = 64, layers = 20;
};

/// What the weights' shapes say; what they cannot say is the default.
BiasFreeConfig guess_bias_free(const Weights& weights);
WeightShapes bias_free_shapes(const BiasFreeConfig& config);
/// `weights` must have those names and shapes; the network does not look at t.
std::unique_ptr<Network> make_bias_free(const BiasFreeConfig& config, Weights weights);

}  // namespace lml
