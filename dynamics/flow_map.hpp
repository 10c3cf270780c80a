// The law of an ODE of annealed.hpp (Eq. 10, the probability flow) without simulation: along a path of dx/dt = v,
// d log r/dt = -div v, so the density at x at the end follows from the path through x, run back to the start.
#pragma once
#include "dynamics/annealed.hpp"

namespace lml {

/// At n places x [n x d] at u_end: where their paths start at u_start > u_end, and log of the density at x of the law
/// whose start is p_T exactly (T the time of u_start).
struct FlowMap {
  Points start;
  Vec log_density;
};

/// Explicit Runge-Kutta of order 8(7) (Fehlberg 1968), steps controlled to `tolerance` in x and in log density, all
/// places with the same steps. Throws BadInput where the metric is not positive on a path.
FlowMap flow_map(const AnnealedMetric& metric, const Equation& equation, double u_start, double u_end,
                 const PointsRef& x, double tolerance = 1e-12);

}  // namespace lml
