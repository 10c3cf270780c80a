// Selling's decomposition (Selling 1874; Conway and Sloane 1992) of a positive definite matrix in dimension 2 or 3,
//
//   D = sum_k w_k e_k e_k^T,   w_k >= 0,  e_k integer vectors
//
// with 3 (d = 2) or 6 (d = 3) terms: fluxes along such offsets of a grid make a consistent finite difference scheme of
// non-negative weights for any D (Fehrenbach and Mirebeau 2014). The offsets are as long as the square root of D's
// condition number.
#pragma once
#include <array>

#include "theory/types.hpp"

namespace lml {

struct Stencil {
  struct Term {
    std::array<int, 3> offset;  // the third is 0 in two dimensions
    double weight;              // > 0
  };
  std::array<Term, 6> terms;
  int size = 0;
  /// Trace of (sum_k w_k e_k e_k^T - D) over trace of D: 0 unless the reach binds; the excess is positive semidefinite.
  double excess = 0;
};

/// No offset has a component beyond `reach` >= 1. D is read as symmetric.
Stencil selling(const Eigen::Matrix2d& d, int reach);
Stencil selling(const Eigen::Matrix3d& d, int reach);

}  // namespace lml
