// Sets of samples or images as a spec names them: lists, array files, folders that `sample` wrote, folders of PNG
// files.
#pragma once
#include <optional>
#include <utility>
#include <vector>

#include "experiments/reader.hpp"
#include "samplers/frechet.hpp"
#include "samplers/images.hpp"

namespace lml {

using Range = std::pair<double, double>;

struct Samples {
  Points values;
  std::vector<Index> shape;    // [n, d], [n, H, W] or [n, C, H, W]
  std::optional<Range> range;  // that of bytes, or what the folder's result says
};
/// At most the first `limit`. Throws SpecError.
Samples read_samples(const Reader& where, std::optional<Index> limit);

/// {"range": [lowest, highest]}
Range read_range(const Reader& range);

struct ImageLayout {
  ImageShape shape;
  Range range;
};
/// Of samples that are images, of one or three channels; `range`, if given, is that of what is not bytes. Throws
/// SpecError.
ImageLayout image_layout(const Reader& where, const Samples& samples, const std::optional<Range>& range);

/// The mean and covariance of features that a safetensors file holds as `mean` and `cov`; nothing where it is no such
/// file. Throws SpecError.
std::optional<std::pair<Vec, Mat>> read_statistics(const Reader& where);

}  // namespace lml
