#include "experiments/as_called.hpp"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string_view>

namespace lml {

std::string as_called(std::string text) {
  constexpr std::string_view commands[] = {"--help",  "COMMAND",       "[OPTIONS]", "bench",  "bound",    "check",
                                           "compare", "completion",    "converge",  "doctor", "evaluate", "gap",
                                           "hessian", "network-error", "plot",      "report", "run",      "sample",
                                           "score",   "stationary",    "targets",   "test",   "train"};
  const char* launcher = std::getenv("LML_LAUNCHER");
  if (!launcher || !*launcher) return text;
  for (std::size_t at = 0; (at = text.find("lml ", at)) != std::string::npos; at += 4) {
    if (at > 0 && std::string_view(" \n(`").find(text[at - 1]) == std::string_view::npos) continue;
    const std::size_t begin = at + 4, end = std::min(text.find_first_of(" \n:;,.`)", begin), text.size());
    const std::string_view word = std::string_view(text).substr(begin, end - begin);
    if (end < text.size() && text[end] == ':') continue;  // the program speaks of itself
    if (std::find(std::begin(commands), std::end(commands), word) == std::end(commands)) continue;
    text.insert(at, "./");
    at += 2;
  }
  return text;
}

}  // namespace lml
