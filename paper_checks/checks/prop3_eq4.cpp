// Eq. 1 and Eq. 4: Langevin and Newton-Langevin.
#include <fmt/format.h>

#include <cmath>

#include "dynamics/random.hpp"
#include "paper_checks/checks/prop3.hpp"
#include "paper_checks/checks/prop3_common.hpp"
#include "theory/damping.hpp"
#include "theory/linalg.hpp"

namespace lml::checks {
namespace {

const Time vp{0.6, 0.8};

/// (Delta p)/p at x by hyper-dual arithmetic on the density itself, K components with A_k = I/precision.
double laplacian_over_density(const Marginal& m, const Vec& x) {
  const Index d = m.dim();
  double value = 0, laplacian = 0;
  for (Index k = 0; k < m.target().size(); ++k) {
    const double precision = m.precision(k).p[0];
    const double log_weight = m.target().log_weights()[k] + 0.5 * double(d) * std::log(precision);
    for (Index i = 0; i < d; ++i) {
      HyperDual<double> square(0);
      for (Index j = 0; j < d; ++j) {
        const double one = i == j ? 1 : 0;
        const HyperDual<double> gap(x[j] - m.time().alpha * m.target().means()(k, j), one, one, 0);
        square += gap * gap;
      }
      const HyperDual<double> density =
          exp(HyperDual<double>(log_weight) - HyperDual<double>(0.5 * precision) * square);
      laplacian += density.ab;
      if (i == 0) value += density.v;
    }
  }
  return laplacian / value;
}

}  // namespace

Evidence eq1_stationary(const Context& context) {
  const int cases = context.full ? 200 : 24;
  Evidence out;
  out.value = 0;
  out.control = 0;
  double pointwise = 0;
  for (int i = 0; i < cases; ++i) {
    const Marginal p = random_target(std::uint64_t(i));
    const Metric metric(p, {Curvature::identity});
    for (std::uint64_t k = 0; k < 20; ++k) {
      const Vec x = 1.5 * Random(302, std::uint64_t(i)).normal(k, 0, p.dim());
      const Local local = p.at(x);
      // L* p/p = Delta p/p - div(s p)/p; the second is tr H + |s|^2.
      const double drift = local.score().squaredNorm() - local.fisher().trace();
      const double size = 1 + local.score().squaredNorm() + local.fisher().norm();
      pointwise = std::max(pointwise, std::abs(laplacian_over_density(p, x) - drift) / size);
    }
    if (p.dim() > 2) continue;
    out.value = std::max(out.value, weak_residual(metric, Calculus::ito));
    out.control = std::max(out.control, weak_residual(metric, Calculus::ito, 0.5));
  }
  out.uncertainty = 1e-12;
  out.second = pointwise;
  out.second_tolerance = 1e-10;
  out.certificate = "Short proof: the probability flux of p is s p - grad p = 0 at every point, since s = grad log p.";
  return out;
}

Evidence eq4_sign(const Context& context) {
  // No law on R^d has H > 0 everywhere: log p would be convex, and p not integrable. At a mode H <= 0.
  const int cases = context.full ? 2000 : 200;
  Evidence out;
  out.value = -HUGE_VAL;
  for (int i = 0; i < cases; ++i) {
    const Marginal p = random_target(std::uint64_t(i));
    double lowest = HUGE_VAL;
    for (Index k = 0; k < p.target().size(); ++k) {
      const Mat h = p.at(p.time().alpha * p.target().means().row(k).transpose()).hessian();
      lowest = std::min(lowest, eigvalsh(h)[0] / p.precision(k).p.maxCoeff());
    }
    out.value = std::max(out.value, lowest);
  }
  // -H in place of H, on the log-concave N(0, v I).
  out.control = HUGE_VAL;
  for (Index d = 1; d <= 4; ++d) {
    const Marginal p = one_point(d, vp);
    out.control = std::min(out.control, eigvalsh(p.at(Vec::Ones(d)).fisher())[0] / p.precision(0).p[0]);
  }
  out.certificate =
      "Proof (theory/PROOFS-LAWS.md, Theorem 7): were H positive semidefinite everywhere, log p would be convex and p "
      "not integrable. So for no law is the printed metric positive everywhere. One point at 0, sigma 4/5: H = -25/16 "
      "at "
      "every x.";
  const Metric metric(one_point(1, vp), {Curvature::exact, 0, true});
  out.smallest = replay(metric.marginal(), metric, "ito",
                        "One data point at 0, alpha 3/5, sigma 4/5: H = -25/16 at every x, so the noise would have the "
                        "variance -32/25 a unit of time.");
  out.repair = "(-H)^-1 in place of H^-1, on targets that are strictly log-concave";
  out.repair_attacks = 4;
  return out;
}

Evidence eq4_sign_corrected(const Context&) {
  // Points +-1 on the line: strictly log-concave exactly where alpha < sigma (PROOFS-DAMPING.md, section 3; equality
  // leaves F(0) = 0).
  Table table{"eq4-sign-corrected",
              "Newton-Langevin with (-H)^-1 on points +-1: lowest F sigma^2 (closed form) and whether the metric is "
              "positive everywhere (search over x)",
              {"alpha", "sigma", "lowest sigma^2 F", "positive"},
              {}};
  int wrong = 0, wrong_half = 0;
  for (int i = 1; i < 40; ++i) {
    if (i == 20) continue;
    const double angle = M_PI / 80 * i, alpha = std::cos(angle), sigma = std::sin(angle);
    const Marginal p = plus_minus_one({alpha, sigma});
    const Metric metric(p, {Curvature::exact, 0});
    bool positive = true;
    for (int k = -300; k <= 300; ++k)
      positive = positive && metric.at(p.at(Vec::Constant(1, 0.01 * k * (alpha + sigma)))).positive;
    const double lowest = 1 - alpha * alpha / (sigma * sigma);
    wrong += positive != (lowest > 0);
    wrong_half += positive != (1 - 0.5 * alpha * alpha / (sigma * sigma) > 0);
    if (i % 4 == 0) table.rows.push_back({alpha, sigma, lowest, positive ? 1.0 : 0.0});
  }
  Evidence out;
  out.value = wrong;
  out.control = wrong_half;
  out.certificate =
      "Definition: (-H)^-1 = F^-1 is positive definite everywhere exactly where log p is strictly concave with H "
      "invertible. For points F > 0 everywhere if alpha D_y < 2 sigma (PROOFS-DAMPING.md, section 2).";
  out.tables.push_back(table);
  return out;
}

Evidence eq4_stationary(const Context&) {
  const Metric metric(plus_minus_one(vp), {Curvature::exact, 0});
  const Bias law = on_line(metric, Calculus::ito);
  Evidence out;
  out.value = law.from_target.total_variation;
  out.uncertainty = law.error;
  out.control = on_line(metric, Calculus::corrected).from_target.total_variation;
  out.second = weighted_variation(metric.marginal(), [](double f) { return f; });
  out.second_tolerance = 1e-6;
  const Enclosed at = ito_residual({{-1, 1}, {1, 1}}, {3, 5}, {4, 5}, Curvature::exact, false, {0, 1}, {0, 1});
  out.certificate = fmt::format(
      "Exact algebra at x = 0 for points +-1, alpha 3/5, sigma 4/5 (strictly log-concave): F = 175/256, D' = 0, D'' = "
      "-2 (9/7)^2, so (1/p) dp/dt = -162/49 at p; interval arithmetic gives {}.",
      at.text());
  out.smallest =
      replay(metric.marginal(), metric, "ito",
             "Points +-1, alpha 3/5, sigma 4/5, a strictly log-concave p: the law of dx = F^-1 s dt + sqrt(2 "
             "F^-1) dB is ~ p F, not p.");
  out.repair =
      "With div(F^-1) added to the drift it is the mirror Langevin of Chewi et al. (2020) with -log p as mirror map, "
      "and "
      "keeps p on every strictly log-concave target (theory/PROOFS-LAWS.md, Theorems 1 and 6)";
  out.repair_attacks = corrected_attack().points;
  Table table{"eq4-stationary",
              "Newton-Langevin with (-H)^-1, no div D, on points +-1: law against p (alpha^2 + sigma^2 = 1)",
              {"alpha", "sigma", "chi2", "KL", "total variation"},
              {}};
  for (double sigma : {0.72, 0.75, 0.8, 0.9, 0.98}) {
    const double alpha = std::sqrt(1 - sigma * sigma);
    const Divergences d =
        on_line(Metric(plus_minus_one({alpha, sigma}), {Curvature::exact, 0}), Calculus::ito).from_target;
    table.rows.push_back({alpha, sigma, d.chi2, d.kl, d.total_variation});
  }
  out.tables.push_back(table);
  return out;
}

Evidence eq4_stationary_gaussian(const Context&) {
  Evidence out;
  out.value = 0;
  for (double s2 : {0.0, 0.3, 4.0}) {
    const Metric m(Marginal(Target::gaussian_mixture(Vec::Ones(1), Points{{0.5}}, {s2}), vp), {Curvature::exact, 0});
    out.value =
        std::max({out.value, on_line(m, Calculus::ito).from_target.total_variation, weak_residual(m, Calculus::ito)});
  }
  Mat s(2, 2);
  s << 1, 0.4, 0.4, 0.5;
  const Marginal plane(Target::gaussian_mixture(Vec::Ones(1), Points{{0.5, -0.2}}, {s}), vp);
  out.value = std::max(out.value, weak_residual(Metric(plane, {Curvature::exact, 0}), Calculus::ito));
  out.uncertainty = 1e-12;
  out.control = on_line(Metric(plus_minus_one(vp), {Curvature::exact, 0}), Calculus::ito).from_target.total_variation;
  out.certificate = "Short proof: F = S^-1 is constant, so D = S is, and div D = 0.";
  return out;
}

}  // namespace lml::checks
