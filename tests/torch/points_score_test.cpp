// The score of a finite data set by LibTorch's automatic differentiation of log p_t in float64, against lml::Marginal:
// the link "Eigen float64 -> LibTorch float64" of the chain of references.
#include <gtest/gtest.h>
#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>

#include "dynamics/random.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

at::Tensor tensor(const Points& a) {
  Points copy = a;
  return at::from_blob(copy.data(), {copy.rows(), copy.cols()}, at::kDouble).clone();
}

struct Case {
  Points means;
  Vec weights;
  Time time;
  Points x;
};

Case random_case(std::uint64_t i, double sigma) {
  const Random random(20250524, 7);
  const Index d = 1 + Index(i % 5), n = 2 + Index(i % 7), points = 4;
  Case c{random.normals(100 * i, 0, n, d), random.normal(i, 1, n).array().exp(), {0.8, sigma}, Points()};
  c.x = (0.8 + sigma) * random.normals(100 * i, 2, points, d);
  return c;
}

// grad_x logsumexp_k(log w_k - ||x - alpha m_k||^2/(2 sigma^2))
Points score_by_differentiation(const Case& c, at::Device device) {
  const at::Tensor means = tensor(c.means).to(device);
  const at::Tensor log_weights = tensor((c.weights / c.weights.sum()).array().log().matrix()).to(device).flatten();
  const at::Tensor x = tensor(c.x).to(device).requires_grad_();
  const at::Tensor squares = (x.unsqueeze(1) - c.time.alpha * means.unsqueeze(0)).square().sum(2);
  at::logsumexp(log_weights - squares / (2 * c.time.sigma * c.time.sigma), 1).sum().backward();
  const at::Tensor gradient = x.grad().cpu().contiguous();
  return Eigen::Map<const Points>(gradient.data_ptr<double>(), c.x.rows(), c.x.cols());
}

// s = sum_k r_k g_k, g_k = (alpha m_k - x)/sigma^2. To first order in u = 2^-53, with m = |x| + 2 alpha max|m_k| the
// size of what is subtracted and q = max|x - alpha m_k|^2: an exponent is off by ((d + 4) q + 2 sqrt(q) m) u/(2
// sigma^2) + a few u log w, a responsibility by twice that (relative), g_k by m u/sigma^2, the sum by (K + 4) u of its
// terms. Twice, for two codes.
double rounding(const Case& c, const VecRef& x) {
  const double u = 0x1p-53, s2 = c.time.sigma * c.time.sigma;
  double q = 0, size = 0;
  for (Index k = 0; k < c.means.rows(); ++k) {
    q = std::max(q, (x - c.time.alpha * c.means.row(k).transpose()).squaredNorm());
    size = std::max(size, x.norm() + 2 * c.time.alpha * c.means.row(k).norm());
  }
  const double log_weight = std::abs(std::log(c.weights.minCoeff() / c.weights.sum()));
  const double exponent = (double(c.means.cols() + 4) * q + 2 * std::sqrt(q) * size) / (2 * s2) + 4 * (1 + log_weight);
  return 2 * u * ((2 * exponent + double(c.means.rows() + 4)) * std::sqrt(q) + size) / s2;
}

void expect_agreement(at::Device device) {
  for (const double sigma : {0.02, 0.3, 1.0, 20.0})
    for (std::uint64_t i = 0; i < 20; ++i) {
      SCOPED_TRACE(testing::Message() << "sigma " << sigma << ", case " << i);
      const Case c = random_case(i, sigma);
      const Points got = score_by_differentiation(c, device);
      const Marginal marginal(Target::points(c.means, c.weights), c.time);
      for (Index n = 0; n < c.x.rows(); ++n) {
        const Vec x = c.x.row(n);
        EXPECT_LE((got.row(n).transpose() - marginal.at(x).score()).norm(), rounding(c, x));
      }
    }
}

TEST(PointsScore, DifferentiatedByTorchOnTheCpuIsTheExactScore) { expect_agreement(at::kCPU); }

#ifdef LML_CUDA
TEST(PointsScore, DifferentiatedByTorchOnTheGpuIsTheExactScore) {
  ASSERT_TRUE(at::hasCUDA());
  expect_agreement(at::kCUDA);
}
#endif

}  // namespace
}  // namespace lml
