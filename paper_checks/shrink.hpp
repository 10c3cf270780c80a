// From a violation to the smallest one, as in property-based testing: fewest dimensions, then fewest points, then the
// simplest rational numbers that still refute; then a proof in interval arithmetic.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "paper_checks/check.hpp"
#include "paper_checks/search.hpp"
#include "theory/rigorous.hpp"

namespace lml::checks {

struct Fraction {
  long numerator = 0, denominator = 1;
  double value() const { return double(numerator) / double(denominator); }
  std::string text() const;
};

/// A case in exact numbers, alpha^2 + sigma^2 = 1 exactly.
struct RationalCase {
  std::vector<std::vector<Fraction>> points;
  std::vector<Fraction> weights;
  Fraction alpha, sigma;
  std::vector<Fraction> x;
  rigorous::PointCase<double> rounded() const;
  /// "points (1, 0), (0, 0); alpha 4/5, sigma 3/5; x = (0, 0)"
  std::string text() const;
  /// What `lml bound` replays: the same numbers as doubles.
  Counterexample counterexample(std::string sentence) const;
};

using Refutes = std::function<bool(const rigorous::PointCase<double>&)>;

/// Simplifies the numbers of a case that refutes: a Pythagorean time of small denominator, equal weights, fewer points
/// and coordinates, small denominators. Nothing if no rational case near `start` refutes.
std::optional<RationalCase> simplify(const rigorous::PointCase<double>& start, const Refutes& refutes);

/// Attacks every size in the order d = 1, 2, .., K = 1, 2, .. and simplifies the first violation, log ratio > `margin`.
/// A size that is passed over was attacked in vain, which is no proof that it holds no violation.
struct Shrunk {
  RationalCase smallest;
  long attacks = 0;
};
std::optional<Shrunk> shrink(const LogRatio& log_ratio, double margin, std::size_t max_d, std::size_t max_size,
                             const Effort& effort, double sigma_low);

/// [low, high] contains the true value for the exact fractions and for their doubles alike (MPFI, 50 digits).
struct Interval {
  double low, high;
};
struct Enclosure {
  Interval error, bound;
  bool refutes() const { return error.low > bound.high; }
  std::string text() const;
};
/// A reading of the error of Proposition 2, and the printed bound at delta_1 = ||x||, delta_2 = delta_3 = 0.
Enclosure enclose(rigorous::Reading reading, const RationalCase& c);
/// The error sigma^2 ||F - v v^T/(sigma^2 ||v||^2)|| of a learned direction v = eps(x) + e, and the printed bound.
Enclosure enclose_learned(const RationalCase& c, const std::vector<Fraction>& e, Fraction delta_2, Fraction delta_3);

}  // namespace lml::checks
