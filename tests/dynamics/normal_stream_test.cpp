#include "dynamics/normal_stream.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdlib>
#include <memory>
#include <numbers>

namespace lml {
namespace {

std::unique_ptr<double[], void (*)(void*)> aligned(std::size_t n) {
  return {static_cast<double*>(std::aligned_alloc(64, (n * 8 + 63) / 64 * 64)), std::free};
}

// Random123's words and Box and Muller's transform in long double, whose own error is below 1e-18.
std::array<long double, 2> defined(std::uint64_t seed, std::uint64_t stream, std::uint64_t sample, std::uint64_t step,
                                   std::uint32_t pair) {
  const std::uint64_t key = r123::Philox4x64()({{step >> 32, 0, 0, 0}}, {{seed, stream}})[0];
  const auto w = r123::Philox4x32()({{std::uint32_t(sample), std::uint32_t(sample >> 32), std::uint32_t(step), pair}},
                                    {{std::uint32_t(key), std::uint32_t(key >> 32)}});
  const auto unit = [](std::uint32_t low, std::uint32_t high) {
    return (static_cast<long double>((low | std::uint64_t(high) << 32) >> 12) + 0.5L) * 0x1p-52L;
  };
  const long double radius = std::sqrt(-2 * std::log(unit(w[0], w[1]))), v = unit(w[2], w[3]);
  // To within an eighth of a turn first: near its zeros the cosine of a rounded angle is worthless.
  const int quarter = int(std::lround(4 * v));
  const long double x = 2 * std::numbers::pi_v<long double> * (v - 0.25L * quarter);
  const std::array<long double, 4> cosines{std::cos(x), -std::sin(x), -std::cos(x), std::sin(x)};
  return {radius * cosines[std::size_t(quarter % 4)], radius * cosines[std::size_t((quarter + 3) % 4)]};
}

TEST(NormalStream, IsTheTransformOfPhiloxWords) {
  for (const std::uint64_t step : {std::uint64_t(3), (std::uint64_t(5) << 32) + 3})
    for (const std::uint64_t sample : {std::uint64_t(0), (std::uint64_t(9) << 32) - 2}) {
      const NormalStream stream(7, 8);
      for (std::uint64_t i = 0; i < 200; ++i) {
        const Vec z = stream.normal(sample + i, step, 40);
        for (std::uint32_t pair = 0; pair < 20; ++pair) {
          const auto exact = defined(7, 8, sample + i, step, pair);
          for (int part = 0; part < 2; ++part)
            EXPECT_LE(std::abs(z[2 * Index(pair) + part] / exact[std::size_t(part)] - 1), 1e-15L);
        }
      }
    }
}

TEST(NormalStream, ATileHasTheSameBits) {
  const NormalStream stream(1, 2);
  for (const Index d : {1, 2, 5, 16}) {
    const auto z = aligned(std::size_t(32 * (d + 1)));
    const std::uint64_t first = (std::uint64_t(1) << 32) - 7;  // the samples' upper half changes within the tile
    stream.normals(first, 6, d, z.get());
    for (Index i = 0; i < 32; ++i) {
      const Vec one = stream.normal(first + std::uint64_t(i), 6, d);
      for (Index j = 0; j < d; ++j) EXPECT_EQ(z[std::size_t(j * 32 + i)], one[j]);
    }
  }
  EXPECT_EQ(stream.normal(4, 5, 19).head(3), stream.normal(4, 5, 3));
}

TEST(NormalStream, EveryPartOfTheAddressMatters) {
  const double here = NormalStream(1, 2).normal(3, 4, 2)[1];
  EXPECT_NE(here, NormalStream(2, 2).normal(3, 4, 2)[1]);
  EXPECT_NE(here, NormalStream(1, 3).normal(3, 4, 2)[1]);
  EXPECT_NE(here, NormalStream(1, 2).normal(4, 4, 2)[1]);
  EXPECT_NE(here, NormalStream(1, 2).normal(3, 5, 2)[1]);
  EXPECT_NE(here, NormalStream(1, 2).normal(3 + (std::uint64_t(1) << 32), 4, 2)[1]);
  EXPECT_NE(here, NormalStream(1, 2).normal(3, 4 + (std::uint64_t(1) << 32), 2)[1]);
}

// Mean, variance, fourth moment and correlation of neighbours of N = 2^18 fixed draws within 4.5 standard errors (1,
// sqrt 2, sqrt 96, 1 over sqrt N): 3e-5 for a fresh stream.
TEST(NormalStream, HasNormalMoments) {
  const Index n = 1 << 18;
  const Vec z = NormalStream(5, 0).normal(0, 0, n);
  const double unit = 4.5 / std::sqrt(double(n));
  EXPECT_LE(std::abs(z.mean()), unit);
  EXPECT_LE(std::abs(z.squaredNorm() / double(n) - 1), unit * std::sqrt(2.0));
  EXPECT_LE(std::abs(z.array().pow(4).mean() - 3), unit * std::sqrt(96.0));
  EXPECT_LE(std::abs(z.head(n - 1).dot(z.tail(n - 1)) / double(n)), unit);
}

}  // namespace
}  // namespace lml
