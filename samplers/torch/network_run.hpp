// A batch of images through a sampler with a network: the same steppers as on exact targets, over tensors.
#pragma once
#include <functional>

#include "samplers/ensemble.hpp"
#include "samplers/torch/network_source.hpp"

namespace lml {

/// A batch between two steps: all that the rest of its run depends on.
struct BatchState {
  Run<at::Tensor> run;  // x is [n, C, H, W] on the model's device, in the solver's precision
  std::optional<at::Tensor> remembered;
  std::vector<Node> calls;
};

struct BatchPlan {
  std::uint64_t seed = 0, first = 0;    // number of the first image, which addresses its draws
  at::ScalarType solver = at::kDouble;  // precision of states and coefficients' products
};

/// Starts drawn by the program, [n, C H W]: deviation N(0, I) + alpha (the data's mean), the same draws as on an exact
/// target of that dimension, whatever the batch and the device.
Points network_starts(const PretrainedModel& model, const Node& first, double deviation, Index n,
                      const SamplePlan& plan);

BatchState begin_batch(const PretrainedModel& model, const PointsRef& start, const BatchPlan& plan);

/// To the end of the grid; `after` is called after every step. Throws NotFinite (image and step).
void finish_batch(const Sampler& sampler, NetworkSource& source, const BatchPlan& plan, BatchState& state,
                  const std::function<void(const BatchState&)>& after = nullptr);

/// Does the work. Where memory runs out, throws UsageError, which names the largest of batch/2, batch/4, ... of which
/// an evaluation at `at` fits.
void within_memory(const PretrainedModel& model, const Node& at, Index batch, const std::function<void()>& work);

/// [n, C H W] on the host in float64, and back onto the model's device.
Points points_of(const at::Tensor& x);
at::Tensor tensor_of(const PointsRef& x, const PretrainedModel& model, at::ScalarType type);

}  // namespace lml
