#include "dynamics/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace lml {
namespace {

double variance(const VecRef& v) { return (v.array() - v.mean()).square().sum() / double(v.size() - 1); }

}  // namespace

double r_hat(const VecRef& means, const VecRef& variances, double n) {
  if (means.size() < 2 || !(n >= 2)) throw BadInput("", "R-hat wants at least two chains of two draws");
  const double within = variances.mean(), between = variance(means);
  if (within == 0) return between == 0 ? 1 : HUGE_VAL;
  return std::sqrt((n - 1) / n + between / within);
}

double split_r_hat(const Eigen::Ref<const Mat>& chains) {
  const Index n = chains.rows() / 2, m = chains.cols();
  if (n < 2) throw BadInput("", "split R-hat wants at least four draws a chain");
  Vec means(2 * m), variances(2 * m);
  for (Index c = 0; c < m; ++c)
    for (Index half = 0; half < 2; ++half) {
      const auto part = half == 0 ? chains.col(c).head(n) : chains.col(c).tail(n);
      means[2 * c + half] = part.mean();
      variances[2 * c + half] = variance(part);
    }
  return r_hat(means, variances, double(n));
}

double effective_samples(double variance, double standard_error) {
  return standard_error == 0 ? HUGE_VAL : variance / (standard_error * standard_error);
}

MomentSums::MomentSums(Index d) : d_(d), values_(Vec::Zero(1 + d + 5 * (d * (d + 1) / 2))) {}

void MomentSums::add(const double* mean, const double* second) {
  const Index triangle = d_ * (d_ + 1) / 2;
  double* to = values_.data();
  to[0] += 1;
  for (Index a = 0; a < d_; ++a) to[1 + a] += mean[a];
  to += 1 + d_;
  for (Index a = 0, i = 0; a < d_; ++a)
    for (Index b = 0; b <= a; ++b, ++i) {
      const double s = second[i];
      to[i] += mean[a] * mean[b];
      to[triangle + i] += s;
      to[2 * triangle + i] += s * s;
      to[3 * triangle + i] += s * mean[a];
      to[4 * triangle + i] += s * mean[b];
    }
}

Moments MomentSums::moments(const VecRef& centre) const {
  const double n = count();
  if (!(n >= 2)) throw BadInput("", "a standard error wants at least two particles");
  const Index triangle = d_ * (d_ + 1) / 2;
  const Vec m = values_.segment(1, d_) / n;
  const auto sum = [&](Index which, Index i) { return values_[1 + d_ + which * triangle + i] / n; };
  const auto at = [](Index a, Index b) { return a >= b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a; };
  const double unbiased = n / (n - 1);
  // Covariance between particles of m_a and m_b.
  const auto mm = [&](Index a, Index b) { return unbiased * (sum(0, at(a, b)) - m[a] * m[b]); };
  Moments out{centre + m, Mat(d_, d_), Vec(d_), Mat(d_, d_)};
  for (Index a = 0; a < d_; ++a) {
    out.mean_error[a] = std::sqrt(std::max(0.0, mm(a, a)) / n);
    for (Index b = 0; b <= a; ++b) {
      const Index i = at(a, b);
      const double s = sum(1, i);
      // The product of the two means is too large by the covariance of its factors.
      out.covariance(a, b) = out.covariance(b, a) = s - m[a] * m[b] + mm(a, b) / n;
      // The linearisation S - m_a x_b - m_b x_a.
      const double ss = unbiased * (sum(2, i) - s * s), sa = unbiased * (sum(3, i) - s * m[a]),
                   sb = unbiased * (sum(4, i) - s * m[b]);
      const double v = ss + m[a] * m[a] * mm(b, b) + m[b] * m[b] * mm(a, a) + 2 * m[a] * m[b] * mm(a, b) -
                       2 * m[a] * sb - 2 * m[b] * sa;
      out.covariance_error(a, b) = out.covariance_error(b, a) = std::sqrt(std::max(0.0, v) / n);
    }
  }
  return out;
}

}  // namespace lml
