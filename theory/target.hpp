// The law of the data: a Gaussian mixture  p_0 = sum_k w_k N(m_k, S_k)  in R^d. A finite data set is the mixture with
// S_k = 0. Immutable; copies share storage.
#pragma once
#include <memory>
#include <variant>
#include <vector>

#include "theory/types.hpp"

namespace lml {

/// A covariance as it is given: isotropic (variance), diagonal (variances), full (symmetric positive semidefinite).
using Covariance = std::variant<double, Vec, Mat>;

/// The same, ready for use: a full matrix is kept as its eigendecomposition, S = Q diag(variances) Q^T.
struct Spread {
  enum class Kind { isotropic, diagonal, full };
  Kind kind = Kind::isotropic;
  Vec variances;  // [1], [d] or [d]; of a full matrix, those below d u ||S|| are 0
  Mat basis;      // Q, d x d, for `full` only
};

class Target {
 public:
  /// Weights [K] are relative: finite, >= 0, with a positive sum; components of weight 0 are dropped. Means K x d.
  /// Throws BadInput with the pointer of the culprit ("/weights/1", "/covariances/0", ...).
  static Target gaussian_mixture(const Vec& weights, Points means, const std::vector<Covariance>& covariances);
  /// A finite data set, K x d; equal weights where none are given.
  static Target points(Points y, const Vec& weights = Vec());

  Index dim() const { return data_->means.cols(); }
  Index size() const { return data_->means.rows(); }
  const Points& means() const { return data_->means; }
  /// log of the normalised weights; finite even where a weight itself underflows.
  const Vec& log_weights() const { return data_->log_weights; }
  bool is_points() const { return data_->spreads.empty(); }
  /// [K], or empty for a finite data set.
  const std::vector<Spread>& spreads() const { return data_->spreads; }

  Vec mean() const;
  Mat covariance() const;

 private:
  struct Data {
    Points means;
    Vec log_weights;
    std::vector<Spread> spreads;
  };
  explicit Target(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

/// D_y, the largest distance between two rows; exact, with pruning by the distance to the centre. `pair` names the
/// rows.
struct Diameter {
  double value = 0;
  std::pair<Index, Index> pair{0, 0};
};
Diameter diameter(const Points& y);

}  // namespace lml
