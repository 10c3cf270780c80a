// Multistep DPM-Solver (arXiv 2206.00927) and DPM-Solver++ (arXiv 2211.01095), orders 1 to 3: the weighted sum of
// dpm_weights.hpp. One evaluation a step. Memory: the predictions (eps, or x_0) of the order - 1 steps before.
//
// The formula of order 3 has order 2, here as in the papers' code and diffusers: D_2 estimates half the second
// derivative, whose integral has the weight 2 phi_3, and gets phi_3. (deis.hpp is DPM-Solver with that put right, and
// of order 3.) A whole run has order 2 at most anyway, by its first step, which is of order 1.
#pragma once
#include "samplers/steppers/dpm_weights.hpp"
#include "samplers/steppers/stepper.hpp"

namespace lml {

/// The multiple of x, and everything else.
template <State S>
S dpm_increment(const DpmWeights& w, int order, const S& m0, const Memory<S>& m) {
  if (order == 1) return combine(w.m[0], m0);
  if (order == 2) return combine(w.m[0], m0, w.m[1], m[0]);
  return combine(w.m[0], m0, w.m[1], m[0], w.m[2], m[1]);
}
/// Into the memory of `spent`.
template <State S>
S dpm_step(S* spent, const DpmWeights& w, int order, const S& x, const S& m0, const Memory<S>& m) {
  if (order == 1) return combine_over(spent, w.keep, x, w.m[0], m0);
  if (order == 2) return combine_over(spent, w.keep, x, w.m[0], m0, w.m[1], m[0]);
  return combine_over(spent, w.keep, x, w.m[0], m0, w.m[1], m[0], w.m[2], m[1]);
}

template <State S>
S dpm_step(const DpmWeights& w, int order, const S& x, const S& m0, const Memory<S>& m) {
  return dpm_step<S>(nullptr, w, order, x, m0, m);
}

struct DpmSolver : DpmOrders {
  SolverType type = SolverType::midpoint;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const int k = at(grid, i);
    if (order == 1 && !model.clips()) {
      const DpmWeights w = dpm_weights(grid, i, 1, type);
      return {model.along(w.keep, x, w.m[0], grid[std::size_t(i)].from), {}};
    }
    S eps = model.epsilon(x, grid[std::size_t(i)].from);
    const std::size_t most = std::size_t(order - 1);
    S next = dpm_step(spent(eps, memory, most), dpm_weights(grid, i, k, type), k, x, eps, memory);
    return {std::move(next), remember(std::move(eps), std::move(memory), most)};
  }
};

struct DpmSolverPlusPlus : DpmOrders {
  SolverType type = SolverType::midpoint;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const int k = at(grid, i);
    S x0 = model.data(x, grid[std::size_t(i)].from);
    const std::size_t most = std::size_t(order - 1);
    S next = dpm_step(spent(x0, memory, most), dpmpp_weights(grid, i, k, type), k, x, x0, memory);
    return {std::move(next), remember(std::move(x0), std::move(memory), most)};
  }
};

}  // namespace lml
