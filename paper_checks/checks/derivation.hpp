// The derivation behind Proposition 1, step by step: Eq. 3, 5-6 and 13-16 of arXiv 2505.24222, each on its own.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

/// eps = -sigma grad log p_t minimises denoising score matching and x = alpha y + sigma eps.
Evidence tweedie(const Context&);
/// The outer product as the Gauss-Newton curvature of -log p_t.
Evidence levenberg_marquardt(const Context&);
/// Eq. 13 as printed: its mass; its slope; and whether p_t has its shape once both are mended.
Evidence gaussian_mass(const Context&);
Evidence gaussian_exponent(const Context&);
Evidence gaussian_shape(const Context&);
/// grad r = u, r = ||x - alpha y(x)||
Evidence gradient_of_r(const Context&);
/// (r/sigma) grad r has the Jacobian (grad r grad r^T + r Hess r)/sigma; that it is d eps/dx; that r Hess r may be
/// dropped.
Evidence jacobian_product_rule(const Context&);
Evidence jacobian_identity(const Context&);
Evidence jacobian_dropped_term(const Context&);

}  // namespace lml::checks
