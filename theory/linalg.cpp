#include "theory/linalg.hpp"

#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

namespace lml {

Eigh eigh(const Mat& symmetric) {
  const Eigen::SelfAdjointEigenSolver<Mat> solver(symmetric);
  return {solver.eigenvalues(), solver.eigenvectors()};
}

Vec eigvalsh(const Mat& symmetric) {
  return Eigen::SelfAdjointEigenSolver<Mat>(symmetric, Eigen::EigenvaluesOnly).eigenvalues();
}

Mat inverse_spd(const Mat& m) {
  const Eigen::LLT<Mat> factor(m);
  if (factor.info() != Eigen::Success) throw std::domain_error("the matrix is not positive definite");
  return factor.solve(Mat::Identity(m.rows(), m.cols()));
}

}  // namespace lml
