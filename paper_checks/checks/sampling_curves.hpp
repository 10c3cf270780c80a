// Quality against lambda' and kappa (Sec. 5.5, Fig. 9 and 10 of arXiv 2505.24222) on exact targets: DDIM, 10
// evaluations, distance to the exact flow's end points and to the data.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence fig9_lambda(const Context&);
Evidence fig9_lambda_float32(const Context&);
Evidence fig10_kappa(const Context&);
Evidence fig10_kappa_paper(const Context&);
Evidence fig10_kappa_float32(const Context&);
Evidence fig10_kappa_data(const Context&);
Evidence monotone(const Context&);
Evidence monotone_paper(const Context&);
Evidence monotone_float32(const Context&);
Evidence robust(const Context&);

}  // namespace lml::checks
