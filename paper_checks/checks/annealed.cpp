// Laws on the line of Eq. 9, of Eq. 10 and of the pair that keeps p_t.
#include "paper_checks/checks/annealed.hpp"

#include "dynamics/annealed_line.hpp"
#include "dynamics/flow_map.hpp"
#include "dynamics/random.hpp"
#include "paper_checks/checks/annealed_common.hpp"

namespace lml::checks {
namespace {

// As printed D is at most sigma^2/(lambda sigma^2): the law outgrows p_t.
constexpr LineResolution narrow{.steps = 8, .reach = 14}, wide{.steps = 8, .reach = 250};

struct Case {
  std::string name;
  AnnealedLine line;
  double variance;  // of p_t
};

// `exact` is positive on each of the targets from lambda sigma^2 = 0.78 on.
std::vector<Case> cases() {
  std::vector<Case> out;
  for (const auto& [target_name, target] :
       {std::pair("one point", data_point(1)), std::pair("two points", two_points()),
        std::pair("mixture", uneven_mixture())}) {
    const double of_data = target.covariance()(0, 0);
    const auto vp = [&](Curvature curvature, double damping, Scale scale, const std::string& name) {
      out.push_back({std::string(target_name) + ", VP, " + name,
                     {{target, Process::vp, curvature, damping, scale},
                      noise_start(),
                      path_end(),
                      scale == Scale::printed && curvature != Curvature::identity ? wide : narrow},
                     0.64 * of_data + 0.36});
    };
    vp(Curvature::rank_one, 1, Scale::printed, "rank one 1");
    vp(Curvature::rank_one, 10, Scale::printed, "rank one 10");
    vp(Curvature::rank_one, 1, Scale::normalised, "rank one 1 normalised");
    out.push_back(
        {std::string(target_name) + ", VE, rank one 1",
         {{target, Process::ve, Curvature::rank_one, 1, Scale::printed}, rational_start(), path_end(), narrow},
         of_data + 9.0 / 16});
    if (target.size() == 1) continue;  // there exact is rank one
    vp(Curvature::exact, 1, Scale::printed, "exact 1");
    vp(Curvature::exact, 1, Scale::normalised, "exact 1 normalised");
    vp(Curvature::exact, 10, Scale::normalised, "exact 10 normalised");
  }
  return out;
}

double variation(const AnnealedLine& line, const Equation& equation) {
  return line.law(equation).divergences().total_variation;
}

std::vector<std::pair<std::string, Target>> targets() {
  return {{"two points", two_points()}, {"mixture", uneven_mixture()}};
}

struct Settled {
  double value, uncertainty;
};
template <class Figure>  // of a resolution
Settled settled(const Figure& figure) {
  const double coarse = figure(LineResolution{.steps = 16, .reach = 20}),
               fine = figure(LineResolution{.elements = 1.5, .steps = 32, .reach = 24});
  return {fine, std::abs(fine - coarse) + 1e-10};
}

Counterexample at_the_end(const Target& target, double x, std::string sentence) {
  Counterexample c;
  c.command = "score";
  c.points = target.means();
  if (!target.is_points()) {
    c.weights = target.log_weights().array().exp();
    for (const Spread& s : target.spreads()) c.variances.push_back(s.variances);
  }
  c.time = {0.8, 0.6};
  c.x = Vec::Constant(1, x);
  c.sentence = std::move(sentence);
  return c;
}

}  // namespace

Evidence eq9_eq10_marginals(const Context&) {
  Table table{"eq9-eq10-marginals",
              "Laws at (alpha, sigma) = (4/5, 3/5) started from p_T exactly, alpha_T = 1/10 (VE: from "
              "sigma/alpha = 4/3); total variation between "
              "Eq. 9 and Eq. 10 and of each from p_t, KL from p_t, and variance over that of p_t; the number beside a "
              "metric is lambda sigma^2",
              {"case", "Eq. 9 to 10", "Eq. 9 to p_t", "Eq. 10 to p_t", "KL Eq. 9", "KL Eq. 10", "variance Eq. 9",
               "variance Eq. 10"},
              {}};
  for (const Case& c : cases()) {
    const LineLaw sde = c.line.law(eq9), ode = c.line.law(eq10);
    const Divergences of_sde = sde.divergences(), of_ode = ode.divergences();
    table.labels.push_back(c.name);
    table.rows.push_back({sde.total_variation(ode), of_sde.total_variation, of_ode.total_variation, of_sde.kl,
                          of_ode.kl, sde.variance() / c.variance, ode.variance() / c.variance});
  }
  const auto figure = [](Curvature curvature, Scale scale) {
    return [=](const LineResolution& resolution) {
      const AnnealedLine line({data_point(1), Process::vp, curvature, 1, scale}, rational_start(), path_end(),
                              resolution);
      return line.law(eq9).total_variation(line.law(eq10));
    };
  };
  Evidence out;
  const Settled s = settled(figure(Curvature::rank_one, Scale::printed));
  out.value = s.value;
  out.uncertainty = s.uncertainty;
  out.control = settled(figure(Curvature::rank_one, Scale::normalised)).value;
  const double sde = 0.5 + std::log(4.0 / 3), ode = 64.0 / 75;
  out.second = gaussian_variation(sde, ode);
  out.second_tolerance = 1e-7;
  out.certificate =
      "Exact algebra (theory/PROOFS-ANNEALED.md, sections 2 and 4): both laws are N(0, V) with V = 1/2 + log(4/3) "
      "under "
      "Eq. 9, an irrational number, and 64/75 under Eq. 10. For a D that does not depend on x the two agree only if "
      "D = I.";
  out.smallest =
      at_the_end(data_point(1), 0.6,
                 "One data point at 0, d = 1, VP from (alpha, sigma) = (3/5, 4/5) to (4/5, 3/5), "
                 "lambda = 1/sigma^2, D = sigma^2/2: Eq. 9 ends at variance 1/2 + log(4/3) = 0.788, Eq. 10 at "
                 "64/75 = 0.853, p_t at 9/25 = 0.36.");
  out.repair =
      "With the plain probability flow in place of Eq. 10 and Eq. 9 replaced by dx = [f x - (g^2/2) s - (g^2/2)(D s + "
      "div D)] dt + g sqrt(D) dB both have the marginals p_t, if started from p_T (claim eq10-corrected).";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

Evidence eq10_keeps_pt(const Context&) {
  Table table{
      "eq10-keeps-pt",
      "Eq. 10 as printed from p_T (alpha_T = 1/10) to (4/5, 3/5): total variation, Hellinger distance and KL from "
      "p_t",
      {"case", "damping", "total variation", "hellinger", "KL"},
      {}};
  for (const auto& [name, target] : targets())
    for (const auto& [curvature, word] :
         {std::pair(Curvature::exact, "exact"), std::pair(Curvature::rank_one, "rank one"),
          std::pair(Curvature::rank_one_scaled, "rank one, lambda'")})
      for (double damping : {1.0, 100.0}) {
        const AnnealedLine line({target, Process::vp, curvature, damping, Scale::printed}, noise_start(), path_end(),
                                wide);
        const Divergences d = line.law(eq10).divergences();
        table.labels.push_back(name + ", " + word);
        table.rows.push_back({damping, d.total_variation, d.hellinger, d.kl});
      }
  const auto figure = [](Scale scale) {
    return [=](const LineResolution& resolution) {
      return variation(
          {{data_point(1), Process::vp, Curvature::rank_one, 1, scale}, rational_start(), path_end(), resolution},
          eq10);
    };
  };
  const Settled s = settled(figure(Scale::printed));
  Evidence out;
  out.value = s.value;
  out.uncertainty = s.uncertainty;
  out.control = settled(figure(Scale::normalised)).value;
  out.second = gaussian_variation(64.0 / 75, 27.0 / 75);
  out.second_tolerance = 1e-7;
  out.certificate =
      "Exact algebra (theory/PROOFS-ANNEALED.md, section 4): the end law is N(0, 64/75), p_t is N(0, 27/75).";
  out.smallest =
      at_the_end(data_point(1), 0.6,
                 "One data point at 0, d = 1, VP from (3/5, 4/5) to (4/5, 3/5), lambda = 1/sigma^2: Eq. 10 as "
                 "printed carries N(0, 16/25) to N(0, 64/75); p_t is N(0, 9/25).");
  out.repair =
      "Normalise D by 1/sigma^2 + lambda and use the rank-one model: then Eq. 10 is the plain probability flow (claim "
      "eq10-keeps-pt-normalised).";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

Evidence eq10_keeps_pt_normalised(const Context&) {
  Table table{"eq10-keeps-pt-normalised",
              "Eq. 10 with the normalised rank-one D from p_T to (4/5, 3/5): total variation from p_t, and the largest "
              "gap between the distribution functions, which needs neither densities nor divergences",
              {"case", "damping", "total variation", "largest gap of distribution functions"},
              {}};
  double value = 0, second = 0, control = HUGE_VAL;
  for (const auto& [name, target] : targets())
    for (Curvature curvature : {Curvature::rank_one, Curvature::rank_one_scaled})
      for (double damping : {1e-3, 1.0}) {
        const AnnealedLine line({target, Process::vp, curvature, damping, Scale::normalised}, noise_start(),
                                path_end());
        const double tv = variation(line, eq10);
        const Vec x = Vec::LinSpaced(101, -4, 4);
        const double gap = (line.distribution(eq10, x) - line.distribution(path_end(), x)).cwiseAbs().maxCoeff();
        table.labels.push_back(name + (curvature == Curvature::rank_one ? ", lambda sigma^2" : ", lambda'"));
        table.rows.push_back({damping, tv, gap});
        value = std::max(value, tv);
        second = std::max(second, gap);
      }
  for (const auto& [name, target] : targets())
    control = std::min(
        control,
        variation({{target, Process::vp, Curvature::rank_one, 1, Scale::printed}, noise_start(), path_end(), wide},
                  eq10));
  Evidence out;
  out.value = value;
  out.uncertainty = 1e-9;
  out.second = second;
  out.second_tolerance = 1e-7;
  out.control = control;
  out.certificate =
      "Exact algebra, in every dimension: D_LM s = s/(1/sigma^2 + lambda), because u is parallel to s; so (1/sigma^2 + "
      "lambda) D_LM s = s and Eq. 10 is the probability flow ODE of Song et al. 2021, whatever lambda.";
  out.tables.push_back(table);
  return out;
}

namespace {

// In the plane: total variation and KL from p_t of the end law, by the trapezium rule on [-4, 4]^2.
std::pair<double, double> plane_distances(const AnnealedMetric& metric) {
  constexpr int n = 49;
  constexpr double step = 8.0 / (n - 1);
  Points x(n * n, 2);
  for (int i = 0; i < n * n; ++i) x.row(i) << step * (i % n) - 4, step * (i / n) - 4;
  const Vec log_r = flow_map(metric, eq10, rational_start(), path_end(), x, 1e-8).log_density,
            log_p = metric.marginal(path_end()).log_density(x);
  const auto r = log_r.array().exp(), p = log_p.array().exp();
  return {0.5 * step * step * (r - p).abs().sum(), step * step * (r * (log_r - log_p).array() - r + p).sum()};
}

}  // namespace

Evidence eq10_keeps_pt_exact(const Context&) {
  Table table{"eq10-keeps-pt-exact",
              "Eq. 10 with D = (1/sigma^2 + lambda)(F + lambda I)^-1 from p_T (alpha_T = 1/10) to (4/5, 3/5): total "
              "variation and KL from p_t",
              {"case", "lambda sigma^2", "total variation", "KL"},
              {}};
  auto all = targets();
  all.push_back({"N(0, 1)", normal_data()});
  for (const auto& [name, target] : all)
    for (double damping : {1.0, 10.0, 100.0, 1000.0}) {
      const Divergences d =
          AnnealedLine({target, Process::vp, Curvature::exact, damping, Scale::normalised}, noise_start(), path_end())
              .law(eq10)
              .divergences();
      table.labels.push_back(name);
      table.rows.push_back({damping, d.total_variation, d.kl});
    }
  Table plane{
      "eq10-keeps-pt-exact-plane",
      "The same for three data points (1, 0), (-1/2, +-4/5) in the plane, from (3/5, 4/5) to (4/5, 3/5), exact and "
      "rank-one D, normalised",
      {"case", "lambda sigma^2", "total variation", "KL"},
      {}};
  const Target triangle = Target::points(Points{{1.0, 0.0}, {-0.5, 0.8}, {-0.5, -0.8}});
  for (const auto& [curvature, word] :
       {std::pair(Curvature::exact, "exact"), std::pair(Curvature::rank_one, "rank one")})
    for (double damping : {1.0, 10.0}) {
      const auto [tv, kl] = plane_distances({triangle, Process::vp, curvature, damping, Scale::normalised});
      plane.labels.push_back(word);
      plane.rows.push_back({damping, tv, kl});
    }
  const auto figure = [](Curvature curvature) {
    return [=](const LineResolution& resolution) {
      return variation(
          {{normal_data(), Process::vp, curvature, 1, Scale::normalised}, rational_start(), path_end(), resolution},
          eq10);
    };
  };
  const Settled s = settled(figure(Curvature::exact));
  Evidence out;
  out.value = s.value;
  out.uncertainty = s.uncertainty;
  out.control = settled(figure(Curvature::rank_one)).value;
  out.second = gaussian_variation(34.0 / 41, 1);
  out.second_tolerance = 1e-7;
  out.certificate =
      "Exact algebra (theory/PROOFS-ANNEALED.md, section 4): for the data N(0, 1) p_t = N(0, 1) at every t, and with "
      "lambda = 1/sigma^2 the end law is N(0, 34/41).";
  out.smallest =
      at_the_end(normal_data(), 1,
                 "Data N(0, 1), VP from (3/5, 4/5) to (4/5, 3/5), lambda = 1/sigma^2, D = 2/(1 + sigma^2): p_t "
                 "is N(0, 1) throughout, and Eq. 10 ends at N(0, 34/41).");
  out.repair = "The rank-one D, normalised, or D = I: the plain probability flow.";
  out.repair_attacks = long(table.rows.size());
  out.tables = {table, plane};
  return out;
}

namespace {

// Largest |M s + div M - (1/p) div(p M)| over points, relative to |M s| + |div M| + |M| there: the flux by which the
// corrected SDE departs from the probability flow, div(p M) by extrapolated central differences.
double flux(const MetricSlice& slice, const Points& x, double divergence) {
  double worst = 0;
  for (Index k = 0; k < x.rows(); ++k) {
    const Vec at = x.row(k).transpose();
    const Local local = slice.marginal().at(at);
    const MetricAt m = slice.at(local);
    const auto column = [&](Index j, double h) -> Vec {
      const Local there = slice.marginal().at(at + h * Vec::Unit(at.size(), j));
      return std::exp(there.log_density() - local.log_density()) * slice.at(there).d.col(j);
    };
    const double h = 2e-3 * slice.marginal().time().sigma;
    Vec differences = Vec::Zero(at.size());
    for (Index j = 0; j < at.size(); ++j)
      differences += (8 * (column(j, h) - column(j, -h)) - (column(j, 2 * h) - column(j, -2 * h))) / (12 * h);
    const Vec drift = m.d * local.score();
    worst = std::max(worst, (drift + divergence * m.divergence - differences).norm() /
                                (drift.norm() + m.divergence.norm() + m.d.norm()));
  }
  return worst;
}

}  // namespace

Evidence eq10_corrected(const Context& context) {
  Table laws{"eq10-corrected",
             "The corrected SDE from p_T (alpha_T = 1/10) to (4/5, 3/5) by its Fokker-Planck equation: total variation "
             "from p_t, and the same without div D (0 where D does not depend on x)",
             {"case", "with div D", "without"},
             {}};
  const LineResolution resolution{.elements = context.full ? 2.0 : 1.5, .steps = context.full ? 48.0 : 12.0};
  double value = 0, control = HUGE_VAL;
  for (const auto& [name, target] : targets())
    for (const auto& [process, scale, word] : {std::tuple(Process::vp, Scale::printed, ", VP, exact 2"),
                                               std::tuple(Process::vp, Scale::normalised, ", VP, exact 2 normalised"),
                                               std::tuple(Process::ve, Scale::printed, ", VE, exact 2")}) {
      const AnnealedLine line({target, process, Curvature::exact, 2, scale}, noise_start(), path_end(), resolution);
      const double with = variation(line, corrected), without = variation(line, corrected_without_divergence);
      laws.labels.push_back(name + word);
      laws.rows.push_back({with, without});
      value = std::max(value, with);
      control = std::min(control, without);
    }
  Table fluxes{"eq10-corrected-flux",
               "Largest flux by which the corrected SDE departs from the probability flow, relative, at 32 points; and "
               "without div D",
               {"case", "d", "with div D", "without"},
               {}};
  double second = 0;
  const Random random(31, 4);
  for (Index d : {1, 2, 3})
    for (const auto& [curvature, word] :
         {std::pair(Curvature::exact, "exact 20"), std::pair(Curvature::rank_one, "rank one 20"),
          std::pair(Curvature::rank_one_scaled, "rank one, lambda' = 20")}) {
      const Target target =
          Target::gaussian_mixture(Vec{{1.0, 2.0, 1.5}}, random.normals(0, std::uint64_t(d), 3, d), {0.1, 0.2, 0.0});
      const MetricSlice slice = AnnealedMetric(target, Process::vp, curvature, 20, Scale::normalised).at(path_end());
      const Points x = random.normals(10, std::uint64_t(d), 32, d);
      const double with = flux(slice, x, 1);
      fluxes.labels.push_back(word);
      fluxes.rows.push_back({double(d), with, flux(slice, x, 0)});
      second = std::max(second, with);
    }
  Evidence out;
  out.value = value;
  out.uncertainty = 2e-7;
  out.control = control;
  out.second = second;
  out.second_tolerance = 1e-6;
  out.certificate =
      "Proof in every dimension, for every M(x, t) >= 0 (theory/PROOFS-ANNEALED.md, section 1): at p_t the terms with "
      "M "
      "cancel, div(p (M s + div M)) = div div(p M).";
  out.tables = {laws, fluxes};
  return out;
}

}  // namespace lml::checks
