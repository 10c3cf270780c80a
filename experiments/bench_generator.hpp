// How fast the Fokker-Planck generators of dynamics/grid.hpp are, beside fplanck (PyPI).
#pragma once
#include "experiments/json.hpp"

namespace lml {

/// One section of `lml bench dynamics`: `grid`, 512 x 512 cells of a full, position-dependent metric (seconds of the
/// generator, its gap and its stationary vector by elimination); with peers also `fplanck`, generator and stationary
/// vector of 400 x 400 cells at D = I on the same square, one thread each, both errors (L1, against p) and how many
/// times faster lml is.
Json bench_generator(bool quick);
Json bench_generator_with_peers(bool quick);

}  // namespace lml
