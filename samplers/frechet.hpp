// The Frechet distance between two laws' Gaussians (Dowson & Landau 1982), out of samples of features:
//
//   FD = |m_a - m_b|^2 + tr C_a + tr C_b - 2 tr (C_a^(1/2) C_b C_a^(1/2))^(1/2)
//
// With C = R R^T the last trace is the sum of the singular values of R_a^T R_b, so that no root of a rounded eigenvalue
// is taken: the error is a few d u (tr C_a tr C_b)^(1/2), also where there are fewer samples than dimensions.
#pragma once
#include <cstdint>
#include <functional>

#include "samplers/distances.hpp"

namespace lml {

struct FittedGaussian {
  Vec mean;
  Mat root;  // d x min(n, d): covariance = root root^T
  Index n;   // samples behind it
};

/// Mean and unbiased covariance of x [n, d], n >= 2.
FittedGaussian fit_gaussian(const Points& x);
/// From stored statistics. Throws BadInput("/cov", ..) unless cov is symmetric and positive semidefinite up to
/// float32's rounding.
FittedGaussian stored_gaussian(const Vec& mean, const Mat& covariance, Index n);

double frechet_distance(const FittedGaussian& a, const FittedGaussian& b);

struct FrechetEstimate {
  Estimate distance;
  /// Means over 4 splits of all samples into two sets of these sizes: the distance is biased upwards by about d/n times
  /// a trace, and this is what it shows where the laws are equal. NaN against stored statistics.
  double same_law;
};

/// The error is the bootstrap's (Efron 1979): the deviation over `replicates` sets drawn out of a and of b with
/// replacement, addressed by (seed, replicate). Against stored statistics a alone is drawn. Throws BadInput unless a
/// and b hold two samples and replicates >= 2.
FrechetEstimate frechet_estimate(const Points& a, const Points& b, Index replicates, std::uint64_t seed,
                                 const std::function<void(double)>& progress = {});
FrechetEstimate frechet_estimate(const Points& a, const FittedGaussian& b, Index replicates, std::uint64_t seed,
                                 const std::function<void(double)>& progress = {});

}  // namespace lml
