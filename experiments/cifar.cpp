// CIFAR-10's binary files: records of a label (0 to 9) and 3 x 32 x 32 bytes; a folder is its data_batch_*.bin in the
// order of their names. Labels are checked and dropped.
#include <algorithm>
#include <cstring>

#include "experiments/array_formats.hpp"

namespace lml::formats {
namespace {

constexpr std::uint64_t pixels = 3072, record = pixels + 1;

std::vector<std::filesystem::path> files_of(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return {path};
  std::vector<std::filesystem::path> out;
  for (auto it = std::filesystem::directory_iterator(path, error);
       !error && it != std::filesystem::directory_iterator(); it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.starts_with("data_batch_") && name.ends_with(".bin")) out.push_back(it->path());
  }
  if (error) throw BadInput("", "cannot be read: " + error.message());
  if (out.empty()) throw BadInput("", "is a folder without CIFAR-10's data_batch_*.bin");
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

ArrayFile read_cifar(const std::filesystem::path& path, const ArrayOptions& options) {
  std::vector<File> files;
  Layout layout;
  layout.shape = {0, 3, 32, 32};
  for (const auto& name : files_of(path)) {
    const File& file = files.emplace_back(name);
    if (file.size() == 0 || file.size() % record != 0)
      throw BadInput("", "is no CIFAR-10 file: " + std::to_string(file.size()) + " bytes are no whole records of 3073");
    layout.shape[0] += file.size() / record;
  }
  std::size_t current = 0;
  std::uint64_t inside = 0;  // pixels of the current record already given
  return decode(
      layout,
      [&](unsigned char* to, std::size_t n) {
        while (n > 0) {
          while (files[current].left() == 0) ++current;
          if (inside == 0) {
            unsigned char label;
            files[current].read(&label, 1);
            if (label > 9) throw BadInput("", "is no CIFAR-10 file: a record has the label " + std::to_string(label));
          }
          const std::size_t part = std::size_t(std::min<std::uint64_t>(n, pixels - inside));
          files[current].read(to, part);
          to += part;
          n -= part;
          inside = (inside + part) % pixels;
        }
      },
      options);
}

}  // namespace lml::formats
