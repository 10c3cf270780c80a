// The folder of results of `lml check`: result.json, a CSV file a table, and manifest.json with the SHA-256 of each.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "experiments/command.hpp"
#include "experiments/json.hpp"

namespace lml {

struct CheckResult {
  Json claims;                                              // documents of the claims that ran, in `order`
  std::vector<std::pair<std::string, std::string>> tables;  // name of the CSV file, text
};

/// The CSV files that the tables of a claim's document stand in.
std::vector<std::string> table_files(const Json& claim);

/// Writes into common.out, and removes tables that were named there and no longer are. With `keep`, the claims of
/// `order` that did not run keep what they gave there before, if that is whole, of this version and about the paper; a
/// line on standard error says where it is not. Throws UsageError.
void write_check(const Common& common, CheckResult result, const std::vector<std::string>& order, bool keep);

}  // namespace lml
