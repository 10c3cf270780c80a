#include "samplers/distances.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <algorithm>
#include <cmath>

#include "dynamics/random.hpp"

namespace lml {
namespace {

// n draws of N(shift, s^2 I), a stream of their own each time.
Points normal(Index n, Index d, double shift, double s, std::uint64_t stream) {
  return (s * Random(20250525, stream).normals(0, 0, n, d)).array() + shift;
}

double kernel(const Points& x, Index i, const Points& y, Index j, double h) {
  double out = 0;
  for (double w : kernel_widths) out += std::exp(-(x.row(i) - y.row(j)).squaredNorm() / (2 * w * w * h * h));
  return out / 5;
}

double brute_mmd(const Points& x, const Points& y, double h) {
  const double n = double(x.rows()), m = double(y.rows());
  double out = 0;
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.rows(); ++j)
      if (i != j) out += kernel(x, i, x, j, h) / (n * (n - 1));
  for (Index i = 0; i < y.rows(); ++i)
    for (Index j = 0; j < y.rows(); ++j)
      if (i != j) out += kernel(y, i, y, j, h) / (m * (m - 1));
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < y.rows(); ++j) out -= 2 * kernel(x, i, y, j, h) / (n * m);
  return out;
}

// Squared distances out of inner products err by some 10 |x|^2 u; the narrowest kernel turns that into 8/h^2 of it, and
// the fourfold squarings into a few hundred u: 1e-12 together.
TEST(Mmd, IsItsDefinition) {
  for (const auto& [n, m] : {std::pair<Index, Index>{4, 7}, {300, 517}}) {
    const Points x = normal(n, 3, 0, 1, 1), y = normal(m, 3, 0.3, 1.2, 2);
    EXPECT_NEAR(mmd_squared(x, y, 1.5).value, brute_mmd(x, y, 1.5), 1e-12);
  }
  // A common shift is no distance, however large: 1e4 costs 1e8 u of the squared distances.
  const Points x = normal(50, 3, 0, 1, 1), y = normal(60, 3, 0.3, 1, 2);
  const Points xs = x.array() + 1e4, ys = y.array() + 1e4;
  EXPECT_NEAR(mmd_squared(xs, ys, 1.5).value, mmd_squared(x, y, 1.5).value, 1e-10);
}

TEST(Mmd, ThreadsChangeNoBit) {
  const Points x = normal(700, 5, 0, 1, 3), y = normal(900, 5, 0.1, 1, 4);
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const Estimate one = mmd_squared(x, y, 2);
  const SlicedDistance sliced_one = sliced_w2(x, y, 16, 1);
  omp_set_num_threads(3);
  const Estimate three = mmd_squared(x, y, 2);
  const SlicedDistance sliced_three = sliced_w2(x, y, 16, 1);
  omp_set_num_threads(threads);
  EXPECT_EQ(one.value, three.value);
  EXPECT_EQ(one.standard_error, three.standard_error);
  EXPECT_EQ(sliced_one.distance.value, sliced_three.distance.value);
  EXPECT_EQ(sliced_one.distance.standard_error, sliced_three.distance.standard_error);
  EXPECT_EQ(sliced_one.same_law, sliced_three.same_law);
}

// Unbiased, and its standard error is its standard deviation where the laws differ; where they are equal, the statistic
// is degenerate and the error some 20% too large (a plain jackknife's would be by sqrt 2.1). 400 repeats on fixed
// streams: the mean lies within 4.5 standard errors of the closed form (1e-5); a variance out of 400 has an error of 7%
// (normal), of which 3 are allowed.
TEST(Mmd, IsUnbiasedAndKnowsItsError) {
  constexpr Index repeats = 400, n = 60, m = 90, d = 2;
  for (const double shift : {0.0, 0.8}) {
    Vec values(repeats);
    double variance = 0;
    for (Index r = 0; r < repeats; ++r) {
      const std::uint64_t stream = 1000 + 2 * std::uint64_t(r);
      const Estimate e = mmd_squared(normal(n, d, 0, 1, stream), normal(m, d, shift, 1, stream + 1), 1.2);
      values[r] = e.value;
      variance += e.standard_error * e.standard_error / double(repeats);
    }
    const double spread = (values.array() - values.mean()).square().sum() / double(repeats - 1);
    const double wanted = mmd_squared_of_gaussians(Vec::Zero(d), 1, Vec::Constant(d, shift), 1, 1.2);
    EXPECT_NEAR(values.mean(), wanted, 4.5 * std::sqrt(spread / double(repeats))) << shift;
    EXPECT_GT(variance / spread, 0.8) << shift;
    EXPECT_LT(variance / spread, shift == 0 ? 1.8 : 1.2) << shift;
    if (shift == 0) {
      EXPECT_EQ(wanted, 0);
    }
  }
}

double brute_kid(const Points& x, const Points& y) {
  const double n = double(x.rows()), m = double(y.rows());
  const auto k = [](const auto& a, const auto& b) { return std::pow(a.dot(b) / double(a.size()) + 1, 3); };
  double out = 0;
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.rows(); ++j) out += i == j ? 0 : k(x.row(i), x.row(j)) / (n * (n - 1));
  for (Index i = 0; i < y.rows(); ++i)
    for (Index j = 0; j < y.rows(); ++j) out += i == j ? 0 : k(y.row(i), y.row(j)) / (m * (m - 1));
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < y.rows(); ++j) out -= 2 * k(x.row(i), y.row(j)) / (n * m);
  return out;
}

// Kernels of up to (1 + |x|^2/3)^3, about 100 at |x| = 3.3, in sums of a few terms each: 1e-12 is 1e2 u times 50.
TEST(Kid, IsItsDefinition) {
  for (const auto& [n, m] : {std::pair<Index, Index>{4, 7}, {300, 517}}) {
    const Points x = normal(n, 3, 0, 1, 1), y = normal(m, 3, 0.3, 1.2, 2);
    EXPECT_NEAR(kernel_inception_distance(x, y).value, brute_kid(x, y), 1e-12);
  }
}

// E (x.y/d + 1)^3 of x ~ N(p 1, s^2 I), y ~ N(q 1, r^2 I), by the moments of x.y given x.
double mean_cubic_kernel(Index dim, double p, double s, double q, double r) {
  const double d = double(dim), mu = d * p * q, m1 = d * p * p, m2 = d * q * q, s2 = s * s, r2 = r * r;
  const double first = mu / d, second = (mu * mu + s2 * m2 + r2 * (m1 + s2 * d)) / (d * d);
  const double third = (mu * mu * mu + 3 * mu * s2 * m2 + 3 * r2 * mu * (m1 + s2 * d + 2 * s2)) / (d * d * d);
  return third + 3 * second + 3 * first + 1;
}

// As for MMD, with what the same 400 repeats show.
TEST(Kid, IsUnbiasedAndKnowsItsError) {
  constexpr Index repeats = 400, n = 60, m = 90, d = 5;
  for (const double shift : {0.0, 0.8}) {
    Vec values(repeats);
    double variance = 0;
    for (Index r = 0; r < repeats; ++r) {
      const std::uint64_t stream = 9000 + 2 * std::uint64_t(r);
      const Estimate e =
          kernel_inception_distance(normal(n, d, 0.5, 1, stream), normal(m, d, 0.5 + shift, 1, stream + 1));
      values[r] = e.value;
      variance += e.standard_error * e.standard_error / double(repeats);
    }
    const double spread = (values.array() - values.mean()).square().sum() / double(repeats - 1);
    const double wanted = mean_cubic_kernel(d, 0.5, 1, 0.5, 1) + mean_cubic_kernel(d, 0.5 + shift, 1, 0.5 + shift, 1) -
                          2 * mean_cubic_kernel(d, 0.5, 1, 0.5 + shift, 1);
    EXPECT_NEAR(values.mean(), wanted, 4.5 * std::sqrt(spread / double(repeats))) << shift;
    EXPECT_GT(variance / spread, 0.8) << shift;
    EXPECT_LT(variance / spread, shift == 0 ? 1.8 : 1.2) << shift;
  }
}

// W_2 by its definition: the best matching of equally long lists is the sorted one.
TEST(SlicedW2, OnTheLineIsTheSortedMatching) {
  const std::vector<double> x{-1, 0.5, 2}, y{0, 1, 4};
  EXPECT_DOUBLE_EQ(w2_squared_sorted(x.data(), 3, y.data(), 3), (1 + 0.25 + 4) / 3);
  // Unequal lengths: each list repeated to six.
  const std::vector<double> z{-1, 3}, xr{-1, -1, 0.5, 0.5, 2, 2}, zr{-1, -1, -1, 3, 3, 3};
  EXPECT_DOUBLE_EQ(w2_squared_sorted(x.data(), 3, z.data(), 2), w2_squared_sorted(xr.data(), 6, zr.data(), 6));
  EXPECT_EQ(w2_squared_sorted(x.data(), 3, xr.data(), 6), 0);
}

// N(0, I) and N(c 1, I): W_2^2 along u is (c u.1)^2, its mean c^2. Within 4.5 standard errors (1e-5) and the positive
// bias, of which `same_law`^2/(2 c) is a bound.
TEST(SlicedW2, OfShiftedGaussiansIsTheShift) {
  for (const Index d : {1, 3}) {
    const double c = 1.5;
    const SlicedDistance s = sliced_w2(normal(3000, d, 0, 1, 11), normal(2000, d, c, 1, 12), 256, 5);
    EXPECT_NEAR(s.distance.value, c, 4.5 * s.distance.standard_error + s.same_law * s.same_law / (2 * c)) << d;
    EXPECT_LT(s.distance.standard_error, 0.15) << d;
    // A translation carries the error of the means alone, and of the directions where there is more than one: c^2 times
    // the variance of (u.1)^2/d, 1.6/3 at d = 3... over 256, halved by the root.
    if (d == 1) {
      EXPECT_NEAR(s.distance.standard_error, std::sqrt(1 / 3000.0 + 1 / 2000.0), 0.012);
    }
  }
}

// Between two sets of one law the distance is what `same_law` says, here with sizes that differ much: 60 pairs, the
// mean ratio within 4.5 of its standard errors (1e-5).
TEST(SlicedW2, KnowsWhatOneLawShows) {
  constexpr Index repeats = 60;
  Vec ratio(repeats);
  for (Index r = 0; r < repeats; ++r) {
    const std::uint64_t stream = 3000 + 2 * std::uint64_t(r);
    const SlicedDistance s = sliced_w2(normal(100, 2, 0, 1, stream), normal(1000, 2, 0, 1, stream + 1), 16, 5);
    ratio[r] = s.distance.value / s.same_law;
  }
  const double deviation = std::sqrt((ratio.array() - ratio.mean()).square().sum() / double(repeats - 1));
  EXPECT_NEAR(ratio.mean(), 1, 4.5 * deviation / std::sqrt(double(repeats)));
}

// Shift c 1 and scale s: |difference of the means| = c sqrt(d), of the covariances (s^2 - 1) sqrt(d). 200 repeats:
// means within 4.5 standard errors and the bias of a norm, same_law^2/(2 value); the errors within 25% of what is seen.
TEST(Moments, OfShiftedAndScaledGaussiansWithTheirErrors) {
  constexpr Index repeats = 200, d = 3;
  const double c = 0.7, s = 1.4;
  Vec mean(repeats), covariance(repeats);
  double mean_variance = 0, covariance_variance = 0, mean_bias = 0, covariance_bias = 0;
  for (Index r = 0; r < repeats; ++r) {
    const std::uint64_t stream = 5000 + 2 * std::uint64_t(r);
    const MomentDistance m = moment_distance(normal(300, d, 0, 1, stream), normal(400, d, c, s, stream + 1));
    mean[r] = m.mean.value;
    covariance[r] = m.covariance.value;
    mean_variance += m.mean.standard_error * m.mean.standard_error / double(repeats);
    covariance_variance += m.covariance.standard_error * m.covariance.standard_error / double(repeats);
    mean_bias = m.mean_same_law * m.mean_same_law / (2 * c * std::sqrt(double(d)));
    covariance_bias = m.covariance_same_law * m.covariance_same_law / (2 * (s * s - 1) * std::sqrt(double(d)));
  }
  const auto variance = [](const Vec& v) { return (v.array() - v.mean()).square().sum() / double(repeats - 1); };
  EXPECT_NEAR(mean.mean(), c * std::sqrt(double(d)), 4.5 * std::sqrt(variance(mean) / repeats) + mean_bias);
  EXPECT_NEAR(covariance.mean(), (s * s - 1) * std::sqrt(double(d)),
              4.5 * std::sqrt(variance(covariance) / repeats) + covariance_bias);
  EXPECT_NEAR(mean_variance / variance(mean), 1, 0.25);
  EXPECT_NEAR(covariance_variance / variance(covariance), 1, 0.25);
}

// Root mean squares over 200 pairs out of one law, within 15% (the error of a root mean square of 200 is 5%).
TEST(Moments, KnowWhatOneLawShows) {
  constexpr Index repeats = 200, d = 3;
  double mean = 0, covariance = 0;
  MomentDistance m{};
  for (Index r = 0; r < repeats; ++r) {
    const std::uint64_t stream = 7000 + 2 * std::uint64_t(r);
    m = moment_distance(normal(300, d, 0, 1, stream), normal(400, d, 0, 1, stream + 1));
    mean += m.mean.value * m.mean.value / double(repeats);
    covariance += m.covariance.value * m.covariance.value / double(repeats);
  }
  EXPECT_NEAR(m.mean_same_law / std::sqrt(mean), 1, 0.15);
  EXPECT_NEAR(m.covariance_same_law / std::sqrt(covariance), 1, 0.15);
}

TEST(Distances, RefuseWhatTheyCannotMeasure) {
  const Points few = Points::Zero(3, 2), x = normal(70, 2, 0, 1, 1), other = normal(70, 3, 0, 1, 1);
  EXPECT_THROW(mmd_squared(few, x, 1), BadInput);
  EXPECT_THROW(mmd_squared(x, other, 1), BadInput);
  EXPECT_THROW(mmd_squared(x, x, 0), BadInput);
  EXPECT_THROW(sliced_w2(x, few, 8, 0), BadInput);
  EXPECT_THROW(sliced_w2(x, x, 1, 0), BadInput);
  EXPECT_THROW(moment_distance(x, few), BadInput);
  EXPECT_THROW(moment_distance(Points::Zero(4, 8193), Points::Zero(4, 8193)), BadInput);
  EXPECT_THROW(median_distance(few, few), BadInput);
}

}  // namespace
}  // namespace lml
