// What can be said of a Fisher F = -Hess log p_t at a point from products F v alone: its size, its leading eigenpairs,
// and how far cheap models of it are off. All in units of 1/sigma^2, of G = sigma^2 F (dimensionless; the curvature of
// a single data point is G = I).
//
// A learned F = (d eps_theta/dx)/sigma need not be symmetric: S = (G + G^T)/2 has the eigenpairs, ||G||^2 = ||S||^2 +
// ||(G - G^T)/2||^2 (Hilbert-Schmidt). Eigenpairs by Lanczos (1950) with full re-orthogonalisation, as a Rayleigh-Ritz
// step on its basis Q; norms and traces by Hutchinson (1990) with random signs v on what Q leaves, ||S||^2 = ||S Q||^2
// + E ||S (I - Q Q^T) v||^2 (Hutch++, Meyer, Musco, Musco, Woodruff 2021), with jackknife standard errors.
#pragma once
#include <functional>
#include <vector>

#include "theory/types.hpp"

namespace lml {

/// G at n points: v and the answer are n x d, row i belongs to point i.
struct FisherProducts {
  std::function<Points(const Points&)> times;             // G v
  std::function<Points(const Points&)> transposed_times;  // G^T v; none: G is symmetric
};

struct FisherProbes {
  Index probes = 8;      // random signs, >= 2
  Index steps = 24;      // of Lanczos, >= eigenpairs; no more than d are done
  Index eigenpairs = 8;  // >= 1
  std::uint64_t seed = 0;
  std::uint64_t first = 0;  // number of the first point, which addresses its draws

  /// Products with G and, where it is not symmetric, as many with G^T.
  Index products(Index d) const { return probes + std::min(steps, d) + 1; }
};

struct Estimated {
  double value = 0, standard_error = 0;  // of the random signs alone
};

struct Eigenpair {
  double value;     // of S
  double residual;  // ||S v - value v||, ||v|| = 1: some eigenvalue is that near
  double cosine;    // |u . v|
};

/// Of one point. Relative errors are ||G - model||/||G||, 1 for the zero matrix; infinite where G = 0.
struct FisherFigures {
  double along_u = 0;         // u^T G u, which Proposition 1 has as 1
  double u_residual = 0;      // ||G u - (u^T G u) u||/||G u||: 0 where u is an eigenvector
  Estimated asymmetry;        // ||G - G^T||/||G||
  Estimated trace;            // tr G/d, the mean eigenvalue
  Estimated norm;             // ||G||/sqrt(d), the root mean square singular value
  Estimated rank_one;         // u u^T, Proposition 1
  Estimated rank_one_plain;   // the same by E ||(G - u u^T) v||^2 / E ||G v||^2 alone: a second way
  Estimated identity;         // I
  Estimated scaled_identity;  // (tr G/d) I
  Estimated rank_k;           // I + the leading eigenpairs of the deviation S - I
  Estimated held;             // their share of ||S - I||^2; 1 where that is 0
  /// Leading ones of S - I, the farthest from 1 first.
  std::vector<Eigenpair> deviating;
  Eigenpair largest{}, smallest{};  // of S
};

/// `u` [n, d]: unit vectors eps/||eps||. Throws std::invalid_argument on counts out of range.
std::vector<FisherFigures> fisher_figures(const FisherProducts& g, const Points& u, const FisherProbes& ask);

/// The random signs number `probe` of each point, n x d.
Points random_signs(const FisherProbes& ask, Index probe, Index n, Index d);

}  // namespace lml
