// Denoising MCMC by Langevin-Gibbs (Kim & Ye 2022, arXiv 2209.14593): a Markov chain on the product of data and noise
// level, whose last state a sampler denoises from the level that it has. With the levels s_0 > .. > s_K-1 at which the
// sampler's own steps begin, all equally probable, y = x/alpha, and p_k the law of x_0 + s_k z,
//
//   Langevin: y <- y + (eta/2) grad log p_k(y) + sqrt(eta) z,  eta = step s_k^2;  with `metropolis` accepted as in MALA
//   Gibbs:    k <- a draw from p(k | y) = p_k(y)/sum_j p_j(y), exact here; the paper learns a classifier
//
// Invariant law: y and k jointly p_k(y)/K, exactly with `metropolis`, else up to O(step) (the Gibbs draw is always
// exact). In equilibrium the denoiser therefore starts from its own p_k, at a level that is uniform. It says nothing
// of how fast a chain gets there from the start, at level 0. The paper has one eta for all levels; its published code
// takes the most probable k for the draw and denoises the least noisy state of the last steps, neither of which keeps
// that law.
#pragma once
#include <functional>
#include <vector>

#include "samplers/exact_source.hpp"

namespace lml {

struct LangevinGibbs {
  Index steps = 20;
  double step = 0.5;  // eta/s^2 > 0
  bool metropolis = false;
  Index calls_a_step() const { return metropolis ? 2 : 1; }
};

/// n chains: y [n, d], and the level of each.
struct Chains {
  Points y;
  std::vector<Index> level;
};

/// N(0, I) [n, d], one for each of the stages 0, 1 and 2.
using StageNoise = std::function<Points(int stage)>;

/// One step of every chain.
Chains langevin_gibbs_step(const LangevinGibbs& method, const std::vector<Node>& levels, ExactSource& source,
                           const Chains& chains, const StageNoise& noise);

/// p(k | y), n x K.
Points level_probabilities(const std::vector<Node>& levels, ExactSource& source, const Points& y);

/// Of each level the rows that are at it.
std::vector<std::vector<Index>> rows_by_level(const std::vector<Index>& level, std::size_t levels);

}  // namespace lml
