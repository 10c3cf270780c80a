// Laws in two and three dimensions without simulation: the Fokker-Planck equation of  dx = D s dt + added drift dt +
// sqrt(2 D) dB  (Ito) on a box, by the positive, mass-conserving scheme of dynamics/grid_assembly.hpp. The box has the
// axes of the target's covariance, ends where the densities have fallen below about 1e-14 of their maximum, and grows
// until that holds for the stationary law too. Second order in the width of a cell where D is smooth; the functions
// below run three grids and say what the error of every figure is.
#pragma once
#include <memory>
#include <vector>

#include "dynamics/line.hpp"

namespace lml {

struct Assembly;
struct Mesh;
class Dissection;

/// How far stencils reach where nothing is said: 8 cells in two dimensions, 3 in three.
int stencil_reach(int dim);

/// A law at the centres of a grid's cells: places n x d, densities (of the law and of the target) [n].
struct GridDensity {
  Points places;
  Vec density, target;
};

class Grid {
 public:
  /// `also`, if given, is a law that the box must hold too. No stencil reaches further than `reach` cells along an
  /// axis. Throws BadInput unless d = 2 or 3.
  Grid(const Metric& metric, Calculus calculus, Index cells_per_axis, const Marginal* also, int reach);
  Grid(const Metric& metric, Calculus calculus, Index cells_per_axis, const Marginal* also = nullptr)
      : Grid(metric, calculus, cells_per_axis, also, stencil_reach(int(metric.marginal().dim()))) {}

  const Existence& existence() const { return existence_; }
  /// Of the stationary law q, which must exist: moments, divergences from p, q itself.
  Vec mean() const;
  Mat covariance() const;
  Divergences divergences() const;
  GridDensity stationary() const;
  /// The smallest rate but 0 of the generator, which must be reversible: throws BadInput ("/calculus") unless all of
  /// div D is in the drift or D is constant. Shift-invert Lanczos (Spectra), to 1e-10 relative.
  double gap() const;
  /// Divergences from p of the law at each time >= 0, started from the density `initial`. exp(t L) by shift-invert
  /// Arnoldi (van den Eshof and Hochbruck 2006), one factorisation a decade of time, until the law changes by less than
  /// 1e-9 of its distance from q, or by 1e-13 of the first distance, in L^2(1/p). D must be positive everywhere.
  std::vector<Divergences> flow(const Marginal& initial, const std::vector<double>& times) const;

  Index size() const { return mass_.size(); }
  /// How much trace the cap on the stencils' reach adds to D, relative, in the mean under q.
  double stencil_excess() const;
  /// What of q may lie beyond the box.
  double beyond() const { return beyond_; }

 private:
  Divergences against_target(const Vec& mass) const;
  Marginal p_;
  Existence existence_;
  std::shared_ptr<const Mesh> mesh_;
  std::shared_ptr<const Assembly> assembly_;
  std::shared_ptr<const Dissection> order_;
  Vec mass_;   // of q in each cell
  Vec log_p_;  // log of p's mass in each cell, normalised
  double beyond_ = 0;
};

}  // namespace lml
