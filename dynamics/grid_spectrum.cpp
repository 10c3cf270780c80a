#include <Spectra/SymEigsSolver.h>

#include <algorithm>
#include <cmath>

#include "dynamics/grid.hpp"
#include "dynamics/grid_assembly.hpp"
#include "dynamics/random.hpp"

namespace lml {
namespace {

// The inverse of -L on the complement of its null space, made symmetric: W^-1 (-L)^-1 W, W = diag(sqrt(p)).
class InverseGenerator {
 public:
  using Scalar = double;
  InverseGenerator(const Elimination& factors, Vec root) : factors_(factors), root_(std::move(root)) {}
  Index rows() const { return root_.size(); }
  Index cols() const { return root_.size(); }
  void perform_op(const double* in, double* out) const {
    Vec v = Eigen::Map<const Vec>(in, rows());
    v -= root_.dot(v) * root_;
    v = factors_.solve(v.cwiseProduct(root_)).cwiseQuotient(root_);
    Eigen::Map<Vec>(out, rows()) = v - root_.dot(v) * root_;
  }

 private:
  const Elimination& factors_;
  Vec root_;  // of norm 1
};

}  // namespace

double Grid::gap() const {
  if (!assembly_->reversible) throw BadInput("/calculus", "must be corrected: only that dynamics is reversible");
  const Elimination factors(assembly_->chain, *order_, 0);
  if (!factors.irreducible()) return 0;
  // Far out, where the density leaves float64, only the ratio of neighbours counts; the floor keeps the root above 0.
  const Vec root = (0.5 * log_p_.array()).max(-340.0).exp();
  InverseGenerator inverse(factors, root);
  Spectra::SymEigsSolver<InverseGenerator> solver(inverse, 2, 12);
  // Random: a regular pattern may hold next to nothing of the slow modes.
  const Vec start = Random(1, 0).normals(0, 0, size(), 1).col(0).cwiseProduct(root);
  solver.init(start.data());
  solver.compute(Spectra::SortRule::LargestAlge, 200, 1e-10);
  if (solver.info() != Spectra::CompInfo::Successful)
    throw BadInput("/target", "the Lanczos iteration for the gap did not converge");
  return 1 / solver.eigenvalues()[0];
}

}  // namespace lml
