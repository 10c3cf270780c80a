#include "experiments/errors.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <new>

#include "experiments/as_called.hpp"

namespace lml {
namespace {

// Length of the well-formed UTF-8 sequence at the front of `s`, 0 where there is none (overlong forms aside: they are
// harmless on a terminal).
std::size_t sequence(std::string_view s) {
  const auto c = static_cast<unsigned char>(s[0]);
  const std::size_t length = c < 0x80                ? 1
                             : c >= 0xC2 && c < 0xE0 ? 2
                             : c >= 0xE0 && c < 0xF0 ? 3
                             : c >= 0xF0 && c < 0xF5 ? 4
                                                     : 0;
  if (length == 0 || s.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(s[i]) & 0xC0) != 0x80) return 0;
  return length;
}

}  // namespace

int status_of_what_ended() {
  try {
    throw;
  } catch (const NotHere& e) {
    std::fprintf(stderr, "%s\n", as_called(e.what()).c_str());
    return 3;
  } catch (const std::bad_alloc&) {
    std::fputs("lml: this does not fit into memory\n", stderr);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", as_called(e.what()).c_str());
  }
  return 2;
}

std::string one_line(std::string_view text) {
  constexpr std::size_t longest = 1000;
  std::string out;
  while (!text.empty() && out.size() < longest) {
    const std::size_t length = sequence(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (length == 0 || c < 0x20 || c == 0x7F)
      out += '?';
    else
      out += text.substr(0, length);
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return text.empty() ? out : out + "...";
}

SpecError::SpecError(const std::string& file, const std::string& pointer, const std::string& message)
    : std::runtime_error(one_line(file) + ": " + (pointer.empty() ? "/" : one_line(pointer)) + ": " +
                         one_line(message)) {}

UsageError::UsageError(const std::string& message) : std::runtime_error(one_line(message)) {}

}  // namespace lml
