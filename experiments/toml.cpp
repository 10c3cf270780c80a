#include "experiments/toml.hpp"

#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <cmath>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"

namespace lml {
namespace {

Json json_of(const toml::node& node, const std::string& pointer, Document& document) {
  const auto note = [&](const std::string& at, const toml::source_region& where) {
    document.lines.insert({at, int(where.begin.line)});
  };
  note(pointer, node.source());
  if (const toml::table* table = node.as_table()) {
    Json out = Json::object();
    // In the order of the file, which the library's tables do not keep.
    std::vector<std::pair<const toml::key*, const toml::node*>> members;
    for (const auto& [key, value] : *table) members.emplace_back(&key, &value);
    std::stable_sort(members.begin(), members.end(), [](const auto& a, const auto& b) {
      const toml::source_position x = a.first->source().begin, y = b.first->source().begin;
      return x.line != y.line ? x.line < y.line : x.column < y.column;
    });
    for (const auto& [key, value] : members) {
      const std::string at = child(pointer, key->str());
      note(at, key->source());
      out[std::string(key->str())] = json_of(*value, at, document);
    }
    return out;
  }
  if (const toml::array* array = node.as_array()) {
    Json out = Json::array();
    for (const toml::node& entry : *array) out.push_back(json_of(entry, child(pointer, out.size()), document));
    return out;
  }
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return number->get();
  if (const auto* flag = node.as_boolean()) return flag->get();
  const auto* number = node.as_floating_point();
  if (!number) throw SpecError(document.place(pointer), pointer, "must not be a date or a time");
  if (!std::isfinite(number->get())) throw SpecError(document.place(pointer), pointer, "must be a finite number");
  return number->get();
}

}  // namespace

Document read_toml(const std::string& path) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) throw SpecError(path, "", "is a folder");
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file || file.bad()) throw SpecError(path, "", std::string("cannot be read: ") + std::strerror(errno));
  const toml::parse_result parsed = toml::parse(text, path);
  if (!parsed)
    throw SpecError(path + ':' + std::to_string(parsed.error().source().begin.line), "",
                    std::string(parsed.error().description()));
  Document out{path, std::filesystem::path(path).parent_path(), nullptr};
  out.root = std::make_shared<const Json>(json_of(parsed.table(), "", out));
  return out;
}

}  // namespace lml
