// A network as a sampler's source calls it: tensors in, tensors out, no files and no noise schedule.
#pragma once
#include <ATen/ATen.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lml {

/// Tensors by name, as a checkpoint holds them.
using Weights = std::map<std::string, at::Tensor>;
/// Their shapes, as a configuration wants them.
using WeightShapes = std::map<std::string, std::vector<std::int64_t>>;

class Network {
 public:
  virtual ~Network() = default;
  /// x [n, channels in, H, W] in the network's precision and on its device; t [n], what it is told of the noise (a
  /// timestep, or log(sigma)/4 ...), float64 on any device. The answer [n, channels out, H, W] is in that precision.
  virtual at::Tensor operator()(const at::Tensor& x, const at::Tensor& t) const = 0;
  /// The tensors it computes with, by name: for training, counting and saving.
  virtual const Weights& weights() const = 0;

  at::TensorOptions options() const { return weights().begin()->second.options(); }
};

}  // namespace lml
