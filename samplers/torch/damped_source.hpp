// What Algorithm 1 stands for where the curvature is a network's own: eps turned into the damped Newton direction of
// the learned Fisher, at its own length (samplers/fisher_source.hpp does it with the exact one),
//
//   eps -> ||eps|| v/||v||,   v = (F + (c/sigma^2) I)^-1 eps,   F = (d eps_theta/dx)/sigma
//
// by Galerkin's condition on the Krylov space of eps under `products` products with F (full orthogonalisation method,
// Saad 2003, Sec. 6.4). One product leaves eps as it is, as the outer product u u^T/sigma^2 in place of F does. As the
// steps get shorter a sampler with it does not converge to the probability flow. Costs an evaluation, the recorded
// backward pass, and the products.
#pragma once
#include "samplers/torch/hessian.hpp"

namespace lml {

class DampedSource : public Source<at::Tensor> {
 public:
  DampedSource(const PretrainedModel& model, Index products, double damping)
      : network_(model), products_(products), damping_(damping) {}
  at::Tensor epsilon(const at::Tensor& x, const Node& at) override;
  at::Tensor data(const at::Tensor& x, const Node& at) override {
    return combine(1 / at.alpha, x, -at.sigma / at.alpha, epsilon(x, at));
  }
  /// Through the network, for an image.
  Index passes() const { return passes_; }

 private:
  NetworkSource network_;
  Index products_;
  double damping_;
  Index passes_ = 0;
};

}  // namespace lml
