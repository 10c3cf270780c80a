// Gaussian targets in any dimension, in closed form. For p = N(m, S) and a constant metric D > 0 the dynamics
// dx = -D S^-1 (x - m) dt + sqrt(2 D) dB is Ornstein-Uhlenbeck and D_w = S^(-1/2) D S^(-1/2) says all:
//
//   rates: the eigenvalues of D_w (the gap is the least);  exact metric D = (S^-1 + lambda I)^-1: 1/(1 + lambda s_i)
//   law from N(m + S^(1/2) delta, S^(1/2) (I + E) S^(1/2)):  delta_t = e^(-D_w t) delta,  E_t = e^(-D_w t) E e^(-D_w t)
//
// The law is kept as its difference (delta, E) from the target, so that no figure loses digits as it comes near.
#pragma once
#include "dynamics/line.hpp"

namespace lml {

struct Gaussian {
  Vec mean;        // [d]
  Mat covariance;  // [d, d], positive definite
};

/// In the coordinates in which the target is N(0, I): mean [d], and covariance less I [d, d].
struct Departure {
  Vec shift;
  Mat excess;
};

class GaussianFlow {
 public:
  /// Throws BadInput ("/target", "/metric") unless the covariance and D [d, d] are symmetric positive definite.
  GaussianFlow(Gaussian target, const Mat& d);
  /// Of the generator on linear functions, ascending [d]; all others are sums of these. The gap is rates()[0].
  const Vec& rates() const { return rates_; }
  Departure departure(const Gaussian& initial) const;
  Departure at(const Departure& initial, double t) const;

 private:
  Gaussian target_;
  Mat inverse_root_, modes_;
  Vec rates_;
};

/// C = 1 + lambda s_max: the Poincare constant of N(., S) under D = (S^-1 + lambda I)^-1.
double gaussian_poincare(const Vec& variances, double lambda);

/// chi2 is infinite where an eigenvalue of E reaches 1. The first, second and fourth are elementary functions; total
/// variation is 1 - (1/2 pi i) int Phi(z)/(z (1-z)) dz over Re z = 1/2, Phi(z) = int p^(1-z) q^z, on a contour bent
/// so that the integrand dies out, to 1e-12.
Divergences divergences(const Departure& q);

}  // namespace lml
