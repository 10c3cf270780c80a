// What is said of a Fisher from products alone, against matrices that are known.
#include "samplers/fisher_figures.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dynamics/random.hpp"
#include "theory/curvature.hpp"
#include "theory/linalg.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

FisherProducts products_of(const Mat& g) {
  return {[g](const Points& v) { return Points(v * g.transpose()); }, [g](const Points& v) { return Points(v * g); }};
}

Points unit_rows(Index n, Index d) {
  Points u = Random(7, 1).normals(0, 0, n, d);
  return u.rowwise().norm().cwiseInverse().asDiagonal() * u;
}

// I, less a few strong directions, and a part that is not symmetric.
Mat curved(Index d, double skew) {
  const Mat a = Random(7, 2).normals(0, 0, d, d), b = Random(7, 3).normals(0, 0, d, d);
  const Mat q = eigh(a + a.transpose()).vectors;
  Vec values = Vec::Ones(d);
  for (Index i = 0; i < d; ++i) values[i] -= 0.9 * std::pow(0.8, double(i));
  return q * values.asDiagonal() * q.transpose() + skew / std::sqrt(double(d)) * (b - b.transpose());
}

struct Truth {
  double asymmetry, trace, norm, rank_one, identity, scaled_identity;
};
Truth truth(const Mat& g, const Vec& u) {
  const double d = double(g.rows()), size = g.norm();
  const Mat one = Mat::Identity(g.rows(), g.rows());
  return {(g - g.transpose()).norm() / size,     g.trace() / d,           size / std::sqrt(d),
          (g - u * u.transpose()).norm() / size, (g - one).norm() / size, (g - g.trace() / d * one).norm() / size};
}

// With as many steps as dimensions nothing is left for random signs but the part that is not symmetric.
TEST(FisherFigures, AreExactForASymmetricMatrixOnceTheBasisIsFull) {
  const Index d = 12;
  const Mat g = curved(d, 0);
  const Points u = unit_rows(3, d);
  const Vec spectrum = eigvalsh(g);
  // Sums of d^2 products of numbers of size 1, and a difference under the root whose value is at least 1e-2.
  const double rounding = 1e2 * double(d * d) * 0x1p-53;
  for (const bool symmetric : {true, false}) {
    FisherProducts products = products_of(g);
    if (symmetric) products.transposed_times = nullptr;
    const auto all = fisher_figures(products, u, {4, 40, 5});
    for (Index i = 0; i < u.rows(); ++i) {
      const FisherFigures& f = all[std::size_t(i)];
      const Truth t = truth(g, u.row(i).transpose());
      EXPECT_NEAR(f.asymmetry.value, 0, 1e-7);  // the root of a rounding
      EXPECT_NEAR(f.trace.value, t.trace, rounding);
      EXPECT_NEAR(f.norm.value, t.norm, rounding);
      EXPECT_NEAR(f.rank_one.value, t.rank_one, rounding);
      EXPECT_NEAR(f.identity.value, t.identity, rounding);
      EXPECT_NEAR(f.scaled_identity.value, t.scaled_identity, rounding);
      EXPECT_NEAR(f.rank_k.value, rank_k_error(spectrum, 1, 5), rounding);
      EXPECT_LE(f.rank_one.standard_error, rounding);
      EXPECT_NEAR(f.smallest.value, spectrum[0], rounding);
      EXPECT_NEAR(f.largest.value, spectrum[d - 1], rounding);
      const Vec ui = u.row(i).transpose();
      EXPECT_NEAR(f.along_u, ui.dot(g * ui), rounding);
      EXPECT_NEAR(f.u_residual, (g * ui - f.along_u * ui).norm() / (g * ui).norm(), rounding);
      double all_of_u = 0;
      for (const Eigenpair& e : fisher_figures(products, u, {4, 40, 40})[std::size_t(i)].deviating)
        all_of_u += e.cosine * e.cosine;
      EXPECT_NEAR(all_of_u, 1, rounding);
    }
  }
}

// 100 points with draws of their own. Standardised by the jackknife's error with 32 signs, a figure is about Student's
// with 31 degrees of freedom: one beyond 7 in 1.4e7, so that 700 have one with probability 5e-5; their mean is N(0,
// 1/100) but for a bias of a ratio of less than its error's square, here below 0.1: 0.6 is five standard errors more
// (6e-7 each).
TEST(FisherFigures, FromRandomSignsAreWithinTheirStandardErrors) {
  const Index d = 40, n = 100;
  const Mat g = curved(d, 0.2);
  const Vec one = unit_rows(1, d).row(0).transpose();
  const auto all = fisher_figures(products_of(g), one.transpose().replicate(n, 1), {32, 6, 3, 5});
  const Truth t = truth(g, one);
  const auto expect = [&](const char* name, Estimated FisherFigures::*member, double right) {
    SCOPED_TRACE(name);
    double sum = 0, square = 0;
    for (const FisherFigures& f : all) {
      const double z = ((f.*member).value - right) / (f.*member).standard_error;
      EXPECT_LT(std::abs(z), 7);
      sum += z;
      square += z * z;
    }
    EXPECT_LT(std::abs(sum / double(n)), 0.6);
    // Neither far too large nor far too small: chi-squared of 100 degrees of freedom is in [40, 190] but for 1e-7.
    EXPECT_GT(square / double(n), 0.4);
    EXPECT_LT(square / double(n), 1.9 + 0.4);
  };
  expect("asymmetry", &FisherFigures::asymmetry, t.asymmetry);
  expect("trace", &FisherFigures::trace, t.trace);
  expect("norm", &FisherFigures::norm, t.norm);
  expect("rank_one", &FisherFigures::rank_one, t.rank_one);
  expect("rank_one_plain", &FisherFigures::rank_one_plain, t.rank_one);
  expect("identity", &FisherFigures::identity, t.identity);
  expect("scaled_identity", &FisherFigures::scaled_identity, t.scaled_identity);
}

TEST(FisherFigures, ResidualsBoundTheErrorsOfEigenvalues) {
  const Index d = 60;
  const Mat g = curved(d, 0.1);
  const Vec spectrum = eigvalsh((g + g.transpose()) / 2);
  for (const FisherFigures& f : fisher_figures(products_of(g), unit_rows(4, d), {2, 20, 6})) {
    ASSERT_EQ(f.deviating.size(), 6u);
    for (const Eigenpair& e : f.deviating) EXPECT_LE((spectrum.array() - e.value).abs().minCoeff(), e.residual + 1e-12);
    EXPECT_LE(f.deviating[0].residual, 1e-3);  // 20 steps find the strongest direction
    EXPECT_NEAR(f.smallest.value, spectrum[0], 1e-6);
    // What they hold is what is left without them.
    const double left = f.rank_k.value * f.rank_k.value - f.asymmetry.value * f.asymmetry.value / 4,
                 whole = f.identity.value * f.identity.value - f.asymmetry.value * f.asymmetry.value / 4;
    EXPECT_NEAR(left, (1 - f.held.value) * whole, 1e-12);
  }
}

// Controls: one data point in one dimension, and a law with curvature across one direction alone, for which the outer
// product is right; one data point in 32 dimensions, for which it is not.
TEST(FisherFigures, TheOuterProductIsRightAtCodimensionOneAndNowhereNear) {
  const auto error = [](const Mat& g, const Vec& u) {
    return fisher_figures(products_of(g), u.transpose(), {4, 8, 2})[0].rank_one.value;
  };
  EXPECT_NEAR(error(Mat::Ones(1, 1), Vec::Ones(1)), 0, 1e-7);
  const Vec axis = Vec::Unit(32, 5);
  Mat across = 0.01 * Mat::Identity(32, 32);
  across(5, 5) = 1;
  EXPECT_NEAR(error(across, axis), std::sqrt(31 * 1e-4 / (1 + 31 * 1e-4)), 1e-9);
  EXPECT_NEAR(error(Mat::Identity(32, 32), axis), std::sqrt(31.0 / 32), 1e-12);
}

// The identity has no Krylov space: every step begins a new one.
TEST(FisherFigures, AMultipleOfTheIdentityHasAllItsEigenpairs) {
  const Mat g = 2 * Mat::Identity(9, 9);
  const FisherFigures f = fisher_figures(products_of(g), unit_rows(1, 9), {2, 9, 9})[0];
  ASSERT_EQ(f.deviating.size(), 9u);
  for (const Eigenpair& e : f.deviating) EXPECT_NEAR(e.value, 2, 1e-12);
  EXPECT_NEAR(f.held.value, 1, 1e-12);
  const FisherFigures zero = fisher_figures(products_of(Mat::Zero(4, 4)), unit_rows(1, 4), {2, 2, 2})[0];
  EXPECT_TRUE(std::isinf(zero.rank_one.value));
  EXPECT_THROW(fisher_figures(products_of(g), unit_rows(1, 9), {1, 9, 9}), std::invalid_argument);
}

}  // namespace
}  // namespace lml
