// Shared by the checks of the statements around Algorithm 1: exact targets, grids, the exact flow, and distances with
// standard errors.
#pragma once
#include <cmath>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "samplers/exact_source.hpp"
#include "samplers/sampler.hpp"

namespace lml::checks::sampling {

struct Named {
  std::string name;
  Target target;
};

Target ring8();
/// Four components in R^d with anisotropic diagonal covariances: standard deviations from 1 down to 1/50, evenly in
/// their logarithm; means of about half a unit a component.
Target anisotropic(Index d);
/// Four points in R^d of about a unit a component.
Target few_points(Index d);

/// N(0, diag(1, 1/2, .., 1/d)): the spectrum of natural images, whose power falls like 1/f^2 over the plane.
Target image_spectrum(Index d);

/// The grid of the paper's DPM-Solver: beta from 1e-4 to 0.02 over 1000 timesteps, steps uniform in them, the end at
/// the first one (sigma = 0.01).
Grid uniform_grid(Index steps);

/// End points of the probability flow from x at `from`, at `to`: Runge-Kutta of order 4 for y = x/alpha,
/// dy/dl = (sigma/alpha) eps, l = log(sigma/alpha). Error below 1e-6 of the spread with the default pieces.
Points flow(const Target& target, const Node& from, const Node& to, const Points& x, int pieces = 240);

/// A deterministic sampler to the end of its grid, in any precision of the state.
template <State S>
S end_of(const Sampler& sampler, std::type_identity_t<Source<S>>& source, S start) {
  Model<S> model(source, sampler.correction, sampler.clipping);
  NoNoise<S> noise;
  Run<S> run{std::move(start)};
  advance(sampler, model, noise, run, [](const Run<S>&) {});
  return std::move(run.x);
}

/// A ratio of two means over the same samples, with its standard error.
struct Ratio {
  double value = 0, error = 0;
};
Ratio ratio_of_means(const Vec& over, const Vec& under);

/// Draws of p_t at a node.
Points draws(ExactSource& source, const Node& at, std::uint64_t seed, Index n);

/// Distance of each row of a from that of b, a component: divided by sqrt(d).
Vec distances(const Points& a, const Points& b);

/// Starts from p_N on a grid, and where the exact flow takes them: what a sampler's end points are held against.
struct Reference {
  Reference(Target target, Grid grid, Index n, std::uint64_t seed);
  /// Distances of a sampler's end points from the flow's, [n]; in float32 the state and the model's answers are.
  Vec errors(const Stepper& stepper, const Correction& correction);
  Points end(const Stepper& stepper, const Correction& correction);
  Points end_float32(const Stepper& stepper, const Correction& correction);

  ExactSource source;
  Grid grid;
  Points start, flow_end;
};

}  // namespace lml::checks::sampling
