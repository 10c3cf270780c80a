// Churn (Karras et al. 2022, arXiv 2206.00364, Algorithm 2): before step i the noise level s = sigma/alpha is raised to
//
//   r = s (1 + gamma),   y_r = y + sqrt(r^2 - s^2) s_noise z,   y = x/alpha
//
// gamma = min(s_churn/steps, sqrt 2 - 1) where s_tmin <= s <= s_tmax, else 0; and the step starts from there: the model
// is called at a node of its own. diffusers 0.42 calls it at the level before the noise, with the state before the
// noise; here it is as in the paper and in k-diffusion.
#pragma once
#include <cmath>
#include <optional>
#include <vector>

#include "samplers/steppers/stepper.hpp"

namespace lml {

struct Churn {
  std::vector<Node> raised =
      {};            // where step i starts; empty: no churn. A node as noisy as grid[i].from: not in this step
  double noise = 1;  // s_noise

  Node node(const Grid& grid, Index i) const {
    return raised.empty() ? grid[std::size_t(i)].from : raised[std::size_t(i)];
  }

  /// The raised state; nothing where the step starts from x itself.
  template <State S, class Noise>
  std::optional<S> raise(const Grid& grid, Index i, const S& x, Noise& draw) const {
    const Node from = grid[std::size_t(i)].from, to = node(grid, i);
    const double low = noise_level(from), high = noise_level(to);
    if (!(high > low)) return std::nullopt;
    return combine(to.alpha / from.alpha, x, to.alpha * std::sqrt((high - low) * (high + low)) * noise, draw(i, 0));
  }
};

}  // namespace lml
