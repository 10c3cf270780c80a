// Both programs' check of --seed.
#pragma once
#include <charconv>
#include <cstdint>
#include <string>

namespace lml {

/// What is wrong with it; empty where it is a seed.
inline std::string refusal_of_seed(const std::string& text) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole ? std::string() : "must be a whole number from 0 to 18446744073709551615, is " + text;
}

}  // namespace lml
