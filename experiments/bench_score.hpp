// `lml bench score`: points per second of score and Hessian, beside this machine's limit for the same work and beside
// numpy, PyTorch and jax.jit.
#pragma once
#include "experiments/command.hpp"

namespace lml {

struct BenchScore {
  bool quick = false;  // fewer points and shorter repeats
  bool peers = false;  // sets up and runs the peers too
};

/// Throws NotHere where the peers cannot be set up.
int bench_score_command(const Common& common, const BenchScore& options);

}  // namespace lml
