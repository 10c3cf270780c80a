// Statistics of chains. A particle's time averages are independent of another particle's, so the spread between
// particles gives standard errors that know about autocorrelation without estimating it.
#pragma once
#include <vector>

#include "theory/types.hpp"

namespace lml {

/// R-hat (Gelman et al. 2013, Sec. 11.4) of m chains of n draws each, out of their means and variances (divisor n - 1),
/// [m]: sqrt((n-1)/n + B/(n W)), W the mean variance, B/n the variance of the means. 1 where all draws are equal, and
/// infinite where only the means differ. Throws BadInput unless m, n >= 2.
double r_hat(const VecRef& means, const VecRef& variances, double n);

/// The same after each column of `chains` [n, m] is split into halves (the middle draw of an odd n is dropped).
double split_r_hat(const Eigen::Ref<const Mat>& chains);

/// How many independent draws would know the mean as well: variance/standard_error^2; infinite for an error of 0.
double effective_samples(double variance, double standard_error);

/// The mean [d] and covariance [d, d] of a law, with standard errors.
struct Moments {
  Vec mean;
  Mat covariance;
  Vec mean_error;
  Mat covariance_error;
};

/// Sums over independent particles of their time averages m [d] of x and S [d, d] of x x^T (x as a difference from a
/// fixed centre near the mean, so that nothing cancels). Additive, and one flat array: sums of blocks may be gathered
/// and added in the order of the blocks.
class MomentSums {
 public:
  explicit MomentSums(Index d);
  Index dim() const { return d_; }
  /// `second`: the lower triangle of S by rows, [d (d+1)/2].
  void add(const double* mean, const double* second);
  void add(const MomentSums& other) { values_ += other.values_; }
  double count() const { return values_[0]; }
  /// Unbiased mean and covariance; the covariance's errors by its linearisation (delta method). `centre` is put back.
  /// Throws BadInput below two particles.
  Moments moments(const VecRef& centre) const;
  Vec& values() { return values_; }
  const Vec& values() const { return values_; }

 private:
  Index d_;
  Vec values_;  // N, m [d], then lower triangles of m m^T, S, S^2, S_ab m_a, S_ab m_b
};

}  // namespace lml
