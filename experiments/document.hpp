// A spec as it was read: where it came from, and what is in it.
#pragma once
#include <filesystem>
#include <map>
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
  /// Of a file whose values have lines (TOML): that of each pointer.
  std::map<std::string, int> lines = {};

  /// The file and, where it is known, the line of a value, or else of what holds it: `file:12`.
  std::string place(std::string pointer) const;
};

/// Reads `spec` (a file, or `-`), then applies each of `sets` (`key.path=value`; the value is JSON, or else a string; a
/// path enters a list by index). An empty `spec` starts from {} and is called `--set`. Throws SpecError.
Document read_document(const std::string& spec, const std::vector<std::string>& sets = {});

/// The same from text in memory; paths are relative to the current directory.
Document parse_document(std::string_view text, const std::string& name = "-");

/// The key and the value of `key.path=value`, as --set has them.
std::pair<std::string, Json> read_assignment(const std::string& assignment);

/// Changes one value of a document, which messages call `name`. What is missing on the way to it is made.
void set_value(Json& root, std::string key, Json value, const std::string& name);

}  // namespace lml
