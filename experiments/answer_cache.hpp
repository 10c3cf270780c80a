// Answers that were computed before, each in a file that is known by what was asked.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "experiments/experiment.hpp"
#include "experiments/file_digests.hpp"

namespace lml {

struct Answer {
  Json document;
  std::string version;                       // of the program that computed it
  double seconds = 0;                        // that it took
  std::map<std::string, std::string> files;  // names, and what is in them
};

/// This program: its version and the beginning of its own digest, so that two builds are told apart.
std::string program_version();

/// The file or folder that a word of a spec may mean: a data set, a path below `folder`, or a name in $LML_DATA or
/// among the project's models.
std::optional<std::filesystem::path> find_data(const std::string& word, const std::filesystem::path& folder);

class AnswerCache {
 public:
  explicit AnswerCache(const std::filesystem::path& folder) : folder_(folder), digests_(folder / "digests.json") {}

  /// Digest of the command, its options, the spec and the content of every file, folder, model and data set that the
  /// spec names, and of claims and their data; paths are relative to `folder`.
  std::string key(const Job& job, const std::filesystem::path& folder);
  /// What the keys took long to find out.
  void save_digests() { digests_.save(); }

  /// Nothing where there is no such answer, where `files` are wanted and it was kept without, or where it was altered:
  /// `altered` then names the file.
  std::optional<Answer> find(const std::string& key, bool files, std::string& altered) const;
  /// `files` says whether the answer has the job's files. Throws UsageError where it cannot be written.
  void keep(const std::string& key, const Job& job, const Answer& answer, bool files);

 private:
  std::filesystem::path folder_;
  FileDigests digests_;
};

}  // namespace lml
