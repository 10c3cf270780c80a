// From answers to rows: what an experiment's pointers find in a command's document.
#pragma once
#include <string>
#include <vector>

#include "experiments/experiment.hpp"

namespace lml {

/// What varies, then what stands beside the values, then measure, value, error.
std::vector<std::string> columns_of(const Experiment& experiment);

/// The rows of one answer, a field a column; an empty field where there is nothing, or null. Throws SpecError, with the
/// place in the experiment file, where the answer has no such value or holds something else than numbers there.
std::vector<std::vector<std::string>> rows_of(const Experiment& experiment, const Job& job, const Json& answer);

/// RFC 4180.
std::string csv_text(const std::vector<std::vector<std::string>>& rows);

}  // namespace lml
