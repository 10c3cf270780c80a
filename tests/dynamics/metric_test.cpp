#include "dynamics/metric.hpp"

#include <gtest/gtest.h>

#include "dynamics/random.hpp"

namespace lml {
namespace {

Marginal mixture(std::uint64_t i, Index d) {
  const Random random(11, 0);
  return {Target::gaussian_mixture(Vec{{1.0, 2.0, 0.5}}, random.normals(10 * i, 0, 3, d),
                                   {0.3, Vec(Vec::Constant(d, 0.1)), 0.0}),
          {0.8, 0.6}};
}

// div D by central differences of D, step h: error O(h^2), estimated from two steps.
void expect_divergence(const Metric& metric, const Vec& x) {
  const Index d = x.size();
  const auto difference = [&](double h) {
    Vec out = Vec::Zero(d);
    for (Index j = 0; j < d; ++j) {
      const Vec e = h * Vec::Unit(d, j);
      out +=
          (metric.at(metric.marginal().at(x + e)).d.col(j) - metric.at(metric.marginal().at(x - e)).d.col(j)) / (2 * h);
    }
    return out;
  };
  const Vec coarse = difference(2e-4), fine = difference(1e-4);
  const Vec richardson = fine + (fine - coarse) / 3;
  const MetricAt m = metric.at(metric.marginal().at(x));
  EXPECT_TRUE(m.positive);
  EXPECT_LE((m.divergence - richardson).norm(),
            0.1 * (fine - coarse).norm() + 1e-10 * (m.d.norm() / 1e-4 * 1e-3 + m.divergence.norm()));
}

TEST(Metric, DivergenceIsTheDivergenceOfTheMatrix) {
  for (Index d : {1, 2, 3})
    for (std::uint64_t i = 0; i < 5; ++i) {
      SCOPED_TRACE(d);
      const Marginal p = mixture(i, d);
      const Vec x = Random(12, 0).normal(i, 0, d);
      expect_divergence({p, {Curvature::exact, 20}}, x);
      expect_divergence({p, {Curvature::exact, 20, true}}, x);
      expect_divergence({p, {Curvature::rank_one, 0.7}}, x);
      expect_divergence({p, {Curvature::rank_one_scaled, 0.7}}, x);
      expect_divergence({p, {Curvature::rank_one_scaled, 0.7, false, true}}, x);
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

TEST(Metric, RefusesImpossibleDampings) {
  const Marginal p = mixture(0, 2);
  EXPECT_THROW(Metric(p, {Curvature::exact, -1}), BadInput);
  EXPECT_THROW(Metric(p, {Curvature::rank_one, 0}), BadInput);
  EXPECT_NO_THROW(Metric(p, {Curvature::exact, 0}));
}

}  // namespace
}  // namespace lml
