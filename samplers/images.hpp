// Images as points.
#pragma once
#include "theory/types.hpp"

namespace lml {

/// Of one image, which lies in a row of Points as [C, H, W] lies in memory.
struct ImageShape {
  Index channels, height, width;
  Index size() const { return channels * height * width; }
  bool operator==(const ImageShape&) const = default;
};

}  // namespace lml
