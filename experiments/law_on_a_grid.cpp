#include <algorithm>

#include "dynamics/grid_figures.hpp"
#include "experiments/law_backends.hpp"
#include "experiments/law_output.hpp"

namespace lml::on_a_grid {
namespace {

constexpr Index usual_cells = 256, fine_cells = 512, cells_in_space = 64, cells_drawn = 192;
constexpr double wanted = 1e-4;  // of an error, before the finer grid is taken

std::string name(Index cells, Index d) {
  std::string out = std::to_string(cells);
  for (Index i = 1; i < d; ++i) out += " x " + std::to_string(cells);
  return out + " cells and two coarser grids";
}

// `compute(cells)` on the usual grid, and on a finer one if `error` of that is not small.
template <class Compute, class Error>
auto refined(Index d, const Compute& compute, const Error& error) {
  if (d == 3) return std::pair(compute(cells_in_space), cells_in_space);
  auto out = compute(usual_cells);
  if (error(out) <= wanted) return std::pair(std::move(out), usual_cells);
  return std::pair(compute(fine_cells), fine_cells);
}

Divergences values(const DivergenceFigures& f) {
  return {f.chi2.value, f.kl.value, f.total_variation.value, f.hellinger.value};
}

double error_of(const DivergenceFigures& f) {
  double out = 0;
  for (const Figure& g : {f.chi2, f.kl, f.total_variation, f.hellinger})
    if (std::isfinite(g.value)) out = std::max(out, g.error);
  return out;
}

double error_of(const LawFigures& f) {
  if (!f.existence.exists) return 0;
  double out = error_of(f.divergences);
  for (const auto& list : {f.mean, f.covariance})
    for (const Figure& g : list) out = std::max(out, g.error);
  return out;
}

// For figures: places [rows][columns], so that a box with turned axes is drawn as it lies.
std::vector<std::pair<std::string, Array>> curves(const Metric& metric, Calculus calculus) {
  const GridDensity q = Grid(metric, calculus, cells_drawn).stationary();
  const std::vector<Index> shape{cells_drawn, cells_drawn};
  const auto field = [&](const Vec& v) { return Array{shape, {v.begin(), v.end()}}; };
  return {{"x", field(q.places.col(0))},
          {"y", field(q.places.col(1))},
          {"density", field(q.density)},
          {"target_density", field(q.target)}};
}

}  // namespace

StationaryAnswer stationary(const Metric& metric, Calculus calculus) {
  const Index d = metric.marginal().dim();
  const auto [law, cells] = refined(
      d, [&](Index n) { return law_figures(metric, calculus, n); }, [](const auto& f) { return error_of(f); });
  StationaryAnswer out{.existence = law.existence, .method = "generator", .detail = name(cells, d)};
  if (!out.existence.exists) return out;
  out.mean.resize(d);
  out.covariance.resize(d, d);
  for (Index i = 0; i < d; ++i) {
    out.mean[i] = law.mean[std::size_t(i)].value;
    for (Index j = 0; j < d; ++j) out.covariance(i, j) = law.covariance[std::size_t(i * d + j)].value;
  }
  out.divergences = values(law.divergences);
  out.error = error_of(law);
  if (d == 2) out.curves = [metric, calculus] { return curves(metric, calculus); };
  return out;
}

GapAnswer gap(const Metric& metric) {
  const Index d = metric.marginal().dim();
  const auto [figure, cells] = refined(
      d, [&](Index n) { return gap_figure(metric, n); },
      [](const GapFigure& f) { return f.existence.exists ? f.gap.error / std::max(f.gap.value, 1e-300) : 0; });
  GapAnswer out{.existence = figure.existence, .method = "generator, " + name(cells, d)};
  if (!out.existence.exists) return out;
  out.gap = std::max(0.0, figure.gap.value);
  out.error = figure.gap.error;
  return out;
}

FlowAnswer flow(const Metric& metric, Calculus calculus, const Marginal& initial, const std::vector<double>& times) {
  const Index d = metric.marginal().dim();
  // Beside the times asked for, the start, which the bound needs.
  std::vector<double> all{0};
  all.insert(all.end(), times.begin(), times.end());
  const auto worst = [](const FlowFigures& f) {
    double out = 0;
    for (const DivergenceFigures& at : f.at) out = std::max(out, error_of(at));
    return out;
  };
  const auto [figures, cells] = refined(
      d, [&](Index n) { return flow_figures(metric, calculus, n, initial, all); }, worst);
  FlowAnswer out{.existence = figures.existence, .method = "generator, " + name(cells, d)};
  if (!out.existence.exists) return out;
  const bool infinite = chi2_is_infinite(initial, metric.marginal());
  out.start = infinite ? HUGE_VAL : figures.at[0].chi2.value;
  for (std::size_t i = 0; i < times.size(); ++i) {
    out.divergences.push_back(values(figures.at[i + 1]));
    if (infinite && times[i] == 0) out.divergences.back().chi2 = HUGE_VAL;
  }
  out.error = worst(figures);
  out.gap = gap(metric).gap;
  return out;
}

}  // namespace lml::on_a_grid
