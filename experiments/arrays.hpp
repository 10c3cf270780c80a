// Array files into points: n x d float64, row-major, everything behind the first axis flattened. Read defensively: a
// header is believed only as far as the file bears it out, and nothing is allocated before.
#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "theory/types.hpp"

namespace lml {

struct ArrayOptions {
  /// Bytes 0..255 become lo..hi, linearly. Refused for any other type of entry.
  std::optional<std::pair<double, double>> scale;
  /// At most the first so many points.
  std::optional<Index> limit;
};

/// By what the path is: `.npy` (versions 1 to 3), `.safetensors` (its only tensor, or the one named `samples` or
/// `images`), `.bin` or a folder of `data_batch_*.bin` (CIFAR-10), else IDX, plain or gzip. The shape must have two to
/// eight axes, none of length 0; entries must be finite. Throws BadInput("", "<file name>: ...").
Points read_array(const std::filesystem::path& path, const ArrayOptions& options = {});

struct ArrayFile {
  Points values;
  std::vector<Index> shape;  // of what was read: values.rows() first
  bool bytes;                // entries are unsigned bytes
};
/// The same with what the points were in the file.
ArrayFile read_array_file(const std::filesystem::path& path, const ArrayOptions& options = {});

/// Header of a version 1 .npy file of numpy's dtype `descr` in C order (little-endian float64 unless said); the numbers
/// follow it as they lie in Points.
std::string npy_header(const std::vector<Index>& shape, const std::string& descr = "<f8");
/// Head of a safetensors file of one tensor, of the dtype F64, F32 or U8; its numbers follow.
std::string safetensors_header(const std::string& name, const std::string& dtype, const std::vector<Index>& shape);

}  // namespace lml
