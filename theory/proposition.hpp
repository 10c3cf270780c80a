// Propositions 1 and 2 of arXiv 2505.24222 at one point.
//
// Proposition 1:  Hess log p_t ~ eps eps^T/(sigma^2 ||eps||^2); with the sign that its derivation has, u u^T/sigma^2
// stands for the Fisher F = -Hess log p_t, u = eps/||eps||.
// Proposition 2:  the error is at most (delta_1 + alpha delta_2 + alpha D_y)(2 + delta_3 + 2 (alpha^2/sigma^2) D_y^2),
// ||x_t|| <= delta_1, delta_2 the error of eps_theta, delta_3 of its second derivative, D_y the data's diameter.
// Norms are Hilbert-Schmidt.
#pragma once
#include <optional>

#include "theory/marginal.hpp"

namespace lml {

/// u = eps/||eps||, or nothing where ||eps|| <= 1e-14 (||x|| + alpha max ||y||)/sigma: rounding decides its direction.
std::optional<Vec> noise_direction(const Local& local, const VecRef& x, const Marginal& marginal);
/// The same for many points of one target: `farthest` = max ||y|| is found once, by farthest_mean.
std::optional<Vec> noise_direction(const Local& local, const VecRef& x, Time time, double farthest);
double farthest_mean(const Target& target);

/// u u^T/sigma^2
Mat rank_one(const Vec& u, double sigma);

struct RankOneError {
  double fisher_norm;   // ||F||
  double error_fisher;  // ||F - u u^T/sigma^2||
  double relative() const { return error_fisher / fisher_norm; }
};
RankOneError rank_one_error(const Mat& fisher, const Vec& u, double sigma);

/// tr sum_k r_k A_k^-1, F's trace before the spread of the g_k is taken off it: F is 0 up to rounding where
/// ||F|| <= 1e-14 times this.
double precision_trace(const Local& local, const Marginal& marginal);

/// The printed bound. D_y may be infinite.
double bound_paper(double delta_1, double delta_2, double delta_3, double diameter, Time time);
/// (sqrt(d-1) + alpha^2 D_y^2/(2 sigma^2))/sigma^2 bounds ||F - u u^T/sigma^2|| for points of diameter D_y; proof in
/// theory/PROOFS.md. At alpha = 0 the D_y term is 0, also for infinite D_y.
double bound_corrected(Index d, double diameter, Time time);
/// The same with D_y^2/4 in place of D_y^2/2: ||C||_HS <= D_y^2/4 (theory/PROOFS.md), the best constant.
double bound_sharp(Index d, double diameter, Time time);
/// sqrt(d - 1 + (alpha D_y/(2 sigma))^4)/sigma^2, the least bound that depends on (d, D_y, alpha, sigma) alone: two
/// points attain it for each of them (theory/PROOFS.md, Theorem 3). It holds for every unit vector in place of u.
double bound_optimal(Index d, double diameter, Time time);

/// error <= bound, up to rounding: error <= bound (1 + 1e-9) + 1e-12/sigma^2.
bool holds(double error, double bound, double sigma);

}  // namespace lml
