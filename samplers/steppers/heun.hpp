// Heun's method on dy/ds = eps, y = x/alpha over s = sigma/alpha (Karras et al. 2022, arXiv 2206.00364, Algorithms 1
// and 2), order 2:
//
//   y* = y + (s' - s) eps(y, s),   y' = y + (s' - s) (eps(y, s) + eps(y*, s'))/2,   y' = y* where s' = 0
//
// Two evaluations, one where s' = 0; nothing remembered.
#pragma once
#include "samplers/steppers/churn.hpp"

namespace lml {

struct Heun {
  Churn churn = {};

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S>, Model& model, Noise& noise) const {
    const Node to = grid[std::size_t(i)].to, at = churn.node(grid, i);
    const std::optional<S> raised = churn.raise(grid, i, x, noise);
    const S& start = raised ? *raised : x;
    const double keep = to.alpha / at.alpha, length = to.sigma - keep * at.sigma;
    const S eps = model.epsilon(start, at);
    S predicted = combine(keep, start, length, eps);
    if (to.sigma == 0) return {std::move(predicted), {}};
    return {combine(keep, start, length / 2, eps, length / 2, model.epsilon(predicted, to)), {}};
  }
};

}  // namespace lml
