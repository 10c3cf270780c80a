// Euler's method on dy/ds = eps, y = x/alpha over s = sigma/alpha (Karras et al. 2022, arXiv 2206.00364, Eq. 1 with
// their Algorithm 2 for churn), order 1:
//
//   y' = y + (s' - s) eps,   in x: x' = (alpha'/alpha) x + (sigma' - (alpha'/alpha) sigma) eps
//
// One evaluation; nothing remembered.
#pragma once
#include "samplers/steppers/churn.hpp"

namespace lml {

struct Euler {
  Churn churn = {};

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S>, Model& model, Noise& noise) const {
    const Node to = grid[std::size_t(i)].to, at = churn.node(grid, i);
    const std::optional<S> raised = churn.raise(grid, i, x, noise);
    const S& start = raised ? *raised : x;
    const double keep = to.alpha / at.alpha;
    return {combine(keep, start, to.sigma - keep * at.sigma, model.epsilon(start, at)), {}};
  }
};

}  // namespace lml
