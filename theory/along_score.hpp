// c x + e s at many points, s = grad log p_t, at the cost of the score alone: what a step of a sampler or of a dynamics
// is made of.
#pragma once
#include "theory/marginal.hpp"

namespace lml {

/// x: n x d; n x d out. All threads; neither their number nor that of the points changes a bit of a point's result.
/// Throws BadInput ("/i") where the log density at point i is not a finite number.
Points along_score(const Marginal& p, double c, const PointsRef& x, double e);

}  // namespace lml
