#include "dynamics/wide_start.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace lml {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double deviations = 10;   // of every component: e^-50 of its mass is left out
constexpr double most_work = 6e10;  // cells times steps

double mean(const Marginal& p, Index k) { return p.time().alpha * p.target().means()(k, 0); }
double variance(const Marginal& p, Index k) { return 1 / p.precision(k).p[0]; }

double widest(const Marginal& p) {
  double out = 0;
  for (Index k = 0; k < p.target().size(); ++k) out = std::max(out, variance(p, k));
  return out;
}

std::string brief(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", v);
  return text;
}

double log_density(const Marginal& p, double x) { return p.at(Vec::Constant(1, x)).log_density(); }

// Cells are equal in u(x), the sum of asinh((x - m)/s) over all components: fine near each, coarse far away.
class Spacing {
 public:
  Spacing(const Marginal& p, const Marginal& initial) {
    for (const Marginal* law : {&p, &initial})
      for (Index k = 0; k < law->target().size(); ++k) {
        means_.push_back(mean(*law, k));
        widths_.push_back(std::sqrt(variance(*law, k)));
        low = std::min(low, means_.back() - deviations * widths_.back());
        high = std::max(high, means_.back() + deviations * widths_.back());
      }
  }
  double u(double x) const {
    double out = 0;
    for (std::size_t k = 0; k < means_.size(); ++k) out += std::asinh((x - means_[k]) / widths_[k]);
    return out;
  }
  /// The faces of n cells, n + 1 places.
  Vec faces(Index n) const {
    Vec out(n + 1);
    const double from = u(low), to = u(high);
    for (Index i = 0; i <= n; ++i) {
      const double wanted = from + (to - from) * double(i) / double(n);
      double a = i ? out[i - 1] : low, b = high;
      for (int bisections = 0; bisections < 200 && b - a > 1e-15 * (std::abs(a) + std::abs(b)); ++bisections) {
        const double middle = 0.5 * (a + b);
        (u(middle) < wanted ? a : b) = middle;
      }
      out[i] = 0.5 * (a + b);
    }
    return out;
  }
  double low = infinity, high = -infinity;

 private:
  std::vector<double> means_, widths_;
};

struct Chain {
  Vec p, mass;      // of the target and of the start, in each cell
  Vec right, left;  // rates to the neighbours
};

Chain chain(const Metric& metric, double theta, const Marginal& initial, const Vec& faces) {
  const Index n = faces.size() - 1;
  const Marginal& p = metric.marginal();
  const auto log_q = [&](double x) {
    const Local local = p.at(Vec::Constant(1, x));
    return local.log_density() + (theta == 1 ? 0 : (theta - 1) * std::log(metric.at(local).d(0, 0)));
  };
  Chain out{Vec(n), Vec(n), Vec::Zero(n), Vec::Zero(n)};
  Vec centre(n), at_centre(n);
  for (Index i = 0; i < n; ++i) {
    centre[i] = 0.5 * (faces[i] + faces[i + 1]);
    const double width = faces[i + 1] - faces[i];
    out.p[i] = std::exp(log_density(p, centre[i])) * width;
    out.mass[i] = std::exp(log_density(initial, centre[i])) * width;
    at_centre[i] = log_q(centre[i]);
  }
  out.mass /= out.mass.sum();
  out.p /= out.p.sum();
  for (Index i = 0; i + 1 < n; ++i) {
    const double face = faces[i + 1],
                 flux = metric.at(p.at(Vec::Constant(1, face))).d(0, 0) / (centre[i + 1] - centre[i]);
    const double at_face = log_q(face);
    out.right[i] = flux * std::exp(at_face - at_centre[i]) / (faces[i + 1] - faces[i]);
    out.left[i + 1] = flux * std::exp(at_face - at_centre[i + 1]) / (faces[i + 2] - faces[i + 1]);
  }
  return out;
}

Vec derivative(const Chain& c, const Vec& mu) {
  const Index n = mu.size();
  Vec out(n);
  double in = 0;  // through the left face
  for (Index i = 0; i < n; ++i) {
    const double through = i + 1 < n ? c.right[i] * mu[i] - c.left[i + 1] * mu[i + 1] : 0;
    out[i] = in - through;
    in = through;
  }
  return out;
}

void advance(const Chain& c, Vec& mu, double h) {
  // exp(h L) to fourth order.
  Vec term = mu;
  for (int k = 1; k <= 4; ++k) {
    term = (h / k) * derivative(c, term);
    mu += term;
  }
}

Divergences against(const Vec& p, const Vec& mu, bool infinite) {
  Divergences out{0, 0, 0, 0};
  double overlap = 0;
  for (Index i = 0; i < p.size(); ++i) {
    const double gap = mu[i] - p[i];
    if (p[i] > 0) out.chi2 += gap * gap / p[i];
    if (mu[i] > 0 && p[i] > 0) out.kl += mu[i] * (std::log(mu[i]) - std::log(p[i])) - gap;
    out.total_variation += 0.5 * std::abs(gap);
    overlap += std::pow(std::sqrt(std::max(0.0, mu[i])) - std::sqrt(p[i]), 2);
  }
  if (infinite) out.chi2 = infinity;
  out.hellinger = std::sqrt(0.5 * overlap);
  return out;
}

}  // namespace

WideFlow flow_of_a_wide_start(const Metric& metric, double theta, const Marginal& initial,
                              const std::vector<double>& times) {
  const Marginal& p = metric.marginal();
  const Spacing spacing(p, initial);
  // Far out p is its widest component and D a constant: the law's tail relaxes like an Ornstein-Uhlenbeck process.
  const double s = widest(p), v = widest(initial);
  const auto d_at = [&](double x) { return metric.at(p.at(Vec::Constant(1, x))).d(0, 0); };
  const double d = std::min(d_at(spacing.low), d_at(spacing.high));
  const auto infinite = [&](double t) { return s + (v - s) * std::exp(-2 * d * t / s) >= 2 * s; };

  std::vector<std::size_t> order(times.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return times[a] < times[b]; });
  std::vector<std::vector<Divergences>> runs;
  for (const Index n : {Index(700), Index(1400)}) {
    Chain c = chain(metric, theta, initial, spacing.faces(n));
    const double fastest = (c.right + c.left).maxCoeff();
    const double last = times.empty() ? 0 : times[order.back()];
    if (!(last * fastest * double(n) < most_work))
      throw BadInput("/times", "reach further than is computed for a start so wide (up to " +
                                   brief(most_work / (fastest * double(n))) + ")");
    std::vector<Divergences> at(times.size());
    double now = 0;
    for (const std::size_t i : order) {
      const double span = times[i] - now;
      const auto steps = static_cast<std::int64_t>(std::ceil(span * fastest));
      for (std::int64_t k = 0; k < steps; ++k) advance(c, c.mass, span / double(steps));
      now = times[i];
      at[i] = against(c.p, c.mass, infinite(now));
    }
    runs.push_back(std::move(at));
  }
  WideFlow out;
  const auto extrapolate = [&](double coarse, double fine) {
    if (!(std::isfinite(coarse) && std::isfinite(fine))) return infinity;
    out.error = std::max(out.error, 0.5 * std::abs(fine - coarse));
    return fine + (fine - coarse) / 3;
  };
  for (std::size_t i = 0; i < times.size(); ++i) {
    const Divergences &a = runs[0][i], &b = runs[1][i];
    out.at.push_back({extrapolate(a.chi2, b.chi2), extrapolate(a.kl, b.kl),
                      extrapolate(a.total_variation, b.total_variation), extrapolate(a.hellinger, b.hellinger)});
  }
  return out;
}

}  // namespace lml
