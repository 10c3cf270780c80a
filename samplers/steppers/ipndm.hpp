// iPNDM (Zhang & Chen 2023, arXiv 2204.13902, after Liu et al. 2022, arXiv 2202.09778, Eq. 12): eps is extrapolated by
// Adams-Bashforth, then transferred as DDIM does (transfer.hpp),
//
//   x' = (alpha'/alpha) x + (sigma' - alpha' sigma/alpha) e,   e = (55 eps_0 - 59 eps_1 + 37 eps_2 - 9 eps_3)/24
//
// or the formulas of order 1, 2, 3 while there is no more history. One evaluation a step. Memory: the eps of the
// order - 1 steps before.
//
// The weights are those of equal steps in sigma/alpha. There the formula has order `order`; on every other smooth grid,
// diffusers' timesteps included, it has order 2 at most, whatever `order`: the step of sigma/alpha and the slope of eps
// both change within a step, and the product of the two changes is missed. A whole run has order 2 at most anyway, by
// its first step.
#pragma once
#include "samplers/steppers/transfer.hpp"

namespace lml {

struct Ipndm {
  int order = 4;  // 1 to 4

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const Interval& interval = grid[std::size_t(i)];
    S eps = model.epsilon(x, interval.from);
    S next = adams_bashforth_step(transfer(interval.from, interval.to), memory.size() + 1, x, eps, memory);
    return {std::move(next), remember(std::move(eps), std::move(memory), std::size_t(order - 1))};
  }
};

}  // namespace lml
