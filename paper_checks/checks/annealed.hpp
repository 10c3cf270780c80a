// Checks of Eq. 9, 10 and 18 of arXiv 2505.24222: the annealed SDE, its ODE and the chain they are said to come from.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

// annealed.cpp
Evidence eq9_eq10_marginals(const Context&);
Evidence eq10_keeps_pt(const Context&);
Evidence eq10_keeps_pt_normalised(const Context&);
Evidence eq10_keeps_pt_exact(const Context&);
Evidence eq10_corrected(const Context&);
// annealed_plane.cpp
Evidence eq9_eq10_marginals_normalised(const Context&);
// annealed_chain.cpp
Evidence eq9_limit(const Context&);
Evidence eq9_limit_ancestral(const Context&);

}  // namespace lml::checks
