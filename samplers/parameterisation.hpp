// What a model's output means. With x = alpha x_0 + sigma eps, each of these determines the others:
//
//   epsilon    eps = -sigma s                     sample     x_0
//   v          alpha eps - sigma x_0 (Salimans & Ho 2022), in the variance-preserving scale
//   velocity   eps - x_0 (rectified flow)         score      s = grad log p_t
#pragma once
#include "samplers/grid.hpp"
#include "samplers/state.hpp"

namespace lml {

enum class Parameterisation { epsilon, sample, v, velocity, score };

/// eps out of a model's output at x.
template <State S>
S epsilon_of(Parameterisation kind, S output, const S& x, const Node& at) {
  const double a = at.alpha, s = at.sigma;
  switch (kind) {
    case Parameterisation::epsilon: return output;
    case Parameterisation::sample: return combine_over(&output, 1 / s, x, -a / s, output);
    case Parameterisation::v: return combine_over(&output, s / (a * a + s * s), x, a / (a * a + s * s), output);
    case Parameterisation::velocity: return combine_over(&output, 1 / (a + s), x, a / (a + s), output);
    case Parameterisation::score: break;
  }
  return combine_over(&output, -s, output);
}

/// x_0 out of a model's output at x.
template <State S>
S data_of(Parameterisation kind, S output, const S& x, const Node& at) {
  const double a = at.alpha, s = at.sigma;
  switch (kind) {
    case Parameterisation::epsilon: return combine_over(&output, 1 / a, x, -s / a, output);
    case Parameterisation::sample: return output;
    case Parameterisation::v: return combine_over(&output, a / (a * a + s * s), x, -s / (a * a + s * s), output);
    case Parameterisation::velocity: return combine_over(&output, 1 / (a + s), x, -s / (a + s), output);
    case Parameterisation::score: break;
  }
  return combine_over(&output, 1 / a, x, s * s / a, output);
}

}  // namespace lml
