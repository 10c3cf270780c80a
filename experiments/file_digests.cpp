#include "experiments/file_digests.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "experiments/output.hpp"
#include "experiments/read_back.hpp"
#include "experiments/sha256.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

// A file that was changed just now may be changed again within the clock's grain.
constexpr long long settled = 2'000'000'000;

long long now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

}  // namespace

FileDigests::FileDigests(fs::path memory) : memory_(std::move(memory)) {
  const Json json = object_in(memory_);
  for (const auto& [path, entry] : json.items())
    if (entry.is_array() && entry.size() == 3 && entry[0].is_number_unsigned() && entry[1].is_number_integer() &&
        entry[2].is_string())
      known_[path] = {entry[0].get<std::uintmax_t>(), entry[1].get<long long>(), entry[2].get<std::string>()};
}

std::string FileDigests::of_file(const fs::path& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) throw UsageError(path.string() + ": cannot be read: " + std::strerror(errno));
  const long long changed = 1'000'000'000LL * status.st_mtim.tv_sec + status.st_mtim.tv_nsec;
  const std::string name = fs::absolute(path).lexically_normal().string();
  Known& known = known_[name];
  if (known.digest.empty() || known.size != std::uintmax_t(status.st_size) || known.changed != changed ||
      now() - changed < settled) {
    known = {std::uintmax_t(status.st_size), changed, sha256_of(path)};
    fresh_ = true;
  }
  return known.digest;
}

std::string FileDigests::of(const fs::path& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return of_file(path);
  std::vector<fs::path> files;
  for (fs::recursive_directory_iterator it(path, error), end; !error && it != end; it.increment(error))
    if (it->is_regular_file(error)) files.push_back(it->path());
  if (error) throw UsageError(path.string() + ": cannot be read: " + error.message());
  std::sort(files.begin(), files.end());
  std::string all;
  for (const fs::path& file : files) all += file.lexically_relative(path).string() + '\n' + of_file(file) + '\n';
  return sha256(all);
}

void FileDigests::save() {
  if (!std::exchange(fresh_, false)) return;
  Json json = Json::object();
  for (const auto& [path, known] : known_) json[path] = {known.size, known.changed, known.digest};
  const std::string text = dump(json) + '\n';
  try {
    write_files(memory_.parent_path(), {{memory_.filename().string(), {text}}});
  } catch (const UsageError&) {
  }
}

}  // namespace lml
