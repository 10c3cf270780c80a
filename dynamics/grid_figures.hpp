// Figures of laws in two and three dimensions with their errors: three grids of n/2, n/sqrt(2) and n cells an axis in
// one box. Where the differences fall as h^2 the value is Richardson's (1911) extrapolation from the two finer grids,
// and the error how far it is from that of the two coarser ones (for a clean second order three times its own error),
// at least a twentieth of the correction;
// else the value is the finest grid's and the error three times the last difference (which covers first order) or the
// one before. So it is where D jumps (rank_one at eps = 0) and the law has a pole or a zero of broken order. What
// the cap on the stencils' reach changes (by halving it on the coarsest grid) and what of the law may lie beyond the
// box are added.
#pragma once
#include "dynamics/grid.hpp"

namespace lml {

struct Figure {
  double value = 0, error = 0;
};
struct DivergenceFigures {
  Figure chi2, kl, total_variation, hellinger;
};
struct LawFigures {
  Existence existence;
  std::vector<Figure> mean;        // [d]
  std::vector<Figure> covariance;  // [d d], row by row
  DivergenceFigures divergences;   // from the target
};
struct GapFigure {
  Existence existence;
  Figure gap;
};
struct FlowFigures {
  Existence existence;
  std::vector<DivergenceFigures> at;  // each time
};

/// `finest` cells along each axis of the finest grid, at least 32. What they compute, and how it fails, is said at
/// Grid.
LawFigures law_figures(const Metric& metric, Calculus calculus, Index finest);
GapFigure gap_figure(const Metric& metric, Index finest);
FlowFigures flow_figures(const Metric& metric, Calculus calculus, Index finest, const Marginal& initial,
                         const std::vector<double>& times);

/// The rule above for three values on grids of so many cells.
Figure extrapolated(const std::array<double, 3>& values, const std::array<Index, 3>& cells);

}  // namespace lml
