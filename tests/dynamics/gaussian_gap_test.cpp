#include "dynamics/gaussian_gap.hpp"

#include <gtest/gtest.h>

#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <cmath>

#include "dynamics/random.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

Mat random_spd(std::uint64_t sample, Index d) {
  const Points a = Random(4, 1).normals(1000 * sample, 0, d, d);
  return a * a.transpose() / double(d) + 0.2 * Mat::Identity(d, d);
}

// D = (F + lambda I)^-1 on N(., S) is constant, with the rates 1/(1 + lambda s_i): also as the library's metric has it.
TEST(GaussianFlow, RatesOfTheExactMetricAreTheClosedForm) {
  for (Index d : {1, 2, 7, 30}) {
    const Mat s = random_spd(std::uint64_t(d), d);
    const Vec mean = Random(4, 2).normal(1, 0, d), variances = eigvalsh(s);
    Points m(1, d);
    m.row(0) = mean.transpose();
    const Marginal p(Target::gaussian_mixture(Vec::Ones(1), m, {Covariance(s)}), {0.6, 0.8});
    const Mat covariance = 0.36 * s + 0.64 * Mat::Identity(d, d);
    for (double lambda : {0.0, 0.3, 20.0}) {
      const MetricAt at = Metric(p, {Curvature::exact, lambda}).at(p.at(mean));
      const GaussianFlow flow({0.6 * mean, covariance}, at.d);
      const Vec v = eigvalsh(covariance);
      EXPECT_NEAR(flow.rates()[0] * gaussian_poincare(v, lambda), 1, 1e-10) << d << " " << lambda;
      for (Index i = 0; i < d; ++i) EXPECT_NEAR(flow.rates()[i] * (1 + lambda * v[d - 1 - i]), 1, 1e-10);
    }
  }
}

// The line's spectral elements share nothing with the closed forms.
TEST(GaussianFlow, DivergencesAgreeWithTheLine) {
  const double s = 0.8, lambda = 0.5, d = 1 / (1 / s + lambda);
  for (const auto& [m0, v0] : {std::pair{0.9, 0.3}, {0.4, 1.1}, {0.0, 0.5}, {1.3, 0.8}}) {
    const auto law = [](double mean, double variance) {
      return Marginal(Target::gaussian_mixture(Vec::Ones(1), Points::Constant(1, 1, mean), {variance}),
                      {1, 1e-9 * std::sqrt(variance)});
    };
    const Marginal initial = law(m0, v0);
    const Line line({law(0.1, s), {Curvature::exact, lambda}}, 1, 20, &initial);
    const GaussianFlow closed({Vec::Constant(1, 0.1), Mat::Constant(1, 1, s)}, Mat::Constant(1, 1, d));
    const Departure start = closed.departure({Vec::Constant(1, m0), Mat::Constant(1, 1, v0)});
    const std::vector<double> times{0, 0.1, 1, 4};
    const auto flow = line.flow(initial, times);
    for (std::size_t i = 0; i < times.size(); ++i) {
      const Divergences c = divergences(closed.at(start, times[i]));
      EXPECT_NEAR(flow[i].chi2, c.chi2, 1e-9 * (1 + c.chi2));
      EXPECT_NEAR(flow[i].kl, c.kl, 1e-9);
      EXPECT_NEAR(flow[i].total_variation, c.total_variation, 1e-9);
      EXPECT_NEAR(flow[i].hellinger, c.hellinger, 1e-9);
    }
  }
}

// In two dimensions: int |q - p|/2 by nested Gauss-Kronrod, kinks and all, so to 1e-6.
TEST(Divergences, TotalVariationInTwoDimensionsAgreesWithQuadrature) {
  Departure q{Vec{{0.5, -0.3}}, Mat{{0.6, 0.2}, {0.2, -0.4}}};
  const Mat v = Mat::Identity(2, 2) + q.excess, precision = inverse_spd(v);
  const double scale = 1 / std::sqrt(v(0, 0) * v(1, 1) - v(0, 1) * v(0, 1));
  using boost::math::quadrature::gauss_kronrod;
  const double distance = gauss_kronrod<double, 31>::integrate(
      [&](double x) {
        return gauss_kronrod<double, 31>::integrate(
            [&](double y) {
              const Vec z{{x, y}};
              return std::abs(scale * std::exp(-0.5 * (z - q.shift).dot(precision * (z - q.shift))) -
                              std::exp(-0.5 * z.squaredNorm())) /
                     (4 * M_PI);
            },
            -10.0, 10.0, 6, 1e-9);
      },
      -10.0, 10.0, 6, 1e-9);
  EXPECT_NEAR(divergences(q).total_variation, distance, 1e-6);
}

// Equal covariances: erf(|m|/(2 sqrt 2)), whatever the dimension; equal means in one dimension: two roots.
TEST(Divergences, TotalVariationHasItsElementaryCases) {
  for (double m : {1e-3, 0.5, 3.0, 9.0})
    for (Index d : {1, 3, 40})
      EXPECT_NEAR(divergences({Vec::Constant(d, m / std::sqrt(double(d))), Mat::Zero(d, d)}).total_variation,
                  std::erf(m / std::sqrt(8.0)), 1e-11);
  for (double e : {-0.999, -0.5, -1e-4, 1e-4, 0.5, 30.0}) {
    const double root = std::sqrt((1 + e) * std::log1p(e) / e);  // the densities cross at +-root
    const double exact = std::abs(std::erf(root / std::sqrt(2.0)) - std::erf(root / std::sqrt(2 * (1 + e))));
    EXPECT_NEAR(divergences({Vec::Zero(1), Mat::Constant(1, 1, e)}).total_variation, exact, 1e-11) << e;
  }
}

// e^-2gt of the start, with the digits of the difference and not of the covariances.
// |q - p| does not care which of the two is called the target: excess -e/(1+e) and shift -m/sqrt(1+e) then. Scales of
// the modes from 1 to 1e-6, as they are along a flow, with excesses of both signs; 1e-12 is what the header claims.
TEST(Divergences, TotalVariationIsSymmetricWhateverTheScalesOfTheModes) {
  const Random draw(4, 7);
  for (std::uint64_t k = 0; k < 400; ++k) {
    const Index d = 1 + Index(k % 4);
    Departure q{Vec(d), Mat::Zero(d, d)}, swapped = q;
    for (Index i = 0; i < d; ++i) {
      const auto uniform = [&](std::uint64_t what) { return draw.uniform(k, std::uint64_t(i), what); };
      const double scale = std::pow(10, -6 * uniform(0)), side = 2 * uniform(1) - 1;
      const double e = scale * (side > 0 ? 2 * side : 0.95 * side), m = std::sqrt(scale) * (6 * uniform(2) - 3);
      q.excess(i, i) = e;
      q.shift[i] = m;
      swapped.excess(i, i) = -e / (1 + e);
      swapped.shift[i] = -m / std::sqrt(1 + e);
    }
    const double distance = divergences(q).total_variation;
    EXPECT_GE(distance, 0) << k;
    EXPECT_NEAR(distance, divergences(swapped).total_variation, 1e-12) << k;
  }
}

TEST(GaussianFlow, KeepsItsDigitsNearTheTarget) {
  const GaussianFlow flow({Vec::Zero(1), Mat::Identity(1, 1)}, Mat::Identity(1, 1));
  const Departure start = flow.departure({Vec::Constant(1, 0.5), Mat::Constant(1, 1, 1.25)});
  const double late = divergences(flow.at(start, 20)).chi2;
  EXPECT_NEAR(late / (0.25 * std::exp(-40.0)), 1, 1e-12);
}

TEST(GaussianFlow, RefusesWhatIsNotPositive) {
  EXPECT_THROW(GaussianFlow({Vec::Zero(1), Mat::Zero(1, 1)}, Mat::Identity(1, 1)), BadInput);
  EXPECT_THROW(GaussianFlow({Vec::Zero(1), Mat::Identity(1, 1)}, -Mat::Identity(1, 1)), BadInput);
}

TEST(Divergences, Chi2IsInfiniteFromTwiceTheVariance) {
  EXPECT_EQ(divergences({Vec::Zero(1), Mat::Constant(1, 1, 1.0)}).chi2, HUGE_VAL);
  EXPECT_LT(divergences({Vec::Zero(1), Mat::Constant(1, 1, 0.999)}).chi2, HUGE_VAL);
}

}  // namespace
}  // namespace lml
