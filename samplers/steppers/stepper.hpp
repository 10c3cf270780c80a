// What every stepper has:
//
//   step(grid, i, x, memory, model, noise)   one step over grid[i]: the new state and the new memory
//   order(..)                                 documented by its header, measured by tests/samplers
//
// `memory` holds states of earlier steps, newest first; what each is, the stepper's header says. It starts empty, and
// with x, i and the model's remembered answer it is all that the rest of a run depends on. `noise(i, stage)` gives
// N(0, I), the same for the same arguments; only stochastic steppers ask for it.
#pragma once
#include <vector>

#include "samplers/grid.hpp"
#include "samplers/state.hpp"

namespace lml {

template <State S>
using Memory = std::vector<S>;

template <State S>
struct Stepped {
  S x;
  Memory<S> memory;
};

/// `newest` in front of `memory`, of which at most `most` are kept.
template <State S>
Memory<S> remember(S newest, Memory<S> memory, std::size_t most) {
  if (most == 0) return {};
  Memory<S> out;
  out.reserve(most);
  out.push_back(std::move(newest));
  for (S& old : memory)
    if (out.size() < most) out.push_back(std::move(old));
  return out;
}

/// The state that remember(newest, memory, most) drops, whose memory the new state may take over (combine_over); null
/// if none.
template <State S>
S* spent(S& newest, Memory<S>& memory, std::size_t most) {
  if (most == 0) return &newest;
  return memory.size() >= most ? &memory[most - 1] : nullptr;
}

}  // namespace lml
