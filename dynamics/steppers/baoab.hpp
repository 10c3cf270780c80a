// Underdamped Langevin dynamics of unit mass,  dx = v dt,  dv = s(x) dt - gamma v dt + sqrt(2 gamma) dB,  by the BAOAB
// splitting (Leimkuhler and Matthews 2013):
//   v += s h/2;  x += v h/2;  v = c v + sqrt(1 - c^2) xi, c = exp(-gamma h);  x += v h/2;  v += s h/2
// Weak order 2. Invariant law of (x, v): within O(h^2) of p N(0, I); its marginal in x is p itself for Gaussian p, at
// every stable h (h^2 F < 4). Reads the target of the law and nothing of its metric.
#pragma once
#include <cmath>

#include "dynamics/steppers/stepper.hpp"

namespace lml {

struct Baoab {
  double friction = 1;  // gamma, 1/time

  struct State {
    Vec x, v, score;
  };
  static constexpr int weak_order = 2;
  static constexpr int score_evaluations = 1;
  static Index normals(Index d) { return d; }
  static Index initial_normals(Index d) { return d; }  // v ~ N(0, I)
  static State init(const Langevin& law, const VecRef& x, const Noise& noise) {
    return {x, noise.normals, local_at(law.target(), x).score()};
  }
  State step(const Langevin& law, const State& state, double h, const Noise& noise) const {
    const double c = std::exp(-friction * h);
    const Vec kicked = state.v + (0.5 * h) * state.score;
    const Vec middle = state.x + (0.5 * h) * kicked;
    const Vec turned = c * kicked + std::sqrt(-std::expm1(-2 * friction * h)) * noise.normals;
    Vec x = middle + (0.5 * h) * turned;
    Vec score = local_at(law.target(), x).score();
    Vec v = turned + (0.5 * h) * score;
    return {std::move(x), std::move(v), std::move(score)};
  }
  static const Vec& position(const State& state) { return state.x; }
};

}  // namespace lml
