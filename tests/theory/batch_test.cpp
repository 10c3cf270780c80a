// The fast score against the slow one: Marginal::at, a point at a time.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "dynamics/random.hpp"
#include "theory/kernels/exp.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

constexpr double eps = std::numeric_limits<double>::epsilon();

enum class Shape { isotropic, equal, diagonal, full, mixed, points };

Mat covariance_of_condition(const Random& random, Index k, Index d, double condition) {
  Mat q = Mat::Zero(d, d);  // Householder reflection times a diagonal one: orthogonal, exactly known spectrum
  const Vec v = random.normal(std::uint64_t(k), 20, d).normalized();
  q = Mat::Identity(d, d) - 2 * v * v.transpose();
  Vec values(d);
  for (Index j = 0; j < d; ++j) values[j] = std::pow(condition, -double(j) / double(std::max<Index>(d - 1, 1)));
  const Mat s = q * values.asDiagonal() * q.transpose();
  return 0.5 * (s + s.transpose());
}

// Ragged weights (some far below the smallest double relative to the others), two equal means.
Target target_of(Shape shape, Index d, Index n) {
  const Random random(1, 7);
  Points means = 2 * random.normals(0, 0, n, d);
  if (n > 2) means.row(2) = means.row(1);
  Vec weights(n);
  for (Index k = 0; k < n; ++k) weights[k] = k % 5 == 3 ? 1e-300 : 1 + 0.5 * double(k % 3);
  if (shape == Shape::points) return Target::points(means, weights);
  std::vector<Covariance> covariances;
  for (Index k = 0; k < n; ++k) {
    const double v = 0.3 + 0.1 * double(k % 4);
    const bool diagonal = shape == Shape::diagonal || (shape == Shape::mixed && k % 3 == 1);
    const bool full = shape == Shape::full || (shape == Shape::mixed && k % 3 == 2);
    if (full)
      covariances.push_back(covariance_of_condition(random, k, d, 1e8));
    else if (diagonal)
      covariances.push_back(Vec(0.01 + random.normal(std::uint64_t(k), 5, d).array().square()));
    else
      covariances.push_back(shape == Shape::equal ? 0.5 : v);
  }
  return Target::gaussian_mixture(weights, means, covariances);
}

// Near the components at the scale of sigma, between them, and far out.
Points queries(const Target& target, Time time, Index n) {
  const Random random(1, 8);
  Points x = random.normals(0, 0, n, target.dim());
  for (Index i = 0; i < n; ++i) {
    const double spread = i % 4 == 3 ? 1e3 : i % 4 == 2 ? 1 : time.sigma;
    x.row(i) = time.alpha * target.means().row(i % target.size()) + spread * x.row(i);
  }
  return x;
}

// What rounding may do to the score in either way of computing it. With t = alpha m_k - x a quadratic form z.z, z = W
// t, errs by 2 c |z| |W| |t|, c = (d + 8) eps; a relative error e_k of a weight moves the score by r_k (e_k + mean of
// e) g_k; g_k = W^T z itself errs by c |W|^2 |t|.
struct Reference {
  Vec score;
  double log_density, score_error, log_density_error, hessian_error;
};
Reference reference_at(const Marginal& p, const Vec& x) {
  const Local local = p.at(x);
  const double c = double(p.dim() + 8) * eps;
  Reference out{local.score(), local.log_density(), 0, 0, 0};
  Vec e(local.responsibilities().size()), pull(e.size()), own(e.size()), deviation(e.size()), precision(e.size());
  for (Index i = 0; i < e.size(); ++i) {
    const Index k = local.active()[std::size_t(i)];
    const Marginal::Precision& a = p.precision(k);
    const Vec t = p.time().alpha * p.target().means().row(k).transpose() - x;
    const Vec g = a.times(t);
    const double top = a.p.maxCoeff(), q = t.dot(g);
    e[i] = c * (2 * std::sqrt(top * q) * t.norm() + std::abs(a.log_det) + std::abs(local.log_density()) + 1);
    // x and alpha m_k carry the rounding of alpha m_k: |alpha m_k| eps in t.
    e[i] += 2 * eps * std::sqrt(top * q) * (p.time().alpha * p.target().means().row(k).norm());
    own[i] = c * top * t.norm() + eps * top * p.time().alpha * p.target().means().row(k).norm();
    pull[i] = g.norm();
    deviation[i] = (g - local.score()).norm();
    precision[i] = a.p.norm() * (a.kind == Spread::Kind::isotropic ? std::sqrt(double(p.dim())) : 1.0);
  }
  const Vec& r = local.responsibilities();
  const double mean = r.dot(e);
  out.score_error = 2 * r.dot((pull.array() * (e.array() + mean)).matrix() + own);
  out.log_density_error = 2 * mean;
  // d_k errs by what g_k and s err by; sums of K terms of size d_k^2 and |A_k^-1| err by (d + 8) eps each.
  const Eigen::ArrayXd size = deviation.array().square() + precision.array();
  const Eigen::ArrayXd turned = deviation.array() * (own.array() + out.score_error);
  out.hessian_error = 2 * (r.array() * (size * (e.array() + mean + c) + 2 * turned)).sum();
  return out;
}

struct Case {
  Shape shape;
  Index d, n;
};

class Batch : public testing::TestWithParam<Case> {};

TEST_P(Batch, AgreesWithThePointwiseScoreAtEverySigma) {
  const auto [shape, d, n] = GetParam();
  const Target target = target_of(shape, d, n);
  for (double sigma : {1e-4, 1e-2, 0.3, 1.0, 30.0, 1e4}) {
    const Marginal p(target, {0.7, sigma});
    const Points x = queries(target, p.time(), 45);
    const Points s = p.score(x);
    const Vec log_density = p.log_density(x);
    for (Index i = 0; i < x.rows(); ++i) {
      const Reference slow = reference_at(p, x.row(i));
      EXPECT_LE((s.row(i).transpose() - slow.score).norm(), slow.score_error) << "sigma " << sigma << " point " << i;
      EXPECT_NEAR(log_density[i], slow.log_density, slow.log_density_error) << "sigma " << sigma << " point " << i;
    }
  }
}

// The same error model: r_k errs by r_k (e_k + mean of e) and g_k by own_k, in sum_k r_k (d_k d_k^T - A_k^-1).
TEST_P(Batch, HessiansAgreeWithThePointwiseOnesAtEverySigma) {
  const auto [shape, d, n] = GetParam();
  const Target target = target_of(shape, d, n);
  for (double sigma : {1e-4, 0.3, 1e4}) {
    const Marginal p(target, {0.7, sigma});
    const Points x = queries(target, p.time(), n > 1000 ? 5 : 45);
    const Points h = p.hessian(x);
    for (Index i = 0; i < x.rows(); ++i) {
      const Local local = p.at(x.row(i).transpose());
      const Mat slow = local.hessian();
      const Reference reference = reference_at(p, x.row(i));
      EXPECT_LE((Eigen::Map<const Mat>(h.row(i).data(), d, d) - slow).norm(), reference.hessian_error)
          << "sigma " << sigma << " point " << i;
    }
  }
}

TEST_P(Batch, APointsResultDoesNotDependOnItsCompany) {
  const auto [shape, d, n] = GetParam();
  const Target target = target_of(shape, d, n);
  const Marginal p(target, {0.7, 0.4});
  const Points x = queries(target, p.time(), 177);
  const Points s = p.score(x);
  for (Index from : {0, 5, 130})
    for (Index count : {1, 9, 20, 33, 47}) {
      const Points part = p.score(x.middleRows(from, count));
      EXPECT_TRUE((part.array() == s.middleRows(from, count).array()).all()) << from << " " << count;
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Batch,
                         testing::Values(Case{Shape::isotropic, 2, 8}, Case{Shape::isotropic, 1, 1},
                                         Case{Shape::isotropic, 16, 8}, Case{Shape::isotropic, 7, 70},
                                         Case{Shape::equal, 64, 64}, Case{Shape::diagonal, 3, 5},
                                         Case{Shape::diagonal, 67, 9}, Case{Shape::full, 2, 8},
                                         Case{Shape::full, 16, 8}, Case{Shape::full, 9, 300}, Case{Shape::mixed, 5, 12},
                                         Case{Shape::points, 3, 9000}, Case{Shape::points, 131, 100}));

TEST(BatchScore, OfOnePointMassIsExact) {
  Points y(1, 3);
  y << 1, -2, 4;
  const Marginal p(Target::points(y), {0.5, 0.25});
  Points x(1, 3);
  x << 1, 1, 1;
  EXPECT_EQ(p.score(x), (Points(1, 3) << -8, -32, 16).finished());  // (y/2 - x)/sigma^2, all powers of two
  EXPECT_EQ(p.epsilon(x), (Points(1, 3) << 2, 8, -4).finished());
}

TEST(BatchScore, FarInTheTailTheNearestPointDecides) {
  Points y(2, 2);
  y << -1, 0, 1, 0;
  const Marginal p(Target::points(y), {1, 1e-4});
  Points x(1, 2);
  x << 1e6, 0;
  EXPECT_EQ(p.score(x)(0, 0), (1 - 1e6) * (1 / (1e-4 * 1e-4)));
}

TEST(BatchScore, NamesThePointThatIsTooFarOut) {
  const Target target = target_of(Shape::isotropic, 2, 8);
  const Marginal p(target, {1, 1});
  for (double bad : {1e200, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    Points x = queries(target, p.time(), 60);
    x(41, 1) = bad;
    x(53, 0) = bad;
    try {
      p.score(x);
      FAIL() << bad;
    } catch (const BadInput& e) {
      EXPECT_EQ(e.pointer(), "/41");
    }
    EXPECT_THROW(p.log_density(x), BadInput);
  }
  EXPECT_THROW(p.score(Points::Zero(4, 3)), BadInput);
  EXPECT_EQ(p.score(Points::Zero(0, 2)).rows(), 0);
}

TEST(BatchExponential, IsWithinFourUnitsOfRoundoffAndFlushesToZero) {
  constexpr std::size_t n = 1 << 16;
  alignas(64) static double x[n], y[n];
  for (std::size_t i = 0; i < n; ++i) x[i] = -708.0 * double(i) / double(n - 1) * (i % 3 == 0 ? 1.0 : 1e-2);
  kernels::exp_nonpositive(x, y, n);
  for (std::size_t i = 0; i < n; ++i) {
    const long double exact = std::exp(static_cast<long double>(x[i]));
    ASSERT_LE(std::abs((static_cast<long double>(y[i]) - exact) / exact), 1e-15L) << x[i];
  }
  EXPECT_EQ(y[0], 1.0);
  alignas(64) double edge[8] = {-709, -745, -1e5, -1e300, -HUGE_VAL, NAN, -0.0, -1e-320}, out[8];
  kernels::exp_nonpositive(edge, out, 8);
  for (int i = 0; i < 6; ++i) EXPECT_EQ(out[i], 0.0) << edge[i];
  for (int i = 6; i < 8; ++i) EXPECT_EQ(out[i], 1.0) << edge[i];
}

}  // namespace
}  // namespace lml
