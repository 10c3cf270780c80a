// The flow that every deterministic sampler approximates, to rounding: with alpha = cos a, sigma = sin a (any other
// scale is a multiple) and x = alpha x_0 + sigma eps,
//
//   dx/da = cos(a) eps(x, a) - sin(a) x_0(x, a)      (Salimans & Ho 2022, App. D)
//
// from one node of a schedule to another that is less noisy, alpha = 0 and clean data included.
#pragma once
#include "samplers/grid.hpp"
#include "theory/target.hpp"

namespace lml {

/// Where x [n, d], in the scale of `from`, ends in the scale of `to`. Explicit Runge-Kutta of order 8(7) (Fehlberg
/// 1968) with steps controlled to `tolerance`, blocks of points with steps of their own. To clean data it goes to sigma
/// = 1e-7, and then to E[x_0 | x], which is within sigma^2 |score|/2. Throws BadInput where the target cannot be
/// evaluated.
Points exact_flow(const Target& target, const Node& from, const Node& to, const Points& x, double tolerance = 1e-12);

}  // namespace lml
