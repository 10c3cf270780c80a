// Values of diffusers' configuration files, in which null means "not given".
#pragma once
#include <optional>

#include "experiments/reader.hpp"

namespace lml {

inline std::optional<Reader> given(const Object& o, std::string_view key) {
  const auto v = o.find(key);
  return v && !v->is_null() ? v : std::nullopt;
}
inline double number(const Object& o, std::string_view key, double otherwise) {
  const auto v = given(o, key);
  return v ? v->number() : otherwise;
}
inline bool flag(const Object& o, std::string_view key, bool otherwise) {
  const auto v = given(o, key);
  return v ? v->boolean() : otherwise;
}
/// One of the values that are implemented, of which the first is the default.
inline std::string word(const Object& o, std::string_view key, const std::vector<std::string_view>& known) {
  const auto v = given(o, key);
  return v ? v->one_of(known) : std::string(known[0]);
}
inline void only_null(const Object& o, std::string_view key) {
  if (const auto v = given(o, key)) v->fail("is not implemented; must be null");
}

}  // namespace lml
