// Digests of data files and model folders, remembered beside the answers so that a file is read again only after it
// changed.
#pragma once
#include <filesystem>
#include <map>
#include <string>

namespace lml {

class FileDigests {
 public:
  /// Reads what was remembered in `memory`; whatever is wrong with it, it is made anew.
  explicit FileDigests(std::filesystem::path memory);
  /// Of a file; of a folder, of the names and digests of all files below it, in order. Throws UsageError.
  std::string of(const std::filesystem::path& path);
  /// Writes what is new into the memory; a failure costs time only, and is ignored.
  void save();

 private:
  struct Known {
    std::uintmax_t size;
    long long changed;  // nanoseconds since the epoch
    std::string digest;
  };
  std::string of_file(const std::filesystem::path& path);

  std::filesystem::path memory_;
  std::map<std::string, Known> known_;
  bool fresh_ = false;
};

}  // namespace lml
