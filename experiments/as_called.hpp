#pragma once
#include <string>

namespace lml {

/// Text in which commands read as one types them: `./lml check` where the launcher called (LML_LAUNCHER), else `lml
/// check`.
std::string as_called(std::string text);

}  // namespace lml
