// The registry of steppers: any of them, for any state.
#pragma once
#include <algorithm>
#include <functional>
#include <optional>
#include <type_traits>
#include <variant>

#include "samplers/eigen_state.hpp"
#include "samplers/langevin_gibbs.hpp"
#include "samplers/run.hpp"
#include "samplers/steppers/ddim.hpp"
#include "samplers/steppers/ddim_increment.hpp"
#include "samplers/steppers/ddpm.hpp"
#include "samplers/steppers/deis.hpp"
#include "samplers/steppers/dpm_increment.hpp"
#include "samplers/steppers/dpm_multistep.hpp"
#include "samplers/steppers/dpm_sde.hpp"
#include "samplers/steppers/dpm_singlestep.hpp"
#include "samplers/steppers/euler.hpp"
#include "samplers/steppers/flow.hpp"
#include "samplers/steppers/heun.hpp"
#include "samplers/steppers/ipndm.hpp"
#include "samplers/steppers/pndm.hpp"
#include "samplers/steppers/unipc.hpp"

namespace lml {

using Stepper = std::variant<Ddim, DdimIncrement, DpmSolver, DpmSolverIncrement, DpmSolverPlusPlus,
                             DpmSolverPlusPlusIncrement, DpmSolverSinglestep, DpmSolverPlusPlusSinglestep, SdeDpmSolver,
                             SdeDpmSolverPlusPlus, Ddpm, Euler, Heun, FlowEuler, FlowHeun, Deis, Ipndm, Pndm, UniPc>;

/// All that says what a sampler does, but for the model and the start.
struct Sampler {
  Stepper stepper;
  Grid grid;
  Correction correction = {};
  Clipping clipping = {};
  std::optional<LangevinGibbs> chain = {};  // before it; exact targets only
  std::optional<double> fisher = {};        // eps damped by the exact Fisher (fisher_source.hpp); exact targets only

  Index steps() const { return Index(grid.size()) + (chain ? chain->steps : 0); }
};

/// The sampler begun at step k of its grid, with nothing remembered.
inline Sampler begun_at(Sampler sampler, std::size_t k) {
  const auto first = [&](auto& list) {
    list.erase(list.begin(), list.begin() + std::ptrdiff_t(std::min(k, list.size())));
  };
  first(sampler.grid);
  if (auto* s = std::get_if<Pndm>(&sampler.stepper)) {
    first(s->middles);
    if (k > 0) s->pair.reset();
  }
  if (auto* s = std::get_if<UniPc>(&sampler.stepper)) {
    for (Index& i : s->uncorrected) i -= Index(k);
    std::erase_if(s->uncorrected, [](Index i) { return i < 0; });
  }
  if (auto* s = std::get_if<Euler>(&sampler.stepper)) first(s->churn.raised);
  if (auto* s = std::get_if<Heun>(&sampler.stepper)) first(s->churn.raised);
  return sampler;
}

/// Whether it asks for noise.
inline bool is_stochastic(const Stepper& stepper) {
  return std::visit(
      [](const auto& s) {
        using T = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<T, Ddim>) return s.eta > 0;
        if constexpr (std::is_same_v<T, Euler> || std::is_same_v<T, Heun>) return !s.churn.raised.empty();
        return std::is_same_v<T, Ddpm> || std::is_same_v<T, SdeDpmSolver> || std::is_same_v<T, SdeDpmSolverPlusPlus>;
      },
      stepper);
}

/// Whether the model is called once a step, so that a correction can be addressed by the step.
inline bool calls_once_a_step(const Stepper& stepper) {
  return std::visit(
      [](const auto& s) {
        using T = std::decay_t<decltype(s)>;
        if constexpr (std::is_same_v<T, Pndm>) return s.middles.empty();
        return !std::is_same_v<T, Heun> && !std::is_same_v<T, FlowHeun>;
      },
      stepper);
}

template <State S>
using NoiseOf = std::function<S(Index step, int stage)>;
template <State S>
using AfterStep = std::function<void(const Run<S>&)>;

/// Any of them to the end of its grid, as advance() of run.hpp.
template <State S>
void advance(const Sampler& sampler, Model<S>& model, const std::type_identity_t<NoiseOf<S>>& noise, Run<S>& run,
             const std::type_identity_t<AfterStep<S>>& after) {
  std::visit([&](const auto& stepper) { advance(sampler.grid, stepper, model, noise, run, after); }, sampler.stepper);
}

// Compiled once, in sampler.cpp: twenty steppers take their time.
extern template void advance<Points>(const Sampler&, Model<Points>&, const NoiseOf<Points>&, Run<Points>&,
                                     const AfterStep<Points>&);
extern template void advance<Rows<float>>(const Sampler&, Model<Rows<float>>&, const NoiseOf<Rows<float>>&,
                                          Run<Rows<float>>&, const AfterStep<Rows<float>>&);

}  // namespace lml
