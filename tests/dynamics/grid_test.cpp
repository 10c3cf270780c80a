#include "dynamics/grid.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dynamics/gaussian_law.hpp"
#include "dynamics/grid_assembly.hpp"
#include "dynamics/grid_figures.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

constexpr Time time_{0.8, 0.6};

Marginal gaussian(const Vec& mean, const Mat& covariance) {
  const Mat data = (covariance - 0.36 * Mat::Identity(mean.size(), mean.size())) / 0.64;
  return {Target::gaussian_mixture(Vec{{1.0}}, Points(mean.transpose() / 0.8), {data}), time_};
}
Marginal three_modes(double angle) {
  Mat rotation(2, 2);
  rotation << std::cos(angle), -std::sin(angle), std::sin(angle), std::cos(angle);
  const Points means = Points{{-1.5, 0}, {1.25, 0.5}, {0, -1.5}} * rotation.transpose();
  return {Target::gaussian_mixture(Vec{{1.0, 2.0, 1.0}}, means, {0.2, 0.3, 0.25}), time_};
}
Mat tilted() {
  Mat s(2, 2);
  s << 1.0, 0.3, 0.3, 0.6;
  return s;
}

// Gaussian target with exact F: Ornstein-Uhlenbeck with the rates 1/(1 + lambda s_i).
TEST(Grid, GapOfAGaussianIsTheClosedForm) {
  const double s_max = eigvalsh(tilted())[1];
  for (double lambda : {0.0, 0.7, 10.0}) {
    const GapFigure g = gap_figure({gaussian(Vec{{0.3, -0.2}}, tilted()), {Curvature::exact, lambda}}, 96);
    ASSERT_TRUE(g.existence.exists);
    EXPECT_NEAR(g.gap.value * (1 + lambda * s_max), 1, 1e-4);
    EXPECT_LE(std::abs(g.gap.value - 1 / (1 + lambda * s_max)), g.gap.error);
  }
}

// p = p_1 p_2 and F diagonal: everything factorises.
struct Product {
  Marginal first{Target::gaussian_mixture(Vec{{1.0, 2.0}}, Points{{-1.2}, {1.0}}, {0.3, 0.5}), time_};
  Marginal second{Target::gaussian_mixture(Vec{{1.0, 1.0}}, Points{{-0.8}, {0.9}}, {0.4, 0.4}), time_};
  Marginal both{
      Target::gaussian_mixture(Vec{{1.0, 1.0, 2.0, 2.0}}, Points{{-1.2, -0.8}, {-1.2, 0.9}, {1.0, -0.8}, {1.0, 0.9}},
                               {Vec{{0.3, 0.4}}, Vec{{0.3, 0.4}}, Vec{{0.5, 0.4}}, Vec{{0.5, 0.4}}}),
      time_};
  MetricSpec spec{Curvature::exact, 3.0};
};

TEST(Grid, LawsOfAProductAreProducts) {
  const Product p;
  for (const auto& [calculus, theta] :
       {std::pair(Calculus::ito, 0.0), std::pair(Calculus::half, 0.5), std::pair(Calculus::stratonovich, 0.5)}) {
    const Line a({p.first, p.spec}, theta, 20), b({p.second, p.spec}, theta, 20);
    const LawFigures f = law_figures({p.both, p.spec}, calculus, 128);
    const auto agree = [](const Figure& figure, double truth) {
      EXPECT_NEAR(figure.value, truth, 1e-4);
      EXPECT_LE(std::abs(figure.value - truth), figure.error);
    };
    agree(f.mean[0], a.mean());
    agree(f.mean[1], b.mean());
    agree(f.covariance[0], a.variance());
    agree(f.covariance[3], b.variance());
    agree(f.divergences.chi2, (1 + a.divergences().chi2) * (1 + b.divergences().chi2) - 1);
    agree(f.divergences.kl, a.divergences().kl + b.divergences().kl);
  }
}

TEST(Grid, GapOfAProductIsTheSmallerOne) {
  const Product p;
  const double truth = std::min(Line({p.first, p.spec}, 1, 20).rates()[1], Line({p.second, p.spec}, 1, 20).rates()[1]);
  const GapFigure g = gap_figure({p.both, p.spec}, 128);
  EXPECT_NEAR(g.gap.value / truth, 1, 1e-4);
  EXPECT_LE(std::abs(g.gap.value - truth), g.gap.error);
}

// 1 + chi2 is the product of the factors' along the flow too.
TEST(Grid, FlowOfAProductIsAProduct) {
  const Product p;
  const auto start = [](const Points& mean, const Covariance& v) {
    return Marginal(Target::gaussian_mixture(Vec{{1.0}}, mean, {v}), Time{1, 0.1});
  };
  const Marginal from_a = start(Points{{0.5}}, 0.29), from_b = start(Points{{-0.4}}, 0.19),
                 from = start(Points{{0.5, -0.4}}, Vec{{0.29, 0.19}});
  const std::vector<double> times{0, 0.4, 0.9};
  const Line a({p.first, p.spec}, 0.5, 20, &from_a), b({p.second, p.spec}, 0.5, 20, &from_b);
  const auto fa = a.flow(from_a, times), fb = b.flow(from_b, times);
  const FlowFigures f = flow_figures({p.both, p.spec}, Calculus::half, 96, from, times);
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double chi2 = (1 + fa[i].chi2) * (1 + fb[i].chi2) - 1, kl = fa[i].kl + fb[i].kl;
    EXPECT_NEAR(f.at[i].chi2.value / chi2, 1, 2e-4) << times[i];
    EXPECT_LE(std::abs(f.at[i].chi2.value - chi2), f.at[i].chi2.error) << times[i];
    EXPECT_NEAR(f.at[i].kl.value, kl, 1e-4) << times[i];
  }
}

// N(0, s I) under rank one, Ito: q ~ r^k exp(-r^2/2s), k = (d - 1) D_across/D_along, so E|x|^2 = s (k + 1).
double radial_moment(double s, double lambda, Index d) { return s * (1 + double(d - 1) * (1 + 1 / (lambda * 0.36))); }

TEST(Grid, RankOneItoSpreadsAGaussianByTheClosedForm) {
  for (double lambda : {0.7, 5.0}) {
    const LawFigures f = law_figures(
        {gaussian(Vec::Zero(2), 0.64 * Mat::Identity(2, 2)), {Curvature::rank_one, lambda}}, Calculus::ito, 128);
    const double value = f.covariance[0].value + f.covariance[3].value, truth = radial_moment(0.64, lambda, 2);
    EXPECT_NEAR(value / truth, 1, 1e-4);
    EXPECT_LE(std::abs(value - truth), f.covariance[0].error + f.covariance[3].error);
  }
}

// At small lambda no stencil reaches the cells around eps = 0, the likeliest under p: the law has no mass there.
TEST(Grid, RankOneItoWithASmallLambdaIsTheClosedFormToo) {
  const Metric metric({Target::points(Points::Zero(1, 2)), time_}, {Curvature::rank_one, 0.5});
  const LawFigures law = law_figures(metric, Calculus::ito, 128);
  EXPECT_TRUE(law.existence.unique);
  const double each = 0.5 * IsotropicLaw(metric, Calculus::ito).second_moment();
  EXPECT_NEAR(law.covariance[0].value, each, law.covariance[0].error);
  EXPECT_LT(law.covariance[0].error, 0.01 * each);
}

// From both sides: a first-order scheme has the ratio 2, a fourth-order one 16.
TEST(Grid, IsOfSecondOrder) {
  const Product p;
  const MetricSpec spec{Curvature::exact, 8};
  const double gap = std::min(Line({p.first, spec}, 1, 20).rates()[1], Line({p.second, spec}, 1, 20).rates()[1]);
  const double variance = Line({p.first, p.spec}, 0, 20).variance();
  const auto gap_error = [&](Index n) { return Grid({p.both, spec}, Calculus::corrected, n).gap() - gap; };
  const auto variance_error = [&](Index n) {
    return Grid({p.both, p.spec}, Calculus::ito, n).covariance()(0, 0) - variance;
  };
  EXPECT_NEAR(gap_error(64) / gap_error(128), 4, 0.4);
  EXPECT_NEAR(variance_error(64) / variance_error(128), 4, 0.4);
}

// The box turns with the target. Rounding only: the coarse grids of the box may differ in nothing else.
TEST(Grid, ARotatedTargetHasTheSameFigures) {
  const MetricSpec spec{Curvature::exact, 6};
  const Grid a({three_modes(0), spec}, Calculus::ito, 64), b({three_modes(0.7), spec}, Calculus::ito, 64);
  EXPECT_NEAR(a.covariance().trace() / b.covariance().trace(), 1, 1e-3);
  const GapFigure f = gap_figure({three_modes(0), spec}, 128), g = gap_figure({three_modes(0.7), spec}, 128);
  EXPECT_LE(std::abs(f.gap.value - g.gap.value), f.gap.error + g.gap.error);
  EXPECT_NEAR(f.gap.value / g.gap.value, 1, 2e-4);
}

// Full D that turns from cell to cell: p at the centres is the chain's null vector, found without knowing it.
TEST(Grid, TheCorrectedLawIsTheTarget) {
  for (Curvature c : {Curvature::exact, Curvature::rank_one, Curvature::rank_one_scaled}) {
    const Metric metric(three_modes(0.3), {c, 6});
    Mesh mesh{Mat::Identity(2, 2), Vec{{-6.0, -6.0}}, Vec{{6.0, 6.0}}, 48};
    const Assembly a = assemble(metric, Calculus::corrected, mesh, 8);
    const Vec p = a.log_p.array().exp() / a.log_p.array().exp().sum();
    const Dissection order(a.chain, 2, mesh.n, a.mode);
    const Elimination lu(a.chain, order, 0);
    ASSERT_TRUE(lu.irreducible());
    EXPECT_LT((lu.null_vector().cwiseQuotient(p).array() - 1).abs().maxCoeff(), 1e-11);
  }
}

// Two halves joined at a rate of 1e-30: the weights of the halves are still right to rounding.
TEST(Elimination, KeepsItsAccuracyInMetastableChains) {
  const int n = 16;
  const auto weight = [](int i) { return 1 + std::sin(double(i)) / 2; };
  JumpChain chain;
  chain.first.push_back(0);
  for (int x = 0; x < n * n; ++x) {
    const auto add = [&](int y) {
      const double weak = (x % n < n / 2) == (y % n < n / 2) ? 1 : 1e-30;
      chain.neighbour.push_back(y);
      chain.out.push_back(weak / weight(x));
      chain.in.push_back(weak / weight(y));
    };
    if (x >= n) add(x - n);
    if (x % n > 0) add(x - 1);
    if (x % n < n - 1) add(x + 1);
    if (x < n * (n - 1)) add(x + n);
    chain.first.push_back(Index(chain.neighbour.size()));
  }
  Vec truth(n * n);
  for (int x = 0; x < n * n; ++x) truth[x] = weight(x);
  truth /= truth.sum();
  const Dissection order(chain, 2, n, n * n / 2);
  EXPECT_LT((Elimination(chain, order, 0).null_vector().cwiseQuotient(truth).array() - 1).abs().maxCoeff(), 1e-12);
  // (2 - L) y = f, with |L| <= 16: the residual is rounding.
  const Vec f = truth.reverse(), y = Elimination(chain, order, 2).solve(f);
  EXPECT_LT((2 * y - chain.times(y) - f).cwiseAbs().maxCoeff(), 1e-16);
}

TEST(Grid, SaysWhyALawDoesNotExist) {
  const Grid indefinite({three_modes(0), {Curvature::exact, 2.2}}, Calculus::corrected, 64);
  EXPECT_FALSE(indefinite.existence().exists);
  EXPECT_NE(indefinite.existence().why.find("smallest eigenvalue is -"), std::string::npos);
  EXPECT_NE(indefinite.existence().why.find("at x = ("), std::string::npos);
  const Metric scaled(three_modes(0), {Curvature::rank_one_scaled, 1});
  EXPECT_FALSE(Grid(scaled, Calculus::ito, 64).existence().exists);
  const Grid corrected(scaled, Calculus::corrected, 64);
  EXPECT_TRUE(corrected.existence().exists);
  EXPECT_FALSE(corrected.existence().unique);
}

// N(0, s I), rank one with lambda', Ito: the tail has the variance 1/(1/s - (d - 1) sigma^2/(s^2 lambda')), which is no
// variance for lambda' <= (d - 1) sigma^2/s.
TEST(Grid, FindsTailsThatCannotBeNormalised) {
  const Marginal p = gaussian(Vec::Zero(3), 0.64 * Mat::Identity(3, 3));
  EXPECT_FALSE(Grid({p, {Curvature::rank_one_scaled, 1.0}}, Calculus::ito, 16).existence().exists);
  EXPECT_TRUE(Grid({p, {Curvature::rank_one_scaled, 4.0}}, Calculus::ito, 16).existence().exists);
}

// In Stratonovich form there is a law at every lambda' (PROOFS-LAWS.md, Theorem 5).
TEST(Grid, TheStratonovichLawWithASmallFixedLambdaIsThatOfTheClosedForm) {
  const Metric metric({Target::points(Points::Zero(1, 2)), time_}, {Curvature::rank_one_scaled, 0.4});
  const LawFigures law = law_figures(metric, Calculus::stratonovich, 256);
  ASSERT_TRUE(law.existence.exists) << law.existence.why;
  EXPECT_FALSE(law.existence.unique);
  const double second = IsotropicLaw(metric, Calculus::stratonovich).second_moment();
  EXPECT_NEAR(law.covariance[0].value + law.covariance[3].value, second,
              law.covariance[0].error + law.covariance[3].error);
  EXPECT_LT(law.covariance[0].error, 0.02);
}

TEST(Grid, AnInfiniteDivergenceIsInfinite) {
  const Marginal wide = gaussian(Vec::Zero(2), 2.5 * Mat::Identity(2, 2));
  const Grid grid({gaussian(Vec::Zero(2), Mat::Identity(2, 2)), {Curvature::identity}}, Calculus::ito, 64, &wide);
  const auto flow = grid.flow(wide, {0.0, 2.0});
  EXPECT_EQ(flow[0].chi2, HUGE_VAL);
  EXPECT_LT(flow[1].chi2, 1);  // variance 1 + 1.5 e^-4 < 2
}

TEST(Grid, ThreeDimensionsToAPercent) {
  Mat s = 0.8 * Mat::Identity(3, 3);
  s(0, 1) = s(1, 0) = 0.2;
  const GapFigure g = gap_figure({gaussian(Vec::Zero(3), s), {Curvature::exact, 1.0}}, 32);
  EXPECT_NEAR(g.gap.value * 2, 1, 0.01);  // s_max = 1
  EXPECT_LE(std::abs(g.gap.value - 0.5), g.gap.error);
}

TEST(Grid, RefusesOtherDimensions) {
  const Marginal line(Target::gaussian_mixture(Vec{{1.0}}, Points{{0.0}}, {1.0}), time_);
  EXPECT_THROW(Grid({line, {Curvature::identity}}, Calculus::ito, 64), BadInput);
}

}  // namespace
}  // namespace lml
