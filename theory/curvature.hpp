// Cheap models of the Fisher F = -Hess log p_t = (I - (alpha^2/sigma^2) C)/sigma^2 at one point, and their relative
// Hilbert-Schmidt errors ||F - model||/||F|| (dimensionless; infinite where F = 0). An error above 1 is worse than the
// zero matrix. Costs are counted on top of the one evaluation of eps(x); a product F v with a network is one backward
// pass.
#pragma once
#include "theory/types.hpp"

namespace lml {

struct ModelErrors {
  double rank_one;         // u u^T/sigma^2, Proposition 1 of arXiv 2505.24222: no extra cost
  double identity;         // I/sigma^2, the curvature of a single data point: no extra cost
  double scaled_identity;  // (tr F/d) I, the best multiple of I: about one product (Hutchinson 1990)
  double diagonal;         // diag F: d products, or as many random probes as its accuracy asks
};
/// F [d, d] in 1/length^2, u [d] a unit vector.
ModelErrors model_errors(const Mat& fisher, const Vec& u, double sigma);

/// Error of (I - (alpha^2/sigma^2) C_k)/sigma^2, C_k the best rank-k approximation of the posterior covariance C: about
/// k products an iteration of a block power method. `spectrum` holds the eigenvalues of F, ascending; k = 0 is
/// I/sigma^2. Throws std::invalid_argument unless 0 <= k.
double rank_k_error(const Vec& spectrum, double sigma, Index k);

/// The least error that any rank-one matrix has (Eckart and Young 1936): sqrt(1 - 1/stable_rank).
double best_rank_one_error(const Vec& spectrum);
/// ||F||_HS^2/||F||_op^2, between 1 and d.
double stable_rank(const Vec& spectrum);

}  // namespace lml
