// Distances between two laws out of independent samples x [n, d] and y [m, d] of them, with standard errors. Sums run
// over blocks of fixed size in a fixed order: threads cannot change a bit.
#pragma once
#include <cstdint>
#include <functional>

#include "theory/types.hpp"

namespace lml {

struct Estimate {
  double value, standard_error;
};

/// Of MMD: the mean of five Gaussian kernels exp(-|x - y|^2/(2 b^2)), b = h/4, h/2, h, 2h, 4h.
inline constexpr double kernel_widths[] = {0.25, 0.5, 1, 2, 4};

/// The median distance between two different points of the first 1,000 of x and of y together (the median heuristic for
/// h; Gretton et al. 2012, Sec. 8). Throws BadInput where it is 0.
double median_distance(const Points& x, const Points& y);

/// MMD^2, unbiased (Gretton et al. 2012, Eq. 3; so it may be negative):
///
///   sum_{i != j} k(x_i, x_j)/(n (n-1)) + sum_{i != j} k(y_i, y_j)/(m (m-1)) - 2 sum_{i, j} k(x_i, y_j)/(n m)
///
/// Its error is that of a U-statistic, both parts of Hoeffding's decomposition: the jackknife's variance less once the
/// part of second order, which the jackknife counts twice (Efron & Stein 1981); never below the part of second order
/// alone, which makes it some 20% too large where the laws are equal. Time (n + m)^2 d, memory n + m.
/// `progress`, if given, gets the share that is done. Throws BadInput unless n, m >= 4 and h > 0.
Estimate mmd_squared(const Points& x, const Points& y, double h, const std::function<void(double)>& progress = {});

/// KID: the same with the kernel (x.y/d + 1)^3 on the features of images (Binkowski et al. 2018, Sec. 4), over all
/// samples at once and so without their subsets.
Estimate kernel_inception_distance(const Points& x, const Points& y, const std::function<void(double)>& progress = {});

/// The expectation of mmd_squared between N(m_1, s_1^2 I) and N(m_2, s_2^2 I) in R^d.
double mmd_squared_of_gaussians(const Vec& m1, double s1, const Vec& m2, double s2, double h);

struct SlicedDistance {
  Estimate distance;
  /// What two sets of these sizes out of one law would show on average, by splitting all samples at random 16 times:
  /// the distance is positive even there.
  double same_law;
};

/// (E_u W_2^2(u.x, u.y))^(1/2) over directions u, uniform on the sphere and addressed by (seed, number of the
/// direction) (Rabin et al. 2012; Bonneel et al. 2015); on the line W_2 itself. The error: a jackknife over 32 groups
/// of samples of each set, and the spread over the directions. Throws BadInput unless n, m >= 64 and directions >= 2.
SlicedDistance sliced_w2(const Points& x, const Points& y, Index directions, std::uint64_t seed);

/// W_2^2 between the empirical laws of two sorted lists, of any lengths.
double w2_squared_sorted(const double* x, Index n, const double* y, Index m);

struct MomentDistance {
  Estimate mean;        // |mean of x - mean of y|
  Estimate covariance;  // the Frobenius norm of the difference of the covariances
  /// Root mean squares of both between sets of these sizes out of one law.
  double mean_same_law, covariance_same_law;
};

/// Errors by linearisation (delta method) with the samples' own fourth moments. Throws BadInput unless n, m >= 4 and d
/// <= 8192.
MomentDistance moment_distance(const Points& x, const Points& y);

}  // namespace lml
