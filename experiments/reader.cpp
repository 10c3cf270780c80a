#include "experiments/reader.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <numeric>

#include "experiments/errors.hpp"

namespace lml {
namespace {

std::string described(const Json& v) {
  switch (v.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return v.empty() ? "an empty list" : "a list";
    case Json::value_t::string: return "the string \"" + v.get<std::string>().substr(0, 60) + "\"";
    case Json::value_t::boolean: return v.get<bool>() ? "true" : "false";
    default: return "the number " + dump(v);
  }
}

std::string list_of(const std::vector<std::string_view>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i)
    out += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + std::string(names[i]);
  return out;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
  if (const auto name = nearest(word, names)) return ", did you mean " + std::string(*name) + "?";
  return "; known: " + list_of(names);
}

// Letters put in, left out, changed, or swapped with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last, row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t(0));
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before = std::exchange(last, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row.back();
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& names) {
  if (word.size() > 60) return std::nullopt;
  std::optional<std::string_view> best;
  std::size_t least = std::max<std::size_t>(1, word.size() / 3) + 1;  // a slip in three letters, not another word
  for (std::string_view name : names) {
    const std::size_t d = distance(word, name);
    if (d < least && d < name.size()) {
      least = d;
      best = name;
    }
  }
  return best;
}

Reader::Reader(const Document& document) : Reader(document, *document.root, "") {}

void Reader::fail_below(const std::string& pointer, const std::string& message) const {
  throw SpecError(document_->place(pointer_ + pointer), pointer_ + pointer, message);
}

void Reader::fail_type(const char* wanted) const {
  fail(std::string("must be ") + wanted + ", is " + described(*value_));
}

const Json& Reader::value() const { return *value_; }
bool Reader::is_null() const { return value_->is_null(); }
bool Reader::is_string() const { return value_->is_string(); }
bool Reader::is_number() const { return value_->is_number(); }
bool Reader::is_matrix() const { return value_->is_array() && !value_->empty() && value_->front().is_array(); }

double Reader::number() const {
  if (!value_->is_number()) fail_type("a number");
  return value_->get<double>();
}

long long Reader::integer(long long lowest, long long highest) const {
  const bool whole =
      value_->is_number_integer() || (value_->is_number_float() && std::abs(value_->get<double>()) < 0x1p53 &&
                                      value_->get<double>() == std::floor(value_->get<double>()));
  if (!whole) fail_type("an integer");
  const bool beyond = value_->is_number_unsigned() && value_->get<std::uint64_t>() > std::uint64_t(INT64_MAX);
  const long long v = beyond ? 0 : value_->get<long long>();
  if (beyond || v < lowest || v > highest)
    fail("must lie in " + std::to_string(lowest) + ".." + std::to_string(highest) + ", is " + dump(*value_));
  return v;
}

bool Reader::boolean() const {
  if (!value_->is_boolean()) fail_type("true or false");
  return value_->get<bool>();
}

std::string Reader::string() const {
  if (!value_->is_string()) fail_type("a string");
  return value_->get<std::string>();
}

std::string Reader::one_of(const std::vector<std::string_view>& names) const {
  const std::string word = string();
  if (std::find(names.begin(), names.end(), word) == names.end())
    fail("is not known: \"" + word + "\"" + suggestion(word, names));
  return word;
}

std::filesystem::path Reader::path() const {
  const std::string name = string();
  if (name.empty()) fail("must name a file");
  if (name.find('\0') != std::string::npos) fail("must name a file, holds a NUL");
  return document_->folder / name;
}

std::vector<Reader> Reader::items() const {
  if (!value_->is_array()) fail_type("a list");
  if (value_->empty()) fail("must not be empty");
  std::vector<Reader> out;
  out.reserve(value_->size());
  for (std::size_t i = 0; i < value_->size(); ++i) out.push_back(Reader(*document_, (*value_)[i], child(pointer_, i)));
  return out;
}

Vec Reader::numbers() const {
  if (!value_->is_array()) fail_type("a list of numbers");
  if (value_->empty()) fail("must not be empty");
  Vec out(Index(value_->size()));
  for (std::size_t i = 0; i < value_->size(); ++i) {
    const Json& v = (*value_)[i];
    if (!v.is_number()) Reader(*document_, v, child(pointer_, i)).fail_type("a number");
    out[Index(i)] = v.get<double>();
  }
  return out;
}

Points Reader::matrix() const {
  if (!value_->is_array()) fail_type("a list of lists of numbers");
  if (value_->empty()) fail("must not be empty");
  const Index n = Index(value_->size());
  Points out;
  for (Index i = 0; i < n; ++i) {
    const Reader row(*document_, (*value_)[std::size_t(i)], child(pointer_, std::size_t(i)));
    const Vec v = row.numbers();
    if (i == 0) out.resize(n, v.size());
    if (v.size() != out.cols())
      row.fail("must have " + std::to_string(out.cols()) + " entries like the first, has " + std::to_string(v.size()));
    out.row(i) = v.transpose();
  }
  return out;
}

Object Reader::object(const std::vector<std::string_view>& keys) const {
  if (!value_->is_object()) fail_type("an object");
  for (const auto& [key, value] : value_->items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      fail_below(child("", key), "unknown key" + suggestion(key, keys));
  return Object(*this, keys);
}

std::optional<Reader> Object::find(std::string_view key) const {
  if (std::find(keys_.begin(), keys_.end(), key) == keys_.end())
    throw std::logic_error("a key that the object does not allow: " + std::string(key));
  const auto it = self_.value_->find(std::string(key));
  if (it == self_.value_->end()) return std::nullopt;
  return Reader(*self_.document_, *it, child(self_.pointer_, key));
}

Reader Object::at(std::string_view key) const {
  if (auto value = find(key)) return *value;
  self_.fail_below(child("", key), "is missing");
}

bool Object::flag(std::string_view key, bool otherwise) const {
  const auto v = find(key);
  return v ? v->boolean() : otherwise;
}

}  // namespace lml
