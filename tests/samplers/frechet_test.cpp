#include "samplers/frechet.hpp"

#include <gtest/gtest.h>

#include <Eigen/QR>
#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>

#include "dynamics/random.hpp"

namespace lml {
namespace {

Points normals(Index n, Index d, std::uint64_t stream) { return Random(20250526, stream).normals(0, 0, n, d); }

Mat rotation(Index d, std::uint64_t stream) {
  return Eigen::HouseholderQR<Mat>(Mat(normals(d, d, stream))).householderQ();
}

// A few d u times the product of the roots' norms (frechet.hpp): 16 d u of the traces is room for the sums before it.
double rounding(const FittedGaussian& a, const FittedGaussian& b) {
  return 16 * double(a.mean.size()) * 0x1p-53 * (a.root.squaredNorm() + b.root.squaredNorm() + a.mean.squaredNorm());
}

// Covariances of one basis: |m_a - m_b|^2 + sum (sqrt l_a - sqrt l_b)^2, over 14 orders of magnitude and with zeros.
TEST(Frechet, OfGaussiansOfOneBasisIsTheClosedForm) {
  constexpr Index d = 24;
  const Mat q = rotation(d, 1);
  Vec la(d), lb(d);
  for (Index i = 0; i < d; ++i) {
    la[i] = i % 5 == 4 ? 0 : std::pow(10.0, 2 - 14.0 * double(i) / d);
    lb[i] = i % 7 == 6 ? 0 : std::pow(10.0, -12 + 14.0 * double(i) / d);
  }
  const Vec ma = normals(1, d, 2).transpose(), mb = normals(1, d, 3).transpose();
  const FittedGaussian a{ma, q * la.cwiseSqrt().asDiagonal(), 9}, b{mb, q * lb.cwiseSqrt().asDiagonal(), 9};
  const double wanted = (ma - mb).squaredNorm() + (la.cwiseSqrt() - lb.cwiseSqrt()).squaredNorm();
  EXPECT_NEAR(frechet_distance(a, b), wanted, rounding(a, b));
  EXPECT_NEAR(frechet_distance(b, a), wanted, rounding(a, b));
  EXPECT_NEAR(frechet_distance(a, a), 0, rounding(a, a));
}

// In the plane: tr (C_a C_b)^(1/2) = sqrt(tr C_a C_b + 2 sqrt(det C_a det C_b)), in 50 digits out of the samples'
// moments, for covariances that share no basis; one of three samples on a line is singular.
TEST(Frechet, OfSamplesInThePlaneIsFiftyDigits) {
  using Real = boost::multiprecision::cpp_bin_float_50;
  struct Moments {
    Real m[2] = {0, 0}, c[2][2] = {{0, 0}, {0, 0}};
  };
  const auto moments = [](const Points& x) {
    Moments out;
    for (Index i = 0; i < x.rows(); ++i)
      for (int j = 0; j < 2; ++j) out.m[j] += Real(x(i, j)) / x.rows();
    for (Index i = 0; i < x.rows(); ++i)
      for (int j = 0; j < 2; ++j)
        for (int k = 0; k < 2; ++k)
          out.c[j][k] += (Real(x(i, j)) - out.m[j]) * (Real(x(i, k)) - out.m[k]) / (x.rows() - 1);
    return out;
  };
  Points line(3, 2);
  line << 1, 2, 2, 4, -3, -6;
  Points narrow = normals(50, 2, 4);
  narrow.col(1) = 1e-9 * narrow.col(1) + narrow.col(0);
  const std::vector<Points> sets{normals(7, 2, 5), line, narrow, 3 * normals(2, 2, 6)};
  for (const Points& x : sets)
    for (const Points& y : sets) {
      const Moments a = moments(x), b = moments(y);
      Real product = 0, wanted = 0;
      for (int j = 0; j < 2; ++j) {
        wanted += (a.m[j] - b.m[j]) * (a.m[j] - b.m[j]) + a.c[j][j] + b.c[j][j];
        for (int k = 0; k < 2; ++k) product += a.c[j][k] * b.c[k][j];
      }
      const auto determinant = [](const Moments& g) {
        return std::max<Real>(0, g.c[0][0] * g.c[1][1] - g.c[0][1] * g.c[1][0]);
      };
      wanted -= 2 * sqrt(product + 2 * sqrt(Real(determinant(a) * determinant(b))));
      const FittedGaussian fa = fit_gaussian(x), fb = fit_gaussian(y);
      EXPECT_NEAR(frechet_distance(fa, fb), double(wanted), rounding(fa, fb));
    }
}

// Fewer samples than dimensions: the same as in the subspace that the samples span.
TEST(Frechet, WithFewerSamplesThanDimensionsIsThatOfTheirSpan) {
  constexpr Index d = 40, k = 6;
  const Mat q = rotation(d, 7).leftCols(k);
  const Points x = normals(5, k, 8), y = 0.3 * normals(4, k, 9);
  const Points wide_x = x * q.transpose(), wide_y = y * q.transpose();
  const FittedGaussian a = fit_gaussian(wide_x), b = fit_gaussian(wide_y);
  EXPECT_EQ(a.root.cols(), 5);
  EXPECT_NEAR(frechet_distance(a, b), frechet_distance(fit_gaussian(x), fit_gaussian(y)), rounding(a, b));
}

// Another covariance by dC moves the distance by tr (I - T) dC, T the transport map, whose norm is below 8 here: 8
// times the rounding of the covariance that is stored.
TEST(Frechet, StoredStatisticsAreTheSamples) {
  const Points x = normals(90, 8, 10), y = 1.3 * normals(80, 8, 11);
  const FittedGaussian a = fit_gaussian(x), b = fit_gaussian(y);
  const FittedGaussian stored = stored_gaussian(b.mean, b.root * b.root.transpose(), 80);
  EXPECT_NEAR(frechet_distance(a, stored), frechet_distance(a, b), 8 * rounding(a, b));
  EXPECT_EQ(stored.n, 80);
}

TEST(Frechet, RefusesWhatIsNoCovariance) {
  const auto refusal = [](const Mat& c) {
    try {
      stored_gaussian(Vec::Zero(2), c, 9);
      return std::string("accepted");
    } catch (const BadInput& e) {
      return e.pointer() + " " + e.what();
    }
  };
  Mat c(2, 2);
  c << 1, 2, 2, 1;
  EXPECT_EQ(refusal(c), "/cov is not positive semidefinite");
  c << 1, 0.5, 0.4, 1;
  EXPECT_EQ(refusal(c), "/cov is not symmetric");
  EXPECT_EQ(refusal(Mat::Identity(3, 3)), "/cov must be 2 x 2 like the mean");
  c << 1, 1, 1, 1;
  EXPECT_EQ(refusal(c), "accepted");
  EXPECT_THROW(fit_gaussian(normals(1, 2, 1)), BadInput);
  EXPECT_THROW(frechet_estimate(normals(5, 2, 1), normals(5, 3, 1), 9, 0), BadInput);
  EXPECT_THROW(frechet_estimate(normals(5, 2, 1), normals(5, 2, 1), 1, 0), BadInput);
}

// The bootstrap's error is the deviation over new samples, and `same_law` is what two sets of one law show. 200 sets of
// 150 in R^3: their variance has an error of 10%, so 4 of them and the bootstrap's own 20% of bias on either side; of
// the means 4.5 standard errors (1e-5).
TEST(Frechet, TheBootstrapKnowsTheDeviationOverNewSamples) {
  constexpr Index sets = 200, n = 150, d = 3;
  const auto b = [&](Index r, double scale) -> Points {
    return (scale * normals(n, d, 2000 + std::uint64_t(r))).array() + (scale - 1);
  };
  Vec values(sets), equal(sets), floors(sets);
  double variance = 0;
  for (Index r = 0; r < sets; ++r) {
    const Points a = normals(n, d, 1000 + std::uint64_t(r));
    const FrechetEstimate e = frechet_estimate(a, b(r, 1.5), 40, std::uint64_t(r));
    values[r] = e.distance.value;
    variance += e.distance.standard_error * e.distance.standard_error / sets;
    const FrechetEstimate same = frechet_estimate(a, b(r, 1), 2, std::uint64_t(r));
    equal[r] = same.distance.value;
    floors[r] = same.same_law;
  }
  const double spread = (values.array() - values.mean()).square().sum() / (sets - 1);
  EXPECT_GT(variance / spread, 0.6 / 1.2);
  EXPECT_LT(variance / spread, 1.4 * 1.2);
  const double error = std::sqrt((equal.array() - equal.mean()).square().sum() / (sets - 1) / sets);
  EXPECT_NEAR(floors.mean(), equal.mean(), 4.5 * error * std::sqrt(2.0));
}

TEST(Frechet, ThreadsAndProgressChangeNothing) {
  const Points a = normals(60, 4, 21), b = normals(60, 4, 22);
  const FrechetEstimate one = frechet_estimate(a, b, 8, 5);
  double last = 0;
  const FrechetEstimate two = frechet_estimate(a, b, 8, 5, [&](double share) { last = std::max(last, share); });
  EXPECT_EQ(one.distance.value, two.distance.value);
  EXPECT_EQ(one.distance.standard_error, two.distance.standard_error);
  EXPECT_EQ(one.same_law, two.same_law);
  EXPECT_EQ(last, 1);
  EXPECT_NE(one.distance.standard_error, frechet_estimate(a, b, 8, 6).distance.standard_error);
}

}  // namespace
}  // namespace lml
