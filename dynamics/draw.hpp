// Exact draws from p_t.
#pragma once
#include "dynamics/random.hpp"
#include "theory/marginal.hpp"

namespace lml {

/// n x d: row i is the draw of sample first + i, x = alpha m_k + A_k^(1/2) z with k chosen by the uniform at (sample,
/// 0, 0) and z the normals at (sample, 1). A weight that rounds to 0 beside the others is never drawn.
Points draw(const Marginal& p, const Random& random, std::uint64_t first, Index n);

}  // namespace lml
