// DDPM's ancestral step (Ho et al. 2020, arXiv 2006.11239, Eq. 6 and 7): a draw from q(x' | x, x_0) at the predicted
// x_0, written for any alpha and sigma. With a = alpha/alpha' and b = sigma^2 - a^2 sigma'^2 (the paper's beta),
//
//   x' = (alpha' b/sigma^2) x_0 + (a sigma'^2/sigma^2) x + sqrt(v) z,   v = b sigma'^2/sigma^2, or b (fixed_large)
//
// Weak order 1; with the first v exact in law for one data point, whatever the step. As in diffusers, no noise in a
// step from timestep 0, and the first v never below 1e-20. One evaluation; nothing remembered.
#pragma once
#include <algorithm>
#include <cmath>

#include "samplers/steppers/stepper.hpp"

namespace lml {

struct Ddpm {
  bool fixed_large = false;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S>, Model& model, Noise& noise) const {
    const auto [from, to] = grid[std::size_t(i)];
    const double a = from.alpha / to.alpha, var = from.sigma * from.sigma;
    const double b = (from.sigma - a * to.sigma) * (from.sigma + a * to.sigma);
    const double v = fixed_large ? b : std::max(b * to.sigma * to.sigma / var, 1e-20);
    const S x0 = model.data(x, from);
    const double on_data = to.alpha * b / var, on_x = a * to.sigma * to.sigma / var;
    if (from.t > 0) return {combine(on_data, x0, on_x, x, std::sqrt(v), noise(i, 0)), {}};
    return {combine(on_data, x0, on_x, x), {}};
  }
};

}  // namespace lml
