// Derivatives of the objects of Eq. 13 to 16 by central differences in 100-digit arithmetic: truncation and rounding
// both stay below 1e-40, so what is returned is right to the last digit of a double, up to cancellation in 100 digits.
#pragma once
#include "theory/types.hpp"

namespace lml::checks {

/// A data set with equal weights (K x d), a time and a point.
struct Case {
  Points y;
  Time time;
  Vec x;
};

/// r = ||x - alpha y(x)||, u = eps/||eps||. Where eps = 0 the entries with u are not finite.
struct Differences {
  double r;
  Vec u;
  Vec score;  // grad log p_t
  Vec grad_r;
  Vec grad_half_square;  // grad r^2/2
  Mat hess_r;
  Mat hess_half_square;  // Hess r^2/2
  Mat jacobian_noise;    // d eps_a/dx_i in row a, column i
  Mat jacobian_u;
};
Differences differences(const Case& c);

}  // namespace lml::checks
