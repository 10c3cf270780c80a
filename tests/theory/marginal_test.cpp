// Every quantity of p_t against 100-digit arithmetic on its density alone. The tolerance is derived: each result is a
// sum over K components of d-dimensional terms, so its forward error is a modest multiple of (K + d) u times the
// condition number that the reference reports, u = 2^-53; 40 covers the factorisation of a covariance. It stays far
// below the 1e-12 (score) and 1e-10 (Hessian) times conditioning that the project promises.
#include "theory/marginal.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dynamics/random.hpp"
#include "tests/theory/reference.hpp"

namespace lml {
namespace {

using reference::Real;
using reference::Reals;

struct Case {
  Vec weights;
  Points means;
  std::vector<Covariance> covariances;
  Time time;
  Vec x;
  Marginal marginal() const { return {Target::gaussian_mixture(weights, means, covariances), time}; }
};

reference::Mixture exact(const Case& c) {
  reference::Mixture out;
  const Index d = c.means.cols();
  out.alpha = c.time.alpha;
  out.sigma = c.time.sigma;
  for (Index j = 0; j < d; ++j) out.x.emplace_back(c.x[j]);
  for (Index k = 0; k < c.means.rows(); ++k) {
    out.weights.emplace_back(c.weights[k]);
    out.means.emplace_back();
    for (Index j = 0; j < d; ++j) out.means.back().emplace_back(c.means(k, j));
    Mat dense = Mat::Zero(d, d);
    const Covariance& s = c.covariances[std::size_t(k)];
    if (const double* v = std::get_if<double>(&s)) dense.diagonal().setConstant(*v);
    if (const Vec* v = std::get_if<Vec>(&s)) dense.diagonal() = *v;
    if (const Mat* m = std::get_if<Mat>(&s)) dense = *m;
    out.covariances.emplace_back();
    for (Index i = 0; i < d; ++i)
      for (Index j = 0; j < d; ++j) out.covariances.back().emplace_back(dense(i, j));
  }
  return out;
}

// Mixtures of all kinds of covariance, the largest condition number `spread`, semidefinite ones among them.
Case random_case(std::uint64_t i, double sigma, double spread) {
  const Random random(20250524, 1);
  const Index d = 1 + Index(i % 3), n = 1 + Index(i % 4);
  Case c;
  c.weights.resize(n);
  c.means = random.normals(i, 0, 1, n * d).reshaped<Eigen::RowMajor>(n, d);
  for (Index k = 0; k < n; ++k) {
    c.weights[k] = std::exp(6 * random.normal(i, 1, n)[k]);
    const double scale = std::exp(random.normal(i, 2, n)[k]);
    Vec variances = scale * (random.normal(i, 3 + std::uint64_t(k), d).array() * 0.5 * std::log(spread) / 3).exp();
    switch ((i + std::uint64_t(k)) % 4) {
      case 0: c.covariances.emplace_back(variances[0]); break;
      case 1: c.covariances.emplace_back(variances); break;
      case 2: variances[d - 1] = 0; [[fallthrough]];  // semidefinite
      default: {
        const Mat a = random.normals(i, 20 + std::uint64_t(k), d, d);
        const Mat half = a * variances.cwiseSqrt().asDiagonal();
        const Mat full = half * half.transpose();
        c.covariances.emplace_back(Mat(0.5 * (full + full.transpose())));
      }
    }
  }
  c.time = {0.8, sigma};
  const double reach = i % 5 == 4 ? 1e3 : 1;  // every fifth point lies in the far tail
  c.x = reach * (random.normal(i, 40, d) * (1 + sigma));
  return c;
}

void expect_close(const Mat& got, const Reals& want, double condition, Index terms, const char* what) {
  Real error = 0;
  for (Index i = 0; i < got.size(); ++i) {
    const Real gap = Real(got.reshaped<Eigen::RowMajor>()[i]) - want[std::size_t(i)];
    error += gap * gap;
  }
  const double relative = double(sqrt(error) / reference::norm(want));
  EXPECT_LE(relative, 40 * double(terms) * 0x1p-53 * (1 + condition)) << what << ", condition number " << condition;
}

void expect_exact(const Case& c) {
  const reference::Mixture p = exact(c);
  const Marginal marginal = c.marginal();
  const Local local = marginal.at(c.x);
  const Index terms = c.means.rows() + c.means.cols();
  expect_close(local.score(), reference::score(p), reference::condition(p, reference::score), terms, "score");
  expect_close(local.hessian(), reference::hessian(p), reference::condition(p, reference::hessian), terms, "hessian");
  const auto log_density = [](const reference::Mixture& m) { return Reals{reference::log_density(m, m.x)}; };
  expect_close(Mat::Constant(1, 1, local.log_density()), log_density(p), reference::condition(p, log_density), terms,
               "log density");
}

class EverySigma : public testing::TestWithParam<double> {};
TEST_P(EverySigma, ScoreHessianAndLogDensityAgreeWithTheReference) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    expect_exact(random_case(i, GetParam(), 1e2));
  }
}
TEST_P(EverySigma, IllConditionedCovariancesAgreeWithTheReference) {
  for (std::uint64_t i = 100; i < 112; ++i) {
    SCOPED_TRACE(i);
    expect_exact(random_case(i, GetParam(), 1e8));
  }
}
INSTANTIATE_TEST_SUITE_P(Marginal, EverySigma, testing::Values(1e-4, 1e-2, 0.3, 1.0, 30.0, 1e4));

TEST(Marginal, WeightsThatUnderflowStillCount) {
  Case c;
  c.weights = Vec{{1e300, 1e-300, 1e-320}};
  c.means = Points{{0.0}, {40.0}, {80.0}};
  c.covariances = {0.0, 0.0, 0.0};
  c.time = {1, 1};
  for (double x : {-5.0, 20.0, 54.0, 60.0, 79.0}) {
    c.x = Vec{{x}};
    expect_exact(c);
  }
}

TEST(Marginal, TweedieHoldsAndTheFisherIsTheResidualCovariance) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    const Case c = random_case(i, 0.7, 1e2);
    const Marginal marginal = c.marginal();
    const Local local = marginal.at(c.x);
    const Index d = c.x.size();
    const double a = c.time.alpha, s = c.time.sigma;
    // x = alpha y + sigma eps; rounding of terms of size |x|.
    EXPECT_LE((a * local.posterior_mean() + s * local.epsilon() - c.x).norm(), 1e-13 * (1 + c.x.norm()));
    const Mat from_c = (Mat::Identity(d, d) - (a * a / (s * s)) * local.posterior_covariance()) / (s * s);
    const double scale = 1 / (s * s) + a * a / std::pow(s, 4) * local.posterior_covariance().norm();
    EXPECT_LE((local.fisher() - from_c).norm(), 1e-13 * scale);
  }
}

TEST(Marginal, ProductsAgreeWithTheMatrices) {
  for (std::uint64_t i = 0; i < 20; ++i) {
    SCOPED_TRACE(i);
    const Case c = random_case(i, 0.5, 1e2);
    const Marginal marginal = c.marginal();
    const Local local = marginal.at(c.x);
    const Vec v = Random(7, 0).normal(i, 0, c.x.size());
    const Mat f = local.fisher(), cov = local.posterior_covariance();
    EXPECT_LE((local.fisher_times(v) - f * v).norm(), 1e-13 * f.norm() * v.norm());
    EXPECT_LE((local.posterior_covariance_times(v) - cov * v).norm(), 1e-13 * cov.norm() * v.norm());
    EXPECT_LE((local.third(v * v.transpose()) - local.third(v, v)).norm(), 1e-11 * (1 + local.third(v, v).norm()));
  }
}

// T is the derivative of the Hessian: central differences with step h have an error of order h^2; halving h must divide
// it by 4 until rounding (u |H|/h) takes over.
TEST(Marginal, ThirdDerivativeIsTheDerivativeOfTheHessian) {
  for (std::uint64_t i = 0; i < 12; ++i) {
    SCOPED_TRACE(i);
    const Case c = random_case(i, 0.8, 1e1);
    if (c.x.norm() > 100) continue;  // far out the third derivative is 0 to rounding
    const Marginal marginal = c.marginal();
    const Index d = c.x.size();
    const Vec u = Random(8, 0).normal(i, 0, d), v = Random(8, 0).normal(i, 1, d);
    const auto difference = [&](double h) -> Vec {
      return (marginal.at(c.x + h * u).hessian() - marginal.at(c.x - h * u).hessian()) * v / (2 * h);
    };
    const double h = 1e-3;
    const Vec coarse = difference(2 * h), fine = difference(h);
    const Vec richardson = fine + (fine - coarse) / 3;
    const double truncation = (fine - coarse).norm() / 3;
    EXPECT_LE((marginal.at(c.x).third(u, v) - richardson).norm(),
              0.05 * truncation + 1e-11 * marginal.at(c.x).hessian().norm() / h * u.norm() * v.norm());
  }
}

TEST(Marginal, FarOutTheNearestPointDecides) {
  const Marginal p(Target::points(Points{{0.0, 0.0}, {1.0, 0.0}}), {1.0, 1e-4});
  const Local local = p.at(Vec{{1e4, 0.0}});
  EXPECT_DOUBLE_EQ(local.posterior_mean()[0], 1.0);
  EXPECT_DOUBLE_EQ(local.score()[0], -(1e4 - 1) / 1e-8);
}

TEST(Marginal, RefusesImpossibleTimes) {
  const Target t = Target::points(Points{{0.0}});
  EXPECT_THROW(Marginal(t, {1, 0}), BadInput);
  EXPECT_THROW(Marginal(t, {-1, 1}), BadInput);
  EXPECT_THROW(Marginal(t, {1, HUGE_VAL}), BadInput);
}

}  // namespace
}  // namespace lml
