#include "dynamics/line.hpp"

#include <gtest/gtest.h>

#include <boost/math/quadrature/tanh_sinh.hpp>
#include <cmath>

namespace lml {
namespace {

constexpr int degree = 20;

Marginal double_well() {
  return {Target::gaussian_mixture(Vec{{1.0, 1.0}}, Points{{-1.5}, {1.25}}, {0.2, 0.3}), {0.8, 0.6}};
}
Marginal gaussian(double mean, double variance) {
  return {Target::gaussian_mixture(Vec{{1.0}}, Points{{mean}}, {variance}), {1, 1e-9 * std::sqrt(variance)}};
}

// N(0, s), exact F = 1/s: D is constant and the dynamics is Ornstein-Uhlenbeck with the rate 1/(1 + lambda s).
TEST(Line, GapOfAGaussianIsTheClosedForm) {
  for (double s : {0.01, 1.0, 50.0})
    for (double lambda : {0.0, 0.3, 10.0}) {
      const Line line({gaussian(0.7, s), {Curvature::exact, lambda}}, 1, degree);
      EXPECT_NEAR(line.rates()[1] * (1 + lambda * s), 1, 1e-10) << s << " " << lambda;
    }
}

// chi2 between Gaussians N(m, v) and N(0, s), v < 2 s: s/sqrt(v (2s - v)) exp(m^2/(2s - v)) - 1; along the flow
// m = m_0 e^-gt, v = s + (v_0 - s) e^-2gt.
TEST(Line, FlowOfAGaussianIsTheClosedForm) {
  const double s = 0.8, lambda = 0.5, g = 1 / (1 + lambda * s), m0 = 0.9, v0 = 0.3;
  const Marginal initial = gaussian(m0, v0);
  const Line line({gaussian(0, s), {Curvature::exact, lambda}}, 1, degree, &initial);
  const std::vector<double> times{0, 0.2, 1, 5};
  const auto flow = line.flow(initial, times);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double m = m0 * std::exp(-g * times[i]), v = s + (v0 - s) * std::exp(-2 * g * times[i]);
    EXPECT_NEAR(flow[i].chi2 / (s / std::sqrt(v * (2 * s - v)) * std::exp(m * m / (2 * s - v)) - 1), 1, 1e-9);
    EXPECT_NEAR(flow[i].kl, 0.5 * (v / s + m * m / s - 1 - std::log(v / s)), 1e-9);
    const double overlap = std::sqrt(2 * std::sqrt(v * s) / (v + s)) * std::exp(-m * m / (4 * (v + s)));
    EXPECT_NEAR(flow[i].hellinger, std::sqrt(1 - overlap), 1e-9);
  }
}

// 60 elements. What lies below e^-150 of a narrow start must not be resolved too: that took 659 for v0 = 0.03.
TEST(Line, ANarrowStartCostsNoMoreThanItsWidthAsksFor) {
  const double s = 0.8;
  for (double v0 : {0.03, 0.003}) {
    const Marginal initial = gaussian(0.9, v0);
    const Line line({gaussian(0, s), {Curvature::exact, 0.5}}, 1, degree, &initial);
    EXPECT_LT(line.size(), 100 * degree);
    const double chi2 = s / std::sqrt(v0 * (2 * s - v0)) * std::exp(0.81 / (2 * s - v0)) - 1;
    EXPECT_NEAR(line.flow(initial, {0})[0].chi2 / chi2, 1, 1e-9) << v0;
  }
}

// N(m, s) against N(0, s): total variation is erf(|m|/(2 sqrt(2 s))).
TEST(Line, TotalVariationIsExactAcrossItsKinks) {
  const Marginal initial = gaussian(0.37, 1);
  const Line line({gaussian(0, 1), {Curvature::identity}}, 1, degree, &initial);
  EXPECT_NEAR(line.flow(initial, {0})[0].total_variation, std::erf(0.37 / (2 * std::sqrt(2.0))), 1e-10);
}

// q ~ p D^(theta-1) by tanh-sinh quadrature, which shares nothing with the elements.
TEST(Line, LawOfADoubleWellAgreesWithQuadrature) {
  const Marginal p = double_well();
  const double lambda = 3.48;
  for (double theta : {0.0, 0.5, 1.0}) {
    const auto q = [&](double x) {
      const Local local = p.at(Vec::Constant(1, x));
      return std::exp(local.log_density()) * std::pow(local.fisher()(0, 0) + lambda, 1 - theta);
    };
    boost::math::quadrature::tanh_sinh<double> integrator;
    const auto integral = [&](auto f) {
      return integrator.integrate(f, -12.0, 0.0) + integrator.integrate(f, 0.0, 12.0);
    };
    const double mass = integral(q), mean = integral([&](double x) { return x * q(x); }) / mass;
    const double chi2 = integral([&](double x) {
                          return q(x) / mass * q(x) / mass / std::exp(p.at(Vec::Constant(1, x)).log_density());
                        }) -
                        1;
    const Line line({p, {Curvature::exact, lambda}}, theta, degree);
    EXPECT_NEAR(line.mean(), mean, 1e-9);
    EXPECT_NEAR(line.divergences().chi2, chi2, 1e-9);
    if (theta == 1) {
      EXPECT_LE(line.divergences().chi2, 1e-25);
    }
  }
}

TEST(Line, TwoDegreesAgreeOnTheGapOfADoubleWell) {
  const Metric metric(double_well(), {Curvature::exact, 3.48});
  const double coarse = Line(metric, 1, 16).rates()[1], fine = Line(metric, 1, 24).rates()[1];
  EXPECT_NEAR(coarse, fine, 1e-9 * fine);
}

// However late: no mass is lost.
TEST(Line, FlowEndsInTheStationaryLaw) {
  const Marginal start = gaussian(0.5, 0.25);
  for (double theta : {0.0, 1.0}) {
    const Line line({double_well(), {Curvature::exact, 4}}, theta, 20, &start);
    const Divergences end = line.divergences();
    for (const Divergences& at : line.flow(start, {1e3, 1e8, 1e15, 1e300})) {
      EXPECT_NEAR(at.chi2, end.chi2, 1e-10);
      EXPECT_NEAR(at.total_variation, end.total_variation, 1e-10);
    }
  }
}

TEST(Line, SaysWhyALawDoesNotExist) {
  const Line indefinite({double_well(), {Curvature::exact, 2.32}}, 1, degree);
  EXPECT_FALSE(indefinite.existence().exists);
  EXPECT_NE(indefinite.existence().why.find("not positive"), std::string::npos);
  const Metric scaled(double_well(), {Curvature::rank_one_scaled, 1});
  EXPECT_FALSE(Line(scaled, 0, degree).existence().exists);
  EXPECT_FALSE(Line(scaled, 0.5, degree).existence().exists);
  EXPECT_TRUE(Line(scaled, 1, degree).existence().exists);
  EXPECT_FALSE(Line(scaled, 1, degree).existence().unique);
}

TEST(Line, AnInfiniteDivergenceIsInfinite) {
  const Marginal wide = gaussian(0, 2.5);
  const Line line({gaussian(0, 1), {Curvature::identity}}, 1, degree, &wide);
  EXPECT_TRUE(chi2_is_infinite(wide, gaussian(0, 1)));
  EXPECT_EQ(line.flow(wide, {0.0})[0].chi2, HUGE_VAL);
  EXPECT_LT(line.flow(wide, {2.0})[0].chi2, 1);  // 1 + 1.5 e^-4 < 2
}

// One wide direction is enough, whichever axis or none it lies along.
TEST(Line, ChiSquaredIsInfiniteWhereOneDirectionIsTooWide) {
  const auto law = [](const Covariance& c) {
    return Marginal(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 2), {c}), {1, 1e-3});
  };
  const Marginal p = law(1.0);
  Mat turned(2, 2);
  turned << 1.75, 1.3, 1.3, 1.75;  // variances 3.05 and 0.45 along the diagonals
  EXPECT_TRUE(chi2_is_infinite(law(Vec{{0.4, 3.0}}), p));
  EXPECT_TRUE(chi2_is_infinite(law(Vec{{3.0, 0.4}}), p));
  EXPECT_TRUE(chi2_is_infinite(law(turned), p));
  EXPECT_FALSE(chi2_is_infinite(law(Vec{{0.4, 1.9}}), p));
}

}  // namespace
}  // namespace lml
