// Weights of the exponential multistep formulas of DPM-Solver (Lu et al. 2022, arXiv 2206.00927) and DPM-Solver++
// (arXiv 2211.01095), in l = log(alpha/sigma). Over a step of length h = l_t - l_s, with m_0, m_1, m_2 the model's
// answers newest first and r_0, r_1 the lengths of the two steps before over h,
//
//   x_t = keep x_s + w_0 m_0 + w_1 m_1 + w_2 m_2
//
// DPM-Solver integrates eps, DPM-Solver++ x_0.
#pragma once
#include <algorithm>
#include <array>

#include "samplers/exponential.hpp"
#include "samplers/grid.hpp"

namespace lml {

enum class SolverType { midpoint, heun };

struct DpmWeights {
  double keep;
  std::array<double, 3> m{};
};

/// Which steps use which order: 1, 2, 3 while there is no more history; and lower at the end, as diffusers does.
struct DpmOrders {
  int order = 2;  // 1, 2 or 3
  bool lower_order_final = true;
  bool euler_at_final = false;

  int at(const Grid& grid, Index i) const {
    const Index n = Index(grid.size()), left = n - i;
    const bool short_run = lower_order_final && n < 15;
    int out = int(std::min<Index>(order, i + 1));
    if (left == 1 && (euler_at_final || short_run || grid.back().to.sigma == 0)) out = 1;
    if (left == 2 && short_run) out = std::min(out, 2);
    if (left == 1 && noise_level(grid.back().from) == noise_level(grid.back().to)) out = 1;  // no length: x stays
    return out;
  }
};

/// From weights of m_0 and of the divided differences D_1, D_2 to weights of m_0, m_1, m_2.
inline std::array<double, 3> from_differences(int order, double d0, double d1, double d2, double r0, double r1) {
  if (order == 1) return {d0, 0, 0};
  if (order == 2) return {d0 + d1 / r0, -d1 / r0, 0};
  const double share = r0 / (r0 + r1);
  const double d10 = d1 * (1 + share) + d2 / (r0 + r1), d11 = -d1 * share - d2 / (r0 + r1);
  return {d0 + d10 / r0, d11 / r1 - d10 / r0, -d11 / r1};
}

struct StepLengths {
  double h, r0 = 1, r1 = 1;
};
inline StepLengths step_lengths(const Grid& grid, Index i, int order) {
  const auto l = [&](Index j) { return log_snr(grid[std::size_t(j)].from); };
  StepLengths out{log_snr(grid[std::size_t(i)].to) - l(i)};
  if (order >= 2) out.r0 = (l(i) - l(i - 1)) / out.h;
  if (order >= 3) out.r1 = (l(i - 1) - l(i - 2)) / out.h;
  return out;
}

/// A step from s to t as keep x_s + d0 m + d1 D_1 + d2 D_2, D_j the divided differences of the model's answers.
struct DpmTerms {
  double keep, d0, d1 = 0, d2 = 0;
};

/// DPM-Solver: keep = alpha_t/alpha_s, m the noise prediction. sigma_t > 0.
inline DpmTerms dpm_terms(const Node& s, const Node& t, double h, int order, SolverType type) {
  DpmTerms out{t.alpha / s.alpha, -t.sigma * h * phi(1, h)};
  if (order >= 2) out.d1 = order == 2 && type == SolverType::midpoint ? out.d0 / 2 : -t.sigma * h * phi(2, h);
  if (order == 3) out.d2 = -t.sigma * h * phi(3, h);
  return out;
}

/// DPM-Solver++: keep = sigma_t/sigma_s, m the prediction of x_0. At order 1 sigma_t may be 0.
inline DpmTerms dpmpp_terms(const Node& s, const Node& t, double h, int order, SolverType type) {
  DpmTerms out{t.sigma / s.sigma, -t.alpha * std::expm1(-h)};
  if (order >= 2) out.d1 = order == 2 && type == SolverType::midpoint ? out.d0 / 2 : t.alpha * h * phi(2, -h);
  if (order == 3) out.d2 = t.alpha * h * phi(3, -h);
  return out;
}

template <class Terms>
DpmWeights multistep_weights(const Terms& terms, const Grid& grid, Index i, int order, SolverType type) {
  const auto [s, t] = grid[std::size_t(i)];
  const auto [h, r0, r1] = step_lengths(grid, i, order);
  const DpmTerms d = terms(s, t, h, order, type);
  return {d.keep, from_differences(order, d.d0, d.d1, d.d2, r0, r1)};
}
inline DpmWeights dpm_weights(const Grid& grid, Index i, int order, SolverType type) {
  return multistep_weights(dpm_terms, grid, i, order, type);
}
inline DpmWeights dpmpp_weights(const Grid& grid, Index i, int order, SolverType type) {
  return multistep_weights(dpmpp_terms, grid, i, order, type);
}

}  // namespace lml
