// From answers to rows: what an experiment's pointers find in a command's document.
#pragma once
#include <string>
#include <vector>

#include "experiments/experiment.hpp"

namespace lml {

/// What varies, then what stands beside the values, then measure, value, error.
std::vector<std::string> columns_of(const Experiment& experiment);

/// The rows of one answer, a field a column; none where it has null or, in some entries of a list, nothing, and
/// an empty field where only what stands beside it is missing there. Throws
/// SpecError, with the place in the experiment file, where it has no such value at all, unless the measure is optional
/// or the answer says that there is no such law, or where it holds something else than numbers there.
std::vector<std::vector<std::string>> rows_of(const Experiment& experiment, const Job& job, const Json& answer);

/// Rows without the columns that are averaged over: means, and as errors the standard errors of these means. The first
/// of `rows` holds the columns' names.
std::vector<std::vector<std::string>> averages_of(const Experiment& experiment,
                                                  const std::vector<std::vector<std::string>>& rows);

/// RFC 4180.
std::string csv_text(const std::vector<std::vector<std::string>>& rows);

}  // namespace lml
