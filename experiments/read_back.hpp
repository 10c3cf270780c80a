// Results of before, where they are found or not: what is missing or broken is no error here.
#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "experiments/json.hpp"

namespace lml {

/// Nothing where there is no such file, or it is no regular one, or it cannot be read.
std::optional<std::string> text_of(const std::filesystem::path& file);

/// An empty object where the file holds none.
Json object_in(const std::filesystem::path& file);

}  // namespace lml
