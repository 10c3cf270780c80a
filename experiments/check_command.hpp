// `lml check`: the paper's claims, their verdicts, and a report.
#pragma once
#include <string>
#include <vector>

#include "experiments/command.hpp"

namespace lml {

struct CheckOptions {
  std::vector<std::string> ids;  // claims, or the beginnings of their names ("prop2"); none: all
  std::string target;            // a target's file or name: run the claims on it instead of their own
  bool list = false;
  bool full = false;
};

/// Exit status: 0, or 1 where a verdict is not the recorded one or a control was not rejected. Throws UsageError for an
/// unknown claim or one that takes no target, SpecError for a bad target.
/// Results and the report go to --out; else those of a target of one's own to results/check-NAME, the others to
/// results/check, where claims that did not run keep what they gave before.
int check_command(const Common& common, const CheckOptions& options);

}  // namespace lml
