// Euler-Maruyama (Maruyama 1955):  x' = x + a(x) h + sqrt(2 h D(x)) xi,  a the Ito drift.
// Weak order 1. Invariant law: within O(h) of the equation's own; with D = I this is ULA.
#pragma once
#include "dynamics/steppers/stepper.hpp"

namespace lml {

struct EulerMaruyama : PointStepper {
  static constexpr int weak_order = 1;
  static constexpr int score_evaluations = 1;
  static Index normals(Index d) { return d; }
  static Vec step(const Langevin& law, const VecRef& x, double h, const Noise& noise) {
    const Coefficients c = law.ito(x);
    return x + h * c.drift + std::sqrt(h) * c.form.root_times(noise.normals);
  }
};

}  // namespace lml
