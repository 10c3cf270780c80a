#include "dynamics/gaussian_law.hpp"

#include <algorithm>
#include <boost/math/quadrature/gauss.hpp>
#include <boost/math/special_functions/digamma.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>
#include <limits>

namespace lml {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double share(Calculus c) { return c == Calculus::ito ? 0 : c == Calculus::corrected ? 1 : 0.5; }

// log density in t = log rho of the chi law of d degrees of freedom
double log_chi(double d, double t) {
  return d * t - 0.5 * std::exp(2 * t) + (1 - d / 2) * std::log(2.0) - std::lgamma(d / 2);
}

}  // namespace

Divergences chi_divergences(double n, double d) {
  if (n == d) return {0, 0, 0, 0};
  const double a = std::lgamma(n / 2), b = std::lgamma(d / 2);
  Divergences out;
  out.chi2 = std::expm1(b + std::lgamma(n - d / 2) - 2 * a);
  out.kl = (n - d) / 2 * boost::math::digamma(n / 2) + b - a;
  const double crossing = std::exp(2 * (a - b) / (n - d));  // rho^2/2 where the densities are equal
  out.total_variation = boost::math::gamma_p(d / 2, crossing) - boost::math::gamma_p(n / 2, crossing);
  out.hellinger = std::sqrt(-std::expm1(std::lgamma((n + d) / 4) - 0.5 * (a + b)));
  return out;
}

IsotropicLaw::IsotropicLaw(const Metric& metric, Calculus calculus)
    : curvature_(metric.spec().curvature), calculus_(calculus), damping_(metric.spec().damping) {
  const Marginal& p = metric.marginal();
  if (p.target().size() != 1 || p.precision(0).kind != Spread::Kind::isotropic)
    throw BadInput("/target", "must be one isotropic Gaussian here");
  if (curvature_ == Curvature::rank_k || curvature_ == Curvature::constant || metric.spec().printed_prefactor)
    throw BadInput("/curvature", "has no closed form here");
  const double sigma2 = std::pow(p.time().sigma, 2);
  d_ = double(p.dim());
  variance_ = 1 / p.precision(0).p[0];
  k_ = sigma2 / variance_;
  degrees_ = d_;
  if (curvature_ == Curvature::exact) {
    const double lowest = (metric.spec().printed_sign ? -1 : 1) / variance_ + damping_;
    if (!(lowest > 0)) {
      existence_ = {false, false, "the metric is not positive: its inverse is " + std::to_string(lowest) + " I"};
      return;
    }
  }
  if (curvature_ == Curvature::rank_one) {
    const double ratio = 1 / (damping_ * sigma2);
    degrees_ +=
        (d_ - 1) * (calculus == Calculus::stratonovich ? std::sqrt(1 + ratio) - 1 : (1 - share(calculus)) * ratio);
  }
  if (curvature_ != Curvature::rank_one_scaled) return;

  existence_.unique = false;
  existence_.why = "a path that starts where eps = 0 stays there, so the unit mass at that point is a second law";
  const double missing = 1 - share(calculus);
  if (missing > 0 && d_ <= 2 * missing) {
    existence_ = {false, false, "no density is normalisable: D vanishes where eps = 0, and paths gather there"};
  } else if (calculus != Calculus::stratonovich && damping_ <= missing * (d_ - 1) * k_) {
    existence_ = {false, false,
                  "no law is normalisable: lambda' must exceed " + std::to_string(missing * (d_ - 1) * k_)};
  }
  if (!existence_.exists) return;
  // Panels an eighth of the narrower width, from where both laws have died out to where they have again.
  const auto log_q = [&](double t) { return log_chi(d_, t) + unnormalised(t); };
  const double step = 0.25 / std::sqrt(d_ + 1);
  double top = -infinity;
  for (double t = -50; t < 30; t += step) top = std::max(top, log_q(t));
  for (double t = -50; t < 30; t += step) {
    const bool here = std::max(log_q(t), log_q(t + step)) > top - 60 || log_chi(d_, t) > -60;
    if (!here) continue;
    if (edges_.empty()) edges_.push_back(t);
    edges_.push_back(t + step);
  }
  // Every change of sign of log h - log mass is an edge, so that |q - p| is smooth on each panel.
  log_mass_ = top;
  log_mass_ += std::log(integrate([](double, double, double q, double) { return q; }));
  const std::vector<double> panels = edges_;
  for (std::size_t i = 0; i + 1 < panels.size(); ++i) {
    const auto f = [&](double t) { return unnormalised(t) - log_mass_; };
    double low = panels[i], high = panels[i + 1];
    if (!(f(low) * f(high) < 0)) continue;
    const bool rising = f(low) < 0;
    for (int j = 0; j < 80; ++j) {
      const double middle = 0.5 * (low + high);
      ((f(middle) < 0) == rising ? low : high) = middle;
    }
    edges_.push_back(low);
  }
  std::sort(edges_.begin(), edges_.end());
}

template <class F>
double IsotropicLaw::integrate(const F& f) const {
  double sum = 0;
  const auto integrand = [&](double t) {
    const double log_p = log_chi(d_, t), log_h = unnormalised(t) - log_mass_;
    return f(t, std::exp(log_p), std::exp(log_p + log_h), log_h);
  };
  for (std::size_t i = 0; i + 1 < edges_.size(); ++i)
    sum += boost::math::quadrature::gauss<double, 15>::integrate(integrand, edges_[i], edges_[i + 1]);
  return sum;
}

double IsotropicLaw::unnormalised(double t) const {
  if (curvature_ == Curvature::rank_one) return (degrees_ - d_) * t;
  if (curvature_ != Curvature::rank_one_scaled) return 0;
  const double square = k_ * std::exp(2 * t), missing = 1 - share(calculus_);
  const double log_a = std::log(square / (damping_ + square));
  if (calculus_ != Calculus::stratonovich) return -missing * log_a + (d_ - 1) * missing * square / (2 * damping_);
  const double y = std::sqrt(1 + square / damping_);
  return -0.5 * log_a + (d_ - 1) * (y - 1 - std::log((1 + y) / 2));
}

void IsotropicLaw::require() const {
  if (!existence_.exists) throw std::domain_error(existence_.why);
}

double IsotropicLaw::log_ratio(double rho) const {
  require();
  if (curvature_ != Curvature::rank_one_scaled)
    return (degrees_ - d_) * (std::log(rho) - 0.5 * std::log(2.0)) + std::lgamma(d_ / 2) - std::lgamma(degrees_ / 2);
  return unnormalised(std::log(rho)) - log_mass_;
}

double IsotropicLaw::second_moment() const {
  require();
  if (curvature_ != Curvature::rank_one_scaled) return variance_ * degrees_;
  return variance_ * integrate([](double t, double, double q, double) { return std::exp(2 * t) * q; });
}

Divergences IsotropicLaw::divergences() const {
  require();
  if (curvature_ != Curvature::rank_one_scaled) return chi_divergences(degrees_, d_);
  const double missing = 1 - share(calculus_);
  const bool heavy = calculus_ != Calculus::stratonovich && d_ > 1 && damping_ <= 2 * missing * (d_ - 1) * k_;
  Divergences out;
  out.chi2 = missing > 0 && (heavy || d_ <= 4 * missing)
                 ? infinity
                 : integrate([](double, double p, double q, double log_h) { return (q - p) * std::expm1(log_h); });
  out.kl = integrate([](double, double p, double q, double log_h) { return q * log_h + p - q; });
  out.total_variation = 0.5 * integrate([](double, double p, double q, double) { return std::abs(q - p); });
  out.hellinger = std::sqrt(
      0.5 * integrate([](double, double p, double q, double) { return std::pow(std::sqrt(q) - std::sqrt(p), 2); }));
  return out;
}

}  // namespace lml
