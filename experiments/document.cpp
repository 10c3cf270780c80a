#include "experiments/document.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"

namespace lml {
namespace {

constexpr std::size_t largest = std::size_t(256) << 20;

struct Close {
  void operator()(std::FILE* f) const {
    if (f != stdin) std::fclose(f);
  }
};

std::string slurp(const std::string& name) {
  const std::unique_ptr<std::FILE, Close> file(name == "-" ? stdin : std::fopen(name.c_str(), "rb"));
  if (!file) throw SpecError(name, "", std::string("cannot be read: ") + std::strerror(errno));
  std::string text;
  char buffer[1 << 16];
  while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, file.get())) {
    text.append(buffer, got);
    if (text.size() > largest)
      throw SpecError(name, "", "is larger than 256 MiB: put the points in an array file (.npy, .safetensors)");
  }
  if (std::ferror(file.get())) throw SpecError(name, "", std::string("cannot be read: ") + std::strerror(errno));
  return text;
}

Json value_of(const std::string& text, const std::string& pointer) {
  const bool structured = text.starts_with('{') || text.starts_with('[');
  try {
    return parse_json(text, "--set", pointer);
  } catch (const SpecError&) {
    if (structured) throw;
    return text;
  }
}

}  // namespace

Document read_document(const std::string& spec, const std::vector<std::string>& sets) {
  Document out;
  out.name = spec.empty() ? "--set" : spec;
  if (!spec.empty() && spec != "-") out.folder = std::filesystem::path(spec).parent_path();
  Json root = spec.empty() ? Json::object() : parse_json(slurp(spec), spec);
  if (!root.is_object()) throw SpecError(out.name, "", "must be an object");
  for (const std::string& assignment : sets) {
    auto [key, value] = read_assignment(assignment);
    set_value(root, std::move(key), std::move(value), "--set");
  }
  out.root = std::make_shared<const Json>(std::move(root));
  return out;
}

Document parse_document(std::string_view text, const std::string& name) {
  return {name, {}, std::make_shared<const Json>(parse_json(text, name))};
}

std::pair<std::string, Json> read_assignment(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == 0 || equals == std::string::npos)
    throw SpecError("--set", "", "wants key.path=value, is '" + assignment + "'");
  const std::string key = assignment.substr(0, equals);
  std::string pointer = '/' + key;
  std::replace(pointer.begin(), pointer.end(), '.', '/');
  return {key, value_of(assignment.substr(equals + 1), pointer)};
}

void set_value(Json& root, std::string key, Json value, const std::string& name) {
  const std::string whole = key;
  std::string pointer;
  Json* place = &root;
  for (bool last = false; !last;) {
    const std::size_t dot = key.find('.');
    last = dot == std::string::npos;
    const std::string step = key.substr(0, dot);
    key.erase(0, last ? key.size() : dot + 1);
    if (step.empty()) throw SpecError(name, pointer, "'" + whole + "' has an empty key");
    if (place->is_array()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(step.data(), step.data() + step.size(), index);
      if (error != std::errc() || end != step.data() + step.size() || index >= place->size())
        throw SpecError(name, child(pointer, step), "is no entry of a list of " + std::to_string(place->size()));
      place = &(*place)[index];
    } else if (place->is_object()) {
      place = &(*place)[step];  // made where it is missing
      if (place->is_null() && !last) *place = Json::object();
    } else {
      throw SpecError(name, child(pointer, step), "cannot be set: what holds it is neither an object nor a list");
    }
    pointer = child(pointer, step);
  }
  *place = std::move(value);
}

std::string Document::place(std::string pointer) const {
  while (!lines.empty()) {
    if (const auto line = lines.find(pointer); line != lines.end()) return name + ':' + std::to_string(line->second);
    if (pointer.empty()) break;
    pointer.erase(pointer.rfind('/'));
  }
  return name;
}

}  // namespace lml
