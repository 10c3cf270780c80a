// The proof of Proposition 3 (A.3): is Eq. 7 the mirror Langevin dynamics of Eq. 24?
#include <fmt/format.h>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <cmath>

#include "dynamics/random.hpp"
#include "paper_checks/checks/prop3.hpp"
#include "paper_checks/checks/prop3_common.hpp"

namespace lml::checks {
namespace {

using Long = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<50>, boost::multiprecision::et_off>;
using LongVec = std::vector<Long>;

/// Points of equal weight, exact metric.
template <class Real>
MetricCase<Real> points_case(const std::vector<std::vector<Real>>& scaled_points, const Real& sigma,
                             const Real& damping, Curvature curvature) {
  MetricCase<Real> c;
  c.sigma = sigma;
  c.curvature = curvature;
  c.damping = damping;
  const std::size_t d = scaled_points[0].size();
  for (const auto& y : scaled_points) {
    c.weights.push_back(Real(1));
    c.means.push_back(y);
    std::vector<Real> precision(d * d, Real(0));
    for (std::size_t i = 0; i < d; ++i) precision[i * d + i] = Real(1) / (sigma * sigma);
    c.precisions.push_back(precision);
  }
  return c;
}

struct Mirror {
  LongVec dual, metric;  // grad phi, (Hess phi)^-1 at x; phi = -log p + lambda |x|^2/2
};
Mirror mirror(const MetricCase<Long>& c, const LongVec& x) {
  std::vector<HyperDual<Long>> at;
  for (const Long& v : x) at.emplace_back(v);
  const auto f = detail::fields(c, at, false);
  Mirror out;
  for (std::size_t i = 0; i < x.size(); ++i) out.dual.push_back(c.damping * x[i] - f.score[i].v);
  for (const auto& v : f.metric) out.metric.push_back(v.v);
  return out;
}

/// x = (grad phi)^-1(y), by Newton's iteration from x.
LongVec primal(const MetricCase<Long>& c, LongVec x, const LongVec& y) {
  const std::size_t d = x.size();
  for (int step = 0; step < 8; ++step) {
    const Mirror at = mirror(c, x);
    for (std::size_t i = 0; i < d; ++i)
      for (std::size_t j = 0; j < d; ++j) x[i] -= at.metric[i * d + j] * (at.dual[j] - y[j]);
  }
  return x;
}

/// What Ito's formula adds to the drift of x = (grad phi)^-1(y) when dy = s dt + sqrt(2 Hess phi) dB (Eq. 24):
/// sum_jk (Hess phi)_jk d^2 x/dy_j dy_k, by second differences of the inverse map along the columns of a root of
/// Hess phi. In 50 digits with h = 1e-11: error about h^2.
Vec ito_term(const MetricCase<Long>& c, const LongVec& x) {
  const std::size_t d = x.size();
  const Mirror at = mirror(c, x);
  LongVec root(d * d, Long(0)), m = detail::inverse_positive(at.metric, d);
  for (std::size_t j = 0; j < d; ++j)  // Cholesky
    for (std::size_t i = j; i < d; ++i) {
      Long sum = m[i * d + j];
      for (std::size_t k = 0; k < j; ++k) sum -= root[i * d + k] * root[j * d + k];
      root[i * d + j] = i == j ? Long(sqrt(sum)) : Long(sum / root[j * d + j]);
    }
  const Long h("1e-11");
  Vec out = Vec::Zero(Index(d));
  for (std::size_t k = 0; k < d; ++k) {
    LongVec up = at.dual, down = at.dual;
    for (std::size_t i = 0; i < d; ++i) {
      up[i] += h * root[i * d + k];
      down[i] -= h * root[i * d + k];
    }
    const LongVec a = primal(c, x, up), b = primal(c, x, down);
    for (std::size_t i = 0; i < d; ++i) out[Index(i)] += Long((a[i] - 2 * x[i] + b[i]) / (h * h)).convert_to<double>();
  }
  return out;
}

/// Largest |d_k M_ij - d_j M_ik| for M = D^-1: 0 exactly where M can be the Hessian of a function.
double curl(const MetricCase<double>& c, const std::vector<double>& x) {
  const std::size_t d = x.size();
  std::vector<std::vector<double>> slope;  // d_k M
  for (std::size_t k = 0; k < d; ++k) {
    std::vector<HyperDual<double>> at;
    for (std::size_t j = 0; j < d; ++j) at.emplace_back(x[j], j == k ? 1.0 : 0.0, 0.0, 0.0);
    std::vector<double> m;
    for (const auto& v : detail::inverse_positive(detail::fields(c, at, false).metric, d)) m.push_back(v.a);
    slope.push_back(m);
  }
  double out = 0;
  for (std::size_t i = 0; i < d; ++i)
    for (std::size_t j = 0; j < d; ++j)
      for (std::size_t k = 0; k < d; ++k) out = std::max(out, std::abs(slope[k][i * d + j] - slope[j][i * d + k]));
  return out;
}

}  // namespace

Evidence prop3_mirror(const Context& context) {
  // Points +-1, alpha 3/5, sigma 4/5, lambda 1, x = 1/2.
  const Long alpha = Long(3) / 5, sigma = Long(4) / 5;
  const auto pair = points_case<Long>({{-alpha}, {alpha}}, sigma, Long(1), Curvature::exact);
  const Enclosed slope = metric_slope({{-1, 1}, {1, 1}}, {3, 5}, {4, 5}, {1, 1}, {1, 2});
  Evidence out;
  out.value = std::min(std::abs(slope.low), std::abs(slope.high));
  out.second = std::abs(ito_term(pair, {Long(1) / 2})[0]);
  out.second_tolerance = 1e-12;
  // Control, and attack on the repair: Eq. 24 in x against Eq. 7 with the library's div D added.
  out.control = 0;
  const int cases = context.full ? 300 : 30;
  for (int i = 0; i < cases; ++i) {
    const Random random(311, std::uint64_t(i));
    const Index d = 1 + i % 3, n = 2 + i % 2;
    const double s = 0.5 + 0.4 * random.uniform(0, 0, 0), a = std::sqrt(1 - s * s);
    const Points y = random.normals(1, 0, n, d);
    const Vec x = random.normal(9, 0, d);
    const Marginal p(Target::points(y), {a, s});
    const double damping = safe_damping(p);
    const Metric metric(p, {Curvature::exact, damping});
    std::vector<LongVec> rows;
    for (Index k = 0; k < n; ++k) {
      rows.emplace_back();
      for (Index j = 0; j < d; ++j) rows.back().push_back(Long(a) * Long(y(k, j)));
    }
    const Vec term =
        ito_term(points_case<Long>(rows, Long(s), Long(damping), Curvature::exact), LongVec(x.begin(), x.end()));
    const Vec divergence = metric.at(p.at(x)).divergence;
    out.control = std::max(out.control, (term - divergence).norm() / (1e-6 + divergence.norm()));
  }
  out.certificate = fmt::format(
      "Ito's formula (theory/PROOFS-LAWS.md, Theorem 6): in x, Eq. 24 has the drift D s + div D, D = (Hess phi)^-1. At "
      "points "
      "+-1, alpha 3/5, sigma 4/5, lambda 1, x = 1/2 the extra drift D' lies in {} (interval arithmetic).",
      slope.text());
  const Metric metric(plus_minus_one({0.6, 0.8}), {Curvature::exact, 1});
  out.smallest = replay(metric.marginal(), metric, "ito",
                        "Points +-1, alpha 3/5, sigma 4/5, lambda 1: Eq. 24 has the extra drift D' (x = 1/2: see the "
                        "certificate) and keeps p; Eq. 7 has not, and its law is ~ p (F + 1).");
  out.repair = "Eq. 24 with the mirror map -log p + lambda ||x||^2/2 is Eq. 7, sign corrected, with div D added";
  out.repair_attacks = cases;
  return out;
}

Evidence prop3_mirror_rank_one(const Context&) {
  // One point at 0, d = 2, sigma 4/5: D^-1 = x x^T/(|x|^2 sigma^2) + lambda I at x = (1, 0).
  const auto rank_one = points_case<double>({{0.0, 0.0}}, 0.8, 1.0, Curvature::rank_one);
  Evidence out;
  out.value = curl(rank_one, {1.0, 0.0});
  out.uncertainty = 1e-12;
  out.second = 25.0 / 16;
  out.second_tolerance = 1e-12;
  out.control = 0;
  for (int i = 0; i < 40; ++i) {
    const Random random(312, std::uint64_t(i));
    const Points y = random.normals(0, 0, 3, 2);
    std::vector<std::vector<double>> rows;
    for (Index k = 0; k < 3; ++k) rows.push_back({0.6 * y(k, 0), 0.6 * y(k, 1)});
    const Vec x = random.normal(5, 0, 2);
    out.control = std::max(out.control, curl(points_case<double>(rows, 0.8, 20.0, Curvature::exact), {x[0], x[1]}));
  }
  out.certificate =
      "Exact algebra: M = x x^T/(|x|^2 sigma^2) + lambda I has d_2 M_12 = 25/16 and d_1 M_22 = 0 at x = (1, 0), sigma "
      "4/5; "
      "for a Hessian they would be equal.";
  const Metric metric(one_point(2, {0.6, 0.8}), {Curvature::rank_one, 1});
  out.smallest =
      replay(metric.marginal(), metric, "ito",
             "One data point at 0, d = 2, alpha 3/5, sigma 4/5: D_LM^-1 is not the Hessian of any function, so "
             "Eq. 7 with it is no mirror Langevin dynamics; its law is not p.");
  out.repair =
      "None is needed: with div D added Eq. 7 keeps p for any metric, Hessian or not (theory/PROOFS-LAWS.md, Theorem "
      "1)";
  out.repair_attacks = corrected_attack().points;
  return out;
}

}  // namespace lml::checks
