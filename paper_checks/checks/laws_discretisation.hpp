// Checks of what a finite step does to the law of a Langevin dynamics, beside what a missing div D does, and of "the
// Metropolis step can often be ignored" (Sec. 2.1 of arXiv 2505.24222).
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence metropolis_langevin(const Context&);
Evidence metropolis_damped(const Context&);
Evidence metropolis_acceptance_rate(const Context&);
Evidence step_bias(const Context&);
Evidence step_bias_rank_one(const Context&);

}  // namespace lml::checks
