// The jump of DPM-Solver's column of Table 1 of arXiv 2505.24222 between 12 and 15 evaluations, and
// `lower_order_final`: the rule by which diffusers runs the last two steps at lower orders where there are fewer
// than 15.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence dpm_jump(const Context&);
Evidence dpm_jump_everywhere(const Context&);
Evidence dpm_jump_real_data(const Context&);
Evidence dpm_jump_plus_plus(const Context&);

}  // namespace lml::checks
