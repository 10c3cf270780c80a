// `lml report`: one page of everything under results/, made by plots/report.
#pragma once
#include <string>
#include <vector>

namespace lml {

struct ReportOptions {
  std::string results = "results";
  std::string out;       // the page; empty: report.html in `results`
  std::string findings;  // write this Markdown file instead
  std::string record;    // or add what the claims showed to this file
};

/// Becomes python3, as plot_command does.
[[noreturn]] void report_command(const ReportOptions& options);

/// The call that writes the page of one run of `lml check`, as run_program takes it; `target` is the user's own, or
/// empty.
std::vector<std::string> report_of_check(const std::string& folder, const std::string& target);

}  // namespace lml
