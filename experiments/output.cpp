#include "experiments/output.hpp"

#include <fcntl.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "experiments/arrays.hpp"
#include "experiments/command.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t inline_numbers = 10000;

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw UsageError(path.string() + ": cannot be written: " + why);
}

void write_all(int file, std::string_view text, const fs::path& path) {
  while (!text.empty()) {
    const ssize_t done = ::write(file, text.data(), std::min<std::size_t>(text.size(), 1 << 30));
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) fail(path, std::strerror(errno));
    text.remove_prefix(std::size_t(done));
  }
}

// A file beside its place; gone again unless it was moved there.
class Pending {
 public:
  Pending(fs::path place, const std::vector<std::string_view>& parts)
      : place_(std::move(place)), temporary_(place_.string() + "." + std::to_string(::getpid()) + ".part") {
    std::error_code none;
    if (fs::is_directory(place_, none)) fail(place_, std::strerror(EISDIR));  // before any is renamed
    const int file = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) fail(place_, std::strerror(errno));
    try {
      for (std::string_view part : parts) write_all(file, part, place_);
      if (::fsync(file) != 0) fail(place_, std::strerror(errno));
    } catch (...) {
      ::close(file);
      ::unlink(temporary_.c_str());
      throw;
    }
    if (::close(file) != 0) {
      const int error = errno;
      ::unlink(temporary_.c_str());
      fail(place_, std::strerror(error));
    }
  }
  Pending(Pending&& other) noexcept : place_(std::move(other.place_)), temporary_(std::move(other.temporary_)) {
    other.temporary_.clear();
  }
  ~Pending() {
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
  }
  void move_into_place() {
    if (::rename(temporary_.c_str(), place_.c_str()) != 0) fail(place_, std::strerror(errno));
    temporary_.clear();
  }

 private:
  fs::path place_;
  std::string temporary_;
};

void flush_folder(const fs::path& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);  // some file systems cannot; the files themselves are safe
  ::close(file);
}

Json nested(const Array& a, std::size_t axis, std::size_t& at) {
  Json out = Json::array();
  out.get_ref<Json::array_t&>().reserve(std::size_t(a.shape[axis]));
  for (Index i = 0; i < a.shape[axis]; ++i)
    out.push_back(axis + 1 == a.shape.size() ? figure(a.values[at++]) : nested(a, axis + 1, at));
  return out;
}

}  // namespace

void write_files(const fs::path& folder, const std::vector<OutputFile>& files) {
  // Folders that are made here are taken back on failure, the inner ones first; rmdir spares those that hold anything.
  std::vector<fs::path> made;
  std::set<fs::path> folders{folder};
  for (const OutputFile& file : files) folders.insert((folder / file.name).parent_path());
  try {
    for (const fs::path& wanted : folders) {
      std::error_code error;
      std::vector<fs::path> missing;
      for (fs::path p = wanted; !p.empty() && !fs::exists(p, error); p = p.parent_path()) missing.push_back(p);
      made.insert(made.end(), missing.rbegin(), missing.rend());
      fs::create_directories(wanted, error);
      if (error) fail(wanted, error.message());
    }
    std::vector<Pending> pending;
    pending.reserve(files.size());
    for (const OutputFile& file : files) pending.emplace_back(folder / file.name, file.parts);
    for (Pending& file : pending) file.move_into_place();
    for (const fs::path& f : folders) flush_folder(f);
  } catch (...) {
    for (auto p = made.rbegin(); p != made.rend(); ++p) ::rmdir(p->c_str());
    throw;
  }
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + '"';
}

std::string csv(const std::vector<std::string>& columns, const std::vector<std::vector<double>>& rows,
                const std::vector<std::vector<std::string>>& labels) {
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) out += (i ? "," : "") + csv_field(columns[i]);
  out += '\n';
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const auto& row = rows[r];
    const char* comma = "";
    if (!labels.empty())
      for (const std::string& word : labels[r]) out += std::exchange(comma, ",") + csv_field(word);
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += std::exchange(comma, ",");
      if (std::isinf(row[i]))
        out += row[i] > 0 ? "inf" : "-inf";
      else if (!std::isnan(row[i]))
        out += digits(row[i]);
    }
    out += '\n';
  }
  return out;
}

void Results::put(std::string name, Json value) {
  entries_.emplace_back(std::move(name), std::make_shared<const Json>(std::move(value)));
}
void Results::put(std::string name, Array array) { entries_.emplace_back(std::move(name), std::move(array)); }

Json Results::document() const { return document(std::size_t(-1)); }

Json Results::document(std::size_t most) const {
  Json out = Json::object();
  for (const auto& [name, entry] : entries_) {
    if (const auto* value = std::get_if<std::shared_ptr<const Json>>(&entry)) {
      out[name] = **value;
      continue;
    }
    const Array& array = std::get<Array>(entry);
    std::size_t at = 0;
    out[name] = array.values.size() > most ? Json(name + ".npy") : nested(array, 0, at);
  }
  return out;
}

void require_folder(const std::string& out) {
  std::error_code error;
  fs::path p = out;
  while (!p.empty() && !fs::exists(p, error)) p = p.parent_path();
  if (!p.empty() && !fs::is_directory(p, error)) throw UsageError("--out " + out + ": " + p.string() + " is no folder");
  if (::access(p.empty() ? "." : p.c_str(), W_OK) != 0) throw UsageError("--out " + out + ": " + std::strerror(errno));
}

Json manifest_of(const Common& common, const std::string& command, const Document& spec, std::int64_t evaluations) {
  return {{"command", command},        {"arguments", common.arguments}, {"spec_file", spec.name},
          {"spec", *spec.root},        {"version", LML_VERSION},        {"compiler", LML_COMPILER},
          {"seed", common.seed},       {"device", common.device},       {"threads", omp_get_max_threads()},
          {"evaluations", evaluations}};
}

void deliver(const Common& common, const std::string& command, const Document& spec, const Results& results,
             std::int64_t evaluations, const std::vector<OutputFile>& extra) {
  if (!common.out.empty()) {
    const std::string result_text = dump(results.document(inline_numbers), 1) + '\n';
    const std::string manifest_text = dump(manifest_of(common, command, spec, evaluations), 1) + '\n';
    std::vector<OutputFile> files{{"result.json", {result_text}}, {"manifest.json", {manifest_text}}};
    std::vector<std::string> headers;
    headers.reserve(results.entries().size());
    for (const auto& [name, entry] : results.entries()) {
      const auto* array = std::get_if<Array>(&entry);
      if (!array || array->values.size() <= inline_numbers) continue;
      headers.push_back(npy_header(array->shape));
      files.push_back({name + ".npy",
                       {headers.back(),
                        {reinterpret_cast<const char*>(array->values.data()), array->values.size() * sizeof(double)}}});
    }
    files.insert(files.end(), extra.begin(), extra.end());
    write_files(common.out, files);
  }
  if (common.json) print(dump(results.document()) + '\n');
}

void say(std::string line) {
  line += '\n';
  std::fputs(line.c_str(), stderr);  // in one piece, as lines of several threads may meet
}

void print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    throw UsageError(std::string("standard output: cannot be written: ") + std::strerror(errno));
}

std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view sides) {
  std::vector<std::size_t> width;
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i == width.size()) width.push_back(0);
      width[i] = std::max(width[i], row[i].size());
    }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string gap(width[i] - row[i].size(), ' ');
      if (i > 0) line += "  ";
      line += sides[std::min(i, sides.size() - 1)] == 'l' ? row[i] + gap : gap + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string brief(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.4g", value);
  return text;
}

}  // namespace lml
