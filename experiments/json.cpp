#include "experiments/json.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>
#include <vector>

#include "experiments/errors.hpp"

namespace lml {
namespace {

constexpr std::size_t deepest = 200;

// Builds the document from nlohmann's SAX events, because its own DOM builder keeps the last of two equal keys.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string name, std::string place, Json& root)
      : name_(std::move(name)), place_(std::move(place)), root_(root) {}

  bool null() override { return add(nullptr); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(number_integer_t v) override { return add(v); }
  bool number_unsigned(number_unsigned_t v) override { return add(v); }
  bool number_float(number_float_t v, const string_t&) override { return add(v); }
  bool string(string_t& v) override { return add(std::move(v)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& k) override {
    Level& level = stack_.back();
    const bool fresh = level.keys.insert(k).second;
    level.key = std::move(k);
    if (!fresh) throw SpecError(name_, pointer(), "is given twice");
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& e) override {
    std::string what = e.what();
    if (what.starts_with('[')) what.erase(0, what.find("] ") + 2);
    throw SpecError(name_, pointer(), what);
  }

 private:
  struct Level {
    Json* value;
    std::string key;
    std::unordered_set<std::string> keys;
  };

  std::string pointer() const {
    std::string out = place_;
    for (const Level& level : stack_) {
      // An entry that is itself being read is in its list already.
      const bool inside = &level != &stack_.back();
      if (level.value->is_array())
        out = child(out, level.value->size() - inside);
      else if (!level.keys.empty())
        out = child(out, level.key);
    }
    return out;
  }
  Json* place(Json value) {
    if (stack_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Level& level = stack_.back();
    if (level.value->is_array()) {
      level.value->push_back(std::move(value));
      return &level.value->back();
    }
    // Straight into the storage: the key is known to be new, and a search each time would make long objects quadratic.
    auto& members = level.value->get_ref<Json::object_t&>();
    members.push_back({level.key, std::move(value)});
    return &members.back().second;
  }
  bool add(Json value) {
    place(std::move(value));
    return true;
  }
  bool open(Json empty) {
    if (stack_.size() >= deepest) throw SpecError(name_, pointer(), "is nested deeper than 200");
    Json* value = place(std::move(empty));
    stack_.push_back({value, {}, {}});
    return true;
  }
  bool close() {
    stack_.pop_back();
    return true;
  }

  std::string name_, place_;
  Json& root_;
  std::vector<Level> stack_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& name, const std::string& place) {
  // The library's lexer takes a NUL byte for the end of the text.
  if (text.find('\0') != std::string_view::npos) throw SpecError(name, place, "is not JSON: holds a NUL byte");
  Json root;
  Builder builder(name, place, root);
  Json::sax_parse(text.begin(), text.end(), &builder);
  return root;
}

std::string child(const std::string& pointer, std::string_view key) {
  std::string out = pointer + '/';
  for (char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::string child(const std::string& pointer, std::size_t index) { return pointer + '/' + std::to_string(index); }

Json figure(double value) {
  if (std::isnan(value)) throw std::logic_error("a result is not a number");
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  return value;
}

std::string digits(double value) { return Json(value).dump(); }

std::string dump(const Json& document, int indent) {
  // A name or path that is not UTF-8 must not stop a result from being written.
  return document.dump(indent, ' ', false, Json::error_handler_t::replace);
}

}  // namespace lml
