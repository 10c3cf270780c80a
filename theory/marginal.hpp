// p_t, the law of x_t = alpha x_0 + sigma z: the mixture with means alpha m_k and covariances A_k = alpha^2 S_k +
// sigma^2 I. Exact: no approximation of the mixture is made, whatever its size.
//
//   s = grad log p_t = sum_k r_k g_k,   g_k = A_k^-1 (alpha m_k - x),   r_k the responsibilities
//   F = -Hess log p_t = sum_k r_k A_k^-1 - sum_k r_k (g_k - s)(g_k - s)^T = (I - (alpha^2/sigma^2) C)/sigma^2
//   T = D^3 log p_t = kappa_3(g) - sym Cov(A^-1, g)
//
// All sums are centred, so nothing cancels that does not cancel in the problem itself.
#pragma once
#include <memory>
#include <vector>

#include "theory/target.hpp"
#include "theory/types.hpp"

namespace lml {

class Local;

class Marginal {
 public:
  /// Throws BadInput ("/alpha", "/sigma") unless alpha >= 0 and sigma > 0, both finite.
  Marginal(Target target, Time time);

  const Target& target() const { return target_; }
  Time time() const { return time_; }
  Index dim() const { return target_.dim(); }

  /// Everything at one point x [d], from one pass over the components.
  Local at(const VecRef& x) const;

  /// grad log p_t at n points, n x d. All threads; the result does not depend on their number.
  Points score(const PointsRef& x) const;
  /// log p_t at n points, [n].
  Vec log_density(const PointsRef& x) const;
  /// eps = -sigma s (Eq. 3), n x d.
  Points epsilon(const PointsRef& x) const;
  /// Hess log p_t at n points, n x d^2: row i is the matrix at point i. Fastest for small mixtures.
  Points hessian(const PointsRef& x) const;

  /// A_k^-1 in factored form: p (isotropic), diag(p), or Q diag(p) Q^T.
  struct Precision {
    Spread::Kind kind = Spread::Kind::isotropic;
    Vec p;
    const Mat* basis = nullptr;
    double log_det = 0;  // of A_k^-1
    Vec times(const VecRef& v) const;
    double trace_with(const Mat& m) const;
    void add_to(Mat& f, double weight) const;
  };
  /// One entry for all components where they share it (a finite data set), else [K].
  const std::vector<Precision>& precisions() const { return precisions_; }
  const Precision& precision(Index k) const { return precisions_[precisions_.size() == 1 ? 0 : std::size_t(k)]; }

 private:
  Target target_;
  Time time_;
  std::vector<Precision> precisions_;
};

/// p_t around one point. Holds the responsibilities; every product costs one pass over the components that matter
/// (those of responsibility below e^-200 are dropped), and none forms a d x d matrix unless it returns one.
class Local {
 public:
  const Vec& point() const { return x_; }
  double log_density() const { return log_density_; }
  const Vec& score() const { return score_; }
  Vec epsilon() const { return -marginal_->time().sigma * score_; }
  /// y(x) = E[x_0 | x_t = x]
  const Vec& posterior_mean() const { return posterior_mean_; }
  /// F v
  Vec fisher_times(const VecRef& v) const;
  /// C v, C = Cov[x_0 | x_t = x]
  Vec posterior_covariance_times(const VecRef& v) const;
  /// w_a = sum_bc T_abc u_b v_c, T the third derivative of log p_t
  Vec third(const VecRef& u, const VecRef& v) const;

  Mat fisher() const;
  Mat hessian() const { return -fisher(); }
  Mat posterior_covariance() const;
  /// w_a = sum_bc T_abc M_bc for symmetric M (what div D needs)
  Vec third(const Mat& m) const;

  /// Components that matter, ascending, and their responsibilities (sum 1).
  const std::vector<Index>& active() const { return active_; }
  const Vec& responsibilities() const { return r_; }

 private:
  friend class Marginal;
  Local() = default;
  Vec deviation(Index i) const;  // g_k - s of active component i
  const Marginal* marginal_ = nullptr;
  Vec x_;
  double log_density_ = 0;
  Vec score_, posterior_mean_, r_;
  std::vector<Index> active_;
};

}  // namespace lml
