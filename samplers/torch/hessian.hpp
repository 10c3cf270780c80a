// The curvature of a pretrained network: F = (d eps_theta/dx)/sigma, which is -Hess log p_t where eps_theta is exact
// (eps = -sigma s), by products through automatic differentiation.
//
// The network is linearised once at a point: the backward pass w -> J^T w is itself recorded, and since it is linear in
// w, its own backward pass is v -> J v. After that a product with J or J^T is one pass through the recorded graph,
// which holds all activations of the batch twice.
#pragma once
#include <optional>

#include "samplers/fisher_figures.hpp"
#include "samplers/torch/network_source.hpp"
#include "theory/target.hpp"

namespace lml {

/// eps_theta at x [n, C, H, W] and a node, with its derivative. Images do not mix, so neither do the products'.
class LinearisedNetwork {
 public:
  LinearisedNetwork(Source<at::Tensor>& source, const at::Tensor& x, const Node& at);
  const at::Tensor& epsilon() const { return epsilon_; }
  /// J v, J = d eps_theta/dx; as x.
  at::Tensor times(const at::Tensor& v) const;
  at::Tensor transposed_times(const at::Tensor& w) const;

 private:
  at::Tensor x_, epsilon_, w_, pulled_;  // pulled_ = J^T w_
};

struct HessianQuery {
  FisherProbes ask;
  Index batch = 4;  // images at a time
  /// The law whose score the network learned, a finite data set: its own curvature beside the network's.
  std::optional<Target> exact;

  /// With the network's Jacobian and its transpose, of an image and node.
  Index image_products(Index d) const { return 2 * ask.products(d) - 1 + (exact ? ask.probes : 0); }
};

struct HessianLevel {
  Node at{};
  std::vector<FisherFigures> network;                  // an image each
  std::vector<FisherFigures> exact;                    // empty where there is none
  std::vector<Estimated> distance;                     // ||F_theta - F||/||F||, beside it
  double evaluation_seconds = 0, product_seconds = 0;  // of an image, mean
};

struct HessianReport {
  std::vector<HessianLevel> levels;
  Index evaluations = 0, products = 0;  // of an image
};

/// At x = alpha x_0 + sigma z, the same z at every node. x0: n x d on the host, in the network's range. `progress` is
/// told the share that is done. Throws NotFinite (image and node).
HessianReport network_hessian(const PretrainedModel& model, const Points& x0, const std::vector<Node>& nodes,
                              const HessianQuery& query, const std::function<void(double)>& progress = nullptr);

/// The z of network_hessian, n x d.
Points hessian_noise(std::uint64_t seed, Index n, Index d);

}  // namespace lml
