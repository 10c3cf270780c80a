#include "dynamics/grid_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lml {
namespace {

constexpr double rounding = 1e-9;  // of the eigenvalue and time solvers, relative

// Even, so that a point of symmetry of the box is a corner of cells on every grid.
std::array<Index, 3> three_grids(Index finest) {
  if (finest < 32) throw BadInput("/cells", "must be at least 32");
  const auto even = [](double n) { return 2 * Index(std::lround(n / 2)); };
  return {even(double(finest) / 2), even(double(finest) / std::sqrt(2.0)), even(double(finest))};
}

// `measure` gives numbers of a grid, of the same meaning on every grid.
template <class Measure>
std::vector<Figure> figures(const Metric& metric, Calculus calculus, Index finest, const Marginal* also,
                            Existence& existence, const Measure& measure) {
  const std::array<Index, 3> cells = three_grids(finest);
  std::array<std::vector<double>, 3> values;
  double beyond = 0, excess = 0;
  for (std::size_t i : {2u, 1u, 0u}) {
    const Grid grid(metric, calculus, cells[i], also);
    if (i == 2 || !grid.existence().exists) existence = grid.existence();
    if (!existence.exists) return {};
    values[i] = measure(grid);
    beyond = std::max(beyond, grid.beyond());
    excess = std::max(excess, grid.stencil_excess());
  }
  std::vector<Figure> out;
  for (std::size_t k = 0; k < values[0].size(); ++k)
    out.push_back(extrapolated({values[0][k], values[1][k], values[2][k]}, cells));
  if (excess > 1e-12) {
    const Grid shorter(metric, calculus, cells[0], also, stencil_reach(int(metric.marginal().dim())) / 2);
    const std::vector<double> other = measure(shorter);
    for (std::size_t k = 0; k < out.size(); ++k)
      if (std::isfinite(out[k].value)) out[k].error += std::abs(other[k] - values[0][k]);
  }
  for (Figure& f : out)
    if (std::isfinite(f.value)) f.error += (rounding + beyond) * std::abs(f.value);
  return out;
}

void append(std::vector<double>& to, const Divergences& d) {
  to.insert(to.end(), {d.chi2, d.kl, d.total_variation, d.hellinger});
}

DivergenceFigures divergences_from(const std::vector<Figure>& f, std::size_t at) {
  return {f[at], f[at + 1], f[at + 2], f[at + 3]};
}

}  // namespace

Figure extrapolated(const std::array<double, 3>& values, const std::array<Index, 3>& cells) {
  if (!std::isfinite(values[0]) || !std::isfinite(values[1]) || !std::isfinite(values[2])) {
    const bool agree = values[0] == values[1] && values[1] == values[2];
    return {values[2], agree ? 0 : std::numeric_limits<double>::infinity()};
  }
  const auto to_zero = [&](std::size_t coarse, std::size_t fine) {
    const double ratio = std::pow(double(cells[fine]) / double(cells[coarse]), 2);
    return values[fine] + (values[fine] - values[coarse]) / (ratio - 1);
  };
  const double coarser = to_zero(0, 1), finer = to_zero(1, 2);
  const double correction = std::abs(finer - values[2]), change = std::abs(finer - coarser);
  if (change <= correction) return {finer, std::max(change, 0.05 * correction)};  // the two may agree by accident
  return {values[2], std::max(3 * std::abs(values[2] - values[1]), std::abs(values[1] - values[0]))};
}

LawFigures law_figures(const Metric& metric, Calculus calculus, Index finest) {
  LawFigures out;
  const std::size_t d = std::size_t(metric.marginal().dim());
  const std::vector<Figure> f = figures(metric, calculus, finest, nullptr, out.existence, [&](const Grid& grid) {
    std::vector<double> all;
    const Vec mean = grid.mean();
    const Mat covariance = grid.covariance();
    all.insert(all.end(), mean.begin(), mean.end());
    all.insert(all.end(), covariance.data(), covariance.data() + covariance.size());
    append(all, grid.divergences());
    return all;
  });
  if (f.empty()) return out;
  out.mean.assign(f.begin(), f.begin() + std::ptrdiff_t(d));
  out.covariance.assign(f.begin() + std::ptrdiff_t(d), f.begin() + std::ptrdiff_t(d + d * d));
  out.divergences = divergences_from(f, d + d * d);
  return out;
}

GapFigure gap_figure(const Metric& metric, Index finest) {
  GapFigure out;
  const std::vector<Figure> f = figures(metric, Calculus::corrected, finest, nullptr, out.existence,
                                        [](const Grid& grid) { return std::vector<double>{grid.gap()}; });
  if (!f.empty()) out.gap = f[0];
  return out;
}

FlowFigures flow_figures(const Metric& metric, Calculus calculus, Index finest, const Marginal& initial,
                         const std::vector<double>& times) {
  FlowFigures out;
  const std::vector<Figure> f = figures(metric, calculus, finest, &initial, out.existence, [&](const Grid& grid) {
    std::vector<double> all;
    for (const Divergences& d : grid.flow(initial, times)) append(all, d);
    return all;
  });
  for (std::size_t i = 0; i < f.size(); i += 4) out.at.push_back(divergences_from(f, i));
  return out;
}

}  // namespace lml
