// The metric D(x) of a damped Langevin dynamics  dx = D s dt [+ div D dt] + sqrt(2 D) dB  (Eq. 7, 8), and what the
// dynamics needs of it: D, (div D)_i = sum_j d_j D_ij, the symmetric root R = sqrt(2 D) and div R. All are analytic:
//
//   exact            D = M^-1,  M = F + lambda I  (printed sign: H for F);  div D = +-D (T : D),  T = D^3 log p_t
//   rank_one         D = (u u^T/sigma^2 + lambda I)^-1 = (I - c w w^T)/lambda,  c = 1/(1 + lambda sigma^2),  w = s/|s|
//                    div D = -(c/lambda) div(w w^T),  div(w w^T) = [(tr H - w.Hw) w + Hw - (w.Hw) w]/|s|
//   rank_one_scaled  D = a (I - eps eps^T/(lambda' + n)),  n = |eps|^2,  a = sigma^2 n/lambda'  (Eq. 8, lambda' fixed)
//   rank_k           D = (sum_{i<=k} f_i q_i q_i^T + lambda I)^-1,  f_1 >= f_2 >= ... the eigenvalues of F
//   constant         D = a given symmetric positive definite matrix
//   identity         D = I
//
// Of a function g of the eigenvalues (D, or R of exact and rank_k), by Daleckii and Krein (1965), V = (q_1 ... q_d):
//   (div g)_k = -sum_l g[f_k, f_l] T(q_k, q_l, q_l)  in the basis V,  g[a, b] the divided difference.
#pragma once
#include "theory/marginal.hpp"

namespace lml {

enum class Curvature { exact, rank_one, rank_one_scaled, identity, rank_k, constant };

/// How much of div D is in the drift: none, half, all; or what the Stratonovich equation with the symmetric root of 2 D
/// adds (in one dimension the same as half).
enum class Calculus { ito, half, corrected, stratonovich };

struct MetricSpec {
  Curvature curvature = Curvature::identity;
  double damping = 0;              // lambda, or lambda' for rank_one_scaled
  bool printed_sign = false;       // +H in place of F; `exact` only
  bool printed_prefactor = false;  // 1/(lambda' sigma^2 n) for a; `rank_one_scaled` only
  Index rank = 1;                  // k; `rank_k` only
  Mat matrix = {};                 // d x d; `constant` only
};

/// D at one point, dense. `positive` is false, and the rest not to be used, where D is not positive definite or does
/// not exist:
///   exact            where M is not positive definite (below the critical damping)
///   rank_one         where eps = 0 in d >= 2: u has no limit there. In d = 1 u u^T = 1 everywhere, also at eps = 0
///   rank_one_scaled  with the printed prefactor where eps = 0: D is infinite there
///   rank_k           where f_i + lambda <= 0 for a kept one; and where f_k = f_{k+1} (up to 1e-12 ||F||): which
///                    eigenvector is kept is then arbitrary, D jumps around such a point and has no divergence. So it
///                    is everywhere for an isotropic Gaussian, and for points in more dimensions than there are points
/// rank_one_scaled at eps = 0 has D = 0, div D = 0 and is called positive, being the limit of positive metrics: a path
/// that starts there stays.
struct MetricAt {
  bool positive = true;
  Mat d;           // d x d
  Vec divergence;  // [d]
};

/// D = base (I - Q Q^T) + Q diag(along) Q^T, Q = `directions` [d, k] with orthonormal columns: what D does to a vector
/// costs O(d k). (Eigenvalues and not their distance from `base` are kept: along an unscaled eps the difference
/// cancels.)
struct MetricForm {
  bool positive = true;  // as in MetricAt
  double base = 1;
  Mat directions;
  Vec along;
  /// D v, sqrt(2 D) v with the symmetric root, D^-1 v (infinite where D = 0), log det D (-infinity there), D.
  Vec times(const VecRef& v) const;
  Vec root_times(const VecRef& v) const;
  Vec inverse_times(const VecRef& v) const;
  double log_det() const;
  Mat dense() const;
};

class Metric {
 public:
  /// Throws BadInput: "/damping" if negative, or 0 for a rank-one metric or 0 < k < d; "/rank" unless 1 <= k <= d;
  /// "/matrix" unless d x d, symmetric and positive definite.
  Metric(Marginal marginal, MetricSpec spec);
  const Marginal& marginal() const { return marginal_; }
  const MetricSpec& spec() const { return spec_; }
  /// Whether D is the same everywhere by definition (identity, constant).
  bool is_constant() const;
  /// Dense: for the low dimensions in which laws are computed.
  MetricAt at(const Local& local) const;
  /// The Ito drift beyond D s at this point, [d]: 0, div D/2, div D, or div D - (R div R)/2 with R = sqrt(2 D).
  Vec added_drift(const Local& local, const MetricAt& metric, Calculus calculus) const;

  /// The same without any d x d matrix for identity and the rank-one metrics, whose div D costs one product with F and
  /// its trace; by a dense eigendecomposition of F for exact and rank_k. `form` is form(local), and positive.
  MetricForm form(const Local& local) const;
  Vec divergence(const Local& local, const MetricForm& form) const;
  /// (R div R)/2, R = sqrt(2 D): what a Stratonovich equation lacks of div D.
  Vec root_term(const Local& local, const MetricForm& form) const;
  Vec added_drift(const Local& local, const MetricForm& form, Calculus calculus) const;

 private:
  Marginal marginal_;
  MetricSpec spec_;
  double farthest_;   // max ||m_k||: what decides whether eps is 0 up to rounding
  MetricForm fixed_;  // `constant` only
};

}  // namespace lml
