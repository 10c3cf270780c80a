// Proposition 1 of arXiv 2505.24222: u u^T/sigma^2, u = eps/||eps||, as a model of the curvature of -log p_t.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

/// Whether the outer product stands for the Hessian of +log p_t, as printed, or of -log p_t.
Evidence outer_product_sign(const Context&);
/// Its relative error over noise levels, dimensions and targets.
Evidence outer_product_error(const Context&);
/// Against I/sigma^2, the diagonal of F, and the exact rank-k part of the posterior covariance.
Evidence outer_product_alternatives(const Context&);
/// The same on Fashion-MNIST.
Evidence outer_product_real_data(const Context&);

}  // namespace lml::checks
