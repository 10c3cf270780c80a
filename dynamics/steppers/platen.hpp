// Platen's explicit weak scheme of order 2 for general noise (Kloeden and Platen 1992, Eq. 15.1.3), a the Ito drift,
// b_j the columns of R = sqrt(2 D), W = sqrt(h) xi, V_rj = -V_jr = +-h with probability 1/2 each (r < j), V_jj = -h:
//   x' = x + (a(Y) + a) h/2
//          + 1/4 sum_j [b_j(R+_j) + b_j(R-_j) + 2 b_j + sum_{r!=j} (b_j(U+_r) + b_j(U-_r) - 2 b_j)] W_j
//          + 1/4 sum_j [(b_j(R+_j) - b_j(R-_j)) (W_j^2 - h) + sum_{r!=j} (b_j(U+_r) - b_j(U-_r)) (W_j W_r + V_rj)]/sqrt
//          h
//   Y = x + a h + sum_j b_j W_j,   R+-_j = x + a h +- b_j sqrt h,   U+-_j = x +- b_j sqrt h
// Weak order 2. Invariant law: within O(h^2) of the equation's own. 2 evaluations where D is constant by definition,
// else 2 + 2 d, and 2 d more in d >= 2.
#pragma once
#include "dynamics/steppers/stepper.hpp"

namespace lml {

struct Platen : PointStepper {
  static constexpr int weak_order = 2;
  static constexpr int score_evaluations = -1;
  /// d increments, and one for the sign of each V_rj
  static Index normals(Index d) { return d + d * (d - 1) / 2; }
  static Vec step(const Langevin& law, const VecRef& x, double h, const Noise& noise);
};

}  // namespace lml
