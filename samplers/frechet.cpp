#include "samplers/frechet.hpp"

#include <Eigen/Eigenvalues>
#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "samplers/random_splits.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

constexpr Index splits = 4;
constexpr std::uint64_t bootstrap_stream = 0x426F6F, split_stream = 0x467253;

Points drawn(const Points& x, const Random& random, Index replicate) {
  Points out(x.rows(), x.cols());
  for (Index i = 0; i < x.rows(); ++i) {
    const double u = random.uniform(std::uint64_t(replicate), std::uint64_t(i), 0);
    out.row(i) = x.row(std::min(Index(u * double(x.rows())), x.rows() - 1));
  }
  return out;
}

// b is given as samples, or as a Gaussian that is not drawn.
FrechetEstimate estimate(const Points& a, const Points* samples, const FittedGaussian* fitted, Index replicates,
                         std::uint64_t seed, const std::function<void(double)>& progress) {
  const Index d = samples ? samples->cols() : fitted->mean.size();
  if (a.cols() != d)
    throw BadInput("/b", "must have " + std::to_string(a.cols()) + " features like a, has " + std::to_string(d));
  if (replicates < 2) throw BadInput("/replicates", "must be at least 2");
  const Random draw_a(seed, bootstrap_stream), draw_b(seed, bootstrap_stream + 1);
  const std::vector<std::vector<char>> parts =
      samples ? random_splits(a.rows(), samples->rows(), splits, Random(seed, split_stream))
              : std::vector<std::vector<char>>();
  // The value, the replicates, the splits.
  Vec values(1 + replicates + Index(parts.size()));
  Index done = 0;
  parallel_for(values.size(), true, [&](Index i) {
    if (i == 0) {
      values[i] = frechet_distance(fit_gaussian(a), samples ? fit_gaussian(*samples) : *fitted);
    } else if (i <= replicates) {
      values[i] = frechet_distance(fit_gaussian(drawn(a, draw_a, i)),
                                   samples ? fit_gaussian(drawn(*samples, draw_b, i)) : *fitted);
    } else {
      const std::vector<char>& in_first = parts[std::size_t(i - 1 - replicates)];
      Points first(a.rows(), d), second(samples->rows(), d);
      for (Index k = 0, f = 0, s = 0; k < Index(in_first.size()); ++k) {
        const auto row = k < a.rows() ? a.row(k) : samples->row(k - a.rows());
        if (in_first[std::size_t(k)])
          first.row(f++) = row;
        else
          second.row(s++) = row;
      }
      values[i] = frechet_distance(fit_gaussian(first), fit_gaussian(second));
    }
#pragma omp critical(lml_frechet_progress)
    if (progress) progress(double(++done) / double(values.size()));
  });
  const auto sets = values.segment(1, replicates).array();
  const double spread = (sets - sets.mean()).square().sum() / double(replicates - 1);
  return {{values[0], std::sqrt(spread)},
          parts.empty() ? std::numeric_limits<double>::quiet_NaN() : values.tail(Index(parts.size())).mean()};
}

}  // namespace

FittedGaussian fit_gaussian(const Points& x) {
  const Index n = x.rows(), d = x.cols();
  if (n < 2) throw BadInput("/a", "must hold at least 2 samples, holds " + std::to_string(n));
  FittedGaussian out{x.colwise().mean().transpose(), {}, n};
  Mat centred = (x.rowwise() - out.mean.transpose()) / std::sqrt(double(n - 1));
  if (n <= d) {
    out.root = centred.transpose();
    return out;
  }
  const Eigen::HouseholderQR<Eigen::Ref<Mat>> qr(centred);
  out.root = centred.topRows(d).triangularView<Eigen::Upper>().transpose();
  return out;
}

FittedGaussian stored_gaussian(const Vec& mean, const Mat& covariance, Index n) {
  const Index d = mean.size();
  if (covariance.rows() != d || covariance.cols() != d)
    throw BadInput("/cov", "must be " + std::to_string(d) + " x " + std::to_string(d) + " like the mean");
  const double rounding = 0x1p-24 * double(d) * covariance.cwiseAbs().maxCoeff();
  if ((covariance - covariance.transpose()).cwiseAbs().maxCoeff() > rounding)
    throw BadInput("/cov", "is not symmetric");
  const Eigen::SelfAdjointEigenSolver<Mat> solver(covariance);
  if (solver.info() != Eigen::Success || solver.eigenvalues()[0] < -rounding)
    throw BadInput("/cov", "is not positive semidefinite");
  return {mean, solver.eigenvectors() * solver.eigenvalues().cwiseMax(0).cwiseSqrt().asDiagonal(), n};
}

double frechet_distance(const FittedGaussian& a, const FittedGaussian& b) {
  const Mat m = a.root.transpose() * b.root;
  const double common = Eigen::BDCSVD<Mat>(m).singularValues().sum();
  return (a.mean - b.mean).squaredNorm() + a.root.squaredNorm() + b.root.squaredNorm() - 2 * common;
}

FrechetEstimate frechet_estimate(const Points& a, const Points& b, Index replicates, std::uint64_t seed,
                                 const std::function<void(double)>& progress) {
  return estimate(a, &b, nullptr, replicates, seed, progress);
}
FrechetEstimate frechet_estimate(const Points& a, const FittedGaussian& b, Index replicates, std::uint64_t seed,
                                 const std::function<void(double)>& progress) {
  return estimate(a, nullptr, &b, replicates, seed, progress);
}

}  // namespace lml
