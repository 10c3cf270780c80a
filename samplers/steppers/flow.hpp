// Rectified flow (Liu et al. 2022, arXiv 2209.03003), alpha = 1 - t, sigma = t: dx/dt = v = eps - x_0, finite at t = 1.
//
//   Euler, order 1: x' = x + (t' - t) v(x, t)
//   Heun, order 2:  x' = x + (t' - t) (v(x, t) + v(x*, t'))/2, x* Euler's x'; x' = x* where t' = 0
//
// Euler's step is that of euler.hpp; Heun's is not (the mean of two v is not that of two eps). One evaluation, or two
// and one in the last step; nothing remembered.
#pragma once
#include "samplers/steppers/stepper.hpp"

namespace lml {

struct FlowEuler {
  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S>, Model& model, Noise&) const {
    const auto [from, to] = grid[std::size_t(i)];
    return {combine(1, x, to.sigma - from.sigma, model.velocity(x, from)), {}};
  }
};

struct FlowHeun {
  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S>, Model& model, Noise&) const {
    const auto [from, to] = grid[std::size_t(i)];
    const double length = to.sigma - from.sigma;
    const S v = model.velocity(x, from);
    S predicted = combine(1, x, length, v);
    if (to.sigma == 0) return {std::move(predicted), {}};
    return {combine(1, x, length / 2, v, length / 2, model.velocity(predicted, to)), {}};
  }
};

}  // namespace lml
