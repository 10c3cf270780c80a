// Checks of what Sec. 3.4 of arXiv 2505.24222 says about Algorithm 1, and of its line 3.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence closer_score(const Context&);
Evidence closer_score_learned(const Context&);
Evidence closer_score_flow(const Context&);
Evidence closer_score_step(const Context&);
Evidence closer_score_next(const Context&);
Evidence closer_score_corrected(const Context&);
Evidence unit_spectrum(const Context&);
Evidence unit_spectrum_norm(const Context&);
Evidence unit_spectrum_noise(const Context&);
Evidence discretises_eq10(const Context&);
Evidence discretises_eq10_normalised(const Context&);
Evidence initial_variance(const Context&);
Evidence initial_variance_edm(const Context&);

}  // namespace lml::checks
