// Types shared by every room. Points are rows: an array of n points in R^d is n x d, row-major.
#pragma once
#include <Eigen/Core>
#include <stdexcept>
#include <string>
#include <utility>

namespace lml {

using Index = Eigen::Index;
using Vec = Eigen::VectorXd;
using Mat = Eigen::MatrixXd;
using Points = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using PointsRef = Eigen::Ref<const Points>;
using VecRef = Eigen::Ref<const Vec>;

/// The forward process x_t = alpha x_0 + sigma z, z ~ N(0, I) (Eq. 2). Dimensionless; alpha >= 0, sigma > 0.
struct Time {
  double alpha;
  double sigma;
};

/// Input that no computation can start from. `pointer` is the JSON pointer of the culprit relative to the object
/// being built ("/weights/1"), so that a reader of specs can prefix it with its own place.
class BadInput : public std::invalid_argument {
 public:
  BadInput(std::string pointer, const std::string& what) : std::invalid_argument(what), pointer_(std::move(pointer)) {}
  const std::string& pointer() const { return pointer_; }

 private:
  std::string pointer_;
};

}  // namespace lml
