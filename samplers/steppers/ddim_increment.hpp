// DDIM as the published schedulers of arXiv 2505.24222 correct it: the direction term only, x_0 keeps the plain eps.
//
//   x' = alpha' x_0 + sigma' L(eps; e),   L of correction.hpp, e the uncorrected eps of the step before
//
// That moves x' against Algorithm 1, which puts L(eps; e) in both places: sigma' < alpha' sigma/alpha. Memory: e.
#pragma once
#include "samplers/correction.hpp"
#include "samplers/steppers/stepper.hpp"

namespace lml {

struct DdimIncrement {
  LmlParameters lml;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const auto [from, to] = grid[std::size_t(i)];
    S eps = model.plain_epsilon(x, from);
    const S direction = lml_printed(eps, memory.empty() ? nullptr : &memory[0], lml);
    const S x0 = model.clipped(combine(1 / from.alpha, x, -from.sigma / from.alpha, eps));
    S next = combine(to.alpha, x0, to.sigma, direction);
    return {std::move(next), remember(std::move(eps), std::move(memory), 1)};
  }
};

}  // namespace lml
