#include "dynamics/gaussian_law.hpp"

#include <gtest/gtest.h>

#include <boost/math/quadrature/tanh_sinh.hpp>
#include <cmath>

namespace lml {
namespace {

Metric metric(Index d, Curvature curvature, double damping, double spread = 0) {
  const Target target = Target::gaussian_mixture(Vec::Ones(1), Points::Constant(1, d, 0.4), {spread});
  return {Marginal(target, {0.6, 0.8}), {curvature, damping}};
}

// The flux D grad q + (div D - added - D s) q along a ray, with the library's own D, div D and added drift: 0 for a
// reversible law, so  d log q/d rho = -(div D - added - D s).e / (e.D e).
TEST(GaussianLaw, HasNoFlux) {
  for (Index d : {1, 2, 3, 7})
    for (Curvature curvature : {Curvature::rank_one, Curvature::rank_one_scaled, Curvature::exact})
      for (Calculus calculus : {Calculus::ito, Calculus::half, Calculus::stratonovich, Calculus::corrected}) {
        const double spread = 0.5, scale = std::sqrt(0.36 * spread + 0.64);
        const Metric m = metric(d, curvature, 20, spread);
        const IsotropicLaw law(m, calculus);
        if (!law.existence().exists) continue;
        const Vec e = Vec::LinSpaced(d, 1, 2).normalized(), mean = Vec::Constant(d, 0.24);
        for (double rho : {0.5, 1.7, 3.0}) {
          const Local local = m.marginal().at(mean + rho * scale * e);
          const MetricForm form = m.form(local);
          const Vec v = m.divergence(local, form) - m.added_drift(local, form, calculus) - form.times(local.score());
          const double slope = -scale * v.dot(e) / e.dot(form.times(e)) + rho;  // of log(q/p)
          const double h = 1e-3;
          const auto centred = [&](double step) {
            return (law.log_ratio(rho + step) - law.log_ratio(rho - step)) / (2 * step);
          };
          const double difference = (4 * centred(h) - centred(2 * h)) / 3;  // error h^4 times the fifth derivative
          EXPECT_NEAR(difference, slope, 1e-9 * (1 + std::abs(slope))) << d << " " << rho;
        }
      }
}

TEST(GaussianLaw, RankOneItoHasTheSecondMomentOfTheSimulation) {
  // d = 5, lambda sigma^2 = 1: sigma^2 (1 + 4 * 2) = 9 sigma^2 instead of 5 sigma^2
  EXPECT_NEAR(IsotropicLaw(metric(5, Curvature::rank_one, 1 / 0.64), Calculus::ito).second_moment(), 9 * 0.64, 1e-13);
}

TEST(GaussianLaw, ScaledItoHasItsIntegerMoments) {
  // d = 3, lambda' = 4, k = 1: f ~ (4 + rho^2) exp(-rho^2/4), E rho^2 = 20/6
  const IsotropicLaw law(metric(3, Curvature::rank_one_scaled, 4), Calculus::ito);
  EXPECT_NEAR(law.second_moment(), 0.64 * 20 / 6, 1e-12);
  EXPECT_TRUE(law.existence().exists);
  EXPECT_FALSE(law.existence().unique);
}

TEST(GaussianLaw, DivergencesAgreeWithDirectIntegrals) {
  boost::math::quadrature::tanh_sinh<double> rule;
  for (const auto& [m, calculus] : {std::pair{metric(6, Curvature::rank_one, 0.9, 0.5), Calculus::ito},
                                    {metric(2, Curvature::rank_one, 0.9), Calculus::stratonovich},
                                    {metric(6, Curvature::rank_one_scaled, 14), Calculus::ito},
                                    {metric(3, Curvature::rank_one_scaled, 5, 1.0), Calculus::half},
                                    {metric(4, Curvature::rank_one_scaled, 0.5), Calculus::stratonovich}}) {
    const IsotropicLaw law(m, calculus);
    const double d = double(m.marginal().dim());
    const auto p = [&](double rho) {
      return std::exp((d - 1) * std::log(rho) - rho * rho / 2 + (1 - d / 2) * std::log(2.0) - std::lgamma(d / 2));
    };
    const auto over = [&](const auto& f) {
      return rule.integrate([&](double rho) { return f(rho, law.log_ratio(rho)); }, 1e-9, 40.0, 1e-13);
    };
    const Divergences at = law.divergences();
    const double mass = over([&](double r, double h) { return p(r) * std::exp(h); });
    EXPECT_NEAR(mass, 1, 1e-9);
    EXPECT_NEAR(at.chi2, over([&](double r, double h) { return p(r) * std::pow(std::expm1(h), 2); }),
                1e-8 * (1 + at.chi2));
    EXPECT_NEAR(at.kl, over([&](double r, double h) { return p(r) * std::exp(h) * h; }), 1e-8);
    // |q - p| has kinks, which the rule resolves slowly
    EXPECT_NEAR(at.total_variation, 0.5 * over([&](double r, double h) { return p(r) * std::abs(std::expm1(h)); }),
                1e-4);
    EXPECT_NEAR(std::pow(at.hellinger, 2), 1 - over([&](double r, double h) { return p(r) * std::exp(h / 2); }), 1e-8);
  }
}

TEST(GaussianLaw, ScaledExistsExactlyAboveTheThresholds) {
  const auto exists = [](Index d, double damping, Calculus calculus, double spread = 0) {
    return IsotropicLaw(metric(d, Curvature::rank_one_scaled, damping, spread), calculus).existence().exists;
  };
  EXPECT_FALSE(exists(1, 1e6, Calculus::ito));
  EXPECT_FALSE(exists(2, 1e6, Calculus::ito));
  EXPECT_FALSE(exists(3, 2, Calculus::ito));
  EXPECT_TRUE(exists(3, 2.01, Calculus::ito));
  EXPECT_TRUE(exists(3, 1, Calculus::ito, 1 / 0.36));  // k = 0.64/1.64
  EXPECT_FALSE(exists(3, 0.78, Calculus::ito, 1 / 0.36));
  EXPECT_FALSE(exists(1, 1e6, Calculus::half));
  EXPECT_FALSE(exists(2, 0.5, Calculus::half));
  EXPECT_TRUE(exists(2, 0.51, Calculus::half));
  EXPECT_FALSE(exists(1, 1e6, Calculus::stratonovich));
  EXPECT_TRUE(exists(2, 1e-3, Calculus::stratonovich));
  EXPECT_TRUE(exists(1, 1e-3, Calculus::corrected));
}

TEST(GaussianLaw, CorrectedIsTheTargetAndThePrintedSignNeedsLambda) {
  for (Curvature c : {Curvature::rank_one, Curvature::rank_one_scaled, Curvature::exact})
    EXPECT_LE(IsotropicLaw(metric(4, c, 0.01), Calculus::corrected).divergences().total_variation, 1e-12);
  const Marginal p(Target::points(Points::Zero(1, 2)), {0.6, 0.8});
  EXPECT_FALSE(IsotropicLaw(Metric(p, {Curvature::exact, 1.5, true}), Calculus::ito).existence().exists);
  EXPECT_TRUE(IsotropicLaw(Metric(p, {Curvature::exact, 1.6, true}), Calculus::ito).existence().exists);
}

// D is 0 at the node x = mean: a law by quadrature must not stumble over log D there.
TEST(GaussianLaw, IsTheLawOnTheLineWhereTheMetricVanishesAtANode) {
  const Metric m = metric(1, Curvature::rank_one_scaled, 2);
  EXPECT_NEAR(Line(m, 1, 16).variance(), IsotropicLaw(m, Calculus::corrected).second_moment(), 1e-10);
}

TEST(GaussianLaw, RefusesOtherTargets) {
  const Marginal two(Target::points(Points::Identity(2, 2)), {0.6, 0.8});
  EXPECT_THROW(IsotropicLaw(Metric(two, {Curvature::rank_one, 1}), Calculus::ito), BadInput);
}

}  // namespace
}  // namespace lml
