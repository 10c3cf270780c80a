#include "experiments/document.hpp"

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

void apply(Json& root, const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == 0 || equals == std::string::npos)
    throw SpecError("--set", "", "wants key.path=value, is '" + assignment + "'");
  std::string path = assignment.substr(0, equals), pointer;
  Json* place = &root;
  for (bool last = false; !last;) {
    const std::size_t dot = path.find('.');
    last = dot == std::string::npos;
    const std::string key = path.substr(0, dot);
    path.erase(0, last ? path.size() : dot + 1);
    if (key.empty()) throw SpecError("--set", pointer, "'" + assignment + "' has an empty key");
    if (place->is_array()) {
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
      if (error != std::errc() || end != key.data() + key.size() || index >= place->size())
        throw SpecError("--set", child(pointer, key), "is no entry of a list of " + std::to_string(place->size()));
      place = &(*place)[index];
    } else if (place->is_object()) {
      place = &(*place)[key];  // made where it is missing
      if (place->is_null() && !last) *place = Json::object();
    } else {
      throw SpecError("--set", child(pointer, key), "cannot be set: what holds it is neither an object nor a list");
    }
    pointer = child(pointer, key);
  }
  *place = value_of(assignment.substr(equals + 1), pointer);
}

}  // namespace

Document read_document(const std::string& spec, const std::vector<std::string>& sets) {
  Document out;
  out.name = spec.empty() ? "--set" : spec;
  if (!spec.empty() && spec != "-") out.folder = std::filesystem::path(spec).parent_path();
  Json root = spec.empty() ? Json::object() : parse_json(slurp(spec), spec);
  if (!root.is_object()) throw SpecError(out.name, "", "must be an object");
  for (const std::string& assignment : sets) apply(root, assignment);
  out.root = std::make_shared<const Json>(std::move(root));
  return out;
}

Document parse_document(std::string_view text, const std::string& name) {
  return {name, {}, std::make_shared<const Json>(parse_json(text, name))};
}

}  // namespace lml
