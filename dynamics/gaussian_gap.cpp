#include "dynamics/gaussian_gap.hpp"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <cmath>
#include <complex>

#include "theory/linalg.hpp"

namespace lml {
namespace {

Mat power(const Eigh& e, double exponent) {
  return e.vectors * e.values.array().pow(exponent).matrix().asDiagonal() * e.vectors.transpose();
}

Eigh positive(const Mat& m, const char* pointer) {
  if (m.rows() != m.cols() || !m.isApprox(m.transpose(), 1e-12)) throw BadInput(pointer, "must be symmetric");
  Eigh e = eigh(m);
  if (!(e.values[0] > 0)) throw BadInput(pointer, "must be positive definite");
  return e;
}

// log Phi(z) = sum_i (1-z)/2 log(1+e) - log(1 + e (1-z))/2 - z (1-z) m^2/(2 (1 + e (1-z))) for N(m, 1+e) and N(0, 1).
std::complex<double> log_chernoff(std::complex<double> z, const Vec& m, const Vec& e) {
  std::complex<double> out = 0;
  for (Index i = 0; i < e.size(); ++i) {
    const std::complex<double> r = 1.0 + e[i] * (1.0 - z);
    out += 0.5 * (1.0 - z) * std::log1p(e[i]) - 0.5 * std::log(r) - 0.5 * z * (1.0 - z) * m[i] * m[i] / r;
  }
  return out;
}

// All singularities lie on the real axis, which the path leaves at 1/2 upwards in straight pieces. Each piece stands
// upright or leans by 30 degrees to either side, whichever makes Phi smallest at its end: where the excesses differ in
// sign, the better side changes with |z|, and on the other one Phi grows beyond all bounds.
double total_variation(const Vec& m, const Vec& e) {
  using Complex = std::complex<double>;
  using Gauss = boost::math::quadrature::gauss<double, 30>;
  const auto f = [&](Complex z) { return std::exp(log_chernoff(z, m, e)) / (z * (1.0 - z)); };
  Complex z(0.5, 0);
  double overlap = 0, length = 0.25;
  for (int tries = 0; tries < 10000; ++tries) {
    Complex step;
    double smallest = HUGE_VAL;
    for (const Complex direction : {Complex(0, 1), Complex(0.5, std::sqrt(0.75)), Complex(-0.5, std::sqrt(0.75))}) {
      const double size = log_chernoff(z + length * direction, m, e).real();
      if (size < smallest) smallest = size, step = length * direction;
      if (z.imag() == 0) break;  // the first piece is upright
    }
    if (log_chernoff(z, m, e).real() - smallest > 12) {  // too steep for one piece
      length /= 2;
      continue;
    }
    // The other arm is the mirror image.
    overlap +=
        0.5 * Gauss::integrate([&](double s) { return (f(z + (0.5 + 0.5 * s) * step) * step).imag(); }, -1.0, 1.0);
    z += step;
    if (std::abs(f(z) * z) < 1e-18) break;
    length = std::min(0.4 * std::abs(z), 1.6 * length);
  }
  return 1 - overlap / M_PI;
}

}  // namespace

GaussianFlow::GaussianFlow(Gaussian target, const Mat& d) : target_(std::move(target)) {
  inverse_root_ = power(positive(target_.covariance, "/target"), -0.5);
  positive(d, "/metric");
  Eigh e = eigh(inverse_root_ * d * inverse_root_);
  rates_ = e.values;
  modes_ = std::move(e.vectors);
}

Departure GaussianFlow::departure(const Gaussian& initial) const {
  positive(initial.covariance, "/initial");
  return {inverse_root_ * (initial.mean - target_.mean),
          inverse_root_ * (initial.covariance - target_.covariance) * inverse_root_};
}

Departure GaussianFlow::at(const Departure& initial, double t) const {
  const Mat decay = modes_ * (-t * rates_.array()).exp().matrix().asDiagonal() * modes_.transpose();
  return {decay * initial.shift, decay * initial.excess * decay};
}

double gaussian_poincare(const Vec& variances, double lambda) { return 1 + lambda * variances.maxCoeff(); }

Divergences divergences(const Departure& q) {
  const Eigh s = eigh(q.excess);
  const Vec m = s.vectors.transpose() * q.shift, &e = s.values;
  double log_chi2 = 0, kl = 0, log_overlap = 0;
  for (Index i = 0; i < e.size(); ++i) {
    log_chi2 += e[i] < 1 ? m[i] * m[i] / (1 - e[i]) - 0.5 * std::log1p(-e[i] * e[i]) : HUGE_VAL;
    kl += 0.5 * (e[i] - std::log1p(e[i]) + m[i] * m[i]);
    // sqrt(2 sqrt(v)/(1+v)) e^(-m^2/(4 (1+v))), v = 1+e
    log_overlap += 0.25 * std::log1p(e[i]) - 0.5 * std::log1p(e[i] / 2) - m[i] * m[i] / (4 * (2 + e[i]));
  }
  return {std::expm1(log_chi2), kl, total_variation(m, e), std::sqrt(std::max(0.0, -std::expm1(log_overlap)))};
}

}  // namespace lml
