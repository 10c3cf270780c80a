// Checks of Proposition 4 of arXiv 2505.24222: the Poincare constant of the damped metric, the decay of chi-squared,
// and what damping gains over Langevin at equal cost. Proofs: theory/PROOFS-CONVERGENCE.md.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

// prop4.cpp
Evidence prop4_gaussian(const Context&);
Evidence prop4_brascamp_lieb(const Context&);
Evidence prop4_brascamp_lieb_any(const Context&);
Evidence prop4_undamped(const Context&);
// prop4_decay.cpp
Evidence prop4_decay(const Context&);
Evidence prop4_decay_printed(const Context&);
Evidence prop4_which_law(const Context&);
Evidence prop4_sign_slip(const Context&);
// prop4_cost.cpp
Evidence prop4_equal_cost(const Context&);
Evidence prop4_equal_cost_modes(const Context&);
Evidence prop4_equal_cost_bias(const Context&);
Evidence prop4_mode_crossing(const Context&);
Evidence prop4_mode_crossing_exponential(const Context&);
// prop4_plane.cpp
Evidence prop4_decay_plane(const Context&);
Evidence prop4_mode_crossing_plane(const Context&);

}  // namespace lml::checks
