#include "dynamics/random.hpp"

#include <gtest/gtest.h>

namespace lml {
namespace {

TEST(Random, ADrawDependsOnItsAddressOnly) {
  const Random random(1, 2);
  const Points batch = random.normals(10, 3, 5, 7);
  for (Index i = 0; i < 5; ++i) EXPECT_EQ(batch.row(i).transpose(), random.normal(std::uint64_t(10 + i), 3, 7));
  EXPECT_EQ(random.normal(4, 5, 9).head(4), random.normal(4, 5, 4));
}

TEST(Random, EveryPartOfTheAddressMatters) {
  const double here = Random(1, 2).uniform(3, 4, 5);
  EXPECT_NE(here, Random(2, 2).uniform(3, 4, 5));
  EXPECT_NE(here, Random(1, 3).uniform(3, 4, 5));
  EXPECT_NE(here, Random(1, 2).uniform(4, 4, 5));
  EXPECT_NE(here, Random(1, 2).uniform(3, 5, 5));
  EXPECT_NE(here, Random(1, 2).uniform(3, 4, 6));
}

// Mean, variance and fourth moment of N = 2^16 fixed draws within 4.5 standard errors (1/sqrt N, sqrt(2/N),
// sqrt(96/N)): false alarm 2e-5 for a fresh stream; this stream is fixed.
TEST(Random, NormalsHaveNormalMoments) {
  const double n = 65536;
  const Vec z = Random(5, 0).normal(0, 0, Index(n));
  EXPECT_LE(std::abs(z.mean()), 4.5 / std::sqrt(n));
  EXPECT_LE(std::abs(z.squaredNorm() / n - 1), 4.5 * std::sqrt(2 / n));
  EXPECT_LE(std::abs(z.array().pow(4).mean() - 3), 4.5 * std::sqrt(96 / n));
}

// The defined stream: a change of generator, counter layout or transform must not go unseen. Philox4x64-10 of
// (seed 1, stream 2) at counter (3, 4, 1, 0), whose first word is compared as the uniform it becomes.
TEST(Random, UniformIsThePhiloxWord) {
  const r123::Philox4x64::ctr_type counter{{3, 4, 1, 0}};
  const r123::Philox4x64::key_type key{{1, 2}};
  const auto word = r123::Philox4x64()(counter, key)[1];
  EXPECT_EQ(Random(1, 2).uniform(3, 4, 5), (double(word >> 11) + 0.5) * 0x1p-53);
}

}  // namespace
}  // namespace lml
