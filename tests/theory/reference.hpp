// The slow, obviously right reference: the density of p_t summed directly in 100-digit arithmetic, its derivatives by
// central differences (step h = 1e-25 sigma: truncation and rounding both below 1e-45), and the condition number of
// each quantity with respect to all inputs. Shares no line with theory/.
#pragma once
#include <boost/multiprecision/mpfr.hpp>
#include <vector>

#include "theory/types.hpp"

namespace lml::reference {

using Real =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<100, boost::multiprecision::allocate_stack>,
                                  boost::multiprecision::et_off>;
using Reals = std::vector<Real>;

/// A mixture with dense covariances, all numbers exact copies of doubles.
struct Mixture {
  Reals weights;
  std::vector<Reals> means;        // K x d
  std::vector<Reals> covariances;  // K x (d*d)
  Real alpha, sigma;
  Reals x;
  std::size_t d() const { return x.size(); }
};

inline Real log_density(const Mixture& p, const Reals& x) {
  const std::size_t d = p.d();
  Real total = 0, weight = 0;
  for (const Real& w : p.weights) weight += w;
  Reals logs;
  for (std::size_t k = 0; k < p.weights.size(); ++k) {
    if (p.weights[k] == 0) continue;
    // Cholesky of A = alpha^2 S + sigma^2 I, forward substitution of x - alpha m.
    Reals l(d * d), z(d);
    Real log_det = 0, q = 0;
    for (std::size_t j = 0; j < d; ++j) {
      for (std::size_t i = j; i < d; ++i) {
        Real v = p.alpha * p.alpha * p.covariances[k][i * d + j] + (i == j ? Real(p.sigma * p.sigma) : Real(0));
        for (std::size_t m = 0; m < j; ++m) v -= l[i * d + m] * l[j * d + m];
        l[i * d + j] = i == j ? Real(sqrt(v)) : Real(v / l[j * d + j]);
      }
      log_det += 2 * log(l[j * d + j]);
    }
    for (std::size_t i = 0; i < d; ++i) {
      z[i] = x[i] - p.alpha * p.means[k][i];
      for (std::size_t m = 0; m < i; ++m) z[i] -= l[i * d + m] * z[m];
      z[i] /= l[i * d + i];
      q += z[i] * z[i];
    }
    const Real pi = boost::multiprecision::default_ops::get_constant_pi<Real::backend_type>();
    logs.push_back(log(p.weights[k] / weight) - (q + log_det + Real(d) * log(2 * pi)) / 2);
  }
  Real top = logs[0];
  for (const Real& l : logs) top = l > top ? l : top;
  for (const Real& l : logs) total += exp(l - top);
  return top + log(total);
}

inline Reals score(const Mixture& p) {
  const Real h = p.sigma * Real("1e-25");
  Reals out(p.d());
  for (std::size_t i = 0; i < p.d(); ++i) {
    Reals up = p.x, down = p.x;
    up[i] += h;
    down[i] -= h;
    out[i] = (log_density(p, up) - log_density(p, down)) / (2 * h);
  }
  return out;
}

/// d x d, row by row
inline Reals hessian(const Mixture& p) {
  const Real h = p.sigma * Real("1e-25");
  const std::size_t d = p.d();
  Reals out(d * d);
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j <= i; ++j) {
      Real sum = 0;
      for (int si : {1, -1})
        for (int sj : {1, -1}) {
          Reals at = p.x;
          at[i] += si * h;
          at[j] += sj * h;
          sum += si * sj * log_density(p, at);
        }
      out[i * d + j] = out[j * d + i] = sum / (4 * h * h);
    }
  return out;
}

inline Real norm(const Reals& v) {
  Real sum = 0;
  for (const Real& e : v) sum += e * e;
  return sqrt(sum);
}

/// sum over all inputs of |change of f| per relative change of the input, over |f|: the amplification of rounding
/// errors that the problem itself has. Covariances are perturbed relative to their largest entry (they are used through
/// a factorisation, whose error is normwise).
template <class F>
double condition(const Mixture& p, F f) {
  const Real step("1e-20");
  const Reals base = f(p);
  Real total = 0;
  const auto probe = [&](auto&& perturb) {
    Mixture moved = p;
    perturb(moved);
    Reals value = f(moved);
    for (std::size_t i = 0; i < value.size(); ++i) value[i] -= base[i];
    total += norm(value) / step;
  };
  probe([&](Mixture& m) { m.alpha *= 1 + step; });
  probe([&](Mixture& m) { m.sigma *= 1 + step; });
  for (std::size_t i = 0; i < p.d(); ++i) probe([&](Mixture& m) { m.x[i] *= 1 + step; });
  for (std::size_t k = 0; k < p.weights.size(); ++k) {
    probe([&](Mixture& m) { m.weights[k] *= 1 + step; });
    Real largest = 0;
    for (const Real& c : p.covariances[k]) largest = abs(c) > largest ? Real(abs(c)) : largest;
    for (std::size_t i = 0; i < p.d(); ++i) {
      probe([&](Mixture& m) { m.means[k][i] *= 1 + step; });
      for (std::size_t j = 0; j <= i; ++j)
        probe([&](Mixture& m) {
          m.covariances[k][i * p.d() + j] += step * largest;
          if (i != j) m.covariances[k][j * p.d() + i] += step * largest;
        });
    }
  }
  return double(total / norm(base));
}

}  // namespace lml::reference
