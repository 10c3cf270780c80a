// Training of a denoiser, as Karras, Aittala, Aila, Laine 2022 (EDM, Table 1 and Eq. 7, 8) do it:
//
//   D(x; sigma) = c_skip x + c_out F(c_in x; log(sigma)/4)
//   c_skip = s^2/(sigma^2 + s^2),  c_out = sigma s/sqrt(sigma^2 + s^2),  c_in = 1/sqrt(sigma^2 + s^2),  s = sigma_data
//   loss = E lambda ||D(y + sigma z; sigma) - y||^2/d,  lambda = 1/c_out^2,  log sigma ~ N(mean, deviation^2)
//        = E ||F(c_in x; .) - (y - c_skip x)/c_out||^2/d
//
// so that input and target of F have variance 1 where s is the root mean square of the data. Adam (Kingma, Ba 2015),
// its rate rising linearly, then falling as a half cosine to 0; the weights that are kept are a moving average. Every
// draw is addressed by (seed, image seen), so that a run that was stopped goes on to the same bits at the same thread
// count.
#pragma once
#include <filesystem>
#include <functional>

#include "samplers/torch/network.hpp"

namespace lml {

/// Of one sigma, or of each sample's: [n, 1, 1, 1].
struct Preconditioning {
  at::Tensor skip, out, in, told;
};
Preconditioning edm_preconditioning(const at::Tensor& sigma, double sigma_data);
/// The loss above at given y, z [n, C, H, W] and sigma [n].
at::Tensor edm_loss(const Network& network, const at::Tensor& y, const at::Tensor& z, const at::Tensor& sigma,
                    double sigma_data);

/// As PyTorch initialises such layers: U(-1, 1)/sqrt(inputs), norms 1 and 0; `zero`, the last layer, 0.
Weights initial_weights(const WeightShapes& shapes, const std::string& zero, std::uint64_t seed, at::ScalarType type);

struct TrainingPlan {
  std::int64_t batch = 128;
  std::int64_t images = 0;              // to see in all; the last batch is whole
  double learning_rate = 1e-3;          // the highest
  std::int64_t warm_up = 0;             // images until it is reached
  double ema = 0;                       // half-life of the average, in images; at most a twentieth of those seen
  double mean = -1.2, deviation = 1.2;  // of log sigma
  double sigma_data = 0.5;
  std::uint64_t seed = 0;
  bool bfloat16 = false;  // products in bfloat16, everything else and the weights in float32

  std::int64_t workers = 1;  // threads, each with its part of every batch

  std::int64_t steps() const { return (images + batch - 1) / batch; }
};

class Trainer {
 public:
  /// `data` [n, C, H, W], in the precision of the network, whose weights become leaves and change in place.
  Trainer(const Network& network, at::Tensor data, TrainingPlan plan);

  /// The images of the next batch: every one once an epoch, in an order of its own.
  at::Tensor next_images();
  /// One batch; its loss. Throws std::runtime_error where that is not finite.
  double step();
  std::int64_t steps_done() const { return done_; }
  /// The moving average of the weights.
  const Weights& average() const { return average_; }
  double learning_rate(std::int64_t step) const;

  /// All that the rest of the run depends on, by name; and back again.
  Weights state() const;
  void resume(const Weights& state);

 private:
  std::pair<double, std::vector<at::Tensor>> loss_and_gradient(const at::Tensor& y, const at::Tensor& z,
                                                               const at::Tensor& sigma) const;
  const Network* network_;
  at::Tensor data_;
  TrainingPlan plan_;
  std::int64_t done_ = 0;
  Weights average_, first_, second_;  // first and second moments of the gradient
  std::int64_t epoch_ = -1;
  std::vector<std::int64_t> order_;  // of the images in that epoch
};

}  // namespace lml
