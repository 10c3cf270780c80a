// DPM-Solver and DPM-Solver++ for the reverse SDE (Lu et al. 2022, arXiv 2211.01095), multistep, as diffusers'
// sde-dpmsolver (orders 1 and 2) and sde-dpmsolver++ (orders 1 to 3). With h = l_t - l_s, l = log(alpha/sigma), D_1 and
// D_2 the differences of dpm_weights.hpp, m the prediction of eps (first) or x_0 (second),
//
//   x_t = (alpha_t/alpha_s) x_s - 2 sigma_t (e^h - 1) m + d1 D_1 + sigma_t sqrt(e^(2h) - 1) z
//   x_t = (sigma_t/sigma_s) e^-h x_s + alpha_t (1 - e^(-2h)) m + d1 D_1 + d2 D_2 + sigma_t sqrt(1 - e^(-2h)) z
//
// d1: half the factor of m (midpoint), or -2 sigma_t h phi_2(h) and 2 alpha_t h phi_2(-2h) (heun, and order 3). d2 is
// diffusers' own, -alpha_t (phi_2(-2h) + 1/2), for parity; integration gives alpha_t (1/2 - phi_2(-2h)), and so the
// third-order formula is of weak order 1. The others have their weak orders, 1 and 2. One evaluation a step. Memory: as
// in dpm_multistep.hpp.
#pragma once
#include "samplers/steppers/dpm_multistep.hpp"

namespace lml {

inline DpmTerms sde_dpm_terms(const Node& s, const Node& t, double h, int order, SolverType type) {
  DpmTerms out{t.alpha / s.alpha, -2 * t.sigma * h * phi(1, h)};
  if (order >= 2) out.d1 = type == SolverType::midpoint ? out.d0 / 2 : -2 * t.sigma * h * phi(2, h);
  return out;
}

inline DpmTerms sde_dpmpp_terms(const Node& s, const Node& t, double h, int order, SolverType type) {
  DpmTerms out{t.sigma / s.sigma * std::exp(-h), -t.alpha * std::expm1(-2 * h)};
  if (order >= 2) out.d1 = order == 2 && type == SolverType::midpoint ? out.d0 / 2 : 2 * t.alpha * h * phi(2, -2 * h);
  if (order == 3) out.d2 = -t.alpha * (phi(2, -2 * h) + 0.5);
  return out;
}

struct SdeDpmSolver : DpmOrders {  // order 1 or 2
  SolverType type = SolverType::midpoint;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise& noise) const {
    const auto [from, to] = grid[std::size_t(i)];
    const double deviation = to.sigma * std::sqrt(std::expm1(2 * (log_snr(to) - log_snr(from))));
    const int k = at(grid, i);
    S eps = model.epsilon(x, from);
    const S mean = dpm_step(multistep_weights(sde_dpm_terms, grid, i, k, type), k, x, eps, memory);
    return {combine(1, mean, deviation, noise(i, 0)),
            remember(std::move(eps), std::move(memory), std::size_t(order - 1))};
  }
};

struct SdeDpmSolverPlusPlus : DpmOrders {
  SolverType type = SolverType::midpoint;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise& noise) const {
    const auto [from, to] = grid[std::size_t(i)];
    const double deviation = to.sigma * std::sqrt(-std::expm1(-2 * (log_snr(to) - log_snr(from))));
    const int k = at(grid, i);
    S x0 = model.data(x, from);
    S next = dpm_step(multistep_weights(sde_dpmpp_terms, grid, i, k, type), k, x, x0, memory);
    if (deviation > 0) next = combine(1, next, deviation, noise(i, 0));
    return {std::move(next), remember(std::move(x0), std::move(memory), std::size_t(order - 1))};
  }
};

}  // namespace lml
