#include <algorithm>
#include <cmath>
#include <memory>

#include "dynamics/wide_start.hpp"
#include "experiments/law_backends.hpp"
#include "experiments/law_output.hpp"

namespace lml::on_the_line {
namespace {

constexpr int coarse_degree = 20, fine_degree = 24;
constexpr const char* spectral = "spectral elements on the line, two degrees";

double share(Calculus calculus) {
  if (calculus == Calculus::ito) return 0;
  return calculus == Calculus::corrected ? 1 : 0.5;
}

using Curves = std::vector<std::pair<std::string, Array>>;

Vec one(double v) { return Vec::Constant(1, v); }

}  // namespace

StationaryAnswer stationary(const Metric& metric, Calculus calculus) {
  const Line coarse(metric, share(calculus), coarse_degree), fine(metric, share(calculus), fine_degree);
  StationaryAnswer out{.existence = fine.existence(), .method = "quadrature", .detail = "p D^(theta-1), two degrees"};
  if (!out.existence.exists) return out;
  out.divergences = fine.divergences();
  out.mean = one(fine.mean());
  out.covariance = one(fine.variance());
  // Two degrees can agree to the last bit; sums over all nodes cannot be right to it.
  const double rounding = 1e-13 * (1 + fine.mean() * fine.mean() + fine.variance());
  out.error =
      rounding + std::max({distance(out.divergences, coarse.divergences()), std::abs(fine.mean() - coarse.mean()),
                           std::abs(fine.variance() - coarse.variance())});
  out.curves = [x = array(fine.nodes()), q = array(fine.density()), p = array(fine.target_density())] {
    return Curves{{"x", x}, {"density", q}, {"target_density", p}};
  };
  return out;
}

GapAnswer gap(const Metric& metric) {
  const Line coarse(metric, 1, coarse_degree), fine(metric, 1, fine_degree);
  GapAnswer out{.existence = fine.existence(), .method = spectral};
  // Where no path crosses a zero of D, each side keeps a mass of its own: the gap is 0.
  if (!out.existence.exists || !out.existence.unique) return out;
  if (!(std::abs(fine.rates()[0]) <= 1e-6 * fine.rates()[1]))
    throw BadInput("/target", "is too steep for this discretisation: float64 cannot hold the gap");
  out.gap = fine.rates()[1];
  out.error = std::abs(out.gap - coarse.rates()[1]);
  return out;
}

FlowAnswer flow(const Metric& metric, Calculus calculus, const Marginal& initial, const std::vector<double>& times) {
  const double theta = share(calculus);
  const bool wide = chi2_is_infinite(initial, metric.marginal());
  Line fine(metric, theta, fine_degree, wide ? nullptr : &initial);
  FlowAnswer out{.existence = fine.existence(), .method = spectral};
  if (!out.existence.exists) return out;
  if (!out.existence.unique)
    throw BadInput("/metric", "vanishes where eps = 0: the flow there is not computed in this version");
  out.gap = gap(metric).gap;
  if (wide) {
    const WideFlow law = flow_of_a_wide_start(metric, theta, initial, times);
    out.method = "finite volumes on the line, two meshes";
    out.start = HUGE_VAL;
    out.divergences = law.at;
    out.error = law.error;
    return out;
  }
  const Line coarse(metric, theta, coarse_degree, &initial);
  out.divergences = fine.flow(initial, times);
  const std::vector<Divergences> check = coarse.flow(initial, times);
  out.start = fine.flow(initial, {0.0})[0].chi2;
  for (std::size_t i = 0; i < times.size(); ++i)
    out.error = std::max(out.error, distance(out.divergences[i], check[i]));
  out.curves = [line = std::make_shared<const Line>(std::move(fine)), initial, times] {
    Array densities{{Index(times.size()), line->size()}, {}};
    for (const Vec& at : line->densities(initial, times))
      densities.values.insert(densities.values.end(), at.begin(), at.end());
    return Curves{
        {"x", array(line->nodes())}, {"density", densities}, {"target_density", array(line->target_density())}};
  };
  return out;
}

}  // namespace lml::on_the_line
