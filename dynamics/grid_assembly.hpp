// The jump chain of a Langevin dynamics on a box (the inside of Grid). In the coordinates xi of a mesh, one unit a
// cell, with J = dx/dxi, the equation keeps its form with p |J| for p and J^-1 D J^-T for D. D is written as
// sum w_e e e^T (Selling), and the generators without div D and with all of it are, to second order,
//
//   tr(D Hess g) + D s . grad g     sum_e w_e(x) p(x + e/2)/p(x) (g(x + e) - g(x))            both signs of e
//   div(p D grad g)/p               sum_e (w_e(x) + w_e(x + e))/2 p(x + e/2)/p(x) (g(x + e) - g(x))
//
// (the second: Fehrenbach and Mirebeau 2014, reversible with respect to p at the centres, exactly). Neither needs a
// derivative of D, which may jump. The generator is linear in the share theta of div D, so half is their mean. What a
// Stratonovich equation adds beyond half, D c, is fitted exponentially (Scharfetter and Gummel 1969): rates from x out
// are multiplied by B(-e.c), those in by B(e.c), B(z) = z/(e^z - 1). All rates are positive and mass is kept.
#pragma once
#include "dynamics/jump_chain.hpp"
#include "dynamics/line.hpp"

namespace lml {

/// Places x = axes y with y_a in [low_a, high_a], d = 2 or 3, cut into n cells along each axis.
struct Mesh {
  Mat axes;  // orthogonal
  Vec low, high;
  int n;
  int dim() const { return int(low.size()); }
  Index size() const { return dim() == 2 ? Index(n) * n : Index(n) * n * n; }
  double width(Index axis) const { return (high[axis] - low[axis]) / n; }
  /// The centre of a cell, first axis fastest; [d].
  Vec place(Index cell) const;
};

struct Assembly {
  Existence existence;
  JumpChain chain;
  bool reversible = true;
  Index mode = 0;  // the cell where p is largest, of those to which every other leads
  Vec log_p;       // of p at the centres times the volume of a cell, up to a constant: the largest is 0
  Vec excess;      // Stencil::excess of each cell
};

Assembly assemble(const Metric& metric, Calculus calculus, const Mesh& mesh, int reach);

/// log of density times volume, the largest 0, at the centres.
Vec log_mass(const Marginal& law, const Mesh& mesh);

}  // namespace lml
