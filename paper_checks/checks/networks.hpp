// Claims about real networks: a spec goes to `lml-torch`, which runs the same samplers on LibTorch.
#pragma once
#include "paper_checks/check.hpp"

namespace lml::checks {

Evidence correction_on_a_network(const Context& context);
Evidence correction_on_faces(const Context& context);
Evidence correction_on_drawn_faces(const Context& context);
Evidence published_code_on_a_network(const Context& context);
Evidence exact_correction_on_drawn_faces(const Context& context);
Evidence published_code_on_drawn_faces(const Context& context);
Evidence exact_correction_on_a_network(const Context& context);
Evidence score_error_of_a_network(const Context& context);
Evidence rank_one_on_a_network(const Context& context);
Evidence overhead_on_a_network(const Context& context);

}  // namespace lml::checks
