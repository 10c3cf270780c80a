// Sec. B.2 of arXiv 2505.24222: lambda' is the best of five values by the reported metric. What the best of five draws
// of noise is worth.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence winners_curse(const Context&);
Evidence winners_curse_size(const Context&);

}  // namespace lml::checks
