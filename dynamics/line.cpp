#include "dynamics/line.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "dynamics/lobatto.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Sample {
  double log_p, d, eps, lowest;  // lowest: F + lambda for the exact metric
};

Sample sample(const Metric& metric, double x) {
  const Local local = metric.marginal().at(Vec::Constant(1, x));
  const MetricSpec& spec = metric.spec();
  const double f = local.fisher()(0, 0), sigma = metric.marginal().time().sigma, eps = local.epsilon()[0];
  const double n = eps * eps, v = sigma * sigma;
  Sample out{local.log_density(), 1, eps, 1};
  switch (spec.curvature) {
    case Curvature::identity: break;
    case Curvature::constant: out.d = spec.matrix(0, 0); break;
    case Curvature::rank_k:  // in one dimension the exact metric
    case Curvature::exact:
      out.lowest = (spec.printed_sign ? -f : f) + spec.damping;
      out.d = 1 / out.lowest;
      break;
    case Curvature::rank_one: out.d = 1 / (1 / v + spec.damping); break;  // u u^T = 1, also in the limit eps -> 0
    case Curvature::rank_one_scaled:
      out.d = spec.printed_prefactor ? 1 / (v * n * (spec.damping + n)) : v * n / (spec.damping + n);
      break;
  }
  return out;
}

// Where the density is not negligible: 14 deviations beyond every component (e^-98).
std::pair<double, double> reach(const Marginal& p) {
  double low = infinity, high = -infinity;
  for (Index k = 0; k < p.target().size(); ++k) {
    const double deviation = 1 / std::sqrt(p.precision(k).p[0]), centre = p.time().alpha * p.target().means()(k, 0);
    low = std::min(low, centre - 14 * deviation);
    high = std::max(high, centre + 14 * deviation);
  }
  return {low, high};
}

double log_sum(const Vec& logs) {
  const double top = logs.maxCoeff();
  return top + std::log((logs.array() - top).exp().sum());
}

std::string brief(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

// Directions close enough together that no tail of a moderate aspect slips between them; the axes are among them.
std::vector<Vec> directions(Index d) {
  std::vector<Vec> out;
  for (Index j = 0; j < d; ++j) out.push_back(Vec::Unit(d, j));
  constexpr int angles = 360;
  for (int i = 0; d == 2 && i < angles; ++i) {
    const double a = M_PI * i / angles;
    out.push_back(Vec{{std::cos(a), std::sin(a)}});
  }
  for (int i = 0; d == 3 && i < 20 * angles; ++i) {  // Fibonacci's spiral on the half sphere
    const double z = (i + 0.5) / (20 * angles), a = M_PI * (3 - std::sqrt(5.0)) * i, r = std::sqrt(1 - z * z);
    out.push_back(Vec{{r * std::cos(a), r * std::sin(a), z}});
  }
  return out;
}

// The largest variance of a component's tail along v, 1/(v^T A_k^-1 v).
double widest(const Marginal& p, const Vec& v) {
  double out = 0;
  for (Index k = 0; k < p.target().size(); ++k) out = std::max(out, 1 / v.dot(p.precision(k).times(v)));
  return out;
}

}  // namespace

bool chi2_is_infinite(const Marginal& mu, const Marginal& p) {
  for (const Vec& v : directions(p.dim()))
    if (widest(mu, v) >= 2 * widest(p, v)) return true;
  return false;
}

Line::Line(const Metric& metric, double theta, int degree, const Marginal* also) : theta_(theta) {
  if (metric.marginal().dim() != 1) throw BadInput("/target", "must be one-dimensional here");
  lobatto(degree, reference_nodes_, reference_weights_, derivative_);
  mesh(metric, also, degree);
  if (!existence_.exists) return;
  log_q_ = log_p_;
  if (theta_ != 1) log_q_.array() += (theta_ - 1) * d_.array().log();  // D may be 0 at a node
  if (metric.spec().curvature == Curvature::rank_one_scaled && !metric.spec().printed_prefactor) {
    // D ~ eps^2 at every zero of eps: no path crosses it, and p/D (p/sqrt D) has the integral of 1/x^2 (1/|x|) there.
    existence_.unique = false;
    existence_.why = "D vanishes where eps = 0, and no path crosses such a point";
    if (theta_ < 1) {
      existence_.exists = false;
      existence_.why =
          "the law is not normalisable: D vanishes where eps = 0, and q ~ p D^(theta-1) has an infinite integral there";
      return;
    }
  }
  log_q_.array() -= log_sum(log_q_.array() + w_.array().log());
}

void Line::mesh(const Metric& metric, const Marginal* also, int degree) {
  auto [low, high] = reach(metric.marginal());
  std::vector<double> edges{low, high};
  const auto add_means = [&](const Marginal& p) {
    for (Index k = 0; k < p.target().size(); ++k) edges.push_back(p.time().alpha * p.target().means()(k, 0));
  };
  add_means(metric.marginal());
  if (also) {
    const auto [l, h] = reach(*also);
    edges.insert(edges.end(), {l, h});
    add_means(*also);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());

  // Legendre coefficients on an element: projection by the element's own quadrature.
  to_legendre_.resize(degree + 1, degree + 1);
  for (int k = 0; k <= degree; ++k)
    for (int i = 0; i <= degree; ++i) {
      const double p = std::legendre(unsigned(k), reference_nodes_[i]);
      to_legendre_(k, i) = (k == degree ? degree / 2.0 : k + 0.5) * p * reference_weights_[i];
    }
  const auto unresolved = [&](const Vec& values) {
    const Vec c = (to_legendre_ * values).cwiseAbs();
    return c.tail(3).maxCoeff() > 1e-9 * values.cwiseAbs().maxCoeff();
  };

  // Below e^-150 of the highest mode nothing is resolved, nor needs to be.
  const auto floor_of = [](const Marginal& law) {
    double top = -infinity;
    for (Index k = 0; k < law.target().size(); ++k)
      top = std::max(top, law.at(law.time().alpha * law.target().means().row(k).transpose()).log_density());
    return top - 150;
  };
  const double floor = floor_of(metric.marginal()), also_floor = also ? floor_of(*also) : 0;

  struct Element {
    double from, to;
    std::vector<Sample> nodes;
    Vec log_also;
  };
  std::vector<Element> done, open;
  for (std::size_t i = edges.size() - 1; i > 0; --i) open.push_back({edges[i - 1], edges[i], {}, {}});
  double lowest = infinity, lowest_at = 0;
  while (!open.empty()) {
    Element e = std::move(open.back());
    open.pop_back();
    Vec p(degree + 1), d(degree + 1);
    e.log_also = Vec::Zero(degree + 1);
    for (int i = 0; i <= degree; ++i) {
      const double x = e.from + (e.to - e.from) * 0.5 * (1 + reference_nodes_[i]);
      e.nodes.push_back(sample(metric, x));
      p[i] = e.nodes.back().log_p;
      d[i] = e.nodes.back().d;
      if (also) e.log_also[i] = also->at(Vec::Constant(1, x)).log_density();
      if (e.nodes.back().lowest < lowest) {
        lowest = e.nodes.back().lowest;
        lowest_at = x;
      }
    }
    if (!(lowest > 0)) break;
    const bool narrow = e.to - e.from < 1e-9 * (high - low);
    const bool vanishing = metric.spec().curvature == Curvature::rank_one_scaled;  // q itself, not D, must be smooth
    const Vec density = (p.array() - p.maxCoeff()).exp(), other = (e.log_also.array() - e.log_also.maxCoeff()).exp();
    const bool negligible = p.maxCoeff() < floor && (!also || e.log_also.maxCoeff() < also_floor);
    // A steeper element has coefficients in the generator that no degree resolves.
    const bool steep = p.maxCoeff() - std::max(p.minCoeff(), floor) > 30;
    if (!narrow && !negligible &&
        (steep || unresolved(density) || (e.log_also.maxCoeff() >= also_floor && unresolved(other)) ||
         (!vanishing && unresolved(d)))) {
      const double middle = 0.5 * (e.from + e.to);
      open.push_back({middle, e.to, {}, {}});
      open.push_back({e.from, middle, {}, {}});
      if (open.size() + done.size() > 2000)
        throw BadInput("/target", "has more scales than this discretisation resolves (2000 elements)");
      continue;
    }
    done.push_back(std::move(e));
  }
  if (!(lowest > 0)) {
    existence_.exists = existence_.unique = false;
    existence_.why = "F + lambda I is not positive everywhere: it is " + brief(lowest) + " at x = " + brief(lowest_at);
    if (metric.spec().printed_sign) existence_.why = "H + lambda I" + existence_.why.substr(12);
    return;
  }
  const Index n = Index(done.size()) * degree + 1;
  x_.resize(n);
  w_.setZero(n);
  log_p_.resize(n);
  d_.resize(n);
  for (std::size_t e = 0; e < done.size(); ++e) {
    first_.push_back(Index(e) * degree);
    half_.push_back(0.5 * (done[e].to - done[e].from));
    for (int i = 0; i <= degree; ++i) {
      const Index to = first_.back() + i;
      x_[to] = done[e].from + half_.back() * (1 + reference_nodes_[i]);
      w_[to] += half_.back() * reference_weights_[i];
      log_p_[to] = done[e].nodes[std::size_t(i)].log_p;
      d_[to] = done[e].nodes[std::size_t(i)].d;
    }
  }
}

double Line::mean() const { return (log_q_.array().exp() * w_.array() * x_.array()).sum(); }

double Line::variance() const {
  const double m = mean();
  return (log_q_.array().exp() * w_.array() * (x_.array() - m).square()).sum();
}

// |f| has kinks where f changes sign, so it is integrated exactly between the zeros of f's own polynomials.
double Line::absolute_integral(const Vec& f) const {
  const int degree = int(reference_nodes_.size()) - 1;
  double out = 0;
  for (std::size_t e = 0; e < first_.size(); ++e) {
    const Vec values = f.segment(first_[e], degree + 1);
    const Vec c = to_legendre_ * values;
    const auto at = [&](double t) {
      double p0 = 1, p1 = t, sum = c[0] + c[1] * t;
      for (int k = 2; k <= degree; ++k) {
        const double p2 = ((2 * k - 1) * t * p1 - (k - 1) * p0) / k;
        sum += c[k] * p2;
        p0 = p1;
        p1 = p2;
      }
      return sum;
    };
    // int P_k = (P_{k+1} - P_{k-1})/(2k+1), from -1
    const auto integral = [&](double t) {
      double p0 = 1, p1 = t, sum = c[0] * (t + 1);
      for (int k = 1; k <= degree; ++k) {
        const double p2 = ((2 * k + 1) * t * p1 - k * p0) / (k + 1);
        sum += c[k] * (p2 - p0) / (2 * k + 1);
        p0 = p1;
        p1 = p2;
      }
      return sum;
    };
    double from = 0;  // the integral up to the last zero
    for (int i = 0; i < degree; ++i) {
      if ((values[i] < 0) == (values[i + 1] < 0)) continue;  // a zero at a node counts as positive
      double low = reference_nodes_[i], high = reference_nodes_[i + 1];
      const bool rising = values[i] < 0;
      while (high - low > 1e-15) {
        const double middle = 0.5 * (low + high);
        if (middle == low || middle == high) break;
        ((at(middle) < 0) == rising ? low : high) = middle;
      }
      const double here = integral(low);
      out += half_[e] * std::abs(here - from);
      from = here;
    }
    out += half_[e] * std::abs(integral(1) - from);
  }
  return out;
}

Divergences Line::against_target(const Vec& mass) const {
  Divergences out{0, 0, 0, 0};
  double overlap = 0, at_the_ends = 0;
  for (Index i = 0; i < x_.size(); ++i) {
    const double p = w_[i] * std::exp(log_p_[i]), m = mass[i], gap = m - p;
    // A mass below rounding carries no information, in a far tail least of all.
    const double term = p > 0 ? gap * gap / p : 0;
    out.chi2 += term;
    if (i < first_[1] || i >= first_.back()) at_the_ends += term;
    if (m > 0 && p > 0) {
      out.kl += m * (std::log(m) - std::log(p)) - gap;  // the second sum is 0: it makes every term >= 0
      overlap += std::pow(std::sqrt(m) - std::sqrt(p), 2);
    } else {
      overlap += std::abs(gap);
      out.kl -= gap;
    }
  }
  out.total_variation = 0.5 * absolute_integral((mass.array() / w_.array() - log_p_.array().exp()).matrix());
  // An integrand that has not died out 14 deviations from everything never will.
  if (out.chi2 > 1e-20 && at_the_ends > 1e-6 * out.chi2) out.chi2 = infinity;
  out.kl = std::max(0.0, out.kl);
  out.hellinger = std::sqrt(0.5 * overlap);  // 1 - int sqrt(q p) = int (sqrt q - sqrt p)^2 / 2, without cancellation
  return out;
}

Divergences Line::divergences() const { return against_target((log_q_.array().exp() * w_.array()).matrix()); }

const Vec& Line::rates() const {
  if (rates_.size()) return rates_;
  const Index n = x_.size();
  // M^(-1/2) K M^(-1/2), formed from logarithms so that the ratio of neighbours counts and not their size.
  const Vec half_log_mass = 0.5 * (log_q_.array() + w_.array().log());
  Mat a = Mat::Zero(n, n);
  for (std::size_t e = 0; e < first_.size(); ++e)
    for (Index q = 0; q < derivative_.rows(); ++q) {
      const Index at = first_[e] + q;
      const double log_form = std::log(reference_weights_[q] / half_[e] * d_[at]) + log_q_[at];
      for (Index i = 0; i < derivative_.cols(); ++i)
        for (Index j = 0; j <= i; ++j)
          a(first_[e] + i, first_[e] + j) +=
              derivative_(q, i) * derivative_(q, j) *
              std::exp(log_form - half_log_mass[first_[e] + i] - half_log_mass[first_[e] + j]);
    }
  if (!a.allFinite())
    throw BadInput("/target", "has modes with a density below e^-150 between them: float64 cannot hold the gap");
  Eigh e = eigh(a);
  rates_ = e.values;
  modes_ = std::move(e.vectors);
  return rates_;
}

// Density times quadrature weight, at the nodes.
std::vector<Vec> Line::masses(const Marginal& initial, const std::vector<double>& times) const {
  rates();
  const Vec half_log_mass = 0.5 * (log_q_.array() + w_.array().log());
  Vec start(x_.size());
  for (Index i = 0; i < x_.size(); ++i)
    start[i] = std::exp(initial.at(Vec::Constant(1, x_[i])).log_density() + std::log(w_[i]) - half_log_mass[i]);
  // The share of q stays: what rounding makes of the eigenvalue 0 must not let it decay at late times.
  const Vec root = half_log_mass.array().exp();
  const Vec lasting = root.dot(start) * root, coefficients = modes_.transpose() * (start - lasting);
  std::vector<Vec> out;
  for (double t : times) {
    const Vec now =
        t == 0 ? start : Vec(lasting + modes_ * ((-t * rates_.array().max(0.0)).exp() * coefficients.array()).matrix());
    out.push_back(now.array() * half_log_mass.array().exp());
  }
  return out;
}

std::vector<Vec> Line::densities(const Marginal& initial, const std::vector<double>& times) const {
  std::vector<Vec> out = masses(initial, times);
  for (Vec& m : out) m.array() /= w_.array();
  return out;
}

std::vector<Divergences> Line::flow(const Marginal& initial, const std::vector<double>& times) const {
  std::vector<Divergences> out;
  for (const Vec& m : masses(initial, times)) out.push_back(against_target(m));
  return out;
}

}  // namespace lml
