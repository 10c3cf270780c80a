// What the readers of the single array formats share (see arrays.hpp).
#pragma once
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "experiments/arrays.hpp"

namespace lml::formats {

enum class Element { f64, f32, f16, bf16, u8, i8, u16, i16, u32, i32, u64, i64 };
std::size_t size_of(Element e);

struct Layout {
  Element element = Element::u8;
  bool big_endian = false;
  bool fortran = false;  // first axis fastest
  std::vector<std::uint64_t> shape;
};

/// Bytes that an array of this layout takes. Throws BadInput where the shape is no list of points or the product
/// overflows.
std::uint64_t payload(const Layout& layout);

/// Fills `to` with the next `n` bytes of the array, or throws.
using Source = std::function<void(unsigned char* to, std::size_t n)>;

/// The one place that allocates: to be called once the source is known to hold payload(layout) bytes.
ArrayFile decode(const Layout& layout, const Source& source, const ArrayOptions& options);

/// A regular file, read from the front. Throws BadInput.
class File {
 public:
  explicit File(const std::filesystem::path& path);
  std::uint64_t size() const { return size_; }
  std::uint64_t left() const { return size_ - position_; }
  void read(unsigned char* to, std::size_t n);
  std::string text(std::size_t n);
  void skip(std::uint64_t n);
  Source source() {
    return [this](unsigned char* to, std::size_t n) { read(to, n); };
  }

 private:
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t size_ = 0, position_ = 0;
};

/// Throws unless `claimed` bytes are exactly what is there.
void require_size(std::uint64_t claimed, std::uint64_t there);

/// A tensor of a safetensors file: its bytes lie at [begin, end) of the file.
struct TensorEntry {
  Layout layout;
  std::uint64_t begin, end;
};
/// All of them by name, checked: within the file, of the size that shape and dtype say, and none over another. Throws
/// BadInput.
std::map<std::string, TensorEntry> read_safetensors_header(File& file);

ArrayFile read_npy(const std::filesystem::path& path, const ArrayOptions& options);
ArrayFile read_safetensors(const std::filesystem::path& path, const ArrayOptions& options);
ArrayFile read_idx(const std::filesystem::path& path, const ArrayOptions& options);
ArrayFile read_cifar(const std::filesystem::path& path, const ArrayOptions& options);

}  // namespace lml::formats
