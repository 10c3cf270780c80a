#include "theory/curvature.hpp"

#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "theory/linalg.hpp"
#include "theory/proposition.hpp"

namespace lml {
namespace {

// Rounding: F is a sum of at most 16 terms in d <= 6, of norms of order 1/sigma^2 with sigma near 1, so each of the d^2
// entries is good to about 16 u; the norms collect at most d of that, and eigenvalues are as good (Weyl): 1e-13 is
// ample.
constexpr double rounding = 1e-13;

struct Case {
  Mat fisher, covariance;
  Vec u;
  Time time;
};

Case cloud(Index points, Index d, std::uint64_t stream) {
  const Random random(5, stream);
  const Time time{0.6, 0.8};
  const Marginal marginal(Target::points(random.normals(0, 0, points, d)), time);
  const Vec x = random.normal(1000, 0, d);
  const Local local = marginal.at(x);
  return {local.fisher(), local.posterior_covariance(), local.epsilon().normalized(), time};
}

TEST(Curvature, OnePointHasTheClosedForm) {
  for (const Index d : {1, 2, 3, 8}) {
    const Case c = cloud(1, d, std::uint64_t(d));
    const ModelErrors e = model_errors(c.fisher, c.u, c.time.sigma);
    EXPECT_NEAR(e.rank_one, std::sqrt(double(d - 1) / double(d)), d == 1 ? 1e-15 : rounding);
    EXPECT_NEAR(e.identity, 0, rounding);
    EXPECT_NEAR(e.scaled_identity, 0, rounding);
    EXPECT_NEAR(e.diagonal, 0, rounding);
    EXPECT_NEAR(best_rank_one_error(eigvalsh(c.fisher)), e.rank_one, rounding);
    EXPECT_NEAR(stable_rank(eigvalsh(c.fisher)), double(d), double(d) * rounding);
  }
}

TEST(Curvature, ErrorsAreThoseOfTheModelsWrittenOut) {
  const Case c = cloud(9, 5, 20);
  const double s2 = c.time.sigma * c.time.sigma, norm = c.fisher.norm();
  const Mat eye = Mat::Identity(5, 5), diagonal = c.fisher.diagonal().asDiagonal();
  const ModelErrors e = model_errors(c.fisher, c.u, c.time.sigma);
  EXPECT_NEAR(e.rank_one, (c.fisher - c.u * c.u.transpose() / s2).norm() / norm, rounding);
  EXPECT_NEAR(e.identity, (c.fisher - eye / s2).norm() / norm, rounding);
  EXPECT_NEAR(e.scaled_identity, (c.fisher - c.fisher.trace() / 5 * eye).norm() / norm, rounding);
  EXPECT_NEAR(e.diagonal, (c.fisher - diagonal).norm() / norm, rounding);
  // Rank k by another way: truncate C itself.
  const Eigh eigen = eigh(c.covariance);
  const double ratio = c.time.alpha * c.time.alpha / s2;
  for (const Index k : {0, 1, 2, 4, 5}) {
    Vec kept = eigen.values;
    kept.head(5 - k).setZero();
    const Mat model = (eye - ratio * eigen.vectors * kept.asDiagonal() * eigen.vectors.transpose()) / s2;
    EXPECT_NEAR(rank_k_error(eigvalsh(c.fisher), c.time.sigma, k), (c.fisher - model).norm() / norm, rounding) << k;
  }
}

TEST(Curvature, RankKIsExactForKPlusOnePoints) {
  for (const Index k : {1, 2, 4}) {
    const Vec spectrum = eigvalsh(cloud(k + 1, 6, std::uint64_t(30 + k)).fisher);
    EXPECT_NEAR(rank_k_error(spectrum, 0.8, k), 0, rounding);
    EXPECT_GT(rank_k_error(spectrum, 0.8, k - 1), 1e6 * rounding);  // and one rank less is not
  }
}

TEST(Curvature, NoRankOneModelBeatsTheStableRank) {
  for (std::uint64_t stream = 40; stream < 60; ++stream) {
    const Case c = cloud(16, 6, stream);
    const Vec spectrum = eigvalsh(c.fisher);
    EXPECT_LE(best_rank_one_error(spectrum), model_errors(c.fisher, c.u, c.time.sigma).rank_one + rounding);
    EXPECT_NEAR(best_rank_one_error(spectrum), std::sqrt(1 - 1 / stable_rank(spectrum)), rounding);
  }
}

TEST(Curvature, NegativeRankIsRefused) { EXPECT_THROW(rank_k_error(Vec::Ones(2), 1, -1), std::invalid_argument); }

}  // namespace
}  // namespace lml
