// Normals for long simulations, addressed like those of Random, at a quarter of the cost in low dimensions:
// Philox4x32-10 and vectorised transforms (theory/kernels/normal.hpp). Its key of 64 bits cannot hold seed and stream,
// so they are hashed into it by Philox4x64-10, together with the upper half of the step.
#pragma once
#include <Random123/philox.h>

#include "theory/kernels/normal.hpp"
#include "theory/types.hpp"

namespace lml {

class NormalStream {
 public:
  NormalStream(std::uint64_t seed, std::uint64_t stream) : key_{{seed, stream}}, first_(hashed(0)) {}

  /// N(0, I_d)
  Vec normal(std::uint64_t sample, std::uint64_t step, Index d) const {
    Vec out(d);
    kernels::normals_of_sample(key(step), sample, std::uint32_t(step), d, out.data());
    return out;
  }
  /// The same of 32 samples from `first` on: z[j * 32 + i] is component j of sample first + i, j < d (one more row is
  /// written where d is odd). z aligned to 64 bytes.
  void normals(std::uint64_t first, std::uint64_t step, Index d, double* z) const {
    kernels::normals_of_samples(key(step), first, std::uint32_t(step), std::uint32_t((d + 1) / 2), z);
  }

 private:
  std::uint64_t hashed(std::uint64_t upper) const { return r123::Philox4x64()({{upper, 0, 0, 0}}, key_)[0]; }
  std::uint64_t key(std::uint64_t step) const { return step >> 32 ? hashed(step >> 32) : first_; }
  r123::Philox4x64::key_type key_;
  std::uint64_t first_;
};

}  // namespace lml
