// The unadjusted Langevin algorithm (Roberts and Tweedie 1996):  x' = x + h s(x) + sqrt(2 h) xi.  Reads the target of
// the law and nothing of its metric. Weak order 1. Invariant law: within O(h) of p; for N(0, v) with D = I it is N(0,
// v/(1 - h/(2 v))), and none exists for h >= 2 v.
#pragma once
#include "dynamics/steppers/stepper.hpp"

namespace lml {

struct Ula : PointStepper {
  static constexpr int weak_order = 1;
  static constexpr int score_evaluations = 1;
  static Index normals(Index d) { return d; }
  static Vec step(const Langevin& law, const VecRef& x, double h, const Noise& noise) {
    return x + h * local_at(law.target(), x).score() + std::sqrt(2 * h) * noise.normals;
  }
};

}  // namespace lml
