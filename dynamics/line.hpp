// Laws on the line without simulation. In one dimension  dx = D s dt + theta D' dt + sqrt(2 D) dB  (Ito; theta = 0:
// none, 1/2: half, 1: all of div D) is reversible with respect to q ~ p D^(theta-1), whatever theta:
//
//   d mu/dt = (q D (mu/q)')',   Dirichlet form  E(g) = int q D g'^2
//
// Discretised by spectral elements (Gauss-Lobatto nodes, Patera 1984) on a mesh that is bisected until p, D and q are
// resolved; the error of every figure is estimated by a second run at another degree.
#pragma once
#include <string>
#include <vector>

#include "dynamics/metric.hpp"

namespace lml {

/// Why a law does not exist, or that it does.
struct Existence {
  bool exists = true;
  bool unique = true;
  std::string why;
};

/// Divergences of a law q from the target p. chi2 = int (q-p)^2/p, kl = int q log(q/p), total_variation = half the L1
/// distance, hellinger = sqrt(1 - int sqrt(q p)).
struct Divergences {
  double chi2, kl, total_variation, hellinger;
};

/// int mu^2/p is infinite where along some direction the widest component of mu has at least twice the variance of p's
/// widest (looked for along the axes and, d = 2 and 3, half a degree and two degrees apart).
bool chi2_is_infinite(const Marginal& mu, const Marginal& p);

class Line {
 public:
  /// `theta` = how much of div D is in the drift. `also`, if given, is a density whose scale the mesh must resolve too.
  /// Throws BadInput unless d = 1.
  Line(const Metric& metric, double theta, int degree, const Marginal* also = nullptr);

  const Existence& existence() const { return existence_; }
  /// Of q; meaningless where it does not exist.
  double mean() const;
  double variance() const;
  Divergences divergences() const;

  /// Eigenvalues of the generator, 0 first: what the solver makes of that 0 says how far rounding reaches (a mesh that
  /// holds an `also` far out in p's tail is so steep that it can be -1e2, of modes without weight). Computed at the
  /// first call; throws BadInput ("/target") where modes are so far apart that the density between them leaves the
  /// range of float64.
  const Vec& rates() const;
  /// Divergences from the target of the law at each time, started from the density `initial`.
  std::vector<Divergences> flow(const Marginal& initial, const std::vector<double>& times) const;

  Index size() const { return x_.size(); }
  /// Nodes [n] in rising order, the first node of each element, and the target's density at the nodes.
  const Vec& nodes() const { return x_; }
  const std::vector<Index>& elements() const { return first_; }
  Vec target_density() const { return log_p_.array().exp(); }
  /// Of q at the nodes; meaningless where it does not exist.
  Vec density() const { return log_q_.array().exp(); }
  /// The density of the law at the nodes at each time, started from `initial`.
  std::vector<Vec> densities(const Marginal& initial, const std::vector<double>& times) const;

 private:
  std::vector<Vec> masses(const Marginal& initial, const std::vector<double>& times) const;
  void mesh(const Metric& metric, const Marginal* also, int degree);
  Divergences against_target(const Vec& mass) const;
  double absolute_integral(const Vec& f) const;

  double theta_;
  Existence existence_;
  // At the nodes: place, quadrature weight, log p (normalised), log q (normalised), D.
  Vec x_, w_, log_p_, log_q_, d_;
  std::vector<Index> first_;  // first node of each element
  std::vector<double> half_;  // half its width
  Vec reference_nodes_, reference_weights_;
  Mat derivative_;   // of the Lagrange polynomials at the reference nodes
  Mat to_legendre_;  // values at the reference nodes -> Legendre coefficients
  mutable Vec rates_;
  mutable Mat modes_;
};

}  // namespace lml
