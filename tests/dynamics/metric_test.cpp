#include "dynamics/metric.hpp"

#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

Marginal mixture(std::uint64_t i, Index d) {
  const Random random(11, 0);
  return {Target::gaussian_mixture(Vec{{1.0, 2.0, 0.5}}, random.normals(10 * i, 0, 3, d),
                                   {0.3, Vec(Vec::LinSpaced(d, 0.1, 0.4)), 0.0}),
          {0.8, 0.6}};
}

// div of a matrix field by central differences, step h: error O(h^2), estimated from two steps.
template <class Field>
void expect_divergence(const Field& field, const Vec& x, const Vec& divergence, double condition = 1) {
  const Index d = x.size();
  const auto difference = [&](double h) {
    Vec out = Vec::Zero(d);
    for (Index j = 0; j < d; ++j) {
      const Vec e = h * Vec::Unit(d, j);
      out += (field(x + e).col(j) - field(x - e).col(j)) / (2 * h);
    }
    return out;
  };
  const Vec coarse = difference(2e-4), fine = difference(1e-4);
  const Vec richardson = fine + (fine - coarse) / 3;
  // Richardson leaves a fraction h^2 of what it removes, rounding 1e-16 |D|/h times a condition number: of the
  // target's sums (up to 1e3), and of the eigenvectors.
  EXPECT_LE((divergence - richardson).norm(),
            0.1 * (fine - coarse).norm() + 1e-10 * condition * (field(x).norm() / 1e-4 * 1e-3 + divergence.norm()));
}

std::vector<Metric> metrics(const Marginal& p) {
  const Index d = p.dim();
  std::vector<Metric> out{{p, {Curvature::exact, 20.0 * double(d)}},
                          {p, {Curvature::exact, 20.0 * double(d), true}},
                          {p, {Curvature::rank_one, 0.7}},
                          {p, {Curvature::rank_one_scaled, 0.7}},
                          {p, {Curvature::rank_one_scaled, 0.7, false, true}},
                          {p, {Curvature::identity}}};
  const Mat root = Random(13, 0).normals(0, 0, d, d);
  MetricSpec constant{Curvature::constant};
  constant.matrix = Mat::Identity(d, d) + root * root.transpose();
  out.emplace_back(p, constant);
  for (Index k = 1; k <= d; ++k) {
    MetricSpec spec{Curvature::rank_k, 20.0 * double(d)};
    spec.rank = k;
    out.emplace_back(p, spec);
  }
  return out;
}

// ||F||/(f_k - f_{k+1}): what the eigenvectors of rank k lose; 1 for the other metrics.
double condition(const Metric& metric, const Local& local) {
  const Index below = metric.marginal().dim() - metric.spec().rank - 1;
  if (metric.spec().curvature != Curvature::rank_k || below < 0) return 1;
  const Vec f = eigvalsh(local.fisher());
  return f.cwiseAbs().maxCoeff() / (f[below + 1] - f[below]);
}

// sqrt(2 D) by the square root of a dense matrix
Mat root(const Mat& d) {
  const Eigh e = eigh(2 * d);
  return e.vectors * e.values.cwiseSqrt().asDiagonal() * e.vectors.transpose();
}

TEST(Metric, DivergenceIsTheDivergenceOfTheMatrix) {
  for (Index d : {1, 2, 3})
    for (std::uint64_t i = 0; i < 5; ++i)
      for (const Metric& metric : metrics(mixture(i, d))) {
        SCOPED_TRACE(testing::Message() << d << " " << i << " " << int(metric.spec().curvature));
        const Vec x = Random(12, 0).normal(i, 0, d);
        const Local local = metric.marginal().at(x);
        const MetricAt m = metric.at(local);
        ASSERT_TRUE(m.positive);
        expect_divergence([&](const Vec& y) { return metric.at(metric.marginal().at(y)).d; }, x, m.divergence,
                          condition(metric, local));
      }
}

TEST(Metric, StratonovichDriftHasTheDivergenceOfTheSymmetricRoot) {
  for (Index d : {1, 2, 3, 4})
    for (std::uint64_t i = 0; i < 5; ++i)
      for (const Metric& metric : metrics(mixture(i, d))) {
        SCOPED_TRACE(testing::Message() << d << " " << i << " " << int(metric.spec().curvature));
        const Vec x = Random(12, 0).normal(i, 0, d);
        const Local local = metric.marginal().at(x);
        const MetricAt m = metric.at(local);
        ASSERT_TRUE(m.positive);
        const Mat r = root(m.d);
        // R^-1 (2 div D - 2 added) = div R
        const Vec divergence =
            inverse_spd(r) * (2 * (m.divergence - metric.added_drift(local, m, Calculus::stratonovich)));
        expect_divergence([&](const Vec& y) { return root(metric.at(metric.marginal().at(y)).d); }, x, divergence,
                          condition(metric, local));
      }
}

TEST(Metric, StratonovichIsHalfOfTheDivergenceInOneDimension) {
  for (std::uint64_t i = 0; i < 5; ++i)
    for (const Metric& metric : metrics(mixture(i, 1))) {
      const Local local = metric.marginal().at(Random(12, 0).normal(i, 0, 1));
      const MetricForm f = metric.form(local);
      EXPECT_NEAR(metric.added_drift(local, f, Calculus::stratonovich)[0],
                  metric.added_drift(local, f, Calculus::half)[0], 1e-13 * std::abs(metric.divergence(local, f)[0]));
    }
}

TEST(Metric, ConstantFisherHasNoDivergence) {
  const Marginal p(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 3), {Covariance(Vec{{0.5, 1.0, 2.0}})}),
                   {0.8, 0.6});
  const Local local = p.at(Vec{{0.3, -0.4, 1.1}});
  for (Index k = 1; k <= 3; ++k) {
    MetricSpec spec{Curvature::rank_k, 0.5};
    spec.rank = k;
    const Metric metric(p, spec);
    const MetricForm f = metric.form(local);
    ASSERT_TRUE(f.positive);
    EXPECT_EQ(metric.divergence(local, f).norm(), 0);
    EXPECT_EQ(metric.root_term(local, f).norm(), 0);
    // The largest curvature is along the first axis: 1/(0.64 * 0.5 + 0.36)
    EXPECT_NEAR(f.dense()(0, 0), 1 / (1 / 0.68 + 0.5), 1e-14);
    EXPECT_NEAR(f.dense()(2, 2), k == 3 ? 1 / (1 / 1.64 + 0.5) : 2.0, 1e-14);
  }
}

TEST(Metric, FormActsAsTheDenseMatrix) {
  for (std::uint64_t i = 0; i < 3; ++i)
    for (const Metric& metric : metrics(mixture(i, 4))) {
      const Local local = metric.marginal().at(Random(12, 0).normal(i, 0, 4));
      const MetricForm f = metric.form(local);
      const Mat d = metric.at(local).d;
      const Vec v = Random(12, 1).normal(i, 0, 4);
      const double scale = d.norm() * v.norm();
      EXPECT_LE((f.times(v) - d * v).norm(), 1e-14 * scale);
      EXPECT_LE((f.root_times(v) - root(d) * v).norm(), 1e-13 * (1 + scale));
      EXPECT_LE((f.inverse_times(f.times(v)) - v).norm(), 1e-12 * v.norm());
      EXPECT_NEAR(f.log_det(), eigvalsh(d).array().log().sum(), 1e-12);
    }
}

TEST(Metric, ScaledAndFixedDampingAgreeWhereLambdaPrimeFits) {
  const Marginal p = mixture(1, 3);
  const Local local = p.at(Vec{{0.3, -0.2, 0.9}});
  const double lambda = 1.3, lambda_prime = lambda * 0.36 * local.epsilon().squaredNorm();
  const Mat fixed = Metric(p, {Curvature::rank_one, lambda}).at(local).d;
  EXPECT_LE((Metric(p, {Curvature::rank_one_scaled, lambda_prime}).at(local).d - fixed).norm(), 1e-14 * fixed.norm());
}

TEST(Metric, KnowsWhereItIsNotPositive) {
  const Marginal two(Target::points(Points{{1.0, 0.0}, {-1.0, 0.0}}), {0.8, 0.6});
  const Local middle = two.at(Vec::Zero(2));  // lambda* = alpha^2/sigma^4 - 1/sigma^2 = 2.1605 is reached here
  EXPECT_FALSE(Metric(two, {Curvature::exact, 2.16}).at(middle).positive);
  EXPECT_TRUE(Metric(two, {Curvature::exact, 2.161}).at(middle).positive);
  EXPECT_FALSE(Metric(two, {Curvature::rank_one, 1}).at(middle).positive);
  EXPECT_TRUE(Metric(two, {Curvature::rank_one_scaled, 1}).at(middle).positive);
  EXPECT_LE(Metric(two, {Curvature::rank_one_scaled, 1}).at(middle).d.norm(), 1e-30);  // (u |y|/sigma)^2
}

TEST(Metric, RankKDoesNotExistWhereItsEigenvaluesCross) {
  // An isotropic Gaussian: every direction has the same curvature, none is the first.
  const Marginal round(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 2), {1.0}), {0.8, 0.6});
  MetricSpec spec{Curvature::rank_k, 1};
  EXPECT_FALSE(Metric(round, spec).at(round.at(Vec{{0.3, 0.1}})).positive);
  spec.rank = 2;
  EXPECT_TRUE(Metric(round, spec).at(round.at(Vec{{0.3, 0.1}})).positive);
}

TEST(Metric, RankOneInOneDimensionIsConstant) {
  const Marginal two(Target::points(Points{{1.0}, {-1.0}}), {0.8, 0.6});
  const MetricAt m = Metric(two, {Curvature::rank_one, 1}).at(two.at(Vec::Zero(1)));
  EXPECT_TRUE(m.positive);
  EXPECT_NEAR(m.d(0, 0), 1 / (1 / 0.36 + 1), 1e-15);
  EXPECT_EQ(m.divergence[0], 0);
}

TEST(Metric, StaysPutWhereTheScaledMetricVanishes) {
  const Marginal p(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 3), {1.0}), {0.8, 0.6});
  const Metric metric(p, {Curvature::rank_one_scaled, 1});
  const Local local = p.at(Vec::Zero(3));
  const MetricForm f = metric.form(local);
  ASSERT_TRUE(f.positive);
  EXPECT_EQ(f.root_times(Vec::Ones(3)).norm(), 0);
  EXPECT_EQ(metric.added_drift(local, f, Calculus::corrected).norm(), 0);
  EXPECT_EQ(metric.added_drift(local, f, Calculus::stratonovich).norm(), 0);
  EXPECT_EQ(f.log_det(), -HUGE_VAL);
  // and the limit is continuous: div D and the root term shrink with eps
  const Local near = p.at(1e-8 * Vec::Ones(3));
  EXPECT_LE(metric.added_drift(near, metric.form(near), Calculus::stratonovich).norm(), 1e-6);
  // The printed prefactor is infinite there.
  EXPECT_FALSE(Metric(p, {Curvature::rank_one_scaled, 1, false, true}).form(local).positive);
}

// d = 784: one product with F and its trace, against the same formula with the dense Hessian (conditioning 1e3 to 1e5).
TEST(Metric, RankOneDivergenceNeedsNoMatrix) {
  const Index d = 784;
  const Marginal p(Target::points(Random(21, 0).normals(0, 0, 40, d) / 28.0), {0.8, 0.6});
  const Vec x = 0.05 * Random(21, 1).normal(0, 0, d);
  const Metric metric(p, {Curvature::rank_one, 0.5});
  const Local local = p.at(x);
  const MetricForm f = metric.form(local);
  EXPECT_EQ(f.directions.cols(), 1);
  // The same from the dense Hessian, formula in the header.
  const Vec w = local.score().normalized();
  const Mat h = local.hessian();
  const Vec hw = h * w;
  const double c = 1 / (1 + 0.5 * 0.36);
  const Vec expected = -(c / 0.5) * ((h.trace() - w.dot(hw)) * w + hw - w.dot(hw) * w) / local.score().norm();
  EXPECT_LE((metric.divergence(local, f) - expected).norm(), 1e-11 * expected.norm());
}

TEST(Metric, RefusesWhatIsNoMetric) {
  const Marginal p = mixture(0, 2);
  MetricSpec spec{Curvature::rank_k, 1};
  spec.rank = 3;
  EXPECT_THROW(Metric(p, spec), BadInput);
  spec = {Curvature::rank_k, 0};
  EXPECT_THROW(Metric(p, spec), BadInput);
  spec = {Curvature::constant};
  EXPECT_THROW(Metric(p, spec), BadInput);
  spec.matrix = Mat{{1.0, 2.0}, {2.0, 1.0}};
  EXPECT_THROW(Metric(p, spec), BadInput);
  spec.matrix = Mat{{1.0, 0.1}, {0.2, 1.0}};
  EXPECT_THROW(Metric(p, spec), BadInput);
}

TEST(Metric, RefusesImpossibleDampings) {
  const Marginal p = mixture(0, 2);
  EXPECT_THROW(Metric(p, {Curvature::exact, -1}), BadInput);
  EXPECT_THROW(Metric(p, {Curvature::rank_one, 0}), BadInput);
  EXPECT_NO_THROW(Metric(p, {Curvature::exact, 0}));
}

}  // namespace
}  // namespace lml
