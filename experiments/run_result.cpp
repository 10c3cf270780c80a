#include "experiments/run_result.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "experiments/measurements.hpp"
#include "experiments/output.hpp"
#include "experiments/read_back.hpp"
#include "experiments/sha256.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

std::string folder_of(std::size_t job) { return fmt::format("{:03}", job); }

Json document_of(const Experiment& e, const Point& p, std::size_t number) {
  Json out{{"command", p.job.command}, {"spec", p.job.spec}};
  if (!p.job.options.empty()) out["options"] = p.job.options;
  out["vary"] = Json::object();
  for (std::size_t i = 0; i < e.vary.size(); ++i) out["vary"][e.vary[i].name] = p.job.labels[i];
  out["key"] = p.key;
  if (!p.done) {
    out["error"] = p.error.empty() ? "not run" : p.error;
    return out;
  }
  out["seconds"] = p.seconds;
  out["version"] = p.version;
  out["cached"] = p.cached;
  if (e.files) out["folder"] = folder_of(number);
  return out;
}

Json manifest_in(const fs::path& folder) {
  Json out = object_in(folder / "manifest.json");
  return out.value("command", Json()) == "run" ? out : Json::object();
}

}  // namespace

bool is_complete_run(const fs::path& folder) { return manifest_in(folder).value("complete", Json()) == true; }

void write_run(const fs::path& folder, const Experiment& e, const std::vector<Point>& points, const RunHeader& header) {
  std::vector<std::vector<std::string>> rows{columns_of(e)};
  bool complete = true;
  double computing = 0;
  Json jobs = Json::array(), digests = Json::object(), averaged = Json::object();
  std::deque<std::string> texts;
  std::vector<OutputFile> files;
  const auto add = [&](const std::string& name, std::string_view text) {
    files.push_back({name, {text}});
    digests[name] = sha256(text);
  };
  for (std::size_t i = 0; i < points.size(); ++i) {
    const Point& p = points[i];
    rows.insert(rows.end(), p.rows.begin(), p.rows.end());
    complete = complete && p.done;
    computing += p.seconds;
    jobs.push_back(document_of(e, p, i));
    for (const auto& [name, bytes] : p.files) add(folder_of(i) + '/' + name, bytes);
  }
  for (const Varied& v : e.vary)
    if (v.average) averaged[v.name] = v.values.size();
  if (!averaged.empty()) {
    add("each.csv", texts.emplace_back(csv_text(rows)));
    rows = averages_of(e, rows);
  }
  add("measurements.csv", texts.emplace_back(csv_text(rows)));
  const Json manifest{
      {"command", "run"},       {"experiment", e.name}, {"title", e.title},          {"question", e.question},
      {"paper", e.paper},       {"claims", e.claims},   {"figure", e.figure},        {"draw", e.draw},
      {"axes", e.axes},         {"size", header.size},  {"set", header.set},         {"averaged", averaged},
      {"version", LML_VERSION}, {"complete", complete}, {"seconds", header.seconds}, {"computing_seconds", computing},
      {"jobs", jobs},           {"files", digests}};
  files.push_back(
      {"manifest.json", {texts.emplace_back(dump(manifest, 1) + '\n')}});  // last: it vouches for the others
  const Json before = manifest_in(folder);
  write_files(folder, files);

  bool other = false;
  for (const char* key : {"files", "title", "figure", "draw", "axes", "claims", "size", "set", "complete"})
    other = other || before.value(key, Json()) != manifest[key];
  if (other)
    for (const char* name : {"figure.svg", "figure.png", "figure.pdf", "figure.gif", "figure.apng"})
      ::unlink((folder / name).c_str());
  const Json old = before.value("files", Json::object());
  for (const auto& [name, unused] : old.items()) {
    const fs::path file = fs::path(name).lexically_normal();
    if (digests.contains(name) || file.empty() || file.is_absolute() || *file.begin() == "..") continue;
    ::unlink((folder / file).c_str());
    ::rmdir((folder / file).parent_path().c_str());  // only where it is empty
  }
}

}  // namespace lml
