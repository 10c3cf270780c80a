// Proposition 4 in the plane, by the grid generator: decay of chi-squared, and crossing between modes.
#include <cmath>

#include "dynamics/grid.hpp"
#include "paper_checks/checks/prop4.hpp"
#include "paper_checks/checks/prop4_common.hpp"
#include "theory/damping.hpp"

namespace lml::checks {
namespace {

constexpr double in_gaps[] = {0, 0.1, 0.5, 1, 2};  // times, in units of 1/gap
constexpr Index coarse = 48, fine = 64;            // cells an axis

struct Plane {
  std::string name;
  double above, lambda, plain_gain;  // lambda - lambda* (infinite: plain Langevin), gain at equal largest stable step
  double gap, gap_coarse;
  std::vector<double> decay, decay_coarse;  // chi2 exp(2 gap t)/chi2(0) at the times
};

std::vector<Plane> compute() {
  Points wells(2, 2), ring(8, 2), arcs(8, 2);
  wells << -1.5, 0, 1.5, 0;
  for (int i = 0; i < 8; ++i) ring.row(i) << 2 * std::cos(M_PI * i / 4), 2 * std::sin(M_PI * i / 4);
  for (int k = 0; k < 4; ++k) {
    const double angle = M_PI * k / 3;
    arcs.row(k) << 1.5 * std::cos(angle) - 0.75, 1.5 * std::sin(angle) - 0.375;
    arcs.row(4 + k) << 0.75 - 1.5 * std::cos(angle), 0.375 - 1.5 * std::sin(angle);
  }
  const auto law = [](double x, double y, double variance) {
    Points m(1, 2);
    m << x, y;
    return Marginal(Target::gaussian_mixture(Vec::Ones(1), m, {variance}), {1, 1e-9});
  };
  struct Start {
    std::string name;
    Marginal target, initial;
  };
  const std::vector<Start> starts{
      {"two points +-(3/2, 0), sigma 1, from one", {Target::points(wells), {1, 1}}, law(1.5, 0, 1)},
      {"ring of 8 points, radius 2, sigma 4/5, from one side", {Target::points(ring), {1, 0.8}}, law(1.8, 0, 0.5)},
      {"two arcs of 4 points, alpha 4/5, sigma 3/5, from one",
       {Target::points(arcs), {0.8, 0.6}},
       law(0.75, 0.9, 0.3)}};
  std::vector<Plane> out;
  for (const Start& s : starts) {
    const double critical =
        critical_damping_search(s.target, s.target.time().alpha * s.target.target().means(), 12, 200).value;
    const double top = 1 / std::pow(s.target.time().sigma, 2);  // sup F of points
    double plain = 0;
    for (double above : {HUGE_VAL, 0.3, 3.0}) {
      const bool damped = std::isfinite(above);
      const MetricSpec metric =
          damped ? MetricSpec{Curvature::exact, critical + above} : MetricSpec{Curvature::identity};
      Plane p{s.name, above, damped ? critical + above : 0, 1, 0, 0, {}, {}};
      const auto at = [&](Index cells, double& gap, std::vector<double>& decay) {
        const Grid grid({s.target, metric}, Calculus::corrected, cells, &s.initial);
        gap = grid.gap();
        if (above > 1 && damped) return;  // its gap alone
        std::vector<double> times;
        for (double t : in_gaps) times.push_back(t / gap);
        const auto flow = grid.flow(s.initial, times);
        for (std::size_t i = 0; i < times.size(); ++i)
          decay.push_back(flow[i].chi2 / flow[0].chi2 * std::exp(2 * in_gaps[i]));
      };
      at(coarse, p.gap_coarse, p.decay_coarse);
      at(fine, p.gap, p.decay);
      if (!damped) plain = p.gap;
      if (damped) p.plain_gain = (top + p.lambda) * p.gap / plain;
      out.push_back(p);
    }
  }
  return out;
}

const std::vector<Plane>& planes() {
  static const std::vector<Plane> all = compute();
  return all;
}

}  // namespace

Evidence prop4_decay_plane(const Context&) {
  Table table{"prop4-decay-plane",
              "The plane: chi2 exp(2 t/C)/chi2(0) along corrected flows at times in units of C, by the grid generator",
              {"start", "lambda", "gap", "0.1", "0.5", "1", "2"},
              {}};
  Evidence out;
  out.value = out.control = 0;
  for (const Plane& p : planes()) {
    if (p.decay.empty()) continue;
    table.labels.push_back(p.name);
    table.rows.push_back({p.lambda, p.gap});
    for (std::size_t i = 1; i < p.decay.size(); ++i) {
      table.rows.back().push_back(p.decay[i]);
      if (p.decay[i] > out.value) {
        out.value = p.decay[i];
        out.uncertainty = 2 * std::abs(p.decay[i] - p.decay_coarse[i]) + 1e-5;
      }
      out.control = std::max(out.control, p.decay[i] * std::exp(in_gaps[i]));
    }
  }
  // Across the line of the two points the law starts at p's: the flow is the line's.
  const Marginal start = gaussian_law(1.5, 1);
  const Line line({double_well(1.5), {Curvature::identity}}, 1, line_degree, &start);
  const double gap = line.rates()[1];
  const auto flow = line.flow(start, {0.0, in_gaps[1] / gap});
  out.second = flow[1].chi2 / flow[0].chi2 * std::exp(2 * in_gaps[1]);
  out.second_tolerance = 2 * out.uncertainty;
  out.certificate = "Proof in any dimension (Theorem 6).";
  out.tables.push_back(table);
  return out;
}

Evidence prop4_mode_crossing_plane(const Context&) {
  Table table{"prop4-mode-crossing-plane",
              "The plane: gap (two resolutions), 1 + lambda C_L, and gain over plain Langevin at equal largest stable "
              "step; lambda - lambda* infinite is plain Langevin",
              {"target", "lambda - lambda*", "lambda", "gap", "gap, coarser", "C", "1 + lambda C_L", "gain",
               "gain at equal time"},
              {}};
  Evidence out;
  out.value = out.control = HUGE_VAL;
  double plain = 0;
  for (const Plane& p : planes()) {
    if (!std::isfinite(p.above)) plain = p.gap;
    table.labels.push_back(p.name);
    table.rows.push_back(
        {p.above, p.lambda, p.gap, p.gap_coarse, 1 / p.gap, 1 + p.lambda / plain, p.plain_gain, p.gap / plain});
    if (!std::isfinite(p.above)) continue;
    if (p.plain_gain < out.value) {
      out.value = p.plain_gain;
      out.uncertainty = 2 * std::abs(p.gap - p.gap_coarse) / p.gap * p.plain_gain + 1e-4;
    }
    out.control = std::min(out.control, p.gap / plain);
  }
  // The smallest is that of the two points, where the product structure makes it the line's.
  const double lambda = 1.25 + 3;
  out.second = (1 + lambda) * line_gap(double_well(1.5), {Curvature::exact, lambda}) /
               line_gap(double_well(1.5), {Curvature::identity});
  out.second_tolerance = 2 * out.uncertainty;
  out.certificate = "Proof in any dimension (Theorem 7).";
  out.tables.push_back(table);
  return out;
}

}  // namespace lml::checks
