// Stationary laws of Eq. 7 on p_t = N(m, v I_d) in any dimension. With rho = |x - m|/sqrt(v), k = sigma^2/v and theta
// the share of div D in the drift (0, 1/2, 1), the law is q = p h(rho), reversible (PROOFS-LAWS.md, section 4):
//
//   rank_one         h ~ rho^(n-d):  rho has the chi law of n degrees of freedom,
//                    n = d + (d-1)(1-theta)/(lambda sigma^2),  Stratonovich: d + (d-1)(sqrt(1 + 1/(lambda sigma^2)) -
//                    1)
//   rank_one_scaled  h ~ a^(theta-1) exp((d-1)(1-theta) k rho^2/(2 lambda')),  a = k rho^2/(lambda' + k rho^2);
//                    Stratonovich: a^(-1/2) (2/(1+y))^(d-1) exp((d-1)(y-1)),  y = sqrt(1 + k rho^2/lambda')
//   exact, identity  h = 1: D is constant
#pragma once
#include "dynamics/line.hpp"

namespace lml {

/// Chi-squared, Kullback-Leibler, total variation and Hellinger distance of the chi law of n degrees of freedom from
/// that of d, n >= d > 0, both real: Gamma functions, to 1e-12.
Divergences chi_divergences(double n, double d);

class IsotropicLaw {
 public:
  /// Throws BadInput: "/target" unless it is one isotropic Gaussian (or one point), "/curvature" for rank_k, constant
  /// and the printed prefactor.
  IsotropicLaw(const Metric& metric, Calculus calculus);

  /// Of a law with a density. Where eps = 0 for rank_one_scaled a path stays, so the unit mass there is a second law.
  const Existence& existence() const { return existence_; }
  /// log h(rho), normalised; rho > 0. This and the rest throw std::domain_error where the law does not exist.
  double log_ratio(double rho) const;
  /// E |x - m|^2; under p it is d v.
  double second_moment() const;
  /// Closed form for rank_one; else quadrature in log rho between the zeros of log h, to 1e-10.
  Divergences divergences() const;

 private:
  double unnormalised(double t) const;  // log h at rho = e^t
  template <class F>
  double integrate(const F& f) const;  // int f(t, p, q, log h) dt
  void require() const;

  Existence existence_;
  Curvature curvature_;
  Calculus calculus_;
  double d_, variance_, k_, damping_, degrees_;  // degrees_: n of rank_one
  double log_mass_ = 0;
  std::vector<double> edges_;  // panels in t = log rho that hold q and p
};

}  // namespace lml
