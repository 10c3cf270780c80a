#include "theory/kernels/normal.hpp"

#include <algorithm>
#include <cmath>

#include "theory/kernels/lanes.hpp"

namespace lml::kernels {
namespace {

typedef std::uint64_t Words __attribute__((vector_size(64), may_alias));

LML_INLINE Lanes all(double v) { return Lanes{} + v; }

LML_INLINE Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
#ifdef __AVX512F__
  return (Lanes)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#else
  Lanes out;
  for (int i = 0; i < lanes; ++i) out[i] = __builtin_fma(a[i], b[i], c[i]);
  return out;
#endif
}

// Product of the low halves.
LML_INLINE Words low_product(const Words& a, std::uint32_t b) {
#ifdef __AVX512F__
  return (Words)_mm512_mul_epu32((__m512i)a, _mm512_set1_epi64(b));
#else
  return (a & 0xffffffffull) * std::uint64_t(b);
#endif
}

// Only the low half of each word counts, so high halves are left as they come.
LML_INLINE void philox(Words& c0, Words& c1, Words& c2, Words& c3, std::uint64_t key) {
  std::uint32_t k0 = std::uint32_t(key), k1 = std::uint32_t(key >> 32);
#pragma GCC unroll 10
  for (int round = 0; round < 10; ++round) {
    const Words p0 = low_product(c0, 0xD2511F53u), p1 = low_product(c2, 0xCD9E8D57u);
    c0 = (p1 >> 32) ^ c1 ^ std::uint64_t(k0);
    c2 = (p0 >> 32) ^ c3 ^ std::uint64_t(k1);
    c1 = p1;
    c3 = p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}

// (m + 1/2) 2^-52, exactly: never 0, never 1.
LML_INLINE Lanes unit(const Words& low, const Words& high) {
  const Words word = (low & 0xffffffffull) | (high << 32);
  return (Lanes)((word >> 12) | 0x3FF0000000000000ull) - (1 - 0x1p-53);
}

// log u for normal u > 0, below 1 ulp.
LML_INLINE Lanes log(const Lanes& u) {
  const IntLanes bits = (IntLanes)u;
  const IntLanes k = (bits - (IntLanes)all(0.70710678118654752440)) >> 52;  // u = 2^k (1 + f), |f| below 0.42
  const Lanes exponent = (Lanes)(k + (IntLanes)all(0x1.8p52)) - 0x1.8p52;
  const Lanes f = (Lanes)(bits - (k << 52)) - 1.0;
  const Lanes s = f / (f + 2.0), z = s * s, w = z * z;
  const Lanes even =
      w * fma(w, fma(w, all(1.531383769920937332e-01), all(2.222219843214978396e-01)), all(3.999999999940941908e-01));
  const Lanes odd = z * fma(w,
                            fma(w, fma(w, all(1.479819860511658591e-01), all(1.818357216161805012e-01)),
                                all(2.857142874366239149e-01)),
                            all(6.666666666666735130e-01));
  const Lanes half = 0.5 * f * f;
  return exponent * 6.93147180369123816490e-01 -
         ((half - fma(s, half + (even + odd), exponent * 1.90821492927058770002e-10)) - f);
}

// cos and sin of 2 pi v, v in (0, 1).
LML_INLINE void turn(const Lanes& v, Lanes& cosine, Lanes& sine) {
  const Lanes shifted = v * 4.0 + 0x1.8p52;
  const IntLanes quarter = (IntLanes)shifted;
  const Lanes x = fma(shifted - 0x1.8p52, all(-0.25), v) * 6.283185307179586477;  // |x| <= pi/4
  const Lanes z = x * x;
  Lanes p = fma(z, all(1.58969099521155010221e-10), all(-2.50507602534068634195e-08));
  p = fma(z, p, all(2.75573137070700676789e-06));
  p = fma(z, p, all(-1.98412698298579493134e-04));
  p = fma(z, p, all(8.33333333332248946124e-03));
  p = fma(z, p, all(-1.66666666666666324348e-01));
  const Lanes s = fma(x * z, p, x);
  Lanes q = fma(z, all(-1.13596475577881948265e-11), all(2.08757232129817482790e-09));
  q = fma(z, q, all(-2.75573143513906633035e-07));
  q = fma(z, q, all(2.48015872894767294178e-05));
  q = fma(z, q, all(-1.38888888888741095749e-03));
  q = fma(z, q, all(4.16666666666666019037e-02));
  const Lanes half = 0.5 * z, most = 1.0 - half;
  const Lanes c = most + (((1.0 - most) - half) + (z * z) * q);
  const IntLanes swap = -(quarter & 1);
  const IntLanes as_cosine = ((IntLanes)s & swap) | ((IntLanes)c & ~swap);
  const IntLanes as_sine = ((IntLanes)c & swap) | ((IntLanes)s & ~swap);
  cosine = (Lanes)(as_cosine ^ (((quarter + 1) & 2) << 62));
  sine = (Lanes)(as_sine ^ ((quarter & 2) << 62));
}

LML_INLINE void pair_of(const Words& sample, const Words& step, const Words& index, std::uint64_t key, Lanes& a,
                        Lanes& b) {
  Words c0 = sample, c1 = sample >> 32, c2 = step, c3 = index;
  philox(c0, c1, c2, c3, key);
  const Lanes radius = root(-2.0 * log(unit(c0, c1)));
  turn(unit(c2, c3), a, b);
  a *= radius;
  b *= radius;
}

constexpr Words counting = {0, 1, 2, 3, 4, 5, 6, 7};

}  // namespace

void normals_of_samples(std::uint64_t key, std::uint64_t first, std::uint32_t step, std::uint32_t pairs, double* z) {
  constexpr int parts = tile_samples / lanes;
  for (std::uint32_t i = 0; i < pairs; ++i, z += 2 * tile_samples)
#pragma GCC unroll 4
    for (int p = 0; p < parts; ++p)
      pair_of(counting + (first + std::uint64_t(p * lanes)), Words{} + std::uint64_t(step), Words{} + std::uint64_t(i),
              key, at(z, p), at(z, parts + p));
}

void normals_of_sample(std::uint64_t key, std::uint64_t sample, std::uint32_t step, std::int64_t n, double* z) {
  for (std::int64_t j = 0; j < n; j += 2 * lanes) {
    Lanes a, b;
    pair_of(Words{} + sample, Words{} + std::uint64_t(step), counting + std::uint64_t(j / 2), key, a, b);
    zip(a, b);
    const std::int64_t more = std::min<std::int64_t>(n - j, 2 * lanes);
    for (std::int64_t i = 0; i < more; ++i) z[j + i] = i < lanes ? a[i] : b[i - lanes];
  }
}

}  // namespace lml::kernels
