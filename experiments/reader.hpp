// Walks a spec and knows its pointer at every step, so that whatever is wrong is named. All members that read throw
// SpecError.
#pragma once
#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "experiments/document.hpp"
#include "theory/types.hpp"

namespace lml {

class Object;

class Reader {
 public:
  /// The root. The document must outlive its readers.
  explicit Reader(const Document& document);

  const Document& document() const { return *document_; }
  const std::string& pointer() const { return pointer_; }
  const Json& value() const;
  bool is_null() const;
  bool is_string() const;
  bool is_number() const;
  /// A list whose first entry is a list.
  bool is_matrix() const;

  double number() const;
  /// An integer in [lowest, highest]; 3.0 is one.
  long long integer(long long lowest, long long highest) const;
  bool boolean() const;
  std::string string() const;
  /// A string as a path, relative to the document's folder.
  std::filesystem::path path() const;
  /// A list with at least one entry.
  std::vector<Reader> items() const;
  /// A list of at least one number.
  Vec numbers() const;
  /// A list of equally long lists of numbers, n x d.
  Points matrix() const;
  /// A string of `names`; anything else is refused with the nearest of them.
  std::string one_of(const std::vector<std::string_view>& names) const;
  /// An object that holds no keys but these.
  Object object(const std::vector<std::string_view>& keys) const;

  [[noreturn]] void fail(const std::string& message) const { fail_below("", message); }
  /// The same for something inside this value; `pointer` is relative to it ("/weights/1").
  [[noreturn]] void fail_below(const std::string& pointer, const std::string& message) const;

 private:
  friend class Object;
  Reader(const Document& document, const Json& value, std::string pointer)
      : document_(&document), value_(&value), pointer_(std::move(pointer)) {}
  [[noreturn]] void fail_type(const char* wanted) const;

  const Document* document_;
  const Json* value_;
  std::string pointer_;
};

/// An object whose possible keys are known; asking for any other key is a mistake of the program (std::logic_error).
class Object {
 public:
  const Reader& reader() const { return self_; }
  bool has(std::string_view key) const { return find(key).has_value(); }
  /// Whether this kind of object has such a key at all.
  bool knows(std::string_view key) const { return std::find(keys_.begin(), keys_.end(), key) != keys_.end(); }
  std::optional<Reader> find(std::string_view key) const;
  /// Refuses a missing key by the pointer it would have.
  Reader at(std::string_view key) const;
  /// Its value where it is said.
  bool flag(std::string_view key, bool otherwise = false) const;

 private:
  friend class Reader;
  Object(Reader self, std::vector<std::string_view> keys) : self_(std::move(self)), keys_(std::move(keys)) {}
  Reader self_;
  std::vector<std::string_view> keys_;
};

/// Calls `build`; what it refuses (BadInput) is named by its place below `where`.
template <class Build>
auto within(const Reader& where, Build&& build) {
  try {
    return build();
  } catch (const BadInput& e) {
    where.fail_below(e.pointer(), e.what());
  }
}

/// The one of `names` that `word` was probably meant to be, or nothing.
std::optional<std::string_view> nearest(std::string_view word, const std::vector<std::string_view>& names);

}  // namespace lml
