// What `stationary`, `gap` and `converge` share: a target at a time, and the metric of the dynamics.
#pragma once
#include "dynamics/metric.hpp"
#include "experiments/reader.hpp"

namespace lml {

/// The keys of a law's spec that are common to the three commands.
#define LML_LAW_KEYS "target", "alpha", "sigma", "schedule", "t", "metric"

/// Throws SpecError with the full pointer.
Metric read_metric(const Object& spec);

Calculus read_calculus(const Reader& calculus);

/// A mixture as the law of x itself. Throws SpecError unless every component has a density.
Marginal read_law(const Reader& mixture);

}  // namespace lml
