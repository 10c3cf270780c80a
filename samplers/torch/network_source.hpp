// What a pretrained network answers a sampler (Source): epsilon, x_0 or the velocity at a node, in the solver's
// precision whatever the network's.
#pragma once
#include <c10/core/impl/VirtualGuardImpl.h>

#include <chrono>

#include "samplers/model.hpp"
#include "samplers/torch/open_model.hpp"
#include "samplers/torch/tensor_state.hpp"

namespace lml {

/// Adds the time from here to the end of the block, and what the device still had to do.
class Stopwatch {
 public:
  Stopwatch(double* seconds, at::Device device) : seconds_(seconds), device_(device) {
    wait();
    began_ = std::chrono::steady_clock::now();
  }
  ~Stopwatch() {
    wait();
    *seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began_).count();
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  void wait() const {
    if (!device_.is_cpu()) c10::impl::VirtualGuardImpl(device_.type()).synchronizeDevice(device_.index());
  }
  double* seconds_;
  at::Device device_;
  std::chrono::steady_clock::time_point began_;
};

/// x = alpha x_0 + sigma z, [n, channels, height, width]. The answer follows, by `asked`, from
///   at_timestep      the prediction itself: epsilon, x_0, or v = alpha eps - sigma x_0 (Salimans, Ho 2022)
///   preconditioned   D(y; s) = c_skip y + c_out F(c_in y; log(s)/4) at y = x/alpha, s = sigma/alpha (Karras et al.
///                    2022, Eq. 7 and Table 1)
///   blind            y - D(y) = F(y) at y = x/alpha
/// The other quantities are made out of it in float64. The model must outlive this.
class NetworkSource : public Source<at::Tensor> {
 public:
  explicit NetworkSource(const PretrainedModel& model) : model_(&model) {}
  at::Tensor epsilon(const at::Tensor& x, const Node& at) override;
  at::Tensor data(const at::Tensor& x, const Node& at) override;
  at::Tensor velocity(const at::Tensor& x, const Node& at) override;

  const PretrainedModel& model() const { return *model_; }
  /// Where the network was called, and how long its answers took together.
  const std::vector<Node>& calls() const { return calls_; }
  double seconds() const { return seconds_; }

 protected:
  double seconds_ = 0;

 private:
  // What the network says, a blind one in units of the noise.
  at::Tensor answer(const at::Tensor& x, const Node& at);
  Parameterisation kind() const {
    return model_->asked == Asked::at_timestep ? model_->prediction : Parameterisation::epsilon;
  }

  const PretrainedModel* model_;
  std::vector<Node> calls_;
};

}  // namespace lml
