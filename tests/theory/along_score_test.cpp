#include "theory/along_score.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lml {
namespace {

Points spiral(Index n, Index d) {
  Points x(n, d);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < d; ++j) x(i, j) = (0.1 + 0.03 * double(i)) * std::sin(double(i) + 1.3 * double(j));
  return x;
}

Marginal mixture(Index d, bool equal) {
  Points means(5, d);
  std::vector<Covariance> spreads;
  for (Index k = 0; k < 5; ++k) {
    for (Index j = 0; j < d; ++j) means(k, j) = 2 * std::cos(double(3 * k + j));
    spreads.push_back(equal ? 0.04 : 0.02 + 0.01 * double(k));
  }
  return {Target::gaussian_mixture(Vec{{1, 2, 1, 3, 1}}, means, spreads), {0.8, 0.6}};
}

// A few roundings of |c x| + |e| sum_k r_k |g_k|, the size of which here is below 20.
TEST(AlongScore, IsCXPlusETimesTheScoreOfOnePoint) {
  for (const Index d : {1, 2, 3, 8})
    for (const bool equal : {true, false}) {
      const Marginal p = mixture(d, equal);
      const Points x = spiral(75, d), got = along_score(p, 0.7, x, -0.3);
      for (Index i = 0; i < x.rows(); ++i) {
        const Vec wanted = 0.7 * x.row(i).transpose() - 0.3 * p.at(x.row(i).transpose()).score();
        EXPECT_LE((got.row(i).transpose() - wanted).cwiseAbs().maxCoeff(), 1e-13) << d << " " << i;
      }
    }
}

TEST(AlongScore, APointHasTheSameBitsInAnyBatch) {
  for (const Index d : {2, 3}) {
    const Marginal p = mixture(d, false);
    const Points x = spiral(141, d), all = along_score(p, 0.7, x, -0.3);
    for (const Index n : {1, 2, 9, 17, 33, 64})
      for (Index from : {0, 1, 40})
        EXPECT_EQ(along_score(p, 0.7, x.middleRows(from, n), -0.3), all.middleRows(from, n));
    // Rows with a gap between them.
    Points wide(141, d + 1);
    wide.leftCols(d) = x;
    EXPECT_EQ(along_score(p, 0.7, wide.leftCols(d), -0.3), all);
  }
}

TEST(AlongScore, NamesTheFirstPointThatIsTooFarOut) {
  const Marginal p = mixture(2, true);
  Points x = spiral(50, 2);
  x(37, 1) = HUGE_VAL;
  x(41, 0) = std::nan("");
  try {
    along_score(p, 1, x, 1);
    FAIL();
  } catch (const BadInput& e) {
    EXPECT_EQ(e.pointer(), "/37");
  }
}

}  // namespace
}  // namespace lml
