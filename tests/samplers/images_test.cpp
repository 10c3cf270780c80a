#include "samplers/images.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dynamics/random.hpp"

namespace lml {
namespace {

Points normals(Index n, Index d, std::uint64_t stream) { return Random(20250527, stream).normals(0, 0, n, d); }

// One wave a cos(2 pi (p h/H + q w/W) + 1) has its power in the ring of (p, q) alone: a^2 H W/4 at two frequencies.
TEST(Images, AWaveHasItsPowerInItsRing) {
  const ImageShape s{1, 12, 12};
  const double a = 0.7;
  const Index p = 2, q = 3, ring = 4;  // hypot(2, 3) = 3.6
  Points x(1, s.size());
  for (Index h = 0; h < 12; ++h)
    for (Index w = 0; w < 12; ++w) x(0, h * 12 + w) = 5 + a * std::cos(2 * M_PI * double(p * h + q * w) / 12 + 1);
  const ImageFigures f = image_figures(x, s, 0, 2);
  ASSERT_EQ(f.spectrum.cols(), 6);
  Index members = 0;
  for (Index i = -6; i < 6; ++i)
    for (Index j = -6; j < 6; ++j) members += std::lround(std::hypot(double(i), double(j))) == ring;
  // In units of the range, 2. A hundred roundings of numbers up to a^2 H W.
  const double wanted = 2 * (a / 2) * (a / 2) * 144 / 4 / double(members), rounding = 100 * 0x1p-53 * a * a * 144;
  for (Index k = 1; k <= 6; ++k) EXPECT_NEAR(f.spectrum(0, k - 1), k == ring ? wanted : 0, rounding) << k;
  EXPECT_NEAR(f.contrast[0], a / std::sqrt(2.0) / 2, rounding);
  EXPECT_EQ(f.saturation[0], 1);  // about 5, the range ends at 2
}

// Every ring of white noise of deviation s shows s^2: 400 images of 3 channels, in the narrowest ring 8 frequencies of
// which 4 differ, 4800 squares of relative error sqrt 2 (real ones); within 4.5 errors of the mean, which are measured.
TEST(Images, WhiteNoiseIsFlat) {
  const ImageShape s{3, 9, 14};
  const ImageFigures f = image_figures(0.5 * normals(400, s.size(), 1), s, -1, 1);
  ASSERT_EQ(f.spectrum.cols(), 4);
  // The channel's mean is taken out, which leaves other frequencies as they are.
  for (Index k = 0; k < 4; ++k) {
    const Estimate e = mean_of(f.spectrum.col(k));
    EXPECT_NEAR(e.value, 0.0625, 4.5 * e.standard_error) << k;
    EXPECT_LT(e.standard_error, 0.002) << k;
  }
  const Estimate sharpness = mean_of(f.sharpness.cwiseAbs2());
  EXPECT_NEAR(sharpness.value, 2 * 0.0625, 4.5 * sharpness.standard_error);
  const Estimate saturation = mean_of(f.saturation);
  EXPECT_NEAR(saturation.value, std::erfc(2 / std::sqrt(2.0)), 4.5 * saturation.standard_error);
}

TEST(Images, FiguresOfTwoByTwoAreByHand) {
  Points x(1, 8);
  x << 0, 4, 8, 4, /* second channel */ 1, 1, 1, 1;
  const ImageFigures f = image_figures(x, {2, 2, 2}, 0, 4);
  EXPECT_DOUBLE_EQ(f.saturation[0], 1.0 / 8);
  EXPECT_DOUBLE_EQ(f.contrast[0], std::sqrt(32.0 / 8) / 4);
  EXPECT_DOUBLE_EQ(f.sharpness[0], std::sqrt((16 + 16 + 64) / 8.0) / 4);
  EXPECT_THROW(image_figures(x, {2, 2, 2}, 4, 4), BadInput);
  EXPECT_THROW(image_figures(x, {1, 2, 2}, 0, 4), BadInput);
  EXPECT_THROW(image_figures(x, {8, 1, 1}, 0, 4), BadInput);
}

TEST(Images, DistancesAreOfPairs) {
  Points x(2, 4), y(2, 4);
  x << 0, 0, 0, 0, 1, 2, 3, 4;
  y << 1, 1, 1, 1, 1, 2, 3, 10;
  EXPECT_EQ(rms_distances(x, y), Vec(Eigen::Vector2d(1, 3)));
  const Estimate e = mean_of(rms_distances(x, y));
  EXPECT_EQ(e.value, 2);
  EXPECT_DOUBLE_EQ(e.standard_error, 1);
}

// 7 wins of 9: the interval is where 2 sum_{k >= 7} and 2 sum_{k <= 7} of the binomial are 5%; p is 2 (1 + 9 + 36)/512.
TEST(SignTest, IsExact) {
  Vec a = Vec::Zero(11), b = Vec::Ones(11);
  b[1] = b[4] = -1;
  b[5] = b[6] = 0;
  const SignTest t = sign_test(a, b);
  EXPECT_EQ(t.wins, 7);
  EXPECT_EQ(t.losses, 2);
  EXPECT_EQ(t.ties, 2);
  EXPECT_DOUBLE_EQ(t.share, 7.0 / 9);
  EXPECT_NEAR(t.p_value, 2 * 46.0 / 512, 1e-14);
  const auto between = [](double p, int from, int to) {
    double sum = 0;
    for (int k = from; k <= to; ++k)
      sum += std::tgamma(10) / std::tgamma(k + 1) / std::tgamma(10 - k) * std::pow(p, k) * std::pow(1 - p, 9 - k);
    return sum;
  };
  EXPECT_NEAR(between(t.lower, 7, 9), 0.025, 1e-12);
  EXPECT_NEAR(between(t.upper, 0, 7), 0.025, 1e-12);
  EXPECT_EQ(sign_test(b, b).ties, 11);
  EXPECT_EQ(sign_test(b, b).p_value, 1);
  const SignTest all = sign_test(Vec::Zero(5), Vec::Ones(5));
  EXPECT_EQ(all.upper, 1);
  EXPECT_NEAR(std::pow(all.lower, 5), 0.025, 1e-12);
}

}  // namespace
}  // namespace lml
