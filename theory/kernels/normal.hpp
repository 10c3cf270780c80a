// Normals out of counters, eight at a time: Philox4x32-10 (Salmon et al. 2011), then Box and Muller's transform. The
// arithmetic is written in operations that IEEE 754 rounds correctly (fma included), so the bits are the same whatever
// the compiler and the machine.
//
// Pair i of (key, sample, step), i < 2^32, takes the four words w of the counter (sample mod 2^32, sample div 2^32,
// step, i):  u = (m + 1/2) 2^-52 with m the upper 52 bits of w_0 + 2^32 w_1, v likewise of w_2, w_3,
//   (z_2i, z_2i+1) = sqrt(-2 log u) (cos 2 pi v, sin 2 pi v),  each within 1e-15 relative (log and the sines by the
// reductions and polynomials of fdlibm). |z| < 8.6.
#pragma once
#include <cstdint>

namespace lml::kernels {

inline constexpr int tile_samples = 32;

/// Samples first, ..., first + 31: z[j * 32 + i] is component j of sample first + i, j < 2 pairs. z aligned to 64
/// bytes.
void normals_of_samples(std::uint64_t key, std::uint64_t first, std::uint32_t step, std::uint32_t pairs, double* z);

/// One sample: z[j], j < n.
void normals_of_sample(std::uint64_t key, std::uint64_t sample, std::uint32_t step, std::int64_t n, double* z);

}  // namespace lml::kernels
