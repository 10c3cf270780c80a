// Proposition 2 and the steps of its proof (A.6), reading by reading; the bounds that hold instead (theory/PROOFS.md).
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence prop2_fisher(const Context&);
Evidence prop2_jacobian(const Context&);
Evidence prop2_remainder(const Context&);
Evidence prop2_true_r(const Context&);
Evidence prop2_learned(const Context&);

Evidence prop2_identity_norm(const Context&);
Evidence prop2_diameter(const Context&);
Evidence prop2_delta2(const Context&);
Evidence prop2_prefactors(const Context&);

Evidence prop2_corrected(const Context&);
Evidence prop2_corrected_optimal(const Context&);
Evidence prop2_learned_corrected(const Context&);
Evidence prop2_quarter(const Context&);

Evidence prop2_real_data(const Context&);
Evidence prop2_real_data_everywhere(const Context&);

}  // namespace lml::checks
