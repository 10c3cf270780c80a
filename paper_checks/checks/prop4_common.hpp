// What the checks of Proposition 4 and Remark 2 share: targets on the line, and three instruments of their own beside
// Line: the dual of the Poincare inequality, the Euler chain's transition kernel, and a list of flows.
#pragma once
#include "dynamics/line.hpp"
#include "paper_checks/check.hpp"

namespace lml::checks {

/// Degree of the line's elements in these checks; 24 gives the error estimate.
constexpr int line_degree = 20;

/// N(mean, variance) as a law of x itself.
Marginal gaussian_law(double mean, double variance);
/// (N(-b, 1) + N(b, 1))/2: points +-b at alpha = sigma = 1. Its critical damping is b^2 - 1, at x = 0.
Marginal double_well(double b);
/// Points on [-w, w], a half apart, of weights e^(k y^2/2), at sigma = 1: between them -F is a constant, so that the
/// barrier is an inverted parabola as far as the wells.
Marginal parabolic_barrier(double w, double k);

double line_gap(const Marginal& p, const MetricSpec& metric);
/// A function given at the nodes of `line`, at other places [n]; 0 outside.
Vec at_places(const Line& line, const Vec& f, const Vec& x);

/// The dual form of the Poincare inequality on the line (theory/PROOFS-CONVERGENCE.md, Theorem 4): with phi = J/sqrt p,
/// J the flux,
///     C = sup_phi  int phi^2/D / int (phi' + s phi/2)^2,
/// so it needs 1/D = F + lambda and not D, and does not mind D growing. Sinc collocation of n nodes (Stenger 1981).
class DualPoincare {
 public:
  DualPoincare(const Marginal& p, Index n);
  double damped(double lambda) const;  // 1/D = F + lambda >= 0 at every node, else throws BadInput
  double plain() const;                // D = 1
  double lowest_fisher() const { return f_.minCoeff(); }
  double highest_fisher() const { return f_.maxCoeff(); }

 private:
  double largest(const Vec& weight) const;
  Vec f_;
  Mat inverse_root_;  // L^-1, K = L L^T the denominator
};

/// x -> x + h (D s + theta D') + sqrt(2 h D) z, the Euler-Maruyama chain, as a matrix over `n` nodes: exact up to the
/// quadrature, no sampling.
class EulerChain {
 public:
  EulerChain(const Metric& metric, double theta, double step, double reach, Index n);
  /// Rows sum to 1 up to this before they are normalised: what leaves the domain, and the quadrature.
  double defect() const { return defect_; }
  Vec stationary() const;                           // masses at the nodes
  Vec after(const Vec& masses, Index steps) const;  // by repeated squaring
  /// -log of the second largest eigenvalue, of a chain that is symmetric under x -> -x: of the odd functions.
  double relaxation() const;
  const Vec& nodes() const { return x_; }
  double spacing() const { return spacing_; }

 private:
  Vec x_;
  double spacing_, defect_ = 0;
  Mat p_;  // row: from
};

/// Half the L1 distance of masses on equidistant nodes from the density p.
double variation_from(const Vec& masses, const EulerChain& chain, const Marginal& p);

/// A flow of the corrected dynamics: the target, its metric, where it starts and what came out.
struct FlowCase {
  std::string name;
  Marginal target, initial;
  MetricSpec metric;
  double gap, start;              // chi2 at 0
  std::vector<double> times;      // in units of 1/gap: 0 and on
  std::vector<Divergences> flow;  // at each
};
/// Gaussians, log-concave mixtures, double wells and three unequal modes under the exact, rank-one and identity
/// metric, from wide, narrow, shifted and one-sided laws. Computed at the first call, for all the checks that read
/// them.
const std::vector<FlowCase>& corrected_flows();

}  // namespace lml::checks
