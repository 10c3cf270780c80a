// TOML as a document, so that one strict reader serves both kinds of file.
#pragma once
#include <string>

#include "experiments/document.hpp"

namespace lml {

/// Tables become objects, and the document knows the line of every value. Dates, NaN and infinities are refused. Throws
/// SpecError.
Document read_toml(const std::string& path);

}  // namespace lml
