// DDIM (Song et al. 2021, arXiv 2010.02502, Eq. 12 and 16), order 1 at eta = 0:
//
//   x' = alpha' x_0 + sqrt(sigma'^2 - s^2) eps + s z,   s = eta sqrt((sigma'^2/sigma^2) (1 - alpha^2/alpha'^2))
//
// x_0 = (x - sigma eps)/alpha, clipped if asked; one evaluation; nothing remembered. At eta = 0 it is also Euler's
// method in x/alpha over sigma/alpha (Karras et al. 2022).
#pragma once
#include <cmath>

#include "samplers/steppers/stepper.hpp"

namespace lml {

struct Ddim {
  double eta = 0;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S>, Model& model, Noise& noise) const {
    const auto [from, to] = grid[std::size_t(i)];
    const double ratio = from.alpha / to.alpha;
    const double s = eta * (to.sigma / from.sigma) * std::sqrt(1 - ratio * ratio);
    const double direction = std::sqrt(to.sigma * to.sigma - s * s);
    const double keep = to.alpha / from.alpha;
    S next = model.clips() ? clipped(from, to, direction, x, model)
                           : model.along(keep, x, direction - keep * from.sigma, from);
    if (s > 0) next = combine_over(&next, 1, next, s, noise(i, 0));
    return {std::move(next), {}};
  }

 private:
  template <State S, class Model>
  static S clipped(const Node& from, const Node& to, double direction, const S& x, Model& model) {
    S eps = model.plain_epsilon(x, from);
    const S x0 = model.clipped(combine(1 / from.alpha, x, -from.sigma / from.alpha, eps));
    return combine_over(&eps, to.alpha, x0, direction, eps);
  }
};

}  // namespace lml
