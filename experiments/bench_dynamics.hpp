// `lml bench dynamics`: what a step costs a particle, beside the score and the normals alone, beside jax.jit and
// blackjax, the rank-one metrics beside ULA, and two processes beside one.
#pragma once
#include "experiments/command.hpp"

namespace lml {

struct BenchDynamics {
  bool quick = false;  // shorter repeats
  bool peers = false;  // sets up and runs the peers too
};

/// Throws NotHere where the peers cannot be set up.
int bench_dynamics_command(const Common& common, const BenchDynamics& options);

}  // namespace lml
