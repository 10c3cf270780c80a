// Table 5: what the correction costs beside the network, counted by running the samplers themselves on a state that
// counts.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence correction_cost(const Context&);  // table5-cost

}  // namespace lml::checks
