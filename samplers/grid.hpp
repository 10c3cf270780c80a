// Where a sampler goes: the intervals of its steps, each between two nodes of a noise schedule, from noise to data.
//
// A node is a time t (what a network is told: a timestep of a discrete schedule, else t), alpha and sigma. The end of
// a step need not be the beginning of the next (DDIM's `trailing` grid), so both are kept.
#pragma once
#include <string>
#include <vector>

#include "theory/schedule.hpp"

namespace lml {

struct Node {
  double t, alpha, sigma;  // sigma = 0: clean data, where no model is called
};
/// log(alpha/sigma), half the log signal-to-noise ratio; inf where sigma = 0.
double log_snr(const Node& node);
/// sigma/alpha, the noise level in the variance-exploding scale.
inline double noise_level(const Node& node) { return node.sigma / node.alpha; }
/// Whether sigma/alpha is smaller at a than at b, at alpha = 0 too.
inline bool less_noisy(const Node& a, const Node& b) { return a.sigma * b.alpha < b.sigma * a.alpha; }
/// The node of noise level s in the variance-preserving scale: alpha = 1/sqrt(1 + s^2).
Node node_of_level(double t, double s);

struct Interval {
  Node from, to;
};
using Grid = std::vector<Interval>;

Node node_at(const Schedule& schedule, double t);
/// alpha = 1, sigma = 0.
Node clean(double t = 0);

enum class Spacing { linspace, leading, trailing };

// Timesteps of a discrete schedule of N, falling. Numbers as diffusers 0.42 computes them. Throw BadInput ("/steps")
// where there are more steps than timesteps, or two of them coincide.

/// Of DDIM, DDPM and PNDM: linspace(0, N-1, steps) rounded; i N//steps; N - i N/steps - 1.
std::vector<double> ddim_timesteps(Index n, Index steps, Spacing spacing, Index offset);
/// Of DPM-Solver, UniPC and DEIS, which count the end of the last step too: linspace(0, N-1, steps+1) rounded, without
/// its 0; i N//(steps+1) without its 0; N - i N/steps - 1.
std::vector<double> dpm_timesteps(Index n, Index steps, Spacing spacing, Index offset);
/// Of Euler and Heun: as DDIM's, not rounded under `linspace`.
std::vector<double> k_timesteps(Index n, Index steps, Spacing spacing, Index offset);

/// Nodes at falling timesteps; between integers sigma/alpha is interpolated linearly (diffusers).
std::vector<Node> nodes_at(const DiscreteSchedule& schedule, const std::vector<double>& timesteps);

/// Karras et al. 2022, Eq. 5: noise levels from `most` to `least`, (most^(1/rho) + i/(n-1) (..))^rho.
std::vector<double> karras_levels(double least, double most, Index n, double rho = 7);
/// Noise levels whose logarithms are equally far apart.
std::vector<double> log_uniform_levels(double least, double most, Index n);
/// Nodes at given noise levels; the timestep is found by interpolation in log sigma/alpha (diffusers), rounded if so.
std::vector<Node> nodes_of_levels(const DiscreteSchedule& schedule, const std::vector<double>& levels, bool rounded);

/// Each interval ends where the next begins, the last at `end`. Throws BadInput ("/timesteps/i") unless sigma/alpha
/// falls; but the last may have no length. That is what diffusers makes of Karras levels, or of a list that goes down
/// to timestep 0, with `sigma_min`: the model is called and the state stays.
Grid chain(const std::vector<Node>& nodes, const Node& end);

/// DDIM's own: from t to t - N//steps, to `end` where that is negative.
Grid ddim_grid(const DiscreteSchedule& schedule, const std::vector<double>& timesteps, Index stride, const Node& end);

/// The beta with which eps + beta (eps - that of the step before) makes DDIM a method of order 2 (Adams-Bashforth in
/// sigma/alpha): half the ratio of a step to the one before; 0 in the first.
std::vector<double> second_order_betas(const Grid& grid);

}  // namespace lml
