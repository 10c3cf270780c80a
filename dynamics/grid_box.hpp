// The box of a grid: where the densities that matter are not negligible.
#pragma once
#include "dynamics/grid_assembly.hpp"

namespace lml {

struct Box {
  Mesh mesh;  // n as asked for
  Existence existence;
  double beyond = 0;  // what of the stationary law may lie outside
};

/// What rank_one_scaled does to a law in two dimensions and more, where D vanishes and far out; of other metrics, that
/// the law exists and is the only one.
Existence existence_where_d_vanishes(const Metric& metric, Calculus calculus);

/// Eight deviations (e^-32) beyond every component; larger where the stationary law, on coarse grids, needs it, up to
/// six times as wide. Says no where D is not positive on the coarse grid, or where no box holds the law.
Box find_box(const Metric& metric, Calculus calculus, int n, const Marginal* also);

}  // namespace lml
