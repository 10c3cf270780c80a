// Checks on the paper's own figures, Tables 1 to 4 of arXiv 2505.24222 (paper_checks/tables, figures only).
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence tables_best(const Context&);
Evidence tables_best_first(const Context&);
Evidence tables_best_most(const Context&);
Evidence dpm_jump_column(const Context&);
Evidence tables_evaluations(const Context&);
Evidence tables_evaluations_equal(const Context&);

}  // namespace lml::checks
