#include "experiments/temporary_folder.hpp"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "experiments/errors.hpp"

namespace lml {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder() {
  std::error_code error;
  const fs::path parent = fs::temp_directory_path(error);
  if (error) {
    const char* named = std::getenv("TMPDIR");
    throw UsageError(std::string("TMPDIR") + (named ? std::string("=") + named : "") + ": " + error.message() +
                     ": must name a folder for temporary files");
  }
  std::string name = (parent / "lml-XXXXXX").string();  // mkdtemp fills in the Xs
  if (!::mkdtemp(name.data())) throw UsageError(name + ": cannot be made: " + std::strerror(errno));
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code none;
  fs::remove_all(path_, none);
}

}  // namespace lml
