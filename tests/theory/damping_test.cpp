#include "theory/damping.hpp"

#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>

#include "dynamics/random.hpp"
#include "theory/linalg.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

const Random random_stream(3, 7);

Points line(std::initializer_list<double> values) {
  Points out(Index(values.size()), 1);
  Index k = 0;
  for (double v : values) out(k++, 0) = v;
  return out;
}

TEST(DampedRankOne, IsTheInverseOfTheDampedOuterProductTo50Digits) {
  using Real = boost::multiprecision::cpp_bin_float_50;
  for (double damping : {1e-7, 1e-3, 1.0, 1e6})
    for (Index d : {1, 2, 5}) {
      const Vec eps = random_stream.normal(std::uint64_t(d), 0, d), v = random_stream.normal(std::uint64_t(d), 1, d);
      const double sigma = 0.7, n = eps.squaredNorm();
      const Vec by_scaled = DampedRankOne::scaled(eps, sigma, damping).times(v);
      const Vec by_fixed = DampedRankOne::fixed(eps / std::sqrt(n), sigma, damping / (sigma * sigma * n)).times(v);
      // (eps eps^T + lambda' I) w = sigma^2 ||eps||^2 v has w = (sigma^2 ||eps||^2/lambda') (v - eps (eps.v)/(lambda' +
      // n)).
      Real n50 = 0, product = 0;
      for (Index j = 0; j < d; ++j) n50 += Real(eps[j]) * eps[j], product += Real(eps[j]) * v[j];
      const Real scale = Real(sigma) * sigma * n50 / damping;
      Vec w(d);
      Real largest = 0;
      for (Index j = 0; j < d; ++j) {
        const Real exact = scale * (v[j] - eps[j] * product / (damping + n50));
        Real residual = damping * exact - Real(sigma) * sigma * n50 * v[j];
        for (Index i = 0; i < d; ++i)
          residual += Real(eps[j]) * eps[i] * scale * (v[i] - eps[i] * product / (damping + n50));
        EXPECT_LT(abs(residual), Real(1e-40) * (1 + scale));
        w[j] = exact.convert_to<double>();
        largest = std::max(largest, Real(abs(scale * v[j])));
      }
      // The subtraction loses against the size of its terms: a few roundings each, and d in the inner product.
      const double tolerance = 1e-15 * double(d + 8) * largest.convert_to<double>() * std::sqrt(double(d));
      EXPECT_LT((by_scaled - w).norm(), tolerance) << damping << " " << d;
      EXPECT_LT((by_fixed - w).norm(), tolerance) << damping << " " << d;
    }
}

TEST(DampedRankOne, EigenvaluesAndConditionAreThoseOfTheMatrix) {
  const Vec eps = random_stream.normal(1, 2, 4);
  const DampedRankOne m = DampedRankOne::scaled(eps, 0.6, 0.05);
  const Vec values = eigvalsh(m.dense());
  // Condition number 1 + ||eps||^2/lambda' ~ 100 times the unit roundoff.
  EXPECT_NEAR(values[0] / m.along(), 1, 1e-12);
  EXPECT_NEAR(values[3] / m.across(), 1, 1e-13);
  EXPECT_NEAR(values[3] / values[0] / m.condition(), 1, 1e-12);
  EXPECT_NEAR(m.condition() / (1 + eps.squaredNorm() / 0.05), 1, 1e-14);
  EXPECT_EQ(DampedRankOne::scaled(Vec::Ones(1), 0.6, 0.05).condition(), 1);
}

TEST(DampedRankOne, PrintedPrefactorIsOffByTheSquareOfSigmaEps) {
  const Vec eps = random_stream.normal(1, 3, 3);
  const double ratio = DampedRankOne::printed(eps, 0.6, 0.05).across() / DampedRankOne::scaled(eps, 0.6, 0.05).across();
  const double product = 0.36 * eps.squaredNorm();
  EXPECT_NEAR(ratio * product * product, 1, 1e-14);
}

TEST(DampedRankOne, VanishesWithEpsAndRefusesNoDamping) {
  EXPECT_EQ(DampedRankOne::scaled(Vec::Zero(2), 0.6, 1e-3).times(Vec::Ones(2)).norm(), 0);
  EXPECT_THROW(DampedRankOne::printed(Vec::Zero(2), 0.6, 1e-3), std::domain_error);
  EXPECT_THROW(DampedRankOne::scaled(Vec::Ones(2), 0.6, 0), BadInput);
  EXPECT_THROW(DampedRankOne::fixed(Vec::Unit(2, 0), 0.6, -1), BadInput);
}

TEST(CriticalDamping, TwoPointsAttainTheBoundWhateverTheirWeights) {
  for (const Vec& w : {Vec(Vec::Ones(2)), Vec(Vec::Unit(2, 0) * 99 + Vec::Ones(2))}) {
    const Target target = Target::points(line({-1, 2}), w);
    const Time time{0.8, 0.6};
    const double bound = critical_damping_bound(target, time);
    EXPECT_NEAR(bound, 0.64 * 9 / (4 * 0.1296) - 1 / 0.36, 1e-12);
    EXPECT_NEAR(critical_damping_search(Marginal(target, time), Points(0, 1), 1, 50).value, bound, 1e-12 * bound);
  }
}

TEST(CriticalDamping, SearchFindsTheClosedFormOfThreeCollinearPoints) {
  // theory/PROOFS-DAMPING.md, section 3; both branches. A maximum is flat: steps of 1e-6 would do for 1e-11.
  for (double sigma : {0.3, 0.6}) {
    const double ratio = (1 - sigma * sigma) / (sigma * sigma), k = 2 * std::exp(-ratio / 2);
    const double variance = k <= 0.5 ? 1 / (4 * (1 - k * k)) : k / (1 + k);
    const Marginal marginal(Target::points(line({-1, 0, 1})), {std::sqrt(1 - sigma * sigma), sigma});
    const double found = critical_damping_search(marginal, line({0.1, 0.5, -0.7}), 3, 300).value * sigma * sigma;
    EXPECT_NEAR(found, ratio * variance - 1, 1e-9 * (1 + ratio));
    EXPECT_LT(found, critical_damping_bound(marginal.target(), marginal.time()) * sigma * sigma - 0.1);
  }
}

TEST(CriticalDamping, CommonCovarianceIsTheWhitenedProblemAndPairsBoundIsotropicOnes) {
  const Time time{0.8, 0.6};
  const Points m = random_stream.normals(40, 0, 3, 2);
  // s^2 I: the points' formula with alpha^2 s^2 + sigma^2 for sigma^2.
  const Target same = Target::gaussian_mixture(Vec::Ones(3), m, std::vector<Covariance>(3, Covariance(0.5)));
  const double noise2 = 0.64 * 0.5 + 0.36;
  EXPECT_NEAR(critical_damping_bound(same, time), critical_damping_points(diameter(m).value, {0.8, std::sqrt(noise2)}),
              1e-12 / noise2);
  // Nearly common: the pairs' closed form joins on to it (two components, so that the sum has one term).
  const Target nearly = Target::gaussian_mixture(Vec::Ones(2), m.topRows(2), {0.5, 0.5 + 1e-7});
  EXPECT_NEAR(critical_damping_bound(nearly, time),
              critical_damping_points((m.row(0) - m.row(1)).norm(), {0.8, std::sqrt(noise2)}), 1e-5);
  const Target two = Target::gaussian_mixture(Vec::Ones(2), line({-1.5, 1.25}), {0.2, 0.3});
  const double found = critical_damping_search(Marginal(two, time), line({0}), 1, 300).value;
  EXPECT_LE(found, critical_damping_bound(two, time));
  EXPECT_GT(found, 2.32);  // the worked example: 2.32 is not enough, 3.48 is
  EXPECT_LT(critical_damping_bound(two, time), 3.48);
}

TEST(CriticalDamping, CovariancesOneRoundingApartHaveTheBoundOfACommonOne) {
  const Time time{0.8, 0.6};
  const auto precision = [](double v) { return 1 / (0.64 * v + 0.36); };
  for (double s2 : {0.5, 3.0}) {
    double next = s2;
    for (int i = 0; i < 8; ++i) next = std::nextafter(next, HUGE_VAL);
    const auto bound = [&](double a, double b) {
      return critical_damping_bound(Target::gaussian_mixture(Vec::Ones(2), line({-1, 2}), {a, b}), time);
    };
    // The true bounds differ by a relative 8 u; a few dozen roundings of terms of the size of bound + p.
    EXPECT_NEAR(bound(s2, next), bound(s2, s2), 1e-14 * (std::abs(bound(s2, s2)) + 2 * precision(s2))) << s2;
  }
}

TEST(CriticalDamping, SearchThrowsWhatAPointOutOfRangeThrows) {
  Points far(2, 1);
  far << 3e153, -3e153;
  const Marginal marginal(Target::points(far), {0.99, 0.1});
  EXPECT_THROW(critical_damping_search(marginal, far, 1, 10), std::exception);
}

TEST(ParallelFor, RunsEveryIndexAndThrowsTheExceptionOfTheLowest) {
  std::vector<int> seen(100, 0);
  try {
    parallel_for(100, true, [&](Index i) {
      ++seen[std::size_t(i)];
      if (i % 2 == 1) throw std::out_of_range(std::to_string(i));
    });
    FAIL();
  } catch (const std::out_of_range& e) {
    EXPECT_STREQ(e.what(), "1");
  }
  EXPECT_EQ(seen, std::vector<int>(100, 1));
}

TEST(CriticalDamping, CrossedCovariancesHaveNoFiniteBound) {
  const Target crossed =
      Target::gaussian_mixture(Vec::Ones(2), Points::Zero(2, 2), {Vec(Vec::Unit(2, 1)), Vec(Vec::Unit(2, 0))});
  const Time time{0.8, 0.6};
  EXPECT_EQ(critical_damping_bound(crossed, time), HUGE_VAL);
  const Marginal marginal(crossed, time);
  // u.(-F) u = (128/81) R^2 - 17/9 at x = (R, R); relative rounding of r_k grows with the exponents, R^2.
  for (double r : {1.0, 10.0, 100.0}) {
    const double exact = 128.0 / 81 * r * r - 17.0 / 9;
    EXPECT_NEAR(-lowest_fisher(marginal.at(Vec::Constant(2, r))).value, exact,
                1e-14 * (1 + r * r) * (1 + std::abs(exact)));
  }
}

TEST(CriticalDamping, NoNoiseOfTheDataNeedsNoDamping) {
  EXPECT_NEAR(critical_damping_bound(Target::points(line({-1, 1})), {0, 0.5}), -4, 1e-15);
  EXPECT_NEAR(critical_damping_bound(Target::points(line({3})), {0.6, 0.8}), -1 / 0.64, 1e-15);
}

TEST(LowestFisher, LanczosAgreesWithTheDenseDecomposition) {
  const Index d = 80;
  const Target target = Target::points(random_stream.normals(60, 0, 12, d));
  const Marginal marginal(target, {0.4, 0.9});
  const Local local = marginal.at(0.4 * target.mean());
  const LowestFisher low = lowest_fisher(local);
  // 12 points: C has rank 11 at most, so 24 steps are exact up to rounding.
  EXPECT_NEAR(low.value, eigvalsh(local.fisher())[0], 1e-12 / 0.81);
  EXPECT_NEAR(low.direction.dot(local.fisher_times(low.direction)), low.value, 1e-12 / 0.81);
}

TEST(CleanEdge, ToldApartOnSmallSets) {
  Points square(5, 2);
  square << 0, 0, 2, 0, 0, 2, 2, 2, 1, 0;
  EXPECT_EQ(clean_edge(square, 0, 2).edge, Edge::yes);
  EXPECT_EQ(clean_edge(square, 0, 3).edge, Edge::no);  // a diagonal
  EXPECT_EQ(clean_edge(square, 0, 1).edge, Edge::no);  // an edge with a point in its middle
  EXPECT_EQ(clean_edge(line({-1, 0, 1}), 0, 2).edge, Edge::no);
  EXPECT_EQ(clean_edge(line({-1, 1, 1, -1}), 0, 1).edge, Edge::yes);  // copies
  Points flat(3, 2);                                                  // a flat triangle: not Gabriel, yet an edge
  flat << -1, 0, 1, 0, 0, 0.01;
  const EdgeTest test = clean_edge(flat, 0, 1);
  EXPECT_EQ(test.edge, Edge::yes);
  EXPECT_NEAR(test.margin, 0.01, 1e-14);
}

TEST(CleanEdge, EveryPairOfASimplexAndNoPairAcrossACrossPolytope) {
  const Points simplex = Points::Identity(6, 6);
  for (Index i = 0; i < 6; ++i)
    for (Index j = i + 1; j < 6; ++j) EXPECT_EQ(clean_edge(simplex, i, j).edge, Edge::yes);
  Points cross(8, 4);
  cross << Points::Identity(4, 4), -Points::Identity(4, 4);
  for (Index i = 0; i < 8; ++i)
    for (Index j = i + 1; j < 8; ++j) EXPECT_EQ(clean_edge(cross, i, j).edge, j == i + 4 ? Edge::no : Edge::yes);
}

}  // namespace
}  // namespace lml
