#include "paper_checks/checks/prop4_common.hpp"

#include <algorithm>
#include <cmath>

#include "theory/linalg.hpp"

namespace lml::checks {
namespace {

Marginal mixture(const Vec& weights, const Points& means, const std::vector<Covariance>& variances) {
  double least = HUGE_VAL;
  for (const Covariance& c : variances) least = std::min(least, std::get<double>(c));
  return {Target::gaussian_mixture(weights, means, variances), {1, 1e-9 * std::sqrt(least)}};
}

// Gaussian elimination without pivots: I - P of a substochastic P is an M-matrix, for which it is stable.
Mat solve_m_matrix(Mat a, Mat b) {
  const Index n = a.rows();
  for (Index k = 0; k < n; ++k)
    for (Index i = k + 1; i < n; ++i) {
      const double factor = a(i, k) / a(k, k);
      if (factor == 0) continue;
      a.row(i).tail(n - k) -= factor * a.row(k).tail(n - k);
      b.row(i) -= factor * b.row(k);
    }
  for (Index k = n - 1; k >= 0; --k) {
    for (Index j = k + 1; j < n; ++j) b.row(k) -= a(k, j) * b.row(j);
    b.row(k) /= a(k, k);
  }
  return b;
}

}  // namespace

Marginal gaussian_law(double mean, double variance) {
  return mixture(Vec::Ones(1), Points::Constant(1, 1, mean), {variance});
}

Marginal double_well(double b) { return {Target::points(Points{{-b}, {b}}), {1, 1}}; }

Marginal parabolic_barrier(double w, double k) {
  const Index half = Index(std::lround(2 * w));
  Points y(2 * half + 1, 1);
  Vec weights(2 * half + 1);
  for (Index i = -half; i <= half; ++i) {
    y(i + half, 0) = 0.5 * double(i);
    weights[i + half] = std::exp(k * y(i + half, 0) * y(i + half, 0) / 2);
  }
  return {Target::points(y, weights), {1, 1}};
}

double line_gap(const Marginal& p, const MetricSpec& metric) { return Line({p, metric}, 1, line_degree).rates()[1]; }

DualPoincare::DualPoincare(const Marginal& p, Index n) {
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (Index k = 0; k < p.target().size(); ++k) {
    const double deviation = 1 / std::sqrt(p.precision(k).p[0]), centre = p.time().alpha * p.target().means()(k, 0);
    low = std::min(low, centre - 9 * deviation);
    high = std::max(high, centre + 9 * deviation);
  }
  const double h = (high - low) / double(n - 1);
  // int (phi' + s phi/2)^2 = int phi'^2 + (s^2/4 + F/2) phi^2, and int phi'^2 over the whole line.
  Mat k(n, n);
  f_.resize(n);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < n; ++j) {
      const double apart = double(i - j);
      k(i, j) = i == j ? M_PI * M_PI / (3 * h * h) : ((i - j) % 2 ? -2.0 : 2.0) / (h * h * apart * apart);
    }
  for (Index i = 0; i < n; ++i) {
    const Local local = p.at(Vec::Constant(1, low + h * double(i)));
    f_[i] = local.fisher()(0, 0);
    k(i, i) += 0.25 * local.score()[0] * local.score()[0] + 0.5 * f_[i];
  }
  const Eigh e = eigh(k);
  inverse_root_ = e.values.cwiseSqrt().cwiseInverse().asDiagonal() * e.vectors.transpose();
}

double DualPoincare::largest(const Vec& weight) const {
  if (!(weight.minCoeff() >= 0)) throw BadInput("/metric/damping", "is below the critical damping");
  return eigvalsh(inverse_root_ * weight.asDiagonal() * inverse_root_.transpose()).tail(1)[0];
}
double DualPoincare::damped(double lambda) const { return largest(f_.array() + lambda); }
double DualPoincare::plain() const { return largest(Vec::Ones(f_.size())); }

EulerChain::EulerChain(const Metric& metric, double theta, double step, double reach, Index n)
    : x_(Vec::LinSpaced(n, -reach, reach)), spacing_(2 * reach / double(n - 1)), p_(n, n) {
  for (Index i = 0; i < n; ++i) {
    const Local local = metric.marginal().at(x_.segment(i, 1));
    const MetricAt at = metric.at(local);
    const double mean = x_[i] + step * (at.d(0, 0) * local.score()[0] + theta * at.divergence[0]);
    const double variance = 2 * step * at.d(0, 0);
    p_.row(i) = (-(x_.array() - mean).square() / (2 * variance)).exp().transpose() *
                (spacing_ / std::sqrt(2 * M_PI * variance));
    const double sum = p_.row(i).sum();
    // What matters is a defect where the law lives.
    defect_ = std::max(defect_, std::abs(sum - 1) * std::exp(std::min(0.0, local.log_density())));
    p_.row(i) /= sum;
  }
}

// pi (I - P) = 0 with pi = 1 at the middle node: the others solve an M-matrix system.
Vec EulerChain::stationary() const {
  const Index n = x_.size(), c = n / 2;
  std::vector<Index> rest;
  for (Index i = 0; i < n; ++i)
    if (i != c) rest.push_back(i);
  Mat a(n - 1, n - 1), b(n - 1, 1);
  for (Index i = 0; i < n - 1; ++i) {
    for (Index j = 0; j < n - 1; ++j) a(i, j) = (i == j ? 1 : 0) - p_(rest[std::size_t(j)], rest[std::size_t(i)]);
    b(i, 0) = p_(c, rest[std::size_t(i)]);
  }
  const Mat solved = solve_m_matrix(std::move(a), std::move(b));
  Vec out(n);
  out[c] = 1;
  for (Index i = 0; i < n - 1; ++i) out[rest[std::size_t(i)]] = solved(i, 0);
  return out / out.sum();
}

Vec EulerChain::after(const Vec& masses, Index steps) const {
  Eigen::RowVectorXd now = masses.transpose();
  Mat power = p_;
  for (; steps > 0; steps /= 2) {
    if (steps % 2) now = (now * power).eval();
    if (steps > 1) power = (power * power).eval();
  }
  return now.transpose();
}

double EulerChain::relaxation() const {
  const Index n = x_.size(), half = n / 2;  // odd functions: values at the upper nodes
  Mat odd(half, half);
  for (Index i = 0; i < half; ++i)
    for (Index j = 0; j < half; ++j) odd(i, j) = p_(n - half + i, n - half + j) - p_(n - half + i, half - 1 - j);
  // Inverse iteration at 1: the eigenvalue nearest to it is the slow one.
  const Mat inverse = solve_m_matrix(Mat::Identity(half, half) - odd, Mat::Identity(half, half));
  Vec v = Vec::Ones(half);
  double rate = 0;
  for (int it = 0; it < 200; ++it) {
    const Vec next = inverse * v;
    const double now = v.squaredNorm() / v.dot(next);
    v = next.normalized();
    if (std::abs(now - rate) < 1e-12 * now) break;
    rate = now;
  }
  return -std::log1p(-rate);
}

double variation_from(const Vec& masses, const EulerChain& chain, const Marginal& p) {
  double sum = 0;
  for (Index i = 0; i < masses.size(); ++i)
    sum += std::abs(masses[i] - chain.spacing() * std::exp(p.at(chain.nodes().segment(i, 1)).log_density()));
  return 0.5 * sum;
}

namespace {

// Lagrange interpolation within one element.
double interpolate(const Line& line, const Vec& f, std::size_t e, double x) {
  const Index first = line.elements()[e];
  const Index last = e + 1 < line.elements().size() ? line.elements()[e + 1] : line.size() - 1;
  double out = 0;
  for (Index i = first; i <= last; ++i) {
    double basis = 1;
    for (Index j = first; j <= last; ++j)
      if (j != i) basis *= (x - line.nodes()[j]) / (line.nodes()[i] - line.nodes()[j]);
    out += basis * f[i];
  }
  return out;
}

std::vector<FlowCase> compute_flows() {
  struct Start {
    std::string name;
    Marginal target, initial;
    std::vector<MetricSpec> metrics;
  };
  const MetricSpec plain{Curvature::identity};
  const auto exact = [](double lambda) { return MetricSpec{Curvature::exact, lambda}; };
  const auto rank_one = [](double lambda) { return MetricSpec{Curvature::rank_one, lambda}; };
  const Marginal three(Target::gaussian_mixture(Vec{{0.5, 0.3, 0.2}}, Points{{-2.5}, {0.3}, {2.0}}, {0.3, 0.2, 0.4}),
                       {0.8, 0.6});
  std::vector<Start> starts{
      {"Gaussian, shifted a little", gaussian_law(0, 2), gaussian_law(0.02, 2), {exact(0.7)}},
      {"Gaussian, narrow", gaussian_law(0, 2), gaussian_law(0, 1.3), {exact(0.7)}},
      {"Gaussian, wide and shifted", gaussian_law(0, 2), gaussian_law(-1, 3), {exact(0)}},
      {"two points close by, shifted", double_well(0.6), gaussian_law(0.8, 1), {exact(0), plain}},
      {"double well b = 2, one side", double_well(2), gaussian_law(2, 1), {exact(3.1), exact(20), plain}},
      {"double well b = 4, one side", double_well(4), gaussian_law(4, 1), {exact(16), rank_one(0.5)}},
      {"double well b = 2, from the barrier", double_well(2), gaussian_law(0.3, 0.7), {exact(4)}},
      {"three modes, one of them", three, gaussian_law(1.6, 0.6), {exact(6)}},
  };
  std::vector<FlowCase> out;
  for (const Start& s : starts)
    for (const MetricSpec& metric : s.metrics) {
      const Line line({s.target, metric}, 1, line_degree, &s.initial);
      FlowCase c{s.name, s.target, s.initial, metric, line.rates()[1], 0, {}, {}};
      for (double t : {0.0, 0.02, 0.1, 0.3, 0.6, 1.0, 1.5, 2.0, 3.0}) c.times.push_back(t / c.gap);
      c.flow = line.flow(s.initial, c.times);
      c.start = c.flow[0].chi2;
      out.push_back(std::move(c));
    }
  return out;
}

}  // namespace

Vec at_places(const Line& line, const Vec& f, const Vec& x) {
  Vec out = Vec::Zero(x.size());
  for (Index i = 0; i < x.size(); ++i) {
    if (x[i] < line.nodes()[0] || x[i] > line.nodes()[line.size() - 1]) continue;
    std::size_t e = 0;
    while (e + 1 < line.elements().size() && line.nodes()[line.elements()[e + 1]] <= x[i]) ++e;
    out[i] = interpolate(line, f, e, x[i]);
  }
  return out;
}

const std::vector<FlowCase>& corrected_flows() {
  static const std::vector<FlowCase> flows = compute_flows();
  return flows;
}

}  // namespace lml::checks
