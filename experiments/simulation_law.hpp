// `stationary` with "method":"simulation": the moments of the law of the discretised chain, with standard errors.
#pragma once
#include "dynamics/metric.hpp"
#include "experiments/command.hpp"
#include "experiments/reader.hpp"

namespace lml {

/// The keys that this method has beside the common ones.
#define LML_SIMULATION_KEYS "step", "particles", "time", "integrator", "burn_in"

/// `time` is what each particle lives, `burn_in` (a quarter of it unless given) how much of that is not averaged.
/// `error_estimate` is four standard errors and, unless the method is exact at every step, what changes when the step
/// is doubled. A chain that diverges, or a law that does not exist, is an answer (`exists`, `why`). With --out a state
/// is saved there now and then; the same command goes on from it.
int simulate_stationary(const Common& common, const Document& document, const Object& spec, const Metric& metric,
                        Calculus calculus);

}  // namespace lml
