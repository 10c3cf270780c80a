// Checks of Remark 2 of arXiv 2505.24222: what convergence in chi-squared gives of the other divergences.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence remark2_tv(const Context&);
Evidence remark2_hellinger(const Context&);
Evidence remark2_kl(const Context&);
Evidence remark2_wasserstein(const Context&);
Evidence remark2_wasserstein_metric(const Context&);

}  // namespace lml::checks
