// The attack on a bound: maximise a function that has many bad optima and, often, no supremum inside the box.
// Deterministic: restart r draws from stream (seed, restart) alone.
#pragma once
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "theory/rigorous.hpp"
#include "theory/types.hpp"

namespace lml::checks {

/// Any real vector may be asked for; -inf and NaN mean "not a case".
using Objective = std::function<double(const Vec&)>;

struct Effort {
  int restarts = 12;
  int steps = 300;
  std::uint64_t seed = 1;
};

struct Found {
  Vec at;
  double value;
  long attacks = 0;  // evaluations of the objective
};

/// (1+1) evolution strategy with the 1/5 success rule (Rechenberg 1973), a random subset of coordinates at a time, from
/// standard normal starts of size `dimension`. The best over all restarts.
Found maximise(const Objective& objective, Index dimension, const Effort& effort);

/// How a vector of parameters is read as a case: `dimension` of them, sigma within [sigma_low, 1) on the
/// variance-preserving circle alpha^2 + sigma^2 = 1.
struct CaseSpace {
  std::size_t d = 1, size = 1;
  double sigma_low = 0.02;
  bool free_weights = false;
  Index dimension() const;
  /// Points and x are in units of sigma/alpha and sigma, times a scale e^[-4, 4] each.
  rigorous::PointCase<double> decode(const Vec& parameters) const;
};

/// log(error/bound) as an objective over a space of cases; cases without a direction u (eps = 0) are no cases.
using LogRatio = std::function<double(const rigorous::PointCase<double>&)>;
struct FoundCase {
  rigorous::PointCase<double> worst;
  double value;
  long attacks;
};
FoundCase attack(const LogRatio& log_ratio, const CaseSpace& space, const Effort& effort);

}  // namespace lml::checks
