// The laws of a damped Langevin dynamics by the method that fits its dimension: closed forms on Gaussians, quadrature
// and spectral elements on the line, Fokker-Planck generators in two and three dimensions. Every figure comes with an
// error estimate from two resolutions.
#pragma once
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "dynamics/line.hpp"
#include "experiments/output.hpp"

namespace lml {

struct StationaryAnswer {
  Existence existence;
  std::string method;       // quadrature, generator, simulation or closed form
  std::string detail = {};  // how: grids, degrees
  // The rest only where the law exists.
  Vec mean = {};
  Mat covariance = {};
  Divergences divergences = {};
  double error = 0;
  /// x, density, target_density [n]; in two dimensions x, y, density, target_density [rows][columns]; above, nothing.
  std::function<std::vector<std::pair<std::string, Array>>()> curves = nullptr;
};

struct GapAnswer {
  Existence existence;
  std::string method;
  double gap = 0, error = 0;
};

struct FlowAnswer {
  Existence existence;
  std::string method;
  std::vector<Divergences> divergences = {};  // a time
  double start = 0;                           // chi2 at time 0, infinite where it is
  double gap = 0;                             // of the corrected dynamics, to which Proposition 4 belongs
  double error = 0;
  /// x, target_density [n] and density [times][n]; on the line only, else nothing.
  std::function<std::vector<std::pair<std::string, Array>>()> curves = nullptr;
};

/// All throw BadInput ("/target", "/method", "/metric") where no method fits.
StationaryAnswer stationary_answer(const Metric& metric, Calculus calculus);
StationaryAnswer stationary_by_quadrature(const Metric& metric, Calculus calculus);
StationaryAnswer stationary_by_generator(const Metric& metric, Calculus calculus);
GapAnswer gap_answer(const Metric& metric);
FlowAnswer flow_answer(const Metric& metric, Calculus calculus, const Marginal& initial,
                       const std::vector<double>& times);

}  // namespace lml
