// An experiment file (experiments/NAME.toml): what a question varies and what it measures.
#pragma once
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "experiments/document.hpp"

namespace lml {

/// One [[vary]]: a column of the measurements, and what it changes in the spec.
struct Varied {
  std::string name;
  std::vector<std::string> keys;          // as of --set, or --seed
  std::vector<std::vector<Json>> values;  // an entry holds a value a key
  std::vector<std::string> labels;        // one an entry: what stands in the column
  bool average = false;                   // over its entries, rather than a column
  bool set = false;                       // by --set
  std::string pointer;                    // in the file
};

/// One [[measure]]: JSON pointers into an answer, or after `spec:` into its job's spec; * stands for every entry of a
/// list, and the *s of one measure walk together. A pointer names an entry of a list by its number, its `id` or `name`,
/// or, in a table's row, its column: `/claims/prop2-fisher/tables/map/rows/*/sigma`. For `error` and `along` the name
/// alone of what stands beside the value is enough.
struct Measure {
  std::string name, value, error;
  std::vector<std::pair<std::string, std::string>> along;
  bool optional = false;  // an answer may lack it (a law that does not exist)
  std::string pointer;    // in the file
};

struct Experiment {
  std::string name;
  Document file;
  std::string title, question, paper, command, figure;
  std::vector<std::string> claims;
  std::vector<std::string> needs;  // data sets and models that must be here
  std::vector<std::string> sizes;  // at which it makes sense
  bool files = false;              // whether what its jobs write into --out is kept
  Json spec = Json::object(), axes = Json::object(), draw = Json::object();
  std::vector<Varied> vary;
  std::vector<Measure> measures;
  std::map<std::string, std::string> changed;  // keys of the spec that a size sets, and where; empty: --set
  double cost = 0;                             // seconds of one core at this size; 0: not said

  /// Where in the file a job's value of this pointer comes from: `file:line: /pointer`.
  std::string origin(const std::string& spec_pointer) const;
};

/// Reads a file at a size (quick, normal or full), then applies --set: KEY is a column's name (its values become
/// VALUE, or the entries of VALUE) or a key of the spec. Throws SpecError, which names the file, the line, the place
/// and the nearest known name.
Experiment read_experiment(const std::string& path, const std::string& size, const std::vector<std::string>& sets = {});

/// One point of an experiment.
struct Job {
  std::string command;
  Json spec;
  std::vector<std::string> options;  // "--seed", "3"
  std::vector<std::string> labels;   // one a column
};

/// Every combination of the varied values, the last column fastest.
std::vector<Job> jobs_of(const Experiment& experiment);

/// The file of an experiment: one of the project's by its name, or a path that ends in .toml. Throws UsageError with
/// the nearest name.
std::string find_experiment(const std::string& name);
/// The project's experiments, in the order of their names.
std::vector<std::string> experiment_names();

}  // namespace lml
