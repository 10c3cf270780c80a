// Checks of Eq. 7 and 8 of arXiv 2505.24222: the damped metric, its limits, the critical damping and the convexity that
// Definition 2 and Assumption 1 ask for.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

// damping_algebra.cpp
Evidence eq8_inverse(const Context&);
Evidence eq8_prefactor(const Context&);
Evidence eq8_condition(const Context&);
Evidence eq8_condition_paper(const Context&);
// damping_limits.cpp
Evidence eq8_limit(const Context&);
Evidence eq8_limit_scaled(const Context&);
Evidence eq8_absorbed(const Context&);
// damping.cpp
Evidence eq7_critical_damping(const Context&);
Evidence eq7_critical_damping_mixture(const Context&);
Evidence eq7_critical_damping_real(const Context&);
Evidence eq7_critical_sharp(const Context&);
Evidence eq7_critical_sharp_edge(const Context&);
Evidence eq7_printed_sign(const Context&);
Evidence def2_convexity(const Context&);
Evidence def2_convexity_corrected(const Context&);
Evidence def2_convexity_paper(const Context&);

}  // namespace lml::checks
