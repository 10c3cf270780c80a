// `lml run`: experiments, from their files to folders of measurements.
#pragma once
#include <string>
#include <vector>

#include "experiments/command.hpp"

namespace lml {

struct RunOptions {
  std::vector<std::string> names;  // of experiments, or .toml files; all: every one
  bool list = false, quick = false, full = false, fresh = false;
  std::string program;  // that answers specs; empty: this one
};

/// Writes OUT/NAME for every experiment (OUT is --out, or else results) and keeps answers in OUT/cache. Exit status: 0;
/// 2 where a job failed; 3 where a job needs what is not here; 128 + the signal that stopped it. Throws SpecError or
/// UsageError before anything runs where a file or a name is wrong.
int run_command(const Common& common, const RunOptions& options);

}  // namespace lml
