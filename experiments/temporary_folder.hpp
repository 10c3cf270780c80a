#pragma once
#include <filesystem>

namespace lml {

/// A folder that is gone with this.
class TemporaryFolder {
 public:
  /// Throws UsageError, which names TMPDIR where that is what is wrong.
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace lml
