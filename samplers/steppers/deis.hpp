// DEIS (Zhang & Chen 2023, arXiv 2204.13902) as tAB-DEIS in log rho, rho = sigma/alpha, orders 1 to 3: eps is the
// polynomial in log rho through the newest `order` answers, integrated exactly,
//
//   x_t = (alpha_t/alpha_s) x_s + alpha_t int_{rho_s}^{rho_t} P(log rho) drho = keep x_s + sum_j w_j eps_j
//
// One evaluation a step. Memory: the eps of the order - 1 steps before. The formula has order `order`; a whole run 2 at
// most, by its first step. Order 1 is DDIM and order 2 DPM-Solver of type `heun`; order 3 is DPM-Solver's with its
// second difference taken in full (dpm_weights.hpp).
#pragma once
#include "samplers/steppers/dpm_multistep.hpp"

namespace lml {

/// In powers of (l - l_s)/h, l = -log rho, the integrals are -sigma_t h {phi_1, phi_2, 2 phi_3}(h).
inline DpmTerms deis_terms(const Node& s, const Node& t, double h, int order, SolverType) {
  DpmTerms out = dpm_terms(s, t, h, order, SolverType::heun);
  out.d2 *= 2;
  return out;
}

struct Deis : DpmOrders {
  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const int k = at(grid, i);
    S eps = model.epsilon(x, grid[std::size_t(i)].from);
    const std::size_t most = std::size_t(order - 1);
    S next = dpm_step(spent(eps, memory, most), multistep_weights(deis_terms, grid, i, k, SolverType::heun), k, x, eps,
                      memory);
    return {std::move(next), remember(std::move(eps), std::move(memory), most)};
  }
};

}  // namespace lml
