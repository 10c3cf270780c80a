// Noise schedules: t -> (alpha, sigma). Discrete ones have diffusers' meaning (t an integer from 0, alpha^2 the running
// product of 1 - beta, kept in float64); vp_sde is Song et al. 2021 (arXiv 2011.13456), edm Karras et al. 2022
// (arXiv 2206.00364), rectified_flow Liu et al. 2022 (arXiv 2209.03003).
#pragma once
#include <variant>
#include <vector>

#include "theory/types.hpp"

namespace lml {

struct DiscreteSchedule {
  std::vector<double> alpha_bar;  // [num_train_timesteps], alpha^2
  static DiscreteSchedule linear(double beta_start, double beta_end, Index num_train_timesteps);
  static DiscreteSchedule scaled_linear(double beta_start, double beta_end, Index num_train_timesteps);
  static DiscreteSchedule squaredcos_cap_v2(Index num_train_timesteps);
  /// Throws BadInput ("/betas/i") unless every beta lies in (0, 1).
  static DiscreteSchedule trained_betas(const std::vector<double>& betas);
};
/// alpha = exp(-t^2 (beta_max - beta_min)/4 - t beta_min/2), 0 < t <= 1
struct VpSde {
  double beta_min = 0.1;
  double beta_max = 20;
};
/// alpha = 1, sigma = t > 0
struct Edm {};
/// alpha = 1 - t, sigma = t, 0 < t <= 1
struct RectifiedFlow {};

using Schedule = std::variant<DiscreteSchedule, VpSde, Edm, RectifiedFlow>;

/// Throws BadInput ("/t") where t is outside the schedule or, for a discrete one, not an integer.
Time at(const Schedule& schedule, double t);

}  // namespace lml
