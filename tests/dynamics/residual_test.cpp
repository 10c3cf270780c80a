#include "dynamics/residual.hpp"

#include <gtest/gtest.h>

#include "dynamics/random.hpp"

namespace lml {
namespace {

Marginal mixture(Index d) {
  const Random random(31, 0);
  return {Target::gaussian_mixture(Vec{{1.0, 2.0, 0.5}}, random.normals(std::uint64_t(10 * d), 0, 3, d),
                                   {0.3, Vec(Vec::LinSpaced(d, 0.1, 0.4)), 0.0}),
          {0.8, 0.6}};
}

std::vector<Metric> metrics(const Marginal& p) {
  return {{p, {Curvature::exact, 40.0}},
          {p, {Curvature::exact, 40.0, true}},
          {p, {Curvature::rank_one, 0.7}},
          {p, {Curvature::rank_one_scaled, 0.7}},
          {p, {Curvature::identity}}};
}

// Two derivations that share nothing: hyper-dual arithmetic from D's definition, and the closed forms of the library.
TEST(Residual, DivergenceAndRootTermAreThoseOfTheMetric) {
  for (Index d = 1; d <= 4; ++d)
    for (const Metric& metric : metrics(mixture(d)))
      for (std::uint64_t i = 0; i < 4; ++i) {
        const Vec x = Random(32, std::uint64_t(d)).normal(i, 0, d);
        const Local local = metric.marginal().at(x);
        const MetricForm form = metric.form(local);
        ASSERT_TRUE(form.positive);
        const PointResidual<double> r = residual(metric, x);
        const Vec divergence = metric.divergence(local, form), root = metric.root_term(local, form);
        // Rounding times the condition number of the sums (third moments of 1e3) and of D.
        for (Index j = 0; j < d; ++j) {
          EXPECT_NEAR(r.divergence[std::size_t(j)], divergence[j], 1e-11 * (1 + divergence.norm()));
          EXPECT_NEAR(r.root_term[std::size_t(j)], root[j], 1e-11 * (1 + root.norm()));
        }
      }
}

// (1/p) div(V p) by central differences of V p, Richardson over two steps: what is left is below a tenth of what that
// removes, and rounding over h.
TEST(Residual, IsTheDivergenceOfTheProbabilityFlux) {
  for (Index d = 1; d <= 3; ++d)
    for (const Metric& metric : metrics(mixture(d)))
      for (Calculus calculus : {Calculus::ito, Calculus::half, Calculus::stratonovich, Calculus::corrected}) {
        const Vec x = Random(33, 0).normal(std::uint64_t(d), 0, d);
        const double here = metric.marginal().at(x).log_density();
        const auto flux = [&](const Vec& at) {
          const Local local = metric.marginal().at(at);
          const MetricForm form = metric.form(local);
          return Vec((metric.divergence(local, form) - metric.added_drift(local, form, calculus)) *
                     std::exp(local.log_density() - here));
        };
        const auto difference = [&](double h) {
          double sum = 0;
          for (Index j = 0; j < d; ++j) {
            const Vec e = h * Vec::Unit(d, j);
            sum += (flux(x + e)[j] - flux(x - e)[j]) / (2 * h);
          }
          return sum;
        };
        const double coarse = difference(2e-3), fine = difference(1e-3),
                     value = residual(residual(metric, x), calculus);
        EXPECT_NEAR(value, fine + (fine - coarse) / 3, 0.1 * std::abs(fine - coarse) + 1e-9 * (1 + std::abs(value)));
      }
}

// Ito, one dimension, D = 1/(F + lambda): (D' p)'/p = 0 only where D is constant.
TEST(Residual, IsZeroForAGaussianAndNotForTwoPoints) {
  const Metric gaussian(Marginal(Target::points(Points::Zero(1, 1)), {0.6, 0.8}), {Curvature::exact, 0.5});
  Points pair(2, 1);
  pair << -1, 1;
  const Metric two(Marginal(Target::points(pair), {0.6, 0.8}), {Curvature::exact, 0.5});
  const Vec x = Vec::Constant(1, 0.3);
  EXPECT_LE(std::abs(residual(gaussian, x).ito), 1e-13);
  EXPECT_GE(std::abs(residual(two, x).ito), 1e-2);
}

TEST(Residual, RefusesWhatItDoesNotKnow) {
  const Metric metric(mixture(2), {Curvature::rank_k, 0.5, false, false, 1});
  EXPECT_THROW(residual(metric, Vec::Ones(2)), BadInput);
}

}  // namespace
}  // namespace lml
