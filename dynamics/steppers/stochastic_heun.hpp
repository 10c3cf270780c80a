// Stochastic Heun method (Kloeden and Platen 1992, Sec. 11.1 and 15.1; Rumelin 1982) for the Stratonovich form, a the
// Stratonovich drift, R = sqrt(2 D), W = sqrt(h) xi:
//   y = x + a(x) h + R(x) W,   x' = x + (a(x) + a(y)) h/2 + (R(x) + R(y)) W/2
// Weak order 1, and 2 where D is constant. Invariant law: the equation's own within the same order.
#pragma once
#include "dynamics/steppers/stepper.hpp"

namespace lml {

struct StochasticHeun : PointStepper {
  static constexpr int weak_order = 1;
  static constexpr int score_evaluations = 2;
  static Index normals(Index d) { return d; }
  static Vec step(const Langevin& law, const VecRef& x, double h, const Noise& noise) {
    const Vec w = std::sqrt(h) * noise.normals;
    const Coefficients here = law.stratonovich(x);
    const Vec kick = here.form.root_times(w);
    const Coefficients there = law.stratonovich(x + h * here.drift + kick);
    return x + (0.5 * h) * (here.drift + there.drift) + 0.5 * (kick + there.form.root_times(w));
  }
};

}  // namespace lml
