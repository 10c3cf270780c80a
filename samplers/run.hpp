// The sampling loop: a state from the beginning of a grid to its end.
#pragma once
#include "samplers/model.hpp"
#include "samplers/steppers/stepper.hpp"

namespace lml {

/// For deterministic steppers; a stepper that asks is a mistake of the program.
template <State S>
struct NoNoise {
  S operator()(Index, int) const { throw std::logic_error("this run was given no noise"); }
};

/// A run between two steps.
template <State S>
struct Run {
  S x;
  Index step = 0;  // the next one
  Memory<S> memory = {};
};

/// Steps to the end of the grid; `after(run)` is called after every step.
template <State S, class Stepper, class Model, class Noise, class After>
void advance(const Grid& grid, const Stepper& stepper, Model& model, Noise& noise, Run<S>& run, const After& after) {
  for (; run.step < Index(grid.size());) {
    Stepped<S> next = stepper.step(grid, run.step, run.x, std::move(run.memory), model, noise);
    run.x = std::move(next.x);
    run.memory = std::move(next.memory);
    ++run.step;
    after(run);
  }
}

template <State S, class Stepper, class Model, class Noise>
S sample(const Grid& grid, const Stepper& stepper, Model& model, Noise& noise, S start) {
  Run<S> run{std::move(start)};
  advance(grid, stepper, model, noise, run, [](const Run<S>&) {});
  return std::move(run.x);
}

}  // namespace lml
