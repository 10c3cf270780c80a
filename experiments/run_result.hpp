// What became of an experiment's jobs, and the folder that says so.
#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "experiments/experiment.hpp"

namespace lml {

/// One job of an experiment, and what became of it.
struct Point {
  Job job;
  std::string key;  // of its answer
  bool done = false, cached = false;
  std::string version;  // of the program that computed the answer
  std::string error;    // of one that failed
  int status = 0;       // its exit status
  double seconds = 0;
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, std::string> files;  // names, and what is in them
};

struct RunHeader {
  std::string size;              // quick, normal or full
  std::vector<std::string> set;  // of the command line
  double seconds = 0;            // that this run took
};

/// Writes manifest.json and measurements.csv (and each.csv, where that holds averages) into `folder`, the files of job
/// 3 into 003 below it, and takes away what an earlier result left there: its files, and figures of other numbers.
/// Throws UsageError.
void write_run(const std::filesystem::path& folder, const Experiment& experiment, const std::vector<Point>& points,
               const RunHeader& header);

/// Whether a folder holds the result of a run in which nothing is missing.
bool is_complete_run(const std::filesystem::path& folder);

}  // namespace lml
