// Answers that were computed before, each in a file that is known by what was asked.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/experiment.hpp"

namespace lml {

struct Answer {
  Json document;
  std::string version;                        // of the program that computed it
  double seconds = 0;                         // that it took
  std::map<std::string, std::string> arrays;  // names, and the bytes of .npy files
};

/// This program: its version and the beginning of its own digest, so that two builds are told apart.
std::string program_version();

class AnswerCache {
 public:
  explicit AnswerCache(std::filesystem::path folder) : folder_(std::move(folder)) {}

  /// Digest of the command, its options, the spec and the content of every file that the spec names, relative to
  /// `folder`.
  std::string key(const Job& job, const std::filesystem::path& folder);

  /// Nothing where there is no such answer, where it lacks one of `arrays`, or where the file was altered: `altered`
  /// then names it.
  std::optional<Answer> find(const std::string& key, const std::vector<std::string>& arrays,
                             std::string& altered) const;
  /// Throws UsageError where it cannot be written.
  void keep(const std::string& key, const Job& job, const Answer& answer) const;

 private:
  std::filesystem::path folder_;
  std::map<std::string, std::string> digests_;  // of files that specs name
};

}  // namespace lml
