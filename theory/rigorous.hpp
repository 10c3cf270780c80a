// Finite data sets in any scalar: double, boost::multiprecision::cpp_bin_float_50, or mpfi_float_50, where every result
// is an interval that contains the true value. Written for small d and K, straight from the definitions and apart from
// Marginal, so that each can be tested against the other.
//
//   r_k ~ w_k exp(-||x - alpha y_k||^2/(2 sigma^2)),  y = sum r_k y_k,  C = sum r_k (y_k - y)(y_k - y)^T,
//   eps = (x - alpha y)/sigma,  F = (I - (alpha^2/sigma^2) C)/sigma^2.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace lml::rigorous {

/// A data set, a time and a point: all that Propositions 1 and 2 speak of. Weights are relative and > 0.
template <class Real>
struct PointCase {
  std::vector<std::vector<Real>> points;  // K x d
  std::vector<Real> weights;              // K
  Real alpha, sigma;
  std::vector<Real> x;  // d
  std::size_t dim() const { return x.size(); }
  std::size_t size() const { return points.size(); }
};

inline double midpoint(double v) { return v; }
template <class Real>
double midpoint(const Real& v) {
  return v.template convert_to<double>();
}

/// v^2, never below 0: the product of an interval around 0 with itself would be.
template <class Real>
Real squared(const Real& v) {
  using std::abs;
  const Real a = abs(v);
  return a * a;
}

template <class Real>
Real dot(const std::vector<Real>& a, const std::vector<Real>& b) {
  Real sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += a[j] * b[j];
  return sum;
}
template <class Real>
Real norm(const std::vector<Real>& a) {
  using std::sqrt;
  Real sum = 0;
  for (const Real& v : a) sum += squared(v);
  return sqrt(sum);
}
/// A matrix is its d x d entries, row after row; its norm above is then the Hilbert-Schmidt norm.
template <class Real>
std::vector<Real> product(const std::vector<Real>& a, const std::vector<Real>& b, std::size_t d) {
  std::vector<Real> out(d * d, Real(0));
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t k = 0; k < d; ++k)
      for (std::size_t j = 0; j < d; ++j) out[i * d + j] += a[i * d + k] * b[k * d + j];
  return out;
}

template <class Real>
struct Posterior {
  std::vector<Real> r, mean, covariance, eps;
};

template <class Real>
Posterior<Real> posterior(const PointCase<Real>& c) {
  using std::exp;
  const std::size_t n = c.size(), d = c.dim();
  const Real scale = Real(-1) / (2 * c.sigma * c.sigma);
  std::vector<Real> exponent(n, Real(0));
  std::size_t top = 0;
  std::vector<double> logit(n);
  for (std::size_t k = 0; k < n; ++k) {
    Real sum = 0;
    for (std::size_t j = 0; j < d; ++j) sum += squared(Real(c.x[j] - c.alpha * c.points[k][j]));
    exponent[k] = scale * sum;
    logit[k] = midpoint(exponent[k]) + std::log(midpoint(c.weights[k]));
    if (logit[k] > logit[top]) top = k;
  }
  Posterior<Real> out;
  out.r.assign(n, Real(0));
  const Real shift = exponent[top];
  Real total = 0;
  for (std::size_t k = 0; k < n; ++k) {
    // Against the likeliest point: its own term is exactly its weight, so the sum is bounded away from 0.
    const Real difference = k == top ? Real(0) : Real(exponent[k] - shift);
    out.r[k] = c.weights[k] * exp(difference);
    total += out.r[k];
  }
  out.mean.assign(d, Real(0));
  for (std::size_t k = 0; k < n; ++k) {
    out.r[k] = out.r[k] / total;
    for (std::size_t j = 0; j < d; ++j) out.mean[j] += out.r[k] * c.points[k][j];
  }
  out.covariance.assign(d * d, Real(0));
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = 0; i < d; ++i) {
      const Real left = out.r[k] * (c.points[k][i] - out.mean[i]);
      for (std::size_t j = 0; j < d; ++j) out.covariance[i * d + j] += left * (c.points[k][j] - out.mean[j]);
    }
  out.eps.assign(d, Real(0));
  for (std::size_t j = 0; j < d; ++j) out.eps[j] = (c.x[j] - c.alpha * out.mean[j]) / c.sigma;
  return out;
}

/// J = sigma^2 F = I - (alpha^2/sigma^2) C, the Jacobian of x - alpha y(x).
template <class Real>
std::vector<Real> jacobian(const PointCase<Real>& c, const Posterior<Real>& p) {
  const std::size_t d = c.dim();
  const Real ratio = c.alpha * c.alpha / (c.sigma * c.sigma);
  std::vector<Real> out(d * d, Real(0));
  for (std::size_t i = 0; i < d * d; ++i) out[i] = -ratio * p.covariance[i];
  for (std::size_t i = 0; i < d; ++i) out[i * d + i] += 1;
  return out;
}

/// I - v v^T/||v||^2; the caller sees to v != 0.
template <class Real>
std::vector<Real> complement(const std::vector<Real>& v) {
  const std::size_t d = v.size();
  Real length2 = 0;
  for (const Real& a : v) length2 += squared(a);
  std::vector<Real> out(d * d, Real(0));
  for (std::size_t i = 0; i < d; ++i) {
    for (std::size_t j = 0; j < d; ++j) out[i * d + j] = -v[i] * v[j] / length2;
    // 1 - v_i^2/||v||^2 without the cancellation, and exactly 0 in one dimension.
    Real others = 0;
    for (std::size_t j = 0; j < d; ++j)
      if (j != i) others += squared(v[j]);
    out[i * d + i] = others / length2;
  }
  return out;
}

/// ||F - v v^T/(sigma^2 ||v||^2)||_HS; v = eps is Proposition 1, any other v a learned noise prediction.
template <class Real>
Real fisher_error(const PointCase<Real>& c, const Posterior<Real>& p, const std::vector<Real>& v) {
  const Real ratio = c.alpha * c.alpha / (c.sigma * c.sigma);
  std::vector<Real> m = complement(v);
  for (std::size_t i = 0; i < m.size(); ++i) m[i] -= ratio * p.covariance[i];
  return norm(m) / (c.sigma * c.sigma);
}

/// ||r Hess r||_HS of the true r(x) = ||x - alpha y(x)||: with g = x - alpha y = sigma eps, u = g/r, J = dg/dx,
///   r Hess r = J (I - u u^T) J - (alpha^3/sigma^4) sum_k r_k (g . (y_k - y)) (y_k - y)(y_k - y)^T.
template <class Real>
std::vector<Real> r_hess_r(const PointCase<Real>& c, const Posterior<Real>& p) {
  const std::size_t d = c.dim();
  const std::vector<Real> j = jacobian(c, p);
  std::vector<Real> out = product(product(j, complement(p.eps), d), j, d);
  const Real s2 = c.sigma * c.sigma, factor = c.alpha * c.alpha * c.alpha / (s2 * c.sigma);  // g = sigma eps
  std::vector<Real> b(d, Real(0));
  for (std::size_t k = 0; k < c.size(); ++k) {
    for (std::size_t i = 0; i < d; ++i) b[i] = c.points[k][i] - p.mean[i];
    const Real weight = factor * p.r[k] * dot(b, p.eps);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t l = 0; l < d; ++l) out[i * d + l] -= weight * b[i] * b[l];
  }
  return out;
}

/// The squared diameter of the points; `largest` is the maximum of two scalars (of two intervals: an interval).
template <class Real, class Largest>
Real diameter_squared(const PointCase<Real>& c, Largest largest) {
  Real best = 0;
  for (std::size_t a = 0; a < c.size(); ++a)
    for (std::size_t b = a + 1; b < c.size(); ++b) {
      Real sum = 0;
      for (std::size_t j = 0; j < c.dim(); ++j) sum += squared(Real(c.points[a][j] - c.points[b][j]));
      best = largest(best, sum);
    }
  return best;
}

/// The four readings of the left-hand side of Proposition 2.
enum class Reading { fisher, jacobian, remainder, true_r };

template <class Real>
Real reading_error(Reading reading, const PointCase<Real>& c, const Posterior<Real>& p) {
  switch (reading) {
    case Reading::fisher: return fisher_error(c, p, p.eps);
    case Reading::jacobian: return c.sigma * fisher_error(c, p, p.eps);
    case Reading::remainder: return c.sigma * c.sigma * fisher_error(c, p, p.eps);
    case Reading::true_r: break;
  }
  return norm(r_hess_r(c, p));
}

/// (delta_1 + alpha delta_2 + alpha D_y)(2 + delta_3 + 2 (alpha^2/sigma^2) D_y^2)
template <class Real>
Real printed_bound(const PointCase<Real>& c, const Real& delta_1, const Real& delta_2, const Real& delta_3,
                   const Real& diameter2) {
  using std::sqrt;
  const Real q2 = c.alpha * c.alpha * diameter2 / (c.sigma * c.sigma);
  return (delta_1 + c.alpha * delta_2 + c.alpha * sqrt(diameter2)) * (2 + delta_3 + 2 * q2);
}

}  // namespace lml::rigorous
