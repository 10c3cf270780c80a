#include "dynamics/annealed.hpp"

#include <gtest/gtest.h>

#include "dynamics/annealed_line.hpp"
#include "dynamics/flow_map.hpp"
#include "dynamics/random.hpp"

namespace lml {
namespace {

const Target one_point = Target::points(Points::Zero(1, 1));

Target mixture(Index d) {
  Points means = Points::Zero(2, d);
  means(0, 0) = -1;
  means(1, 0) = 1;
  return Target::gaussian_mixture(Vec{{1.0, 2.0}}, means, {0.15, 0.15});
}

std::vector<AnnealedMetric> metrics(Index d) {
  std::vector<AnnealedMetric> out;
  for (Scale scale : {Scale::printed, Scale::normalised}) {
    out.emplace_back(mixture(d), Process::vp, Curvature::exact, 4.0, scale);
    out.emplace_back(mixture(d), Process::ve, Curvature::rank_one, 0.7, scale);
    out.emplace_back(mixture(d), Process::vp, Curvature::rank_one_scaled, 0.7, scale);
  }
  return out;
}

// Central differences extrapolated from steps 2e-3 and 1e-3: error O(h^4) = 1e-12 times a fifth derivative, rounding
// 1e-13.
template <class F>
double slope(const F& f) {
  const auto central = [&](double h) { return (f(h) - f(-h)) / (2 * h); };
  return (4 * central(1e-3) - central(2e-3)) / 3;
}

TEST(Annealed, DivergencesAreThoseOfTheMetricAndOfTheDampedScore) {
  for (Index d : {1, 2, 3})
    for (const AnnealedMetric& metric : metrics(d)) {
      const MetricSlice slice = metric.at(-0.3);
      const Vec x = 0.8 * Random(21, 0).normal(0, 0, d);
      double of_score = 0;
      Vec of_metric = Vec::Zero(d);
      for (Index j = 0; j < d; ++j) {
        const auto local = [&](double h) { return slice.marginal().at(x + h * Vec::Unit(d, j)); };
        of_score += slope([&](double h) { return slice.damped_score(local(h)).value[j]; });
        for (Index i = 0; i < d; ++i) of_metric[i] += slope([&](double h) { return slice.at(local(h)).d(i, j); });
      }
      const Local here = slice.marginal().at(x);
      EXPECT_NEAR(slice.damped_score(here).divergence, of_score, 1e-8 * (1 + std::abs(of_score)));
      EXPECT_LE((slice.at(here).divergence - of_metric).norm(), 1e-8 * (1 + of_metric.norm()));
      EXPECT_LE((slice.at(here).d * here.score() - slice.damped_score(here).value).norm(), 1e-13 * here.score().norm());
    }
}

TEST(Annealed, NormalisedRankOneIsTheIdentityAlongTheScore) {
  for (Curvature curvature : {Curvature::rank_one, Curvature::rank_one_scaled}) {
    const MetricSlice slice = AnnealedMetric(mixture(3), Process::vp, curvature, 0.2, Scale::normalised).at(0.4);
    const Local local = slice.marginal().at(Vec{{0.3, -0.2, 0.9}});
    EXPECT_LE((slice.at(local).d * local.score() - local.score()).norm(), 1e-14 * local.score().norm());
  }
}

TEST(Annealed, GaussianVarianceIsTheClosedForm) {  // PROOFS-ANNEALED.md, section 4: one data point, lambda sigma^2 = 1
  const double u_start = log_noise_ratio({0.6, 0.8}), u_end = log_noise_ratio({0.8, 0.6});
  const auto half = [](double u) { return 0.5 * std::pow(at(Process::vp, u).sigma, 2); };
  EXPECT_NEAR(gaussian_variance(Process::vp, 0, half, eq9, u_start, u_end), 0.5 + std::log(4.0 / 3), 1e-14);
  EXPECT_NEAR(gaussian_variance(Process::vp, 0, half, eq10, u_start, u_end), 64.0 / 75, 1e-14);
  EXPECT_NEAR(gaussian_variance(Process::vp, 0, half, corrected, u_start, u_end), 0.36, 1e-14);
}

TEST(FlowMap, ProbabilityFlowCarriesTheMarginals) {
  for (Index d : {1, 2})
    for (Process process : {Process::vp, Process::ve}) {
      const AnnealedMetric metric(mixture(d), process, Curvature::identity, 0, Scale::printed);
      const Points x = 0.8 * Random(22, 0).normals(0, 0, 20, d);
      const FlowMap map = flow_map(metric, probability_flow, 4.6, -2, x);
      EXPECT_LE((map.log_density - metric.marginal(-2).log_density(x)).cwiseAbs().maxCoeff(), 1e-9);
    }
}

TEST(FlowMap, LinearFlowKeepsAGaussianGaussian) {
  const AnnealedMetric metric(one_point, Process::vp, Curvature::exact, 1, Scale::printed);
  const double u_start = log_noise_ratio({0.6, 0.8}), u_end = log_noise_ratio({0.8, 0.6});
  Points x(3, 1);
  x << -0.4, 0.0, 2.0;
  const Vec density = flow_map(metric, eq10, u_start, u_end, x).log_density;
  const double v = 64.0 / 75;
  for (Index i = 0; i < 3; ++i)
    EXPECT_NEAR(density[i], -0.5 * x(i, 0) * x(i, 0) / v - 0.5 * std::log(2 * M_PI * v), 1e-11);
}

TEST(FlowMap, RefusesAMetricThatIsNotPositive) {
  const Target two = Target::points(Points{{-1.0}, {1.0}});
  const AnnealedMetric metric(two, Process::vp, Curvature::exact, 0.1, Scale::printed);
  EXPECT_THROW(flow_map(metric, eq10, 1, log_noise_ratio({0.8, 0.6}), Points::Zero(1, 1)), BadInput);
}

TEST(AnnealedLine, FokkerPlanckHasTheGaussianVariance) {
  const double u_start = log_noise_ratio({0.6, 0.8}), u_end = log_noise_ratio({0.8, 0.6});
  const AnnealedLine line({one_point, Process::vp, Curvature::rank_one, 1, Scale::printed}, u_start, u_end);
  const LineLaw law = line.law(eq9);
  EXPECT_NEAR(law.mass(), 1, 1e-12);
  EXPECT_NEAR(law.variance(), 0.5 + std::log(4.0 / 3), 1e-8);  // 4e-9 measured, falling as the fourth power of the step
  EXPECT_NEAR(line.law(eq10).variance(), 64.0 / 75, 1e-11);
}

TEST(AnnealedLine, CorrectedPairKeepsTheMarginalsAndNeedsTheDivergence) {
  const AnnealedLine line({mixture(1), Process::vp, Curvature::exact, 4, Scale::normalised}, 2, -1, {.elements = 1.5});
  EXPECT_LE(line.law(corrected).divergences().total_variation, 1e-7);
  EXPECT_GE(line.law(corrected_without_divergence).divergences().total_variation, 1e-2);
}

TEST(AnnealedLine, FlowLawAgreesWithItsDistributionFunction) {
  const AnnealedLine line({mixture(1), Process::vp, Curvature::exact, 4, Scale::normalised}, 2, -1);
  const LineLaw law = line.law(eq10);
  EXPECT_NEAR(law.mass(), 1, 1e-9);
  // The mean from the distribution function: int (1 - F) - int F. By the trapezium rule, spectral on a smooth bump.
  const double h = 0.02, low = -8;
  Vec x(801);
  for (Index i = 0; i < x.size(); ++i) x[i] = low + h * double(i);
  const Vec f = line.distribution(eq10, x);
  const double mean = x[800] - h * (f.sum() - 0.5 * (f[0] + f[800]));
  EXPECT_NEAR(law.mean(), mean, 1e-8);
}

TEST(AnnealedLine, VpAndVeAgreeUpToScaleWhereTheMetricHasNoUnit) {  // PROOFS-ANNEALED.md, section 3
  const auto figure = [&](Process process) {
    return AnnealedLine({mixture(1), process, Curvature::exact, 4, Scale::normalised}, 1, -1).law(eq9).divergences().kl;
  };
  EXPECT_NEAR(figure(Process::vp), figure(Process::ve), 1e-10);
}

}  // namespace
}  // namespace lml
