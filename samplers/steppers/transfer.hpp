// DDIM's step as a map of (x, eps), which PNDM calls the transfer (Liu et al. 2022, arXiv 2202.09778, Eq. 9), and sums
// over a history in one pass.
//
//   x' = keep x + along eps,   keep = alpha'/alpha,   along = sigma' - keep sigma = alpha' (sigma'/alpha' -
//   sigma/alpha)
//
// Exact where eps is constant.
#pragma once
#include <array>

#include "samplers/steppers/stepper.hpp"

namespace lml {

struct Transfer {
  double keep, along;
};
inline Transfer transfer(const Node& from, const Node& to) {
  const double keep = to.alpha / from.alpha;
  return {keep, to.sigma - keep * from.sigma};
}

/// c x + sum_j w_j m_j over the `count` newest of m0, before[0], before[1], ... (count from 1 to 4).
template <State S>
S weighted(double c, const S& x, const std::array<double, 4>& w, std::size_t count, const S& m0,
           const Memory<S>& before) {
  switch (count) {
    case 1: return combine(c, x, w[0], m0);
    case 2: return combine(c, x, w[0], m0, w[1], before[0]);
    case 3: return combine(c, x, w[0], m0, w[1], before[0], w[2], before[1]);
    default: return combine(c, x, w[0], m0, w[1], before[0], w[2], before[1], w[3], before[2]);
  }
}

/// Of Adams-Bashforth for equal steps, newest first; order 1 to 4.
inline std::array<double, 4> adams_bashforth(std::size_t order) {
  switch (order) {
    case 1: return {1};
    case 2: return {3 / 2., -1 / 2.};
    case 3: return {23 / 12., -16 / 12., 5 / 12.};
    default: return {55 / 24., -59 / 24., 37 / 24., -9 / 24.};
  }
}

/// The transfer of x along the extrapolated eps.
template <State S>
S adams_bashforth_step(const Transfer& t, std::size_t order, const S& x, const S& eps, const Memory<S>& before) {
  std::array<double, 4> w = adams_bashforth(order);
  for (double& v : w) v *= t.along;
  return weighted(t.keep, x, w, order, eps, before);
}

}  // namespace lml
