// The error of a network against the exact eps of a finite data set: on networks whose error is known.
#include "samplers/torch/score_error.hpp"

#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

using at::Tensor;

Tensor tensor(const Points& p) {
  return at::from_blob(const_cast<double*>(p.data()), {p.rows(), p.cols()}, at::kDouble).clone();
}
double largest(const Tensor& v) { return v.abs().max().item<double>(); }

// 40 points in R^6 with unequal weights.
Target cloud() {
  Vec w(40);
  for (Index k = 0; k < 40; ++k) w[k] = 1 + double(k % 3);
  return Target::points(Random(1, 1).normals(0, 0, 40, 6), w);
}

struct Draw {
  Tensor y, z;
};
Draw draw_from(const Target& t, Index n) {
  const Random pick(2, 1), noise(2, 2);
  Points y(n, t.dim());
  for (Index i = 0; i < n; ++i) {
    double u = pick.uniform(std::uint64_t(i), 0, 0);
    Index k = 0;
    while (k + 1 < t.size() && (u -= std::exp(t.log_weights()[k])) > 0) ++k;
    y.row(i) = t.means().row(k);
  }
  return {tensor(y), tensor(noise.normals(0, 0, n, t.dim()))};
}

Tensor exact(const SmoothedPoints& data, const Tensor& x, const Node& at, double h = 0) {
  const Time t{at.alpha, at.sigma};
  return data.epsilon(x, data.responsibilities(data.distances(x, at.alpha), t, h), t, h);
}

// The same quantity from the theory's own sums, and smoothed, from those of a mixture of Gaussians.
TEST(SmoothedPoints, EpsilonIsTheLaws) {
  const Target points = cloud();
  const SmoothedPoints data(points);
  for (const double sigma : {0.05, 0.5, 5.0}) {
    const Node at{0, 0.8, sigma};
    const Points x = 2 * Random(3, 1).normals(0, 0, 20, 6);
    // ||x - alpha y||^2 of order 30 out of sums of 60 terms, over 2 sigma^2: at 0.05 a weight is off by
    // 60 u 30/(2 * 0.0025) = 4e-11, and eps of order ||x||/sigma = 50 by so much.
    const Points direct = Marginal(points, {at.alpha, at.sigma}).epsilon(x);
    EXPECT_LT(largest(exact(data, tensor(x), at) - tensor(direct)), 2e-9) << sigma;
    const Vec w = points.log_weights().array().exp();
    const Target smooth =
        Target::gaussian_mixture(w, points.means(), std::vector<Covariance>(40, Covariance(0.3 * 0.3)));
    const Points wide = Marginal(smooth, {at.alpha, at.sigma}).epsilon(x);
    EXPECT_LT(largest(exact(data, tensor(x), at, 0.3) - tensor(wide)), 2e-9) << sigma;
  }
}

TEST(ScoreError, OfTheExactAnswerIsNothing) {
  const SmoothedPoints data(cloud());
  const Node at{0, 1, 0.7};
  const Draw d = draw_from(cloud(), 50);
  const ScoreError e = score_error(data, d.y, d.z, at, [&](const Tensor& x) { return exact(data, x, at); });
  EXPECT_EQ(e.error.value, 0);
  EXPECT_EQ(e.bandwidth, 0);
  EXPECT_EQ(e.smoothed, 1);
}

TEST(ScoreError, OfAConstantShiftIsTheShift) {
  const SmoothedPoints data(cloud());
  const Node at{0, 0.9, 0.4};
  const Draw d = draw_from(cloud(), 4000);
  const ScoreError e = score_error(data, d.y, d.z, at, [&](const Tensor& x) { return exact(data, x, at) + 0.25; });
  EXPECT_NEAR(e.error.value, 0.25, 1e-12);
  EXPECT_LT(e.error.standard_error, 1e-12);
  // The second way agrees within its own error, which is not nothing: it has the noise of the losses.
  EXPECT_GT(e.from_losses.standard_error, 1e-4);
  EXPECT_NEAR(e.from_losses.value, 0.25, 4 * e.from_losses.standard_error);
  EXPECT_NEAR(e.network_loss.value - e.exact_loss.value, 0.0625, 8 * 0.25 * e.from_losses.standard_error);
}

TEST(ScoreError, FindsTheSmoothingOfASmoothedAnswer) {
  const SmoothedPoints data(cloud());
  const Node at{0, 0.9, 0.3};
  const Draw d = draw_from(cloud(), 200);
  const ScoreError e = score_error(data, d.y, d.z, at, [&](const Tensor& x) { return exact(data, x, at, 0.2); });
  // The search ends in an interval of log h as wide as log(1/0.003) golden^10 = 0.05.
  EXPECT_NEAR(std::log(e.bandwidth / 0.2), 0, 0.05);
  EXPECT_LT(e.smoothed, 0.01);
}

// The shares are squares of cosines: 1 for an error along the direction, and 2/d on average for a random error within
// two of d dimensions.
TEST(ScoreError, SharesOfAnErrorOfKnownDirection) {
  Points y = Points::Zero(3, 8);
  y(1, 0) = y(2, 1) = 3;
  const SmoothedPoints data(Target::points(y));
  const Node at{0, 1, 0.1};  // draws stay with their point
  const Tensor mine = tensor(y).slice(0, 0, 1).expand({50, 8}), z = tensor(Random(4, 1).normals(0, 0, 50, 8));
  const ScoreError radial = score_error(data, mine, z, at, [&](const Tensor& x) { return 1.5 * exact(data, x, at); });
  EXPECT_NEAR(radial.along_nearest, 1, 1e-12);
  EXPECT_NEAR(radial.nearest, 1, 1e-12);
  Tensor plane = at::zeros({1, 8}, at::kDouble);
  plane[0][0] = 0.3;
  plane[0][1] = -0.1;
  const ScoreError flat = score_error(data, mine, z, at, [&](const Tensor& x) { return exact(data, x, at) + plane; });
  EXPECT_NEAR(flat.among_neighbours, 1, 1e-12);
  EXPECT_LT(flat.along_nearest, 0.6);
}

}  // namespace
}  // namespace lml
