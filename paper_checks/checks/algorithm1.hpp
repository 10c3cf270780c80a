// Algorithm 1 on exact targets: what it is, which order it has, what rounding does to it.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

// algorithm1_algebra.cpp
Evidence alg1_kappa_zero(const Context& context);
Evidence alg1_multistep(const Context& context);
Evidence alg1_increment(const Context& context);
Evidence alg1_increment_dpm(const Context& context);
Evidence alg1_increment_size(const Context& context);
Evidence minimal_kappa(const Context& context);

// algorithm1_rounding.cpp
Evidence alg1_float32(const Context& context);
Evidence alg1_float32_real(const Context& context);
Evidence alg1_noise(const Context& context);

// algorithm1_order.cpp
Evidence alg1_multistep_order(const Context& context);
Evidence alg1_best_beta(const Context& context);
Evidence alg1_best_beta_gain(const Context& context);
Evidence alg1_best_beta_paper(const Context& context);
Evidence better_correction(const Context& context);
Evidence better_adaptive(const Context& context);
Evidence better_rank_two(const Context& context);
Evidence better_fisher(const Context& context);

}  // namespace lml::checks
