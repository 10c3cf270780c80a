#include "experiments/compare_output.hpp"

#include <nlohmann/json.hpp>

#include "experiments/output.hpp"

namespace lml {
namespace {

// A table in which a row of a single entry is a heading, and makes no column wide.
std::string headed_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> body;
  for (const auto& row : rows)
    if (row.size() > 1) body.push_back(row);
  std::string lines = table(body, "lr"), out;
  std::size_t at = 0;
  for (const auto& row : rows) {
    if (row.size() == 1) {
      out += row[0] + '\n';
      continue;
    }
    const std::size_t end = lines.find('\n', at) + 1;
    out += lines.substr(at, end - at);
    at = end;
  }
  return out;
}

}  // namespace

std::string label(const Json& sampler) {
  std::string out = sampler["name"].get<std::string>();
  for (const auto& [key, value] : sampler.items())
    if (key != "name") out += ' ' + key + '=' + (value.is_string() ? value.get<std::string>() : dump(value));
  return out;
}
std::string label_of_correction(const Json& lml) {
  if (lml.is_null()) return "none";
  std::string out = lml["form"].get<std::string>();
  for (const char* key : {"kappa", "lambda"})
    if (lml.contains(key)) out += std::string(" ") + key + '=' + dump(lml[key]);
  if (lml.contains("precision")) out += " in " + lml["precision"].get<std::string>();
  return out;
}

Json nominal_beta(const Json& lml, Index d) {
  if (lml.is_null() || !lml.contains("kappa") || !lml.contains("lambda")) return {};
  return figure(lml["kappa"].get<double>() * double(d) / lml["lambda"].get<double>());
}

std::string table_of_runs(const Json& runs, const std::vector<std::string>& columns) {
  std::vector<std::vector<std::string>> rows{{"", "steps", "nfe", "error", "standard error", "median"}};
  rows[0].insert(rows[0].end(), columns.begin(), columns.end());
  std::string sampler, correction;
  for (const Json& r : runs) {
    const bool other = r["label"].get<std::string>() != sampler;
    if (other) rows.push_back({sampler = r["label"].get<std::string>()});
    if (other || r["correction"].get<std::string>() != correction) {
      correction = r["correction"].get<std::string>();
      rows.push_back({"  correction: " + correction});
    }
    std::vector<std::string> row{"", dump(r["steps"])};
    std::vector<std::string> shown{"nfe", "error", "standard_error", "median"};
    shown.insert(shown.end(), columns.begin(), columns.end());
    for (const std::string& c : shown) {
      const Json value = r.value(c, Json());
      row.push_back(value.is_number() ? brief(value.get<double>()) : value.is_string() ? value.get<std::string>() : "");
    }
    rows.push_back(std::move(row));
  }
  return headed_table(rows);
}

}  // namespace lml
