// The metric D(x) of a damped Langevin dynamics  dx = D s dt [+ div D dt] + sqrt(2 D) dB  (Eq. 7, 8), and what the
// dynamics needs of it: D, (div D)_i = sum_j d_j D_ij, the symmetric root. div D is analytic:
//
//   exact            D = (F + lambda I)^-1            div D = D (T : D),  T = D^3 log p_t   (printed sign: H for F, -D
//   (T : D)) rank_one         D = (u u^T/sigma^2 + lambda I)^-1 = (I - c u u^T)/lambda,  c = 1/(1 + lambda sigma^2)
//                    div D = -(c/lambda) [(tr H - w.Hw) w + Hw - (w.Hw) w]/|s|,  w = s/|s|
//   rank_one_scaled  D = a (I - eps eps^T/(lambda' + n)),  n = |eps|^2,  a = sigma^2 n/lambda'  (Eq. 8 with lambda'
//   fixed) identity         D = I
#pragma once
#include "theory/marginal.hpp"

namespace lml {

enum class Curvature { exact, rank_one, rank_one_scaled, identity };

struct MetricSpec {
  Curvature curvature = Curvature::identity;
  double damping = 0;              // lambda, or lambda' for rank_one_scaled
  bool printed_sign = false;       // +H in place of F; `exact` only
  bool printed_prefactor = false;  // 1/(lambda' sigma^2 n) for a; `rank_one_scaled` only
};

/// D at one point. Where the metric is not positive definite (`exact` below the critical damping, rank_one at eps = 0,
/// where u does not exist), `positive` is false and the rest is not to be used; where D = 0 (rank_one_scaled at eps =
/// 0) it is true, D being the limit of positive metrics.
struct MetricAt {
  bool positive = true;
  Mat d;           // d x d
  Vec divergence;  // [d]
};

class Metric {
 public:
  /// Throws BadInput ("/damping") for a negative damping, or 0 for a rank-one metric.
  Metric(Marginal marginal, MetricSpec spec);
  const Marginal& marginal() const { return marginal_; }
  const MetricSpec& spec() const { return spec_; }
  /// Dense: for the low dimensions in which laws are computed.
  MetricAt at(const Local& local) const;

 private:
  Marginal marginal_;
  MetricSpec spec_;
};

}  // namespace lml
