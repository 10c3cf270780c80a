// Wasserstein distances where they are known exactly. On the line, with F, G the distribution functions,
//
//   W_1 = int |F - G| dx,   W_2^2 = int (x - T(x))^2 q(x) dx,  T = G^-1 o F  (the monotone map, Brenier);
//
// between Gaussians  W_2^2 = |m|^2 + tr(S + V - 2 (S^(1/2) V S^(1/2))^(1/2))  (Dowson & Landau 1982).
#pragma once
#include "dynamics/gaussian_gap.hpp"

namespace lml {

struct Wasserstein {
  double w1, w2;
};

/// Between two densities given at the nodes of `line` [n], each normalised on the mesh and piecewise a polynomial. W_2
/// to about the square root of the mesh's error where the two densities agree to all digits, else to that error.
Wasserstein wasserstein(const Line& line, const Vec& q, const Vec& p);

/// W_2 between two Gaussians of one dimension d.
double gaussian_w2(const Gaussian& q, const Gaussian& p);

}  // namespace lml
