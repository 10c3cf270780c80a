// Singlestep DPM-Solver (arXiv 2206.00927) and DPM-Solver++ (arXiv 2211.01095), orders 1 to 3, as diffusers runs them:
// every model call is one step. Steps come in blocks of `order`; each starts anew from the state x_s at the beginning
// of its block, step k of a block using the k answers since:
//
//   x_t = keep x_s + d0 m_s + d1 D_1 + d2 D_2,   h = l_t - l_s, r_j h = l_j - l_s, l = log(alpha/sigma)
//   k = 2:           D_1 = (m_1 - m_s)/r_1
//   k = 3, midpoint: D_1 = (m_2 - m_s)/r_2, d2 = 0
//   k = 3, heun:     D_1, D_2 the derivatives at s of the parabola through m_s, m_1, m_2
//
// with the terms of dpm_weights.hpp. The state at the end of a block is of the declared order, those inside are not;
// order 3 needs r_2 -> 2/3 as steps shrink (any smooth grid), since m_1 is taken at a state of order 1. Memory: the
// answers of the block, newest first, then x_s.
#pragma once
#include "samplers/steppers/dpm_weights.hpp"
#include "samplers/steppers/stepper.hpp"

namespace lml {

/// Which steps use which order: 1, .., order over and over; the last one 1 where it ends at clean data or, if asked,
/// where a whole block ends there.
struct DpmSinglestepOrders {
  int order = 2;  // 1, 2 or 3
  bool lower_order_final = false;
  SolverType type = SolverType::midpoint;

  int at(const Grid& grid, Index i) const {
    const Index n = Index(grid.size());
    if (i == n - 1 && (grid.back().to.sigma == 0 || (lower_order_final && n % order == 0))) return 1;
    return int(i % order) + 1;
  }
};

/// Of m_0 (newest), .., m_s.
template <class Terms>
DpmWeights singlestep_weights(const Terms& terms, const Grid& grid, Index i, int k, SolverType type) {
  const Node &s = grid[std::size_t(i - k + 1)].from, &t = grid[std::size_t(i)].to;
  const double l = log_snr(s), h = log_snr(t) - l;
  const DpmTerms d = terms(s, t, h, k, type);
  if (k == 1) return {d.keep, {d.d0, 0, 0}};
  const double r0 = (log_snr(grid[std::size_t(i)].from) - l) / h;
  if (k == 2) return {d.keep, {d.d1 / r0, d.d0 - d.d1 / r0, 0}};
  if (type == SolverType::midpoint) return {d.keep, {d.d1 / r0, 0, d.d0 - d.d1 / r0}};
  const double r1 = (log_snr(grid[std::size_t(i - 1)].from) - l) / h;
  const double on_1 = (d.d1 * r0 - 2 * d.d2) / (r0 - r1) / r1, on_0 = (2 * d.d2 - d.d1 * r1) / (r0 - r1) / r0;
  return {d.keep, {on_0, on_1, d.d0 - on_0 - on_1}};
}

template <State S>
Stepped<S> singlestep(const DpmWeights& w, int k, const S& x, S m, Memory<S> memory) {
  if (k == 1) {
    S next = combine(w.keep, x, w.m[0], m);
    Memory<S> block;
    block.push_back(std::move(m));
    block.push_back(combine(1, x));
    return {std::move(next), std::move(block)};
  }
  S next = k == 2 ? combine(w.keep, memory[1], w.m[0], m, w.m[1], memory[0])
                  : combine(w.keep, memory[2], w.m[0], m, w.m[1], memory[0], w.m[2], memory[1]);
  memory.insert(memory.begin(), std::move(m));
  return {std::move(next), std::move(memory)};
}

struct DpmSolverSinglestep : DpmSinglestepOrders {
  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const int k = at(grid, i);
    return singlestep(singlestep_weights(dpm_terms, grid, i, k, type), k, x,
                      model.epsilon(x, grid[std::size_t(i)].from), std::move(memory));
  }
};

struct DpmSolverPlusPlusSinglestep : DpmSinglestepOrders {
  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const int k = at(grid, i);
    return singlestep(singlestep_weights(dpmpp_terms, grid, i, k, type), k, x, model.data(x, grid[std::size_t(i)].from),
                      std::move(memory));
  }
};

}  // namespace lml
