// Strict JSON (RFC 8259): what a spec may be, and how results are written.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

namespace lml {

/// Keys keep their order.
using Json = nlohmann::ordered_json;

/// One document, nothing after it. Refuses keys given twice, NaN and infinities, numbers beyond double, broken UTF-8,
/// NUL bytes and nesting deeper than 200. Throws SpecError with `name` as the file and the pointer reached so far,
/// which begins at `place`.
Json parse_json(std::string_view text, const std::string& name, const std::string& place = "");

/// `pointer` with one more reference token, escaped (RFC 6901).
std::string child(const std::string& pointer, std::string_view key);
std::string child(const std::string& pointer, std::size_t index);

/// A double as JSON has it: shortest digits that read back the same; an infinity as "inf" or "-inf". Throws
/// std::logic_error on NaN, which is never an answer.
Json figure(double value);

/// The same digits as text, for messages.
std::string digits(double value);

/// The text of a document; `indent` -1 is one line.
std::string dump(const Json& document, int indent = -1);

}  // namespace lml
