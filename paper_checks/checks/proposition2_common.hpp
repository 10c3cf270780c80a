// What the checks of Proposition 2 share: errors and bounds of a case, the sizes that are attacked, plain numbers.
#pragma once
#include <cmath>
#include <cstdio>
#include <limits>
#include <string>
#include <vector>

#include "paper_checks/search.hpp"
#include "theory/proposition.hpp"
#include "theory/rigorous.hpp"

namespace lml::checks::proposition2 {

using Case = rigorous::PointCase<double>;
using rigorous::Posterior;
using rigorous::Reading;

/// Supported up to rounding, as `lml bound` has it.
constexpr double rounding = 1e-9;

inline std::string number(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.6g", v);
  return buffer;
}

inline double diameter_of(const Case& c) {
  return std::sqrt(rigorous::diameter_squared(c, [](double a, double b) { return std::max(a, b); }));
}
inline Time time_of(const Case& c) { return {c.alpha, c.sigma}; }

/// u exists, and rounding moves it by less than 1e-11.
inline bool has_direction(const Case& c, const Posterior<double>& p) {
  double farthest = 0;
  for (const auto& y : c.points) farthest = std::max(farthest, rigorous::norm(y));
  return rigorous::norm(p.eps) > 1e-5 * (rigorous::norm(c.x) + c.alpha * farthest) / c.sigma;
}

inline double log_quotient(double error, double bound) {
  if (error == 0) return -std::numeric_limits<double>::infinity();
  return std::log(error) - std::log(bound);  // +inf at bound 0
}

inline double bound_printed(const Case& c) {
  const double d = diameter_of(c);
  return rigorous::printed_bound(c, rigorous::norm(c.x), 0.0, 0.0, d * d);
}

/// The power of sigma by which a reading differs from the error of F.
inline double sigma_power(Reading reading, double sigma) {
  switch (reading) {
    case Reading::fisher: return 1;
    case Reading::jacobian: return sigma;
    case Reading::remainder: return sigma * sigma;
    case Reading::true_r: break;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

/// Every size of data set that the attacks go through, with equal and with free weights.
struct Attacked {
  double worst_log;  // over all sizes
  Case worst;
  long attacks;
  std::vector<std::vector<double>> rows;  // d, K, free weights, worst ratio
};
Attacked attack_all_sizes(const LogRatio& log_ratio, const std::vector<std::size_t>& dims,
                          const std::vector<std::size_t>& sizes, bool full, std::uint64_t seed);

}  // namespace lml::checks::proposition2
