#include "samplers/torch/damped_source.hpp"

#include <Eigen/LU>

#include "samplers/torch/network_run.hpp"

namespace lml {

at::Tensor DampedSource::epsilon(const at::Tensor& x, const Node& at) {
  const LinearisedNetwork network(network_, x, at);
  const Points eps = points_of(network.epsilon());
  const Index n = eps.rows(), d = eps.cols(), m = std::min(products_, d);
  const Vec sizes = eps.rowwise().norm();
  std::vector<Mat> q(std::size_t(n), Mat::Zero(d, m)), w = q;
  Points v = eps;
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < n; ++i) {
      Mat& basis = q[std::size_t(i)];
      Vec next = v.row(i).transpose();
      for (int twice = 0; twice < 2; ++twice) next -= basis.leftCols(j) * (basis.leftCols(j).transpose() * next);
      // Zero where the space has come to its end: such a column stays out of the solution.
      const double size = next.norm();
      if (size > 1e-12 * v.row(i).norm()) basis.col(j) = next / size;
      v.row(i) = basis.col(j).transpose();
    }
    v = at.sigma * points_of(network.times(tensor_of(v, network_.model(), x.scalar_type())));
    for (Index i = 0; i < n; ++i) w[std::size_t(i)].col(j) = v.row(i).transpose();
  }
  passes_ += m + 2;
  Points out(n, d);
  for (Index i = 0; i < n; ++i) {
    const Mat& basis = q[std::size_t(i)];
    Mat small = basis.transpose() * w[std::size_t(i)];
    small.diagonal().array() += damping_;
    const Vec direction = basis * small.partialPivLu().solve(Vec(Vec::Unit(m, 0)));
    const double size = direction.norm();
    out.row(i) = (size > 0 && std::isfinite(size) ? Vec(direction * (sizes[i] / size)) : Vec(eps.row(i).transpose()))
                     .transpose();
  }
  return tensor_of(out, network_.model(), x.scalar_type());
}

}  // namespace lml
