// The annealed dynamics of Eq. 9 and 10, run in the generative direction, t from T down to t_min. With the forward
// process dx = f x dt + g dB, its law p_t and score s, tau = T - t and a metric D(x, t) all are of the form
//
//   dx = [-f x + (g^2/2)(a s + b D s + c div D)] d tau + g sqrt(e D) dB
//
//   Eq. 9                 a, b, c, e = 0, 2, 0, 1        keeps p_t only if div(p_t div D) = div((D - I) grad p_t)
//   Eq. 10                             0, 1, 0, 0        keeps p_t only if div((D - I) grad p_t) = 0
//   probability flow                   1, 0, 0, 0        keeps p_t (Song et al. 2021)
//   corrected                          1, 1, 1, 1        keeps p_t whatever D (PROOFS-ANNEALED.md, section 1)
//
// Only the path (alpha, sigma) matters to the laws, not the speed on it, so g = 1 throughout: VP is f = -1/2,
// alpha = exp(-t/2), sigma^2 = 1 - exp(-t); VE (the EDM path) f = 0, alpha = 1, sigma^2 = t. Dimensionless.
#pragma once
#include "dynamics/metric.hpp"

namespace lml {

enum class Process { vp, ve };

/// Time on a path, u = log(sigma^2/alpha^2), in which every rate is of order 1: dt = sigma^2 du, for both processes.
Time at(Process process, double u);
double log_noise_ratio(Time time);
/// f, with g = 1.
double linear_drift(Process process);

struct Equation {
  double score, damped_score, divergence, noise;  // a, b, c, e
};
inline constexpr Equation eq9{0, 2, 0, 1}, eq10{0, 1, 0, 0}, probability_flow{1, 0, 0, 0}, corrected{1, 1, 1, 1},
    corrected_without_divergence{1, 1, 0, 1};

/// Eq. 10 has D without unit, Eq. 7 in units of sigma^2. `normalised`: D times 1/sigma^2 + lambda, the least constant
/// that makes the rank-one D = I along the score; for lambda' fixed the factor depends on x.
enum class Scale { printed, normalised };

/// D s and its divergence, which the ODE needs; smooth also where u is not defined.
struct DampedScore {
  Vec value;
  double divergence;
};

/// The metric at one time. Both throw BadInput ("/damping") where F + lambda I is not positive, `at` also where the
/// rank-one D does not exist (eps = 0, d > 1).
class MetricSlice {
 public:
  MetricSlice(Metric printed, double damping, Scale scale)
      : printed_(std::move(printed)), damping_(damping), scale_(scale) {}
  const Marginal& marginal() const { return printed_.marginal(); }
  MetricAt at(const Local& local) const;
  DampedScore damped_score(const Local& local) const;

 private:
  MetricAt printed(const Local& local) const;
  Metric printed_;
  double damping_;
  Scale scale_;
};

/// The metric along a path. The damping is lambda sigma_t^2 for `exact` and `rank_one` (constant in t, as Algorithm 1's
/// lambda' = lambda sigma^2 ||eps||^2 is) and lambda' for `rank_one_scaled`; `identity` has none.
class AnnealedMetric {
 public:
  /// Throws BadInput as Metric does; "/curvature" for the other ones.
  AnnealedMetric(Target target, Process process, Curvature curvature, double damping, Scale scale);
  Process process() const { return process_; }
  const Target& target() const { return target_; }
  Marginal marginal(double u) const { return {target_, lml::at(process_, u)}; }
  MetricSlice at(double u) const;

 private:
  Target target_;
  Process process_;
  Curvature curvature_;
  double damping_;
  Scale scale_;
};

/// Variance at u_end of the law started from N(0, v), v = alpha^2 s^2 + sigma^2, at u_start, for the data N(0, s^2) and
/// a metric that is d(u) there for all x: one linear equation, solved by its integrating factor, error below 1e-12
/// (relative). A Gaussian in R^d with the exact or a constant metric is this along each eigenvector.
template <class MetricOfU>
double gaussian_variance(Process process, double data_variance, const MetricOfU& d, const Equation& equation,
                         double u_start, double u_end);

}  // namespace lml

#include <boost/math/quadrature/gauss.hpp>

namespace lml {

template <class MetricOfU>
double gaussian_variance(Process process, double data_variance, const MetricOfU& d, const Equation& equation,
                         double u_start, double u_end) {
  const auto variance = [&](double u) {
    const Time time = at(process, u);
    return time.alpha * time.alpha * data_variance + time.sigma * time.sigma;
  };
  // dV/du = rate V - source
  const auto rate = [&](double u) {
    const double sigma = at(process, u).sigma;
    return sigma * sigma * (2 * linear_drift(process) + (equation.score + equation.damped_score * d(u)) / variance(u));
  };
  const auto source = [&](double u) {
    const double sigma = at(process, u).sigma;
    return sigma * sigma * equation.noise * d(u);
  };
  using Gauss = boost::math::quadrature::gauss<double, 30>;
  const int pieces = 1 + int(2 * (u_start - u_end));
  const double width = (u_start - u_end) / pieces;
  double v = variance(u_start);
  for (int i = 0; i < pieces; ++i) {
    const double high = u_start - i * width, low = high - width;
    const auto decay = [&](double from) { return std::exp(-Gauss::integrate(rate, low, from)); };
    v = v * decay(high) + Gauss::integrate([&](double u) { return decay(u) * source(u); }, low, high);
  }
  return v;
}

}  // namespace lml
