#include "paper_checks/checks/derivation.hpp"

#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "paper_checks/checks/differences.hpp"
#include "theory/marginal.hpp"

namespace lml::checks {
namespace {

// The differences are right to the last digit of a double; the closed forms and the mixture are sums of a few terms of
// order 1/sigma^3 < 3, in d <= 4: 1e-13 leaves room for their rounding.
constexpr double rounding = 1e-13;

Case cloud(Index points, Index d) {
  const Random random(3, std::uint64_t(10 * points + d));
  return {random.normals(0, 0, points, d), {0.6, 0.8}, random.normal(100, 0, d)};
}

TEST(Differences, OnePointHasTheClosedForms) {
  const Case c = cloud(1, 4);
  const Differences at = differences(c);
  const Vec z = c.x - 0.6 * c.y.row(0).transpose(), u = z.normalized();
  const Mat eye = Mat::Identity(4, 4), across = eye - u * u.transpose();
  EXPECT_NEAR(at.r, z.norm(), rounding);
  EXPECT_LT((at.u - u).norm(), rounding);
  EXPECT_LT((at.grad_r - u).norm(), rounding);
  EXPECT_LT((at.grad_half_square - z).norm(), rounding);
  EXPECT_LT((at.score + z / 0.64).norm(), rounding);
  EXPECT_LT((at.hess_r - across / z.norm()).norm(), rounding);
  EXPECT_LT((at.hess_half_square - eye).norm(), rounding);
  EXPECT_LT((at.jacobian_noise - eye / 0.8).norm(), rounding);
  EXPECT_LT((at.jacobian_u - across / z.norm()).norm(), rounding);
}

TEST(Differences, ManyPointsAgreeWithTheExactMixture) {
  for (const Index d : {1, 3}) {
    const Case c = cloud(5, d);
    const Differences at = differences(c);
    const Marginal marginal(Target::points(c.y), c.time);
    const Local local = marginal.at(c.x);
    EXPECT_LT((at.score - local.score()).norm(), rounding);
    EXPECT_LT((at.u - local.epsilon().normalized()).norm(), rounding);
    EXPECT_LT((at.jacobian_noise - 0.8 * local.fisher()).norm(), rounding);
    EXPECT_LT((at.grad_r - 0.64 * local.fisher_times(at.u)).norm(), rounding);
    EXPECT_GT((at.grad_r - at.u).norm(), 1e6 * rounding);  // Eq. 14 is not what the differences see
  }
}

TEST(Derivation, RefutedStepsAreProvenAtTheirSmallestCase) {
  for (const Check check : {gaussian_shape, gradient_of_r, jacobian_identity}) {
    const Evidence e = check(Context{});
    EXPECT_NE(e.certificate.find("interval arithmetic"), std::string::npos);
    ASSERT_TRUE(e.smallest);
    EXPECT_EQ(e.smallest->points.rows(), 2);
    EXPECT_EQ(e.smallest->points.cols(), 1);
  }
}

}  // namespace
}  // namespace lml::checks
