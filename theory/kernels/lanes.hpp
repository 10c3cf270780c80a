// Eight float64 lanes, one query point a lane, in GCC's vector types: AVX-512 where the machine has it, halves and
// quarters of it elsewhere. A lane's result depends on that lane alone.
#pragma once
#include <cstdint>
#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace lml::kernels {

inline constexpr int lanes = 8;
typedef double Lanes __attribute__((vector_size(64), may_alias));
typedef double LooseLanes __attribute__((vector_size(64), may_alias, aligned(8)));
typedef std::int64_t IntLanes __attribute__((vector_size(64), may_alias));

#define LML_INLINE inline __attribute__((always_inline))

LML_INLINE Lanes& at(double* p, int i) { return reinterpret_cast<Lanes*>(p)[i]; }
LML_INLINE const Lanes& at(const double* p, int i) { return reinterpret_cast<const Lanes*>(p)[i]; }

LML_INLINE Lanes root(const Lanes& a) {
#ifdef __AVX512F__
  return (Lanes)_mm512_sqrt_pd((__m512d)a);
#else
  Lanes out;
  for (int i = 0; i < lanes; ++i) out[i] = __builtin_sqrt(a[i]);
  return out;
#endif
}

/// Loads into a register that the compiler may not give up for several loads from memory.
LML_INLINE void load_once(const Lanes& from, Lanes& to) {
  to = from;
#ifdef __AVX512F__
  asm("" : "+v"(to));
#endif
}

/// Stores to any address (`stream`: to one aligned to 64 bytes, past the caches where the machine can).
template <bool stream>
LML_INLINE void store(const Lanes& v, double* to) {
#ifdef __AVX512F__
  if constexpr (stream) {
    _mm512_stream_pd(to, v);
    return;
  }
#endif
  *reinterpret_cast<LooseLanes*>(to) = v;
}

/// e^x for x <= 0, relative error below 1e-15; 0 below x = -708, where the result would leave the normal numbers, and
/// for NaN. Reduction of Cody and Waite (1980, ch. 6) to |r| <= log(2)/2, then 1 + r + r^2 q(r) with q of degree 9,
/// minimax in relative error (3.6e-18) by Remez's exchange.
LML_INLINE void exp_nonpositive(const Lanes& x, Lanes& out) {
  constexpr double magic = 0x1.8p52;  // x + magic - magic rounds x; the low bits of x + magic hold the integer
  const Lanes shifted = x * 1.4426950408889634074 + magic;
  const Lanes n = shifted - magic;
  const Lanes r = (x - n * 6.93147180369123816490e-01) - n * 1.90821492927058770002e-10;
  Lanes q = r * 2.5000056604513258036e-8 + 2.7630248336116405948e-7;
  q = q * r + 2.755758638842914442e-6;
  q = q * r + 2.4801493099030417868e-5;
  q = q * r + 1.9841269506564000929e-4;
  q = q * r + 1.3888888943629989842e-3;
  q = q * r + 8.3333333334944675334e-3;
  q = q * r + 4.1666666666530159082e-2;
  q = q * r + 1.6666666666666412515e-1;
  q = q * r + 0.50000000000000106271;
  const Lanes p = (q * r) * r + r + 1.0;
  const IntLanes scaled = (IntLanes)p + ((IntLanes)shifted << 52);
  out = (Lanes)(scaled & (IntLanes)(x >= -708.0));
}

/// Rows become columns.
LML_INLINE void transpose(Lanes (&r)[lanes]) {
  const IntLanes lo1 = {0, 8, 2, 10, 4, 12, 6, 14}, hi1 = {1, 9, 3, 11, 5, 13, 7, 15};
  const IntLanes lo2 = {0, 1, 8, 9, 4, 5, 12, 13}, hi2 = {2, 3, 10, 11, 6, 7, 14, 15};
  const IntLanes lo4 = {0, 1, 2, 3, 8, 9, 10, 11}, hi4 = {4, 5, 6, 7, 12, 13, 14, 15};
  Lanes s[lanes], t[lanes];
#pragma GCC unroll 8
  for (int i = 0; i < lanes; i += 2) {
    s[i] = __builtin_shuffle(r[i], r[i + 1], lo1);
    s[i + 1] = __builtin_shuffle(r[i], r[i + 1], hi1);
  }
#pragma GCC unroll 8
  for (int i = 0; i < lanes; ++i)
    t[i] = i & 2 ? __builtin_shuffle(s[i - 2], s[i], hi2) : __builtin_shuffle(s[i], s[i + 2], lo2);
#pragma GCC unroll 8
  for (int i = 0; i < lanes; ++i)
    r[i] = i & 4 ? __builtin_shuffle(t[i - 4], t[i], hi4) : __builtin_shuffle(t[i], t[i + 4], lo4);
}

/// x0 y0 x1 y1 ... in (a, b) becomes x in a, y in b; zip undoes it.
LML_INLINE void unzip(Lanes& a, Lanes& b) {
  const Lanes x = __builtin_shuffle(a, b, IntLanes{0, 2, 4, 6, 8, 10, 12, 14});
  b = __builtin_shuffle(a, b, IntLanes{1, 3, 5, 7, 9, 11, 13, 15});
  a = x;
}
LML_INLINE void zip(Lanes& a, Lanes& b) {
  const Lanes low = __builtin_shuffle(a, b, IntLanes{0, 8, 1, 9, 2, 10, 3, 11});
  b = __builtin_shuffle(a, b, IntLanes{4, 12, 5, 13, 6, 14, 7, 15});
  a = low;
}

}  // namespace lml::kernels
