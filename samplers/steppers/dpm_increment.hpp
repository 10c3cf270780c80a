// Multistep DPM-Solver and DPM-Solver++ as the published schedulers of arXiv 2505.24222 correct them: with the base
// step x_t = keep x_s + I,
//
//   x_t = keep x_s + L(I; P),   L of correction.hpp, P the uncorrected I of the step before, whatever its order
//
// so lambda' is compared with ||I||^2, not with ||eps||^2. The solver's own history stays uncorrected. Memory: P, then
// that of the base solver.
#pragma once
#include "samplers/correction.hpp"
#include "samplers/steppers/dpm_multistep.hpp"

namespace lml {

struct DpmSolverIncrement {
  DpmSolver base;
  LmlParameters lml;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const int k = base.at(grid, i);
    return corrected(model.epsilon(x, grid[std::size_t(i)].from), dpm_weights(grid, i, k, base.type), k, base.order, x,
                     std::move(memory), lml);
  }

  /// m: the prediction of this step.
  template <State S>
  static Stepped<S> corrected(S m, const DpmWeights& w, int order, int most, const S& x, Memory<S> memory,
                              LmlParameters l) {
    std::optional<S> before;
    if (!memory.empty()) {
      before.emplace(std::move(memory[0]));
      memory.erase(memory.begin());
    }
    S increment = dpm_increment(w, order, m, memory);
    // A step of no length moves nothing, and ||v|| would be 0.
    S next = w.m[0] == 0 ? combine(w.keep, x)
                         : combine(w.keep, x, 1, lml_printed(increment, before ? &*before : nullptr, l));
    Memory<S> history = remember(std::move(m), std::move(memory), std::size_t(most - 1));
    history.insert(history.begin(), std::move(increment));
    return {std::move(next), std::move(history)};
  }
};

struct DpmSolverPlusPlusIncrement {
  DpmSolverPlusPlus base;
  LmlParameters lml;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const int k = base.at(grid, i);
    return DpmSolverIncrement::corrected(model.data(x, grid[std::size_t(i)].from), dpmpp_weights(grid, i, k, base.type),
                                         k, base.order, x, std::move(memory), lml);
  }
};

}  // namespace lml
