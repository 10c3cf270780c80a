#include "experiments/answer_cache.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>

#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/sha256.hpp"
#include "experiments/targets.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return std::nullopt;
  return text;
}

void for_every_string(const Json& value, const std::function<void(const std::string&)>& f) {
  if (value.is_string()) return f(value.get<std::string>());
  if (value.is_structured())
    for (const Json& entry : value) for_every_string(entry, f);
}

// An answer's file is one document whose first member is the digest of all that follows it.
constexpr std::string_view opening = "{\"sha256\":\"";
constexpr std::size_t hex = 64;

}  // namespace

std::string program_version() {
  static const std::string version = LML_VERSION "+" + sha256_of("/proc/self/exe").substr(0, 12);
  return version;
}

std::string AnswerCache::key(const Job& job, const fs::path& folder) {
  // A sorted document, so that the order of keys in a file does not matter.
  nlohmann::json asked{
      {"command", job.command}, {"options", job.options}, {"spec", nlohmann::json::parse(dump(job.spec))}};
  for_every_string(job.spec, [&](const std::string& word) {
    std::error_code none;
    const fs::path path = folder / word;
    if (word.empty() || word.find('\0') != std::string::npos || !fs::exists(path, none)) return;
    std::string& digest = digests_[path.string()];
    if (digest.empty()) digest = sha256_of(path);
    asked["files"][word] = digest;
  });
  return sha256(asked.dump()).substr(0, 32);
}

std::optional<Answer> AnswerCache::find(const std::string& key, const std::vector<std::string>& arrays,
                                        std::string& altered) const {
  const fs::path path = folder_ / (key + ".json");
  const std::optional<std::string> text = read(path);
  if (!text) return std::nullopt;
  const auto broken = [&](const fs::path& file) {
    altered = file.string();
    return std::nullopt;
  };
  if (!text->starts_with(opening) || text->size() < opening.size() + hex ||
      sha256(std::string_view(*text).substr(opening.size() + hex)) != text->substr(opening.size(), hex))
    return broken(path);
  const Json entry = parse_json(*text, path.string());
  Answer out{entry["answer"], entry["version"], entry["seconds"], {}};
  for (const std::string& name : arrays) {
    if (!entry["arrays"].contains(name)) return std::nullopt;
    const fs::path file = folder_ / (key + '-' + name + ".npy");
    std::optional<std::string> bytes = read(file);
    if (!bytes || sha256(*bytes) != entry["arrays"][name]) return broken(file);
    out.arrays[name] = std::move(*bytes);
  }
  return out;
}

void AnswerCache::keep(const std::string& key, const Job& job, const Answer& answer) const {
  Json arrays = Json::object();
  for (const auto& [name, bytes] : answer.arrays) arrays[name] = sha256(bytes);
  const Json entry{{"version", answer.version}, {"seconds", answer.seconds}, {"command", job.command},
                   {"options", job.options},    {"spec", job.spec},          {"arrays", arrays},
                   {"answer", answer.document}};
  const std::string rest = "\"," + dump(entry).substr(1) + '\n';
  const std::string digest = sha256(rest);
  std::vector<std::string> names;
  std::vector<OutputFile> files;
  for (const auto& [name, bytes] : answer.arrays) files.push_back({key + '-' + name + ".npy", {bytes}});
  files.push_back({key + ".json", {opening, digest, rest}});  // last: it vouches for the others
  write_files(folder_, files);
}

}  // namespace lml
