// Counter-based randomness: a draw is a function of (seed, stream, sample, step, component) and of nothing else, so
// threads, processes, batch sizes and devices cannot change it. Philox4x64-10 (Salmon et al. 2011, Random123); normals
// by Box-Muller in float64 on the host, which is their defined value.
#pragma once
#include <Random123/philox.h>

#include <array>
#include <cmath>
#include <cstdint>

#include "theory/types.hpp"

namespace lml {

class Random {
 public:
  Random(std::uint64_t seed, std::uint64_t stream) : key_{{seed, stream}} {}

  /// Uniform on (0, 1): never 0, never 1.
  double uniform(std::uint64_t sample, std::uint64_t step, std::uint64_t component) const {
    return unit(block(sample, step, component / 4)[component % 4]);
  }
  /// N(0, I_d)
  Vec normal(std::uint64_t sample, std::uint64_t step, Index d) const {
    Vec out(d);
    for (Index j = 0; j < d; j += 4) {
      const auto z = normals(sample, step, std::uint64_t(j) / 4);
      for (Index i = 0; i < 4 && j + i < d; ++i) out[j + i] = z[std::size_t(i)];
    }
    return out;
  }
  /// n x d, row i addressed by (first_sample + i, step)
  Points normals(std::uint64_t first_sample, std::uint64_t step, Index n, Index d) const {
    Points out(n, d);
    for (Index i = 0; i < n; ++i) out.row(i) = normal(first_sample + std::uint64_t(i), step, d).transpose();
    return out;
  }

 private:
  using Philox = r123::Philox4x64;
  Philox::ctr_type block(std::uint64_t sample, std::uint64_t step, std::uint64_t index) const {
    return Philox()(Philox::ctr_type{{sample, step, index, 0}}, key_);
  }
  static double unit(std::uint64_t u) { return (double(u >> 11) + 0.5) * 0x1p-53; }
  std::array<double, 4> normals(std::uint64_t sample, std::uint64_t step, std::uint64_t index) const {
    const auto u = block(sample, step, index);
    std::array<double, 4> z;
    for (std::size_t i = 0; i < 4; i += 2) {
      const double radius = std::sqrt(-2 * std::log(unit(u[i]))), angle = 2 * M_PI * unit(u[i + 1]);
      z[i] = radius * std::cos(angle);
      z[i + 1] = radius * std::sin(angle);
    }
    return z;
  }
  Philox::key_type key_;
};

}  // namespace lml
