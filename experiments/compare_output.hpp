// What the two programs that compare samplers, on exact targets and on networks, print alike.
#pragma once
#include <string>
#include <vector>

#include "experiments/json.hpp"
#include "theory/types.hpp"

namespace lml {

/// "dpm_solver++ solver_order=3"
std::string label(const Json& sampler);
/// "stable kappa=0.001 lambda=0.004"; "none" of null.
std::string label_of_correction(const Json& lml);
/// kappa d/lambda', as which kappa ||eps||^2/lambda' begins: at much noise ||eps||^2 is d on average. Null where the
/// form does not have both.
Json nominal_beta(const Json& lml, Index d);

/// For a person, of runs with the keys label, correction, steps, nfe, error, standard_error, median and, where
/// `columns` names them, further numbers.
std::string table_of_runs(const Json& runs, const std::vector<std::string>& columns = {});

}  // namespace lml
