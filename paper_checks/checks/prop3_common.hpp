// What the checks of Proposition 3 share: small targets, laws on the line and on Gaussians, the Fokker-Planck residual
// at p in intervals and in weak form.
#pragma once
#include <string>
#include <vector>

#include "dynamics/gaussian_law.hpp"
#include "dynamics/residual.hpp"
#include "paper_checks/check.hpp"

namespace lml::checks {

constexpr Calculus calculi[] = {Calculus::ito, Calculus::half, Calculus::stratonovich, Calculus::corrected};
const char* name(Calculus calculus);
const char* name(Curvature curvature);

struct NamedMarginal {
  std::string name;
  Marginal p;
};

/// One data point at 0 in R^d: p = N(0, sigma^2 I).
Marginal one_point(Index d, Time time);
/// The data points +-1.
Marginal plus_minus_one(Time time);
/// On the line: a point, a spread Gaussian, pairs of points at two noise levels, a skew mixture, three points.
std::vector<NamedMarginal> line_targets();
/// Mixtures of random means, spreads and weights, d = 1 to 4; every second one a finite data set.
Marginal random_target(std::uint64_t i);
/// A damping above the critical one, from its bound or, where that is infinite, by search.
double safe_damping(const Marginal& p);

struct Bias {
  Existence existence;
  Divergences from_target{};
  double second_moment = 0;  // E |x - E_p x|^2
  double error = 0;
};
/// The stationary law on the line at two degrees; on an isotropic Gaussian in closed form.
Bias on_line(const Metric& metric, Calculus calculus);
Bias on_gaussian(const Metric& metric, Calculus calculus);

/// Total variation between p and the density ~ p w(F) on the line, F the Fisher of p: a plain sum over equidistant
/// nodes, apart from Line.
template <class Weight>
double weighted_variation(const Marginal& p, const Weight& w);

/// (1/p) dp/dt of an equation at p, enclosed: low <= value <= high (MPFI, 50 digits).
struct Enclosed {
  double low, high;
  std::string text() const;
};
struct Rational {
  long numerator, denominator;
};
/// Data points on the line, at (alpha, sigma), lambda and x. Ito; the Stratonovich residual is half of it.
Enclosed ito_residual(const std::vector<Rational>& points, Rational alpha, Rational sigma, Curvature curvature,
                      bool printed_sign, Rational damping, Rational x);
/// D' in the same way.
Enclosed metric_slope(const std::vector<Rational>& points, Rational alpha, Rational sigma, Rational damping,
                      Rational x);

/// max over g = cos(k.x), sin(k.x) of |E_p [L g]| / E_p [|b.grad g| + |D : Hess g|], with the library's D, div D and
/// added drift; L g = b.grad g + D : Hess g, b = drift_factor D s + added. 0 for all g exactly where p is stationary.
/// Equidistant nodes in d = 1 or 2: exact to rounding for smooth D.
double weak_residual(const Metric& metric, Calculus calculus, double drift_factor = 1);

/// The law on an isotropic Gaussian by integrating d log(q/p)/d log rho = rho^2 - rho sqrt(v) V.e/(e.D e), V = div D -
/// added - D s, along a ray, with the library's own fields (Simpson's rule in log rho); apart from IsotropicLaw.
struct RadialLaw {
  double second_moment, total_variation;
  double at_centre, at_infinity;  // d log(rho^(d-1) q)/d log rho at rho = 1e-6; the same / rho^2 far out
  /// A density exists: f ~ rho^(c-1) with c > 0 at 0, f ~ exp(-c rho^2/2) with c > 0 at infinity.
  bool normalisable() const { return at_centre > -1 + 1e-6 && at_infinity < -1e-6; }
};
RadialLaw radial_law(const Metric& metric, Calculus calculus, double step = 4e-3);

/// The attack on the corrected dynamics: random targets, five metrics, points where D is positive. Largest probability
/// flux at p, relative to the terms that cancel in it, with all and with half of div D; weak residual (smooth D, d <=
/// 2).
struct CorrectedAttack {
  double flux = 0, half = 0, weak = 0;
  long points = 0;
};
CorrectedAttack attack_corrected(int targets);
/// The same over 24 targets, computed once.
const CorrectedAttack& corrected_attack();

Counterexample replay(const Marginal& p, const Metric& metric, const char* calculus, std::string sentence);

}  // namespace lml::checks

#include <cmath>

namespace lml::checks {

template <class Weight>
double weighted_variation(const Marginal& p, const Weight& w) {
  const int n = 40001;
  double reach = 0;
  for (Index k = 0; k < p.target().size(); ++k)
    reach = std::max(reach, p.time().alpha * std::abs(p.target().means()(k, 0)) + 10 / std::sqrt(p.precision(k).p[0]));
  std::vector<double> density(n), weight(n);
  double mass = 0, mean = 0;
  for (int i = 0; i < n; ++i) {
    const Local local = p.at(Vec::Constant(1, reach * (2.0 * i / (n - 1) - 1)));
    density[std::size_t(i)] = std::exp(local.log_density());
    weight[std::size_t(i)] = w(local.fisher()(0, 0));
    mass += density[std::size_t(i)];
    mean += density[std::size_t(i)] * weight[std::size_t(i)];
  }
  mean /= mass;
  double out = 0;
  for (int i = 0; i < n; ++i) out += 0.5 * density[std::size_t(i)] / mass * std::abs(weight[std::size_t(i)] / mean - 1);
  return out;
}

}  // namespace lml::checks
