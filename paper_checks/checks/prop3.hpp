// Eq. 1 and 4, Proposition 3 and its proof (A.3).
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence eq1_stationary(const Context&);
Evidence eq4_sign(const Context&);
Evidence eq4_sign_corrected(const Context&);
Evidence eq4_stationary(const Context&);
Evidence eq4_stationary_gaussian(const Context&);

Evidence prop3_exists(const Context&);
Evidence prop3_exists_exact(const Context&);
Evidence prop3_exists_rank_one(const Context&);
Evidence prop3_exists_scaled(const Context&);
Evidence prop3_exists_scaled_threshold(const Context&);
Evidence prop3_unique(const Context&);
Evidence prop3_unique_elliptic(const Context&);

Evidence prop3_exact(const Context&);
Evidence prop3_exact_gaussian(const Context&);
Evidence prop3_exact_printed(const Context&);
Evidence prop3_rank_one(const Context&);
Evidence prop3_rank_one_line(const Context&);
Evidence prop3_scaled(const Context&);
Evidence prop3_stratonovich(const Context&);
Evidence prop3_stratonovich_rank_one(const Context&);
Evidence prop3_stratonovich_half(const Context&);

Evidence prop3_corrected(const Context&);
Evidence prop3_three_ways(const Context&);
Evidence prop3_dimension(const Context&);

Evidence prop3_mirror(const Context&);
Evidence prop3_mirror_rank_one(const Context&);

}  // namespace lml::checks
