// How fast p changes under  dx = D s dt + added dt + sqrt(2 D) dB  when the law is p (Eq. 7, Proposition 3), pointwise:
//
//   (1/p) dp/dt = div V + V . s,   V = div D - added      Ito: V = div D;  half of it added: div D/2;  all of it: 0;
//                                                         Stratonovich: V = (R div R)/2, R = sqrt(2 D) symmetric
//
// p is a stationary law only if this is 0 everywhere. All derivatives are taken by hyper-dual arithmetic from the
// definition of D alone: exact up to rounding, in intervals too, and apart from the closed forms of metric.hpp.
#pragma once
#include <cstddef>
#include <vector>

#include "dynamics/metric.hpp"
#include "theory/hyperdual.hpp"
#include "theory/rigorous.hpp"

namespace lml {

/// p_t and a metric in any scalar. Matrices are d x d entries, row after row. Written for small d and K.
template <class Real>
struct MetricCase {
  std::vector<Real> weights;                  // [K]: w_k sqrt(det A_k^-1), up to a common factor
  std::vector<std::vector<Real>> means;       // K x d: alpha m_k
  std::vector<std::vector<Real>> precisions;  // K: A_k^-1
  Real sigma = 1;
  Curvature curvature = Curvature::identity;  // exact, rank_one, rank_one_scaled or identity
  Real damping = 0;
  bool printed_sign = false;
};

/// At one point. The corrected dynamics has the residual 0 identically, half of div D has ito/2.
template <class Real>
struct PointResidual {
  std::vector<Real> divergence;  // div D, [d]
  std::vector<Real> root_term;   // (R div R)/2, [d]
  Real ito = 0, stratonovich = 0;
};

/// Throws BadInput ("/curvature") for the other curvatures. Where D does not exist or s = 0 the result is not finite.
template <class Real>
PointResidual<Real> residual(const MetricCase<Real>& c, const std::vector<Real>& x);

/// The same for a metric of the library at x [d]. Throws BadInput as above.
PointResidual<double> residual(const Metric& metric, const VecRef& x);
/// (1/p) dp/dt, [1/time].
double residual(const PointResidual<double>& at, Calculus calculus);

namespace detail {

template <class S>
std::vector<S> inverse_positive(std::vector<S> m, std::size_t d) {
  std::vector<S> out(d * d, S(0));
  for (std::size_t i = 0; i < d; ++i) out[i * d + i] = S(1);
  for (std::size_t c = 0; c < d; ++c) {  // Gauss-Jordan; positive definite, so it needs no pivots
    const S pivot = S(1) / m[c * d + c];
    for (std::size_t j = 0; j < d; ++j) m[c * d + j] = m[c * d + j] * pivot, out[c * d + j] = out[c * d + j] * pivot;
    for (std::size_t r = 0; r < d; ++r) {
      if (r == c) continue;
      const S factor = m[r * d + c];
      for (std::size_t j = 0; j < d; ++j) {
        m[r * d + j] -= factor * m[c * d + j];
        out[r * d + j] -= factor * out[c * d + j];
      }
    }
  }
  return out;
}

/// The symmetric root by the product form of Newton's iteration (Denman & Beavers 1976): quadratic, also in the
/// derivatives, which are nilpotent.
template <class S>
std::vector<S> root_positive(const std::vector<S>& m, std::size_t d) {
  using std::sqrt;
  if (d == 1) return {sqrt(m[0])};
  std::vector<S> y = m, z(d * d, S(0));
  for (std::size_t i = 0; i < d; ++i) z[i * d + i] = S(1);
  for (int step = 0; step < 24; ++step) {
    const std::vector<S> iy = inverse_positive(y, d), iz = inverse_positive(z, d);
    for (std::size_t i = 0; i < d * d; ++i) {
      y[i] = S(0.5) * (y[i] + iz[i]);
      z[i] = S(0.5) * (z[i] + iy[i]);
    }
  }
  return y;
}

template <class S>
struct Fields {
  std::vector<S> score, metric, root;  // s, D, sqrt(2 D)
};

template <class Real, class S>
Fields<S> fields(const MetricCase<Real>& c, const std::vector<S>& x, bool with_root) {
  using std::exp;
  using std::sqrt;
  const std::size_t n = c.means.size(), d = x.size();
  std::vector<std::vector<S>> g(n, std::vector<S>(d, S(0)));
  std::vector<S> exponent(n, S(0)), r(n);
  std::size_t top = 0;
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) g[k][i] += S(c.precisions[k][i * d + j]) * (S(c.means[k][j]) - x[j]);
    for (std::size_t i = 0; i < d; ++i) exponent[k] += S(0.5) * g[k][i] * (x[i] - S(c.means[k][i]));
    if (rigorous::midpoint(exponent[k].v) > rigorous::midpoint(exponent[top].v)) top = k;
  }
  S total(0);
  for (std::size_t k = 0; k < n; ++k) {
    r[k] = S(c.weights[k]) * (k == top ? S(1) : exp(exponent[k] - exponent[top]));
    total += r[k];
  }
  Fields<S> out;
  out.score.assign(d, S(0));
  for (std::size_t k = 0; k < n; ++k) {
    r[k] = r[k] / total;
    for (std::size_t i = 0; i < d; ++i) out.score[i] += r[k] * g[k][i];
  }
  const std::vector<S>& s = out.score;
  const S damping(c.damping), variance(c.sigma * c.sigma);
  out.metric.assign(d * d, S(0));
  if (c.curvature == Curvature::identity || c.curvature == Curvature::exact) {
    for (std::size_t i = 0; i < d; ++i) out.metric[i * d + i] = c.curvature == Curvature::identity ? S(1) : damping;
    if (c.curvature == Curvature::exact) {
      const S sign(Real(c.printed_sign ? -1 : 1));
      for (std::size_t k = 0; k < n; ++k)
        for (std::size_t i = 0; i < d; ++i)
          for (std::size_t j = 0; j < d; ++j)
            out.metric[i * d + j] +=
                sign * r[k] * (S(c.precisions[k][i * d + j]) - (g[k][i] - s[i]) * (g[k][j] - s[j]));
      out.metric = inverse_positive(std::move(out.metric), d);
    }
    if (!with_root) return out;
    out.root = out.metric;
    for (S& v : out.root) v = S(2) * v;
    out.root = root_positive(out.root, d);
    return out;
  }
  if (c.curvature != Curvature::rank_one && c.curvature != Curvature::rank_one_scaled)
    throw BadInput("/curvature", "has no residual by hyper-dual numbers");
  // D = across I + (along - across) s s^T/|s|^2
  S square(0);
  for (const S& v : s) square += v * v;
  const S norm2 = variance * square;  // ||eps||^2
  const bool fixed = c.curvature == Curvature::rank_one;
  const S across = fixed ? S(1) / damping : variance * norm2 / damping,
          along = fixed ? variance / (S(1) + damping * variance) : variance * norm2 / (damping + norm2);
  const auto fill = [&](const S& outer, const S& inner) {
    std::vector<S> m(d * d, S(0));
    for (std::size_t i = 0; i < d; ++i) {
      for (std::size_t j = 0; j < d; ++j) m[i * d + j] = (inner - outer) * s[i] * s[j] / square;
      m[i * d + i] += outer;
    }
    return m;
  };
  out.metric = fill(across, along);
  if (with_root) out.root = fill(sqrt(S(2) * across), sqrt(S(2) * along));
  return out;
}

}  // namespace detail

template <class Real>
PointResidual<Real> residual(const MetricCase<Real>& c, const std::vector<Real>& x) {
  using S = HyperDual<Real>;
  const std::size_t d = x.size();
  PointResidual<Real> out;
  out.divergence.assign(d, Real(0));
  out.root_term.assign(d, Real(0));
  std::vector<Real> score(d);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t k = 0; k < d; ++k) {
      std::vector<S> point(d);
      for (std::size_t j = 0; j < d; ++j) point[j] = S(x[j], Real(j == i ? 1 : 0), Real(j == k ? 1 : 0), Real(0));
      const detail::Fields<S> f = detail::fields(c, point, true);
      if (k == 0) score[i] = f.score[i].v;
      out.divergence[i] += f.metric[i * d + k].b;
      out.ito += f.metric[i * d + k].ab;
      for (std::size_t j = 0; j < d; ++j) {
        const S &left = f.root[i * d + j], &right = f.root[j * d + k];
        out.root_term[i] += left.v * right.b / 2;
        out.stratonovich += (left.a * right.b + left.v * right.ab) / 2;
      }
    }
  for (std::size_t i = 0; i < d; ++i) {
    out.ito += score[i] * out.divergence[i];
    out.stratonovich += score[i] * out.root_term[i];
  }
  return out;
}

}  // namespace lml
