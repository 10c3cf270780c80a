// The control of a correction on a network: the plain sampler with noise of the size by which the correction changes
// its answers. Where both do the same to the images, the correction's direction does not matter.
#pragma once
#include <vector>

#include "samplers/torch/network_run.hpp"

namespace lml {

/// Keeps what the network answered (epsilon), call by call. A copy for itself: a sampler may write over its own.
class RecordingSource : public NetworkSource {
 public:
  using NetworkSource::NetworkSource;
  at::Tensor epsilon(const at::Tensor& x, const Node& at) override {
    at::Tensor out = NetworkSource::epsilon(x, at);
    const Stopwatch watch(&seconds_, x.device());  // what this takes is no part of the sampler's own time
    answers_.push_back(out.clone());
    return out;
  }
  const std::vector<at::Tensor>& answers() const { return answers_; }

 private:
  std::vector<at::Tensor> answers_;
};

/// ||L(q_i; q_{i-1}) - q_i||/||q_i|| for a run's answers q_0, q_1, ..., [calls][n] in float64. For corrections that
/// replace the answer (none: 0).
std::vector<at::Tensor> relative_changes(const std::vector<at::Tensor>& answers, const Correction& correction);

/// epsilon + size_i ||epsilon|| z/sqrt(d), z ~ N(0, I) addressed by (seed, number of the image, call).
class NoisySource : public NetworkSource {
 public:
  NoisySource(const PretrainedModel& model, std::vector<at::Tensor> sizes, SamplePlan plan)
      : NetworkSource(model), sizes_(std::move(sizes)), plan_(plan) {}
  at::Tensor epsilon(const at::Tensor& x, const Node& at) override;
  at::Tensor data(const at::Tensor& x, const Node& at) override;
  at::Tensor velocity(const at::Tensor& x, const Node& at) override;

 private:
  std::vector<at::Tensor> sizes_;
  SamplePlan plan_;
};

}  // namespace lml
