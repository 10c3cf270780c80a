#include "experiments/answer_cache.hpp"

#include <cstdlib>
#include <functional>

#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/read_back.hpp"
#include "experiments/sha256.hpp"
#include "experiments/targets.hpp"
#include "paper_checks/engine.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

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

std::optional<fs::path> find_data(const std::string& word, const fs::path& folder) {
  if (word.empty() || word.find('\0') != std::string::npos) return std::nullopt;
  if (const auto data = data_set(word)) return data;
  std::vector<fs::path> places{folder};
  if (const char* data = std::getenv("LML_DATA"); data && *data) places.emplace_back(data);
  places.emplace_back(LML_SOURCE_DIR "/samplers/torch/models");
  std::error_code none;
  for (const fs::path& place : places)
    if (fs::exists(place / word, none)) return place / word;
  return std::nullopt;
}

std::string AnswerCache::key(const Job& job, const fs::path& folder) {
  // A sorted document, so that the order of keys in a file does not matter.
  nlohmann::json asked{
      {"command", job.command}, {"options", job.options}, {"spec", nlohmann::json::parse(dump(job.spec))}};
  for_every_string(job.spec, [&](const std::string& word) {
    if (const auto path = find_data(word, folder)) asked["files"][word] = digests_.of(*path);
  });
  if (job.command == "check")
    for_every_string(job.spec, [&](const std::string& word) {
      static const std::vector<checks::Claim> claims = checks::load_claims(LML_CLAIMS_DIR);
      for (const checks::Claim* claim : checks::named(claims, word)) {
        asked["files"][claim->id] = digests_.of(fs::path(LML_CLAIMS_DIR) / (claim->id + ".toml"));
        for (const std::string& need : claim->needs)
          if (const auto path = find_data(need, folder)) asked["files"][need] = digests_.of(*path);
      }
    });
  return sha256(asked.dump()).substr(0, 32);
}

std::optional<Answer> AnswerCache::find(const std::string& key, bool files, std::string& altered) const {
  const fs::path path = folder_ / (key + ".json");
  const std::optional<std::string> text = text_of(path);
  if (!text) return std::nullopt;
  const auto broken = [&](const fs::path& file) {
    altered = file.string();
    return std::nullopt;
  };
  if (!text->starts_with(opening) || text->size() < opening.size() + hex ||
      sha256(std::string_view(*text).substr(opening.size() + hex)) != text->substr(opening.size(), hex))
    return broken(path);
  Json entry = parse_json(*text, path.string());
  if (files && entry["files"].is_null()) return std::nullopt;
  Answer out{std::move(entry["answer"]), entry["version"], entry["seconds"], {}};
  if (!files) return out;
  for (const auto& [name, digest] : entry["files"].items()) {
    const fs::path file = folder_ / (key + '-' + name);
    std::optional<std::string> bytes = text_of(file);
    if (!bytes || sha256(*bytes) != digest) return broken(file);
    out.files[name] = std::move(*bytes);
  }
  return out;
}

void AnswerCache::keep(const std::string& key, const Job& job, const Answer& answer, bool files) {
  Json digests = files ? Json::object() : Json();
  for (const auto& [name, bytes] : answer.files) digests[name] = sha256(bytes);
  const Json entry{{"version", answer.version}, {"seconds", answer.seconds}, {"command", job.command},
                   {"options", job.options},    {"spec", job.spec},          {"files", digests},
                   {"answer", answer.document}};
  const std::string rest = "\"," + dump(entry).substr(1) + '\n';
  const std::string digest = sha256(rest);
  std::vector<OutputFile> out;
  for (const auto& [name, bytes] : answer.files) out.push_back({key + '-' + name, {bytes}});
  out.push_back({key + ".json", {opening, digest, rest}});  // last: it vouches for the others
  write_files(folder_, out);
  save_digests();
}

}  // namespace lml
