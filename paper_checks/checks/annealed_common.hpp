// The path and the targets on which Eq. 9 and 10 are tried.
#pragma once
#include <cmath>

#include "dynamics/annealed.hpp"

namespace lml::checks {

// From (alpha, sigma) = (3/5, 4/5) to (4/5, 3/5), on which the smallest examples are rational; and from almost pure
// noise, alpha = 1/10.
inline double rational_start() { return log_noise_ratio({0.6, 0.8}); }
inline double noise_start() { return std::log(99.0); }
inline double path_end() { return log_noise_ratio({0.8, 0.6}); }

/// One data point at 0 in R^d, where p_t = N(0, sigma^2 I).
inline Target data_point(Index d) { return Target::points(Points::Zero(1, d)); }
inline Target normal_data() { return Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 1), {1.0}); }
inline Target two_points() { return Target::points(Points{{-1.0}, {1.0}}); }
inline Target uneven_mixture() {
  return Target::gaussian_mixture(Vec{{1.0, 2.0}}, Points{{-1.0}, {1.0}}, {0.15, 0.15});
}

/// Total variation between N(0, a) and N(0, b).
inline double gaussian_variation(double a, double b) {
  const double low = std::min(a, b), high = std::max(a, b);
  if (!(high > low)) return 0;
  const double cross2 = std::log(high / low) * low * high / (high - low);
  return std::erf(std::sqrt(cross2 / (2 * low))) - std::erf(std::sqrt(cross2 / (2 * high)));
}

}  // namespace lml::checks
