#include "dynamics/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dynamics/random.hpp"

namespace lml {
namespace {

// n steps of x' = phi x + sqrt(1 - phi^2) xi from the stationary law N(0, 1), a column a chain.
Mat ar1(double phi, Index n, Index chains, std::uint64_t stream) {
  const Random random(31, stream);
  Mat out(n, chains);
  for (Index c = 0; c < chains; ++c) {
    const Vec xi = random.normal(std::uint64_t(c), 0, n);
    out(0, c) = xi[0];
    for (Index i = 1; i < n; ++i) out(i, c) = phi * out(i - 1, c) + std::sqrt(1 - phi * phi) * xi[i];
  }
  return out;
}

Moments moments_of(const Mat& chains, double centre) {
  MomentSums sums(1);
  for (Index c = 0; c < chains.cols(); ++c) {
    const Vec x = chains.col(c).array() - centre;
    const double mean = x.mean(), second = x.squaredNorm() / double(x.size());
    sums.add(&mean, &second);
  }
  return sums.moments(Vec::Constant(1, centre));
}

// Var of the mean of n steps: (1/n) [1 + 2 sum_{k<n} (1 - k/n) phi^k].
double variance_of_mean(double phi, Index n) {
  double sum = 1;
  for (Index k = 1; k < n; ++k) sum += 2 * (1 - double(k) / double(n)) * std::pow(phi, double(k));
  return sum / double(n);
}

// An estimated variance of N chains has a relative deviation sqrt(2/N); 4.5 of them have a false alarm of 7e-6 on a
// fresh stream. The figure is a quotient of it by a variance known far better.
TEST(Statistics, EffectiveSamplesOfAutoregressionsAreTheKnownOnes) {
  const Index n = 200, chains = 2000;
  for (const double phi : {0.0, 0.5, 0.9}) {
    const Moments m = moments_of(ar1(phi, n, chains, std::uint64_t(10 * phi)), 0.3);
    const double known = double(chains) / variance_of_mean(phi, n);
    const double seen = effective_samples(m.covariance(0, 0), m.mean_error[0]);
    EXPECT_LE(std::abs(seen / known - 1), 4.5 * std::sqrt(2.0 / double(chains))) << phi;
  }
}

// Squares of a normal AR(1) series have autocorrelation phi^2k and variance 2; the mean, which the covariance loses, is
// second order. So the covariance's error is sqrt(2 variance_of_mean(phi^2)/N).
TEST(Statistics, TheCovariancesErrorKnowsAboutAutocorrelation) {
  const Index n = 200, chains = 2000;
  for (const double phi : {0.0, 0.7}) {
    const Moments m = moments_of(ar1(phi, n, chains, 20 + std::uint64_t(10 * phi)), 0.5);
    const double known = std::sqrt(2 * variance_of_mean(phi * phi, n) / double(chains));
    // Relative deviation of a standard error: sqrt((kurtosis - 1)/(4 N)), kurtosis of the averaged squares below 15.
    EXPECT_LE(std::abs(m.covariance_error(0, 0) / known - 1), 4.5 * std::sqrt(14.0 / 4 / double(chains))) << phi;
    EXPECT_LE(std::abs(m.covariance(0, 0) - 1), 4.5 * known);
  }
}

// Over many ensembles of 3 particles with 1 draw each, the covariance is unbiased: N = 20000 of them leave a standard
// error of sqrt(2/2/N), of which 4.5 are allowed.
TEST(Statistics, TheCovarianceIsUnbiasedForFewParticles) {
  const Index ensembles = 20000;
  double sum = 0;
  for (Index e = 0; e < ensembles; ++e) {
    const Vec x = Random(32, 0).normal(std::uint64_t(e), 0, 3);
    sum += moments_of(x.transpose(), 0).covariance(0, 0);
  }
  EXPECT_LE(std::abs(sum / double(ensembles) - 1), 4.5 / std::sqrt(double(ensembles)));
}

TEST(Statistics, SumsOfBlocksAreTheSumOfAll) {
  MomentSums all(2), a(2), b(2);
  for (Index i = 0; i < 6; ++i) {
    const Vec x = Random(33, 0).normal(std::uint64_t(i), 0, 5);
    all.add(x.data(), x.data() + 2);
    (i < 2 ? a : b).add(x.data(), x.data() + 2);
  }
  a.add(b);
  EXPECT_LE((a.values() - all.values()).cwiseAbs().maxCoeff(), 1e-14);  // 6 terms of size at most 10
}

// By hand: means 1 and 3, variances 1 and 1, n = 4: B/n = 2, W = 1, R-hat^2 = 3/4 + 2.
TEST(Statistics, RHatByHand) {
  EXPECT_DOUBLE_EQ(r_hat(Vec{{1.0, 3.0}}, Vec{{1.0, 1.0}}, 4), std::sqrt(2.75));
  EXPECT_EQ(r_hat(Vec{{1.0, 1.0}}, Vec{{0.0, 0.0}}, 4), 1);
  EXPECT_TRUE(std::isinf(r_hat(Vec{{1.0, 2.0}}, Vec{{0.0, 0.0}}, 4)));
  EXPECT_THROW(r_hat(Vec{{1.0}}, Vec{{1.0}}, 4), BadInput);
}

// One chain that drifts is two halves that disagree: 0..7 gives means 1.5 and 5.5, variances 5/3.
TEST(Statistics, SplitRHatSeesADriftWithinAChain) {
  const Mat line = Vec::LinSpaced(8, 0, 7);
  EXPECT_DOUBLE_EQ(split_r_hat(line), std::sqrt(0.75 + 8 / (5.0 / 3)));
}

// For independent draws R-hat^2 - 1 = (B/n)/W - 1/n with mean 0 and deviation sqrt(2/(m - 1))/n, m = 40 halves.
TEST(Statistics, SplitRHatOfIndependentDrawsIsOne) {
  const Index n = 500;
  const double r = split_r_hat(ar1(0, 2 * n, 20, 40));
  EXPECT_LE(std::abs(r * r - 1), 4.5 * std::sqrt(2.0 / 39) / double(n));
}

}  // namespace
}  // namespace lml
