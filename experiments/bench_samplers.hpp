// `lml bench samplers`: what a step of a sampler costs beside the model's call, beside a plain pass over the arrays
// that it must read and write and beside diffusers' scheduler.step; and a million samples of an exact target beside
// numpy and jax.jit.
#pragma once
#include "experiments/command.hpp"

namespace lml {

struct BenchSamplers {
  bool quick = false;  // shorter repeats, fewer samples
  bool peers = false;  // sets up and runs the peers too
};

/// Throws NotHere where the peers cannot be set up.
int bench_samplers_command(const Common& common, const BenchSamplers& options);

}  // namespace lml
