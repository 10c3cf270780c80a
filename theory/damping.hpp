// Damping, Eq. 7 and 8 of arXiv 2505.24222: D = (F + lambda I)^-1 and its rank-one model
//
//   D_LM = (u u^T/sigma^2 + lambda I)^-1 = (1/lambda) [I - u u^T/(1 + lambda sigma^2)]
//        = (sigma^2 ||eps||^2/lambda') [I - eps eps^T/(lambda' + ||eps||^2)],   lambda' = sigma^2 ||eps||^2 lambda,
//
// and the critical damping lambda*(t) = sup_x lambda_max(-F(x)): F + lambda I is positive definite everywhere for
// lambda > lambda*, and for lambda = lambda* too where the supremum is not attained. lambda has the unit
// of F, 1/x^2; lambda' is a number. Proofs of every bound here: theory/PROOFS-DAMPING.md.
#pragma once
#include <optional>

#include "theory/marginal.hpp"

namespace lml {

/// D = scale (I - shrink e e^T), e a unit vector: products cost O(d), and no matrix is formed.
class DampedRankOne {
 public:
  /// (u u^T/sigma^2 + lambda I)^-1, ||u|| = 1. Throws BadInput ("/damping") unless lambda > 0.
  static DampedRankOne fixed(const VecRef& u, double sigma, double lambda);
  /// The form with lambda' held fixed; D = 0 where eps = 0. Throws BadInput ("/damping") unless lambda' > 0.
  static DampedRankOne scaled(const VecRef& eps, double sigma, double lambda_prime);
  /// Eq. 8 as printed, prefactor 1/(lambda' sigma^2 ||eps||^2). Throws also where eps = 0 (std::domain_error).
  static DampedRankOne printed(const VecRef& eps, double sigma, double lambda_prime);

  Vec times(const VecRef& v) const { return scale_ * (v - (shrink_ * e_.dot(v)) * e_); }
  Mat dense() const;
  /// The eigenvalue of D on e (once) and across it (d - 1 times).
  double along() const { return scale_ * keep_; }
  double across() const { return scale_; }
  /// 1 in one dimension, else across/along = 1 + 1/(lambda sigma^2).
  double condition() const { return e_.size() == 1 ? 1 : 1 / keep_; }

 private:
  DampedRankOne(Vec e, double scale, double shrink, double keep)
      : e_(std::move(e)), scale_(scale), shrink_(shrink), keep_(keep) {}
  Vec e_;
  double scale_, shrink_, keep_;  // keep = 1 - shrink, formed without the subtraction
};

/// alpha^2 D_y^2/(4 sigma^4) - 1/sigma^2 >= lambda*(t) for points of diameter D_y (Popoviciu's inequality).
double critical_damping_points(double diameter, Time time);

/// An upper bound on lambda*(t): the above for points; the same in whitened coordinates where all components share
/// one covariance; a sum over pairs of closed forms for isotropic covariances. Otherwise infinity, which is the truth
/// for most such mixtures: where two components meet on an unbounded surface, -F grows without bound along it.
double critical_damping_bound(const Target& target, Time time);

/// The lowest eigenvalue of F at one point and its direction (||direction|| = 1). Dense up to d = 64; above, `steps` of
/// Lanczos with full reorthogonalisation: then a Rayleigh quotient, never below the true value.
struct LowestFisher {
  double value;
  Vec direction;
};
LowestFisher lowest_fisher(const Local& local, Index steps = 24);

/// A point where lambda_max(-F) is large: a proven lower bound on lambda*(t), up to rounding.
struct Critical {
  double value;  // lambda_max(-F(x))
  Vec x, direction;
};
/// Ascent of lambda_max(-F) from x, with grad = T[u, u] (third derivative, u the top direction) and adaptive steps.
Critical ascend_critical(const Marginal& marginal, const VecRef& x, Index iterations);
/// The best of ascents from where pairs of components balance (the `pairs` farthest) and from the rows of `starts`.
Critical critical_damping_search(const Marginal& marginal, const PointsRef& starts, Index pairs, Index iterations);

/// Is the segment between the distinct rows i and j a clean edge of the convex hull: a face that holds no other row
/// (copies of the two apart)? `yes` comes with a normal n, n.y_i = n.y_j > n.y_k for all others, checked on all of
/// them, `margin` the smallest n.(y_i - y_k)/||n|| (in units of x). The nearest point of a hull to 0, by the algorithm
/// of Mitchell, Demyanov & Malozemov (1974) on a growing working set. `no` up to 1e-9 of the diameter.
enum class Edge { yes, no, undecided };
struct EdgeTest {
  Edge edge = Edge::undecided;
  Vec normal;
  double margin = 0;
};
EdgeTest clean_edge(const Points& y, Index i, Index j);

}  // namespace lml
