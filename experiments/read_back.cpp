#include "experiments/read_back.hpp"

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

namespace lml {

std::optional<std::string> text_of(const std::filesystem::path& path) {
  std::error_code none;
  if (!std::filesystem::is_regular_file(path, none)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return std::nullopt;
  return text;
}

Json object_in(const std::filesystem::path& file) {
  Json out = Json::parse(text_of(file).value_or(""), nullptr, false);
  return out.is_object() ? out : Json::object();
}

}  // namespace lml
