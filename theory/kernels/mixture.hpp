// Sums over the components of a mixture with eight points in SIMD lanes: what the batch score and the simulations
// share. theory/batch.cpp says how the data lie.
#pragma once
#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <memory>
#include <vector>

#include "theory/kernels/lanes.hpp"
#include "theory/marginal.hpp"

namespace lml::kernels {

inline constexpr double lowest =
    -std::numeric_limits<double>::max();  // below every logit, yet finite: lowest - lowest is 0
inline constexpr Index chunk = 64;  // dimensions of the tile that stay in the first cache while components pass by

struct Free {
  void operator()(double* p) const { std::free(p); }
};
using Buffer = std::unique_ptr<double[], Free>;
inline Buffer buffer(Index n) {
  const std::size_t bytes = (std::size_t(n) * sizeof(double) + 63) / 64 * 64;
  auto* p = static_cast<double*>(std::aligned_alloc(64, std::max<std::size_t>(bytes, 64)));
  if (!p) throw std::bad_alloc();
  return Buffer(p);
}

inline Index rounded_up(Index n, Index to) { return (n + to - 1) / to * to; }

using Kind = Spread::Kind;

// What every tile reads.
struct Plan {
  const Marginal& marginal;
  const Points& means;
  Index d, size, block;
  double alpha;
  Kind kind;
  Vec log_constant;         // log w_k + log det(A_k^-1)/2
  Vec p;                    // [1] or [K], isotropic
  Buffer whiten, whiten_t;  // full: W_k = diag(sqrt p) Q^T and its transpose in panels of 4 rows, A_k^-1 = W_k^T W_k
  double precision(Index k) const { return p[p.size() == 1 ? 0 : k]; }
  Index whiten_size() const { return rounded_up(d, 4) * d; }
  double work() const { return double(size) * double(d) * (kind == Kind::full ? double(d) : 1.0); }

  explicit Plan(const Marginal& m)
      : marginal(m), means(m.target().means()), d(m.dim()), size(m.target().size()), alpha(m.time().alpha) {
    kind = Kind::isotropic;
    for (const Marginal::Precision& a : m.precisions()) kind = std::max(kind, a.kind);
    log_constant = m.target().log_weights();
    for (Index k = 0; k < size; ++k) log_constant[k] += 0.5 * m.precision(k).log_det;
    if (kind == Kind::isotropic) {
      p.resize(Index(m.precisions().size()));
      for (Index k = 0; k < p.size(); ++k) p[k] = m.precision(k).p[0];
    }
    const Index doubles = kind == Kind::full ? 2048 : kind == Kind::diagonal ? 16384 : 32768;
    block = std::min(std::clamp<Index>(doubles / d / 4 * 4, 4, 64), size);
    if (kind == Kind::full) pack_whiteners();
  }

  void pack_whiteners() {
    whiten = buffer(size * whiten_size());
    whiten_t = buffer(size * whiten_size());
    const Index padded = rounded_up(d, 4);
#pragma omp parallel for schedule(static) if (work() > 1e6 && !omp_in_parallel())
    for (Index k = 0; k < size; ++k) {
      const Marginal::Precision& a = marginal.precision(k);
      const auto w = [&](Index i, Index j) {
        if (i >= d || j >= d) return 0.0;
        if (a.kind == Kind::full) return std::sqrt(a.p[i]) * (*a.basis)(j, i);
        return i == j ? std::sqrt(a.p[a.kind == Kind::isotropic ? 0 : i]) : 0.0;
      };
      double* to = &whiten[std::size_t(k * whiten_size())];
      double* to_t = &whiten_t[std::size_t(k * whiten_size())];
      for (Index i = 0; i < padded; ++i)
        for (Index j = 0; j < d; ++j) {
          to[(i / 4 * d + j) * 4 + i % 4] = w(i, j);
          to_t[(i / 4 * d + j) * 4 + i % 4] = w(j, i);
        }
    }
  }
};

// Dimensions fall into panels of 4, then at most one of 2 and one of 1.
template <class F>
LML_INLINE void for_panels(Index from, Index to, F&& f) {
  for (; from + 4 <= to; from += 4) f(std::integral_constant<int, 4>(), from);
  if (from + 2 <= to) f(std::integral_constant<int, 2>(), from), from += 2;
  if (from < to) f(std::integral_constant<int, 1>(), from);
}

// Components [from, from + count) as the kernels read them.
struct Block {
  Index from = 0, count = 0;
  Buffer c, p;  // p: diagonal precisions

  Block(const Plan& plan) : c(buffer(plan.block * plan.d)) {
    if (plan.kind == Kind::diagonal) p = buffer(plan.block * plan.d);
  }
  void pack(const Plan& plan, Index first, Index n) {
    from = first, count = n;
    for (Index k = 0; k < n; ++k) {
      const double* row = plan.means.data() + (from + k) * plan.d;
      for_panels(0, plan.d, [&](auto width, Index j) {
        double* to = &c[std::size_t(j * n + k * width)];
        for (int i = 0; i < width; ++i) to[i] = plan.alpha * row[j + i];
      });
      if (!p) continue;
      const Marginal::Precision& a = plan.marginal.precision(from + k);
      for_panels(0, plan.d, [&](auto width, Index j) {
        double* to = &p[std::size_t(j * n + k * width)];
        for (int i = 0; i < width; ++i) to[i] = a.p[a.kind == Kind::isotropic ? 0 : j + i];
      });
    }
  }
};

// Up to P x 8 points and their running sums over components. With r = exp(logit - top):
// sum = sum_k r, total = sum_k r A_k^-1 (c_k - x).
struct Tile {
  Buffer x, total, top, sum;
  bool fresh = true;
  Tile(Index d, Index width) : x(buffer(d * width)), total(buffer(d * width)), top(buffer(width)), sum(buffer(width)) {}
};

// Scratch for one block and one tile: q[k][lane] holds squares, logits, weights in turn; z[k][i][lane] whitened
// differences and t[j][lane] differences (full only).
struct Scratch {
  Block block;
  Buffer q, z, t;
  explicit Scratch(const Plan& plan) : block(plan), q(buffer(plan.block * 4 * lanes)) {
    if (plan.kind != Kind::full) return;
    z = buffer(plan.block * rounded_up(plan.d, 4) * 4 * lanes);
    t = buffer(plan.d * 4 * lanes);
  }
};

template <int P>
LML_INLINE void load_points(const PointsRef& points, Index first, Index count, double* x) {
  constexpr Index width = P * lanes;
  const Index d = points.cols(), stride = points.outerStride();
  for (int p = 0; p < P; ++p) {
    const double* row[lanes];  // the last point fills what is left over
    for (Index i = 0; i < lanes; ++i)
      row[i] = points.data() + std::min(first + count - 1, first + p * lanes + i) * stride;
    Index j = 0;
    for (; j + lanes <= d; j += lanes) {
      Lanes r[lanes];
#pragma GCC unroll 8
      for (int i = 0; i < lanes; ++i) r[i] = *reinterpret_cast<const kernels::LooseLanes*>(row[i] + j);
      kernels::transpose(r);
#pragma GCC unroll 8
      for (int i = 0; i < lanes; ++i) at(x + (j + i) * width, p) = r[i];
    }
    if (d == 2 && row[lanes - 1] == row[0] + 2 * (lanes - 1)) {
      Lanes a = *reinterpret_cast<const kernels::LooseLanes*>(row[0]);
      Lanes b = *reinterpret_cast<const kernels::LooseLanes*>(row[0] + lanes);
      kernels::unzip(a, b);
      at(x, p) = a;
      at(x + width, p) = b;
      continue;
    }
    for (; j < d; ++j) {
      Lanes v;
      for (int i = 0; i < lanes; ++i) v[i] = row[i][j];
      at(x + j * width, p) = v;
    }
  }
}

// score = total/sum
template <int P, bool stream>
LML_INLINE void store_score(const Tile& tile, Index count, double* out, Index d) {
  constexpr Index width = P * lanes;
  for (int p = 0; p < P && p * lanes < count; ++p) {
    const Index rows = std::min<Index>(lanes, count - p * lanes);
    const Lanes scale = 1.0 / at(tile.sum.get(), p);
    double* to = out + p * lanes * d;
    Index j = 0;
    for (; j + lanes <= d; j += lanes) {
      Lanes r[lanes];
#pragma GCC unroll 8
      for (int i = 0; i < lanes; ++i) r[i] = at(&tile.total[std::size_t((j + i) * width)], p) * scale;
      kernels::transpose(r);
#pragma GCC unroll 8
      for (int i = 0; i < lanes; ++i)
        if (i < rows) kernels::store<stream>(r[i], to + i * d + j);
    }
    if (d == 2 && rows == lanes) {
      Lanes a = at(tile.total.get(), p) * scale, b = at(tile.total.get() + width, p) * scale;
      kernels::zip(a, b);
      kernels::store<stream>(a, to);
      kernels::store<stream>(b, to + lanes);
      continue;
    }
    if (j == d) continue;
    Lanes r[lanes] = {};
    const int rest = int(d - j);
    for (int i = 0; i < rest; ++i) r[i] = at(&tile.total[std::size_t((j + i) * width)], p) * scale;
    kernels::transpose(r);
    for (int i = 0; i < rows; ++i) {
      const double* from = reinterpret_cast<const double*>(&r[i]);
      double* end = to + i * d + j;
      if (rest & 4) end = std::copy_n(from, 4, end), from += 4;
      if (rest & 2) end = std::copy_n(from, 2, end), from += 2;
      if (rest & 1) *end = *from;
    }
  }
}

// q[c][p] += sum over a panel of J dimensions of (x - c_k)^2, or of p_k (x - c_k)^2.
template <int P, int C, int J, bool weighted>
LML_INLINE void add_squares(const double* x, const double* c, const double* a, Lanes (&q)[C][P]) {
#pragma GCC unroll 4
  for (int j = 0; j < J; ++j)
#pragma GCC unroll 4
    for (int k = 0; k < C; ++k)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) {
        const Lanes t = at(x, j * P + p) - c[k * J + j];
        if constexpr (weighted)
          q[k][p] += (t * a[k * J + j]) * t;
        else
          q[k][p] += t * t;
      }
}

// Logits of components k..k+C-1 of the block, except that only dimensions [from, to) are added; the last call finishes.
template <int P, int C, bool weighted>
LML_INLINE void logits(const Plan& plan, const Block& b, const double* x, Index k, Index from, Index to, double* q,
                       Lanes (&top)[P]) {
  Lanes s[C][P];
#pragma GCC unroll 4
  for (int i = 0; i < C; ++i)
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) s[i][p] = from == 0 ? Lanes{} : at(q + (k + i) * P * lanes, p);
  const double* c = b.c.get();
  const double* a = b.p.get();
  for_panels(from, to, [&](auto width, Index j) {
    constexpr int J = decltype(width)::value;
    const Index place = j * b.count + k * J;
    add_squares<P, C, J, weighted>(x + j * P * lanes, c + place, weighted ? a + place : nullptr, s);
  });
#pragma GCC unroll 4
  for (int i = 0; i < C; ++i) {
    const Index component = b.from + k + i;
    const double half_p = weighted ? 0.5 : 0.5 * plan.precision(component);
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      if (to == plan.d) {
        s[i][p] = plan.log_constant[component] - s[i][p] * half_p;
        top[p] = s[i][p] > top[p] ? s[i][p] : top[p];
      }
      at(q + (k + i) * P * lanes, p) = s[i][p];
    }
  }
}

template <int P, bool weighted>
void all_logits(const Plan& plan, const Block& b, const double* x, double* q, Lanes (&top)[P]) {
  for (Index from = 0; from < plan.d; from += chunk) {
    const Index to = std::min(from + chunk, plan.d);
    Index k = 0;
    for (; k + 4 <= b.count; k += 4) logits<P, 4, weighted>(plan, b, x, k, from, to, q, top);
    for (; k < b.count; ++k) logits<P, 1, weighted>(plan, b, x, k, from, to, q, top);
  }
}

// total[j] += sum_k w_k (c_k - x), or w_k p_k (c_k - x), over the block, for a panel of J dimensions and H x 8 points.
template <int P, int H, int J, bool weighted>
__attribute__((noinline)) void add_pulls(Index count, const double* x, const double* c, const double* a,
                                         const double* w, double* total) {
  Lanes sum[J][H], xs[J][H];
#pragma GCC unroll 4
  for (int j = 0; j < J; ++j)
#pragma GCC unroll 4
    for (int h = 0; h < H; ++h) {
      sum[j][h] = at(total, j * P + h);
      xs[j][h] = at(x, j * P + h);
    }
  for (Index k = 0; k < count; ++k) {
    Lanes ws[H];
#pragma GCC unroll 4
    for (int h = 0; h < H; ++h) kernels::load_once(at(w + k * P * lanes, h), ws[h]);
#pragma GCC unroll 4
    for (int j = 0; j < J; ++j)
#pragma GCC unroll 4
      for (int h = 0; h < H; ++h) {
        Lanes t = c[k * J + j] - xs[j][h];
        if constexpr (weighted) t *= a[k * J + j];
        sum[j][h] += ws[h] * t;
      }
  }
#pragma GCC unroll 4
  for (int j = 0; j < J; ++j)
#pragma GCC unroll 4
    for (int h = 0; h < H; ++h) at(total, j * P + h) = sum[j][h];
}

template <int P, bool weighted>
void all_pulls(const Plan& plan, const Block& b, const double* w, const double* x, double* total) {
  for_panels(0, plan.d, [&](auto width, Index j) {
    constexpr int J = decltype(width)::value, H = std::min(P, J == 4 ? 2 : 4);
    for (int h = 0; h < P; h += H)
      add_pulls<P, H, J, weighted>(b.count, x + (j * P + h) * lanes, &b.c[std::size_t(j * b.count)],
                                   weighted ? &b.p[std::size_t(j * b.count)] : nullptr, w + h * lanes,
                                   total + (j * P + h) * lanes);
  });
}

// out[4 rows][P] += panel (4 x n) times in[n][P]
template <int P>
LML_INLINE void add_panel(Index n, const double* panel, const double* in, Lanes (&out)[4][P]) {
  for (Index j = 0; j < n; ++j)
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i)
#pragma GCC unroll 4
      for (int p = 0; p < P; ++p) out[i][p] += at(in + j * P * lanes, p) * panel[j * 4 + i];
}

template <int P>
void all_logits_full(const Plan& plan, const Scratch& s, const double* x, Lanes (&top)[P]) {
  constexpr Index width = P * lanes;
  const Index d = plan.d, padded = rounded_up(d, 4);
  double* t = s.t.get();
  for (Index k = 0; k < s.block.count; ++k) {
    const Index component = s.block.from + k;
    for_panels(0, d, [&](auto panel, Index j) {
      for (int i = 0; i < panel; ++i)
        for (int p = 0; p < P; ++p)
          at(t + (j + i) * width, p) =
              at(x + (j + i) * width, p) - s.block.c[std::size_t(j * s.block.count + k * panel + i)];
    });
    Lanes square[P] = {};
    for (Index i = 0; i < padded; i += 4) {
      Lanes z[4][P] = {};
      add_panel<P>(d, &plan.whiten[std::size_t(component * plan.whiten_size() + i * d)], t, z);
      for (int r = 0; r < 4; ++r)
        for (int p = 0; p < P; ++p) {
          square[p] += z[r][p] * z[r][p];
          at(&s.z[std::size_t((k * padded + i + r) * width)], p) = z[r][p];
        }
    }
    for (int p = 0; p < P; ++p) {
      const Lanes logit = plan.log_constant[component] - 0.5 * square[p];
      top[p] = logit > top[p] ? logit : top[p];
      at(&s.q[std::size_t(k * width)], p) = logit;
    }
  }
}

template <int P>
void all_pulls_full(const Plan& plan, const Scratch& s, Tile& tile) {
  constexpr Index width = P * lanes;
  const Index d = plan.d, padded = rounded_up(d, 4);
  for (Index k = 0; k < s.block.count; ++k) {
    double* z = &s.z[std::size_t(k * padded * width)];
    for (Index i = 0; i < d; ++i)
      for (int p = 0; p < P; ++p) at(z + i * width, p) *= -at(&s.q[std::size_t(k * width)], p);
    for (Index j = 0; j < d; j += 4) {
      const int rows = int(std::min<Index>(4, d - j));
      Lanes sum[4][P] = {};
      for (int r = 0; r < rows; ++r)
        for (int p = 0; p < P; ++p) sum[r][p] = at(&tile.total[std::size_t((j + r) * width)], p);
      add_panel<P>(d, &plan.whiten_t[std::size_t((s.block.from + k) * plan.whiten_size() + j * d)], z, sum);
      for (int r = 0; r < rows; ++r)
        for (int p = 0; p < P; ++p) at(&tile.total[std::size_t((j + r) * width)], p) = sum[r][p];
    }
  }
}

LML_INLINE bool all_zero(const Lanes& v) {
  bool zero = true;
  for (int i = 0; i < lanes; ++i) zero = zero && v[i] == 0;
  return zero;
}

// One block of components into the tile's running sums.
template <int P, Kind kind, bool want_score>
void add_block(const Plan& plan, const Scratch& s, Tile& tile) {
  constexpr bool weighted = kind == Kind::diagonal;
  const Index count = s.block.count;
  double* q = s.q.get();
  Lanes top[P], scale[P], sum[P];
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) top[p] = tile.fresh ? Lanes{} + lowest : at(tile.top.get(), p);
  if constexpr (kind == Kind::full)
    all_logits_full<P>(plan, s, tile.x.get(), top);
  else
    all_logits<P, weighted>(plan, s.block, tile.x.get(), q, top);

#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) sum[p] = Lanes{};
  for (Index k = 0; k < count; ++k) {
    const double precision = kind == Kind::isotropic ? plan.precision(s.block.from + k) : 1.0;
#pragma GCC unroll 4
    for (int p = 0; p < P; ++p) {
      Lanes& logit = at(q + k * P * lanes, p);
      Lanes r;
      kernels::exp_nonpositive(logit - top[p], r);
      sum[p] += r;
      if constexpr (want_score) logit = kind == Kind::isotropic ? r * precision : r;
    }
  }
  Lanes any = {}, moved = {};
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) {
    any += sum[p];
    scale[p] = Lanes{};
    if (!tile.fresh) {
      kernels::exp_nonpositive(at(tile.top.get(), p) - top[p], scale[p]);
      moved += 1.0 - scale[p];
      sum[p] += at(tile.sum.get(), p) * scale[p];
    }
    at(tile.top.get(), p) = top[p];
    at(tile.sum.get(), p) = sum[p];
  }
  if constexpr (want_score) {
    if (tile.fresh) {
      std::fill_n(tile.total.get(), plan.d * P * lanes, 0.0);
    } else if (!all_zero(moved)) {
      for (Index j = 0; j < plan.d; ++j)
        for (int p = 0; p < P; ++p) at(&tile.total[std::size_t(j * P * lanes)], p) *= scale[p];
    }
    // Adding weights that are all exactly 0 would change nothing.
    if (!all_zero(any)) {
      if constexpr (kind == Kind::full)
        all_pulls_full<P>(plan, s, tile);
      else
        all_pulls<P, weighted>(plan, s.block, q, tile.x.get(), tile.total.get());
    }
  }
  tile.fresh = false;
}

}  // namespace lml::kernels
