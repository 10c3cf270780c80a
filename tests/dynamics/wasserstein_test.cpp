#include "dynamics/wasserstein.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lml {
namespace {

Marginal law(const Vec& weights, const Points& means, const std::vector<Covariance>& variances) {
  return {Target::gaussian_mixture(weights, means, variances), {1, 1e-9}};
}

Wasserstein at_start(const Marginal& q, const Marginal& p) {
  const Line line({p, {Curvature::identity}}, 1, 32, &q);
  return wasserstein(line, line.densities(q, {0.0})[0], line.target_density());
}

// |m1 - m2|^2 + (s1 - s2)^2: the mesh's error is 1e-9, the figure's the same where it is of order 1.
TEST(Wasserstein, OfGaussiansOnTheLineIsTheClosedForm) {
  for (const auto& [m, v] : {std::pair{0.7, 1.0}, {0.0, 0.25}, {-2.0, 3.0}, {0.01, 1.0}}) {
    const Wasserstein w =
        at_start(law(Vec::Ones(1), Points::Constant(1, 1, m), {v}), law(Vec::Ones(1), Points::Zero(1, 1), {1.0}));
    const double closed = gaussian_w2({Vec::Constant(1, m), Mat::Constant(1, 1, v)}, {Vec::Zero(1), Mat::Ones(1, 1)});
    EXPECT_NEAR(closed, std::hypot(m, std::sqrt(v) - 1), 1e-12);
    EXPECT_NEAR(w.w2, closed, 1e-8);
    if (v == 1) {
      EXPECT_NEAR(w.w1, std::abs(m), 1e-8);
    }  // a translation
    if (m == 0) {
      EXPECT_NEAR(w.w1, std::abs(std::sqrt(v) - 1) * std::sqrt(2 / M_PI), 1e-8);
    }  // a dilation
  }
}

// Moving weight e between two wells of distance 2 a: W_1 = 2 a e exactly, since F - G = e (Phi(x + a) - Phi(x - a)).
TEST(Wasserstein, OneBetweenTwoMixturesIsTheMassThatMoves) {
  const Points means{{-2.0}, {2.0}};
  const Wasserstein w = at_start(law(Vec{{0.6, 0.4}}, means, {0.25, 0.25}), law(Vec{{0.5, 0.5}}, means, {0.25, 0.25}));
  EXPECT_NEAR(w.w1, 0.4, 1e-8);
  EXPECT_GT(w.w2, w.w1);  // Jensen
}

// Of commuting covariances: sum (sqrt a - sqrt b)^2; of two that do not commute: invariance under a rotation of both.
TEST(Wasserstein, OfGaussiansInThePlane) {
  const Gaussian a{Vec{{1.0, 0.0}}, Mat{{4.0, 0.0}, {0.0, 1.0}}}, b{Vec{{0.0, 0.0}}, Mat{{1.0, 0.0}, {0.0, 9.0}}};
  EXPECT_NEAR(gaussian_w2(a, b), std::sqrt(1.0 + 1 + 4), 1e-12);
  const Gaussian c{Vec{{0.0, 0.0}}, Mat{{2.0, 0.7}, {0.7, 1.0}}};
  Mat r(2, 2);
  r << std::cos(0.4), -std::sin(0.4), std::sin(0.4), std::cos(0.4);
  EXPECT_NEAR(gaussian_w2(a, c),
              gaussian_w2({r * a.mean, r * a.covariance * r.transpose()}, {c.mean, r * c.covariance * r.transpose()}),
              1e-12);
  EXPECT_NEAR(gaussian_w2(a, c), gaussian_w2(c, a), 1e-12);
}

}  // namespace
}  // namespace lml
