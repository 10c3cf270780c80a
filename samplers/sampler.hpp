// The registry of steppers: any of them, for any state.
#pragma once
#include <variant>

#include "samplers/run.hpp"
#include "samplers/steppers/ddim.hpp"
#include "samplers/steppers/ddim_increment.hpp"
#include "samplers/steppers/dpm_increment.hpp"
#include "samplers/steppers/dpm_multistep.hpp"

namespace lml {

using Stepper =
    std::variant<Ddim, DdimIncrement, DpmSolver, DpmSolverIncrement, DpmSolverPlusPlus, DpmSolverPlusPlusIncrement>;

/// All that says what a sampler does, but for the model and the start.
struct Sampler {
  Stepper stepper;
  Grid grid;
  Correction correction = {};
  Clipping clipping = {};
};

template <State S, class Noise, class After>
void advance(const Sampler& sampler, Model<S>& model, Noise& noise, Run<S>& run, const After& after) {
  std::visit([&](const auto& stepper) { advance(sampler.grid, stepper, model, noise, run, after); }, sampler.stepper);
}

}  // namespace lml
