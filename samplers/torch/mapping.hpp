// A file as memory, for tensors that are used where they lie.
#pragma once
#include <cstdint>
#include <filesystem>

namespace lml {

/// The first `size` bytes of a file, copied where they are written to (MAP_PRIVATE). Throws BadInput.
class Mapping {
 public:
  Mapping(const std::filesystem::path& file, std::uint64_t size);
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();
  char* data() const { return static_cast<char*>(data_); }
  std::uint64_t size() const { return size_; }

 private:
  void* data_;
  std::uint64_t size_;
};

}  // namespace lml
