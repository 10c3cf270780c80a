// A.4 and Eq. 18: does the annealed chain converge to Eq. 9? On one data point at 0 (d = 1, lambda = 1/sigma^2, so
// D = sigma^2/2) every chain is linear and its variance an exact recursion.
#include "dynamics/annealed_line.hpp"
#include "paper_checks/checks/annealed.hpp"
#include "paper_checks/checks/annealed_common.hpp"

namespace lml::checks {
namespace {

// One level of length dt (g = 1), score and D of variance v = sigma^2 of one level:
//   x <- x - linear f dt x + drift dt D s + sqrt(noise dt D) z
struct Chain {
  double linear, drift, noise;
};
constexpr Chain langevin_same_drift{0, 1, 2}, langevin_same_noise{0, 0.5, 1}, langevin_same_drift_f{1, 1, 2},
    langevin_same_noise_f{1, 0.5, 1}, ancestral{1, 1, 1};

enum class Level { departure, arrival };  // whose score and D a step uses; Eq. 18 mixes the two indices

double chain_variance(const Chain& chain, Process process, int levels, Level level) {
  const Time start = at(process, rational_start()), end = at(process, path_end());
  const auto t_of = [&](Time time) {
    return process == Process::vp ? -2 * std::log(time.alpha) : time.sigma * time.sigma;
  };
  const auto variance = [&](double t) { return process == Process::vp ? -std::expm1(-t) : t; };
  const double from = t_of(start), dt = (from - t_of(end)) / levels, f = linear_drift(process);
  double v = variance(from);
  for (int i = 0; i < levels; ++i) {
    const double here = variance(from - dt * (i + (level == Level::arrival))), d = here / 2;
    const double factor = 1 - chain.linear * f * dt - chain.drift * dt * d / here;
    v = factor * factor * v + chain.noise * dt * d;
  }
  return v;
}

struct Limit {
  double value, uncertainty;
};
// The error of the variance is a series in 1/levels: extrapolated twice.
Limit limit(const Chain& chain, Process process, Level level) {
  const auto once = [&](int n) {
    return 2 * chain_variance(chain, process, 2 * n, level) - chain_variance(chain, process, n, level);
  };
  const double coarse = (4 * once(1024) - once(512)) / 3, fine = (4 * once(2048) - once(1024)) / 3;
  return {fine, std::abs(fine - coarse) + 1e-12};
}

double sde_variance(Process process) {
  return gaussian_variance(
      process, 0, [&](double u) { return 0.5 * std::pow(at(process, u).sigma, 2); }, eq9, rational_start(), path_end());
}
double pde_variance(Process process) {
  return AnnealedLine({data_point(1), process, Curvature::exact, 1, Scale::printed}, rational_start(), path_end(),
                      {.reach = 20})
      .law(eq9)
      .variance();
}

struct Reading {
  const char* name;
  Chain chain;
};
constexpr Reading readings[] = {{"Langevin, drift of Eq. 9", langevin_same_drift},
                                {"Langevin, noise of Eq. 9", langevin_same_noise},
                                {"Langevin and f x, drift of Eq. 9", langevin_same_drift_f},
                                {"Langevin and f x, noise of Eq. 9", langevin_same_noise_f},
                                {"Euler step of Eq. 9", ancestral}};

Table table(const std::string& name) {
  Table out{
      name,
      "Variance at the end of the annealed chain, one data point at 0, D = sigma^2/2, as the number of levels grows "
      "(score of the level left, of the level entered), and of Eq. 9; VP from (3/5, 4/5) to (4/5, 3/5), VE the "
      "same ratios sigma/alpha",
      {"chain", "64 levels, left", "64, entered", "1024, left", "1024, entered", "limit", "Eq. 9", "p_t"},
      {}};
  for (Process process : {Process::vp, Process::ve})
    for (const Reading& r : readings) {
      out.labels.push_back(std::string(process == Process::vp ? "VP, " : "VE, ") + r.name);
      std::vector<double> row;
      for (int levels : {64, 1024})
        for (Level level : {Level::departure, Level::arrival})
          row.push_back(chain_variance(r.chain, process, levels, level));
      row.push_back(limit(r.chain, process, Level::departure).value);
      row.push_back(sde_variance(process));
      row.push_back(std::pow(at(process, path_end()).sigma, 2));
      out.rows.push_back(row);
    }
  return out;
}

// |V/V(Eq. 9) - 1|, the worst of both processes and both choices of the level.
Limit distance(const Chain& chain) {
  Limit out{0, 0};
  for (Process process : {Process::vp, Process::ve})
    for (Level level : {Level::departure, Level::arrival}) {
      const Limit l = limit(chain, process, level);
      out.value = std::max(out.value, std::abs(l.value / sde_variance(process) - 1));
      out.uncertainty = std::max(out.uncertainty, l.uncertainty / sde_variance(process));
    }
  return out;
}

// The Langevin chain in its most favourable reading, on VP: one or the other coefficient matched, with or without f x,
// or so many steps a level that the law is p_t itself.
Limit nearest_langevin() {
  Limit out{std::abs(0.36 / sde_variance(Process::vp) - 1), 0};
  for (const Chain& c : {langevin_same_drift, langevin_same_noise, langevin_same_drift_f, langevin_same_noise_f}) {
    const Limit l = limit(c, Process::vp, Level::departure);
    const double gap = std::abs(l.value / sde_variance(Process::vp) - 1);
    if (gap < out.value) out = {gap, l.uncertainty / sde_variance(Process::vp)};
  }
  return out;
}

}  // namespace

Evidence eq9_limit(const Context&) {
  const Limit nearest = nearest_langevin();
  Evidence out;
  out.value = nearest.value;
  out.uncertainty = nearest.uncertainty + 1e-12;
  // Closed form of the nearest one: dV/d tau = sigma^2, V = 16/25 + log(16/9) - 7/25.
  out.second = std::abs((0.36 + std::log(16.0 / 9)) / pde_variance(Process::vp) - 1);
  out.second_tolerance = 1e-7;
  out.control = distance(ancestral).value;
  out.certificate =
      "Exact algebra (theory/PROOFS-ANNEALED.md, section 6): a Langevin step adds noise of variance 2 D a unit of "
      "drift D "
      "s, Eq. 9 noise of variance D; no step size makes the two equal. On the example the limits are 9/25 + "
      "log(16/9), 77/75, 463/800, 91/150 and, equilibrated, 9/25; Eq. 9 has 1/2 + log(4/3).";
  Counterexample c;
  c.command = "score";
  c.points = Points::Zero(1, 1);
  c.time = {0.8, 0.6};
  c.x = Vec::Constant(1, 0.6);
  c.sentence =
      "One data point at 0, d = 1, VP from (3/5, 4/5) to (4/5, 3/5), D = sigma^2/2: with the drift of Eq. 9 and f x "
      "the "
      "Langevin chain tends to variance 9/25 + log(16/9) = 0.935, Eq. 9 ends at 1/2 + log(4/3) = 0.788, p_t at 0.36.";
  out.smallest = c;
  out.repair =
      "The chain x - f x dt + g^2 D s dt + g sqrt(D dt) z, an Euler step a level, converges to Eq. 9, whichever of the "
      "two levels its score belongs to (claim eq9-limit-ancestral).";
  out.repair_attacks = 4;
  out.tables.push_back(table("eq9-limit"));
  return out;
}

Evidence eq9_limit_ancestral(const Context&) {
  const Limit reached = distance(ancestral);
  Evidence out;
  out.value = reached.value;
  out.uncertainty = reached.uncertainty + 1e-12;
  double second = 0;
  for (Process process : {Process::vp, Process::ve})
    second = std::max(second, std::abs(limit(ancestral, process, Level::departure).value / pde_variance(process) - 1));
  out.second = second;
  out.second_tolerance = 1e-7;
  out.control = distance(langevin_same_drift_f).value;
  out.certificate =
      "For smooth D: the step is that of Euler and Maruyama for Eq. 9, up to O(dt) in the coefficients, so it "
      "converges "
      "weakly (Kloeden & Platen 1992, chapter 14).";
  out.tables.push_back(table("eq9-limit-ancestral"));
  return out;
}

}  // namespace lml::checks
