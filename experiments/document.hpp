// A spec as it was read: where it came from, and what is in it.
#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/json.hpp"

namespace lml {

struct Document {
  std::string name;              // the file as the user named it; `-` is standard input
  std::filesystem::path folder;  // what paths in it are relative to
  std::shared_ptr<const Json> root;
};

/// Reads `spec` (a file, or `-`), then applies each of `sets` (`key.path=value`; the value is JSON, or else a string; a
/// path enters a list by index). An empty `spec` starts from {} and is called `--set`. Throws SpecError.
Document read_document(const std::string& spec, const std::vector<std::string>& sets = {});

/// The same from text in memory; paths are relative to the current directory.
Document parse_document(std::string_view text, const std::string& name = "-");

}  // namespace lml
