#include "paper_checks/checks/prop3_common.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/multiprecision/mpfi.hpp>
#include <cmath>

#include "dynamics/random.hpp"
#include "theory/damping.hpp"

namespace lml::checks {
namespace {

using Wide =
    boost::multiprecision::number<boost::multiprecision::mpfi_float_backend<50>, boost::multiprecision::et_off>;

Wide wide(Rational q) { return Wide(q.numerator) / Wide(q.denominator); }

Enclosed enclosed(const Wide& v) {
  // Outwards to doubles
  return {std::nextafter(lower(v).convert_to<double>(), -HUGE_VAL),
          std::nextafter(upper(v).convert_to<double>(), HUGE_VAL)};
}

PointResidual<Wide> residual_at(const std::vector<Rational>& points, Rational alpha, Rational sigma,
                                Curvature curvature, bool printed_sign, Rational damping, Rational x) {
  MetricCase<Wide> c;
  c.sigma = wide(sigma);
  c.curvature = curvature;
  c.damping = wide(damping);
  c.printed_sign = printed_sign;
  for (const Rational& y : points) {
    c.weights.push_back(Wide(1));
    c.means.push_back({wide(alpha) * wide(y)});
    c.precisions.push_back({Wide(1) / (c.sigma * c.sigma)});
  }
  return residual(c, std::vector<Wide>{wide(x)});
}

}  // namespace

const char* name(Calculus calculus) {
  switch (calculus) {
    case Calculus::ito: return "ito";
    case Calculus::half: return "half";
    case Calculus::stratonovich: return "stratonovich";
    case Calculus::corrected: break;
  }
  return "corrected";
}

const char* name(Curvature curvature) {
  switch (curvature) {
    case Curvature::exact: return "exact";
    case Curvature::rank_one: return "rank_one";
    case Curvature::rank_one_scaled: return "rank_one_scaled";
    default: break;
  }
  return "identity";
}

Marginal one_point(Index d, Time time) { return {Target::points(Points::Zero(1, d)), time}; }
Marginal plus_minus_one(Time time) { return {Target::points(Points{{-1.0}, {1.0}}), time}; }

std::vector<NamedMarginal> line_targets() {
  return {{"one point", one_point(1, {0.6, 0.8})},
          {"N(1/2, 1)", {Target::gaussian_mixture(Vec::Ones(1), Points{{0.5}}, {1.0}), {0.6, 0.8}}},
          {"points +-1, sigma 4/5", plus_minus_one({0.6, 0.8})},
          {"points +-1, sigma 3/5", plus_minus_one({0.8, 0.6})},
          {"skew mixture", {Target::gaussian_mixture(Vec{{2.0, 1.0}}, Points{{-1.0}, {1.5}}, {0.25, 0.1}), {0.8, 0.6}}},
          {"points -1, 0, 2", {Target::points(Points{{-1.0}, {0.0}, {2.0}}, Vec{{1.0, 2.0, 1.0}}), {0.8, 0.6}}}};
}

Marginal random_target(std::uint64_t i) {
  const Random random(301, i);
  const Index d = 1 + Index(i % 4), n = 2 + Index(i / 4 % 3);
  const double sigma = 0.4 + 0.5 * random.uniform(0, 0, 0), alpha = std::sqrt(1 - sigma * sigma);
  const Points means = 1.2 * random.normals(1, 0, n, d);
  Vec weights(n);
  for (Index k = 0; k < n; ++k) weights[k] = 0.2 + random.uniform(0, 1, std::uint64_t(k));
  if (i % 2) return {Target::points(means, weights), {alpha, sigma}};
  return {Target::gaussian_mixture(weights, means, std::vector<Covariance>(std::size_t(n), Covariance(0.1))),
          {alpha, sigma}};
}

double safe_damping(const Marginal& p) { return 0.5 + std::max(0.0, critical_damping_bound(p.target(), p.time())); }

Bias on_line(const Metric& metric, Calculus calculus) {
  const double theta = calculus == Calculus::ito ? 0 : calculus == Calculus::corrected ? 1 : 0.5;
  const Line coarse(metric, theta, 12), fine(metric, theta, 16);
  Bias out;
  out.existence = fine.existence();
  if (!out.existence.exists) return out;
  const double mean = metric.marginal().time().alpha * metric.marginal().target().mean()[0];
  const auto second = [&](const Line& line) { return line.variance() + std::pow(line.mean() - mean, 2); };
  const Divergences a = coarse.divergences(), b = fine.divergences();
  out.from_target = b;
  out.second_moment = second(fine);
  out.error = std::max({std::abs(a.kl - b.kl), std::abs(a.total_variation - b.total_variation),
                        std::abs(second(coarse) - second(fine))}) +
              1e-12;
  return out;
}

Bias on_gaussian(const Metric& metric, Calculus calculus) {
  const IsotropicLaw law(metric, calculus);
  Bias out;
  out.existence = law.existence();
  if (!out.existence.exists) return out;
  out.from_target = law.divergences();
  out.second_moment = law.second_moment();
  out.error = 1e-10;
  return out;
}

std::string Enclosed::text() const { return fmt::format("[{:.9f}, {:.9f}]", low, high); }

Enclosed ito_residual(const std::vector<Rational>& points, Rational alpha, Rational sigma, Curvature curvature,
                      bool printed_sign, Rational damping, Rational x) {
  return enclosed(residual_at(points, alpha, sigma, curvature, printed_sign, damping, x).ito);
}

Enclosed metric_slope(const std::vector<Rational>& points, Rational alpha, Rational sigma, Rational damping,
                      Rational x) {
  return enclosed(residual_at(points, alpha, sigma, Curvature::exact, false, damping, x).divergence[0]);
}

double weak_residual(const Metric& metric, Calculus calculus, double drift_factor) {
  const Marginal& p = metric.marginal();
  const Index d = p.dim();
  double reach = 0, narrow = HUGE_VAL;
  for (Index k = 0; k < p.target().size(); ++k) {
    const double deviation = 1 / std::sqrt(p.precision(k).p.minCoeff());
    reach = std::max(reach, p.time().alpha * p.target().means().row(k).norm() + 9 * deviation);
    narrow = std::min(narrow, 1 / std::sqrt(p.precision(k).p.maxCoeff()));
  }
  const Index per_axis = 1 + Index(std::ceil(2 * reach / (narrow / 8))), n = d == 1 ? per_axis : per_axis * per_axis;
  const std::vector<double> frequencies{0.7 / narrow, 1.3 / narrow};
  std::vector<Vec> waves;
  for (double f : frequencies)
    for (Index j = 0; j <= d - 1; ++j) waves.push_back(f * (Vec::Unit(d, j) + 0.4 * Vec::Ones(d)));
  Vec sums = Vec::Zero(Index(2 * waves.size())), sizes = sums;
  for (Index i = 0; i < n; ++i) {
    Vec x(d);
    x[0] = -reach + 2 * reach * double(i % per_axis) / double(per_axis - 1);
    if (d == 2) x[1] = -reach + 2 * reach * double(i / per_axis) / double(per_axis - 1);
    const Local local = p.at(x);
    const double density = std::exp(local.log_density());
    if (density < 1e-30) continue;
    const MetricAt at = metric.at(local);
    const Vec b = drift_factor * (at.d * local.score()) + metric.added_drift(local, at, calculus);
    for (std::size_t w = 0; w < waves.size(); ++w) {
      const double phase = waves[w].dot(x), drift = b.dot(waves[w]), noise = waves[w].dot(at.d * waves[w]);
      const double c = std::cos(phase), s = std::sin(phase);
      const Index at_c = Index(2 * w), at_s = at_c + 1;
      sums[at_c] += density * (-s * drift - c * noise);
      sums[at_s] += density * (c * drift - s * noise);
      sizes[at_c] += density * (std::abs(s * drift) + std::abs(c * noise));
      sizes[at_s] += density * (std::abs(c * drift) + std::abs(s * noise));
    }
  }
  return (sums.array().abs() / sizes.array()).maxCoeff();
}

RadialLaw radial_law(const Metric& metric, Calculus calculus, double step) {
  const Marginal& p = metric.marginal();
  const double d = double(p.dim()), scale = 1 / std::sqrt(p.precision(0).p[0]);
  const Vec e = Vec::LinSpaced(p.dim(), 1, 2).normalized(), centre = p.time().alpha * p.target().mean();
  const auto rate = [&](double t) {  // d log h/d log rho
    const double rho = std::exp(t);
    const Local local = p.at(centre + rho * scale * e);
    const MetricForm form = metric.form(local);
    const Vec v =
        metric.divergence(local, form) - metric.added_drift(local, form, calculus) - form.times(local.score());
    return rho * rho - rho * scale * v.dot(e) / e.dot(form.times(e));
  };
  RadialLaw out{0, 0, 0, 0};
  out.at_centre = d - 1 + rate(std::log(1e-6));
  // Far enough for the leading term; nearer where D's eigenvalues, whose ratio grows like rho^2, would drown each
  // other.
  const double far = metric.spec().curvature == Curvature::rank_one_scaled ? 1e3 : 1e7;
  out.at_infinity = (d - 1 + rate(std::log(far))) / (far * far) - 1;
  if (!out.normalisable()) return out;
  // f d rho = rho f d log rho; in log rho both densities end at exp(-40) of their top.
  const double low = -40 / std::min(d, out.at_centre + 1),
               high = 0.5 * std::log((80 + 8 * std::max(d, out.at_centre + 1)) / std::min(1.0, -out.at_infinity));
  const int n = int((high - low) / step);
  std::vector<double> log_p, log_q;
  double log_h = 0, previous = rate(low);
  for (int i = 0; i <= n; ++i) {
    const double t = low + i * step;
    if (i > 0) {
      const double here = rate(t);
      log_h += step / 6 * (previous + 4 * rate(t - step / 2) + here);
      previous = here;
    }
    log_p.push_back(d * t - 0.5 * std::exp(2 * t));
    log_q.push_back(log_p.back() + log_h);
  }
  const double top_p = *std::max_element(log_p.begin(), log_p.end()),
               top_q = *std::max_element(log_q.begin(), log_q.end());
  double mass_p = 0, mass_q = 0;
  for (std::size_t i = 0; i < log_p.size(); ++i) {
    mass_p += log_p[i] = std::exp(log_p[i] - top_p);
    mass_q += log_q[i] = std::exp(log_q[i] - top_q);
    out.second_moment += log_q[i] * std::exp(2 * (low + double(i) * step)) * scale * scale;
  }
  out.second_moment /= mass_q;
  for (std::size_t i = 0; i < log_p.size(); ++i)
    out.total_variation += 0.5 * std::abs(log_q[i] / mass_q - log_p[i] / mass_p);
  return out;
}

Counterexample replay(const Marginal& p, const Metric& metric, const char* calculus, std::string sentence) {
  Counterexample c;
  c.command = "stationary";
  c.points = p.target().means();
  c.time = p.time();
  c.law = LawKeys{name(metric.spec().curvature), metric.spec().damping,
                  metric.spec().printed_sign ? "printed" : "corrected", calculus};
  c.sentence = std::move(sentence);
  return c;
}

}  // namespace lml::checks
