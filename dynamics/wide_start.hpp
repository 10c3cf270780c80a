// The flow of a law on the line that starts so wide that its chi-squared is infinite: it is then no element of
// L^2(1/q), in which Line works. Finite volumes on a smooth mesh, the flux q D (mu/q)' between neighbours, by the
// classical Runge-Kutta method at a step under which every weight is positive: nothing cancels in the tails, and what
// decides whether chi2 is finite yet is computed to a relative accuracy. Second order in the width of a cell; two
// meshes, extrapolated.
#pragma once
#include <vector>

#include "dynamics/line.hpp"

namespace lml {

struct WideFlow {
  std::vector<Divergences> at;  // each time
  double error = 0;             // of all of them, where finite
};

/// `theta` as in Line. chi2 is infinite as long as the tail of the law, that of the widest component as it relaxes, has
/// at least twice the variance of p's. D must be positive and bounded. Throws BadInput ("/times") where that would take
/// more than about a minute.
WideFlow flow_of_a_wide_start(const Metric& metric, double theta, const Marginal& initial,
                              const std::vector<double>& times);

}  // namespace lml
