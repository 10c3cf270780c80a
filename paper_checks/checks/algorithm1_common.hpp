// Shared by the checks of Algorithm 1.
#pragma once
#include <cmath>

#include "paper_checks/checks/sampling_common.hpp"

namespace lml::checks::sampling {

/// A mean with its standard error.
struct Estimate {
  double value = 0, error = 0;
};
inline Estimate mean(const Vec& v) {
  const double m = v.mean();
  return {m, std::sqrt((v.array() - m).square().sum() / double(v.size() - 1) / double(v.size()))};
}

}  // namespace lml::checks::sampling
