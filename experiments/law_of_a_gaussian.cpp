#include <algorithm>

#include "dynamics/gaussian_gap.hpp"
#include "experiments/law_backends.hpp"
#include "experiments/law_output.hpp"
#include "theory/linalg.hpp"

namespace lml::of_a_gaussian {
namespace {

constexpr const char* closed_form = "closed form (Ornstein-Uhlenbeck)";

bool is_gaussian(const Marginal& p) { return p.target().size() == 1; }

Gaussian law(const Marginal& p) {
  const Time t = p.time();
  Mat covariance = t.alpha * t.alpha * p.target().covariance();
  covariance.diagonal().array() += t.sigma * t.sigma;
  return {t.alpha * p.target().mean(), std::move(covariance)};
}

// The dynamics, or why there is none.
struct Process {
  Existence existence;
  Mat d;
};

Process process(const Metric& metric) {
  const Local centre = metric.marginal().at(law(metric.marginal()).mean);
  const MetricAt at = metric.at(centre);
  if (at.positive) return {{}, at.d};
  Mat m = (metric.spec().printed_sign ? -1 : 1) * centre.fisher();
  m.diagonal().array() += metric.spec().damping;
  return {{.exists = false,
           .unique = false,
           .why = "the metric is not positive definite: " + std::string(metric.spec().printed_sign ? "H" : "F") +
                  " + lambda I has the eigenvalue " + brief(eigvalsh(m)[0]) + " everywhere"},
          {}};
}

// Rounding, by the condition of the covariance and of the metric.
double rounding(const Gaussian& g, const Mat& d) {
  const Vec s = eigvalsh(g.covariance), e = eigvalsh(d);
  return 1e-15 * (s[s.size() - 1] / s[0] + e[e.size() - 1] / e[0]);
}

}  // namespace

bool fits(const Metric& metric) {
  return is_gaussian(metric.marginal()) && (metric.is_constant() || metric.spec().curvature == Curvature::exact);
}

bool fits(const Metric& metric, const Marginal& initial) { return fits(metric) && is_gaussian(initial); }

StationaryAnswer stationary(const Metric& metric, Calculus) {
  const Process dynamics = process(metric);
  StationaryAnswer out{.existence = dynamics.existence, .method = "closed form", .detail = "the target: D is constant"};
  if (!out.existence.exists) return out;
  const Gaussian p = law(metric.marginal());
  out.mean = p.mean;
  out.covariance = p.covariance;
  out.error = rounding(p, dynamics.d);
  return out;
}

GapAnswer gap(const Metric& metric) {
  const Process dynamics = process(metric);
  GapAnswer out{.existence = dynamics.existence, .method = closed_form};
  if (!out.existence.exists) return out;
  const Gaussian p = law(metric.marginal());
  out.gap = GaussianFlow(p, dynamics.d).rates()[0];
  out.error = rounding(p, dynamics.d) * out.gap;
  return out;
}

FlowAnswer flow(const Metric& metric, Calculus, const Marginal& initial, const std::vector<double>& times) {
  const Process dynamics = process(metric);
  FlowAnswer out{.existence = dynamics.existence, .method = closed_form};
  if (!out.existence.exists) return out;
  const Gaussian p = law(metric.marginal());
  const GaussianFlow flow(p, dynamics.d);
  const Departure start = flow.departure(law(initial));
  out.start = divergences(start).chi2;
  out.gap = flow.rates()[0];
  for (const double t : times) {
    out.divergences.push_back(divergences(flow.at(start, t)));
    const double chi2 = out.divergences.back().chi2;
    if (chi2 < HUGE_VAL) out.error = std::max(out.error, (1 + chi2) * rounding(p, dynamics.d));
  }
  return out;
}

}  // namespace lml::of_a_gaussian
