#include "experiments/check_result.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "experiments/document.hpp"
#include "experiments/output.hpp"
#include "experiments/read_back.hpp"
#include "experiments/sha256.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

// Why the claims there cannot stand beside new ones; empty where they can.
std::string unfit(const fs::path& folder, const Json& manifest) {
  if (manifest.value("command", Json()) != "check") return "has no manifest of lml check";
  if (manifest.value("version", Json()) != LML_VERSION) return "is of another version";
  for (const Json& word : manifest.value("arguments", Json::array()))
    if (word.is_string() && (word == "--target" || word.get<std::string>().starts_with("--target=")))
      return "is about a target of one's own";
  const Json files = manifest.value("files", Json::object());
  if (!files.is_object() || !files.contains("result.json")) return "has no digest";
  for (const auto& [name, digest] : files.items())
    if (digest != sha256(text_of(folder / name).value_or(""))) return "was altered: " + name;
  return {};
}

std::string id_of(const Json& claim) { return claim.value("id", std::string()); }

// Documents that lml check wrote, as far as they look like it.
std::vector<Json> claims_in(const Json& result) {
  std::vector<Json> out;
  for (const Json& claim : result.value("claims", Json::array()))
    if (claim.is_object() && claim.value("id", Json()).is_string()) out.push_back(claim);
  return out;
}

}  // namespace

std::vector<std::string> table_files(const Json& claim) {
  std::vector<std::string> out;
  for (const Json& table : claim.value("tables", Json::array())) {
    if (!table.is_object() || !table.value("name", Json()).is_string()) continue;
    const std::string name = id_of(claim) + "--" + table["name"].get<std::string>() + ".csv";
    if (fs::path(name).filename() == name) out.push_back(name);
  }
  return out;
}

void write_check(const Common& common, CheckResult result, const std::vector<std::string>& order, bool keep) {
  const fs::path folder = common.out;
  const std::vector<Json> before = claims_in(object_in(folder / "result.json"));
  const Json old_manifest = object_in(folder / "manifest.json");
  if (keep && !before.empty())
    if (const std::string why = unfit(folder, old_manifest); !why.empty()) {
      keep = false;
      say(common.out + ": what it held of other claims is not kept: it " + why);
    }

  Json manifest = manifest_of(common, "check", parse_document("{}"), 0);
  Json kept = Json::array(), digests = Json::object();
  std::map<std::string, Json> claims;
  for (const Json& c : result.claims) claims[id_of(c)] = c;
  for (const Json& c : before) {
    if (!keep || std::find(order.begin(), order.end(), id_of(c)) == order.end()) continue;
    if (!claims.insert({id_of(c), c}).second) continue;
    kept.push_back(id_of(c));
    for (const std::string& name : table_files(c))
      if (old_manifest["files"].contains(name)) digests[name] = old_manifest["files"][name];
  }
  Json all = Json::array();
  for (const std::string& id : order)
    if (const auto c = claims.find(id); c != claims.end()) all.push_back(c->second);
  const std::string text = dump(Json{{"claims", all}}, 1) + '\n';
  std::vector<OutputFile> files;
  for (const auto& [name, table] : result.tables) {
    files.push_back({name, {table}});
    digests[name] = sha256(table);
  }
  files.push_back({"result.json", {text}});
  digests["result.json"] = sha256(text);
  manifest["kept"] = kept;
  manifest["files"] = digests;
  const std::string manifest_text = dump(manifest, 1) + '\n';
  files.push_back({"manifest.json", {manifest_text}});  // last: it vouches for the others
  write_files(folder, files);

  for (const Json& c : before)
    for (const std::string& name : table_files(c))
      if (!digests.contains(name)) ::unlink((folder / name).c_str());
}

}  // namespace lml
