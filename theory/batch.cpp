// Score and log density of many points at once: the arithmetic of Marginal::at with eight points in SIMD lanes.
//
// Both products with the data are formed from differences, sum_j (x_j - c_kj)^2 and sum_k w_k (c_kj - x_j) with
// c_k = alpha m_k, never as ||x||^2 - 2 x.c + ||c||^2. That keeps Marginal::at's accuracy at every sigma and needs no
// correction afterwards; the subtraction goes to ports of its own or at worst doubles the work.
//
// Layout. A tile is P x 8 points as columns: x[j][lane]. Components come in blocks small enough for the caches, packed
// in panels of dimensions: c[panel][k][j in panel]. Log-sum-exp runs over the blocks with a running maximum, so no n x
// K array exists. Components are split into ranges of a fixed size whose sums are merged in order, and each lane sees
// the same operations in whatever tile it lies: neither threads nor the number of points can change a bit.
#include <omp.h>
#ifdef __linux__
#include <sys/mman.h>
#endif

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "theory/kernels/lanes.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

using kernels::at;
using kernels::Lanes;
using kernels::lanes;

constexpr double log_two_pi = 1.8378770664093454836;
constexpr double lowest = -std::numeric_limits<double>::max();  // below every logit, yet finite: lowest - lowest is 0
constexpr Index task_points = 128;                              // points that share one packing of the components
constexpr Index range_size = 4096;
constexpr Index chunk = 64;  // dimensions of the tile that stay in the first cache while components pass by

struct Free {
  void operator()(double* p) const { std::free(p); }
};
using Buffer = std::unique_ptr<double[], Free>;
Buffer buffer(Index n) {
  const std::size_t bytes = (std::size_t(n) * sizeof(double) + 63) / 64 * 64;
  auto* p = static_cast<double*>(std::aligned_alloc(64, std::max<std::size_t>(bytes, 64)));
  if (!p) throw std::bad_alloc();
  return Buffer(p);
}

Index rounded_up(Index n, Index to) { return (n + to - 1) / to * to; }

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
void all_pulls(const Plan& plan, const Block& b, const double* w, Tile& tile) {
  for_panels(0, plan.d, [&](auto width, Index j) {
    constexpr int J = decltype(width)::value, H = std::min(P, J == 4 ? 2 : 4);
    for (int h = 0; h < P; h += H)
      add_pulls<P, H, J, weighted>(b.count, &tile.x[std::size_t((j * P + h) * lanes)], &b.c[std::size_t(j * b.count)],
                                   weighted ? &b.p[std::size_t(j * b.count)] : nullptr, w + h * lanes,
                                   &tile.total[std::size_t((j * P + h) * lanes)]);
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
        all_pulls<P, weighted>(plan, s.block, q, tile);
    }
  }
  tile.fresh = false;
}

// total <- total merged with part, both over disjoint ranges of components.
template <int P, bool want_score>
void merge(Index d, const Tile& part, Tile& tile) {
  if (tile.fresh) {
    std::copy_n(part.top.get(), P * lanes, tile.top.get());
    std::copy_n(part.sum.get(), P * lanes, tile.sum.get());
    if (want_score) std::copy_n(part.total.get(), d * P * lanes, tile.total.get());
    tile.fresh = false;
    return;
  }
  for (int p = 0; p < P; ++p) {
    const Lanes a = at(tile.top.get(), p), b = at(part.top.get(), p), top = a > b ? a : b;
    Lanes scale_a, scale_b;
    kernels::exp_nonpositive(a - top, scale_a);
    kernels::exp_nonpositive(b - top, scale_b);
    at(tile.top.get(), p) = top;
    at(tile.sum.get(), p) = at(tile.sum.get(), p) * scale_a + at(part.sum.get(), p) * scale_b;
    if (!want_score) continue;
    for (Index j = 0; j < d; ++j) {
      Lanes& to = at(&tile.total[std::size_t(j * P * lanes)], p);
      to = to * scale_a + at(&part.total[std::size_t(j * P * lanes)], p) * scale_b;
    }
  }
}

// Which points a tile holds, and its width P in units of 8 points.
struct Place {
  Index first, count;
  int width;
};

template <class F>
void with_width(int width, F&& f) {
  if (width == 4) return f(std::integral_constant<int, 4>());
  if (width == 2) return f(std::integral_constant<int, 2>());
  f(std::integral_constant<int, 1>());
}

std::vector<Place> places(Index first, Index count) {
  std::vector<Place> out;
  for (Index i = 0; i < count; i += 4 * lanes) {
    const Index n = std::min<Index>(4 * lanes, count - i);
    out.push_back({first + i, n, n > 2 * lanes ? 4 : n > lanes ? 2 : 1});
  }
  return out;
}

std::vector<Tile> make_tiles(Index d, std::size_t n) {
  std::vector<Tile> out;
  for (std::size_t i = 0; i < n; ++i) out.emplace_back(d, 4 * lanes);
  return out;
}

// One call: n points in, their scores [n x d] or log densities [n] out.
template <Kind kind, bool want_score>
class Batch {
 public:
  Batch(const Plan& plan, const PointsRef& x, double* out) : plan_(plan), x_(x), out_(out), first_bad_(x.rows()) {
    // Past the caches if the output would not stay there anyway.
    stream_ = want_score && double(x.size()) * sizeof(double) > 4e6 &&
              reinterpret_cast<std::uintptr_t>(out) % 64 == 0 && (plan.d % lanes == 0 || plan.d == 2);
    threads_ = double(x.rows()) * plan.work() > 5e4 && !omp_in_parallel();
  }

  /// The first point whose density is not a finite number, or n.
  Index run() {
    if (plan_.block == plan_.size)
      one_block();
    else if (ranges() == 1 || tasks() >= 2 * omp_get_max_threads())
      many_points();
    else
      few_points();
    return first_bad_;
  }

 private:
  Index tasks() const { return (x_.rows() + task_points - 1) / task_points; }
  Index ranges() const { return (plan_.size + range_size - 1) / range_size; }
  std::vector<Place> task_places(Index task) const {
    return places(task * task_points, std::min(task_points, x_.rows() - task * task_points));
  }

  // The components fit the cache: packed once a thread; tiles come and go, the next one's points on their way
  // meanwhile.
  void one_block() {
#pragma omp parallel if (threads_)
    {
      Scratch scratch(plan_);
      scratch.block.pack(plan_, 0, plan_.size);
      Tile tile(plan_.d, 4 * lanes);
#pragma omp for schedule(dynamic, 4)
      for (Index task = 0; task < tasks(); ++task)
        for (const Place& place : task_places(task)) {
          load(place, tile);
          prefetch(place.first + place.count);
          add(place, scratch, tile);
          store(place, tile);
        }
    }
  }

  // Tiles of a task share the packing of each block.
  void many_points() {
    constexpr std::size_t task_tiles = task_points / (4 * lanes);
#pragma omp parallel if (threads_)
    {
      Scratch scratch(plan_);
      std::vector<Tile> tiles = make_tiles(plan_.d, task_tiles), parts = make_tiles(plan_.d, task_tiles);
#pragma omp for schedule(dynamic)
      for (Index task = 0; task < tasks(); ++task) {
        const std::vector<Place> where = task_places(task);
        for (std::size_t i = 0; i < where.size(); ++i) load(where[i], parts[i]), tiles[i].fresh = true;
        for (Index range = 0; range < ranges(); ++range) {
          for (Tile& part : parts) part.fresh = true;
          add_range(range, where, parts, scratch);
          for (std::size_t i = 0; i < where.size(); ++i) merge_into(where[i], parts[i], tiles[i]);
        }
        for (std::size_t i = 0; i < where.size(); ++i) store(where[i], tiles[i]);
      }
    }
  }

  // Few points and many components: the ranges are the parallel work.
  void few_points() {
    for (Index task = 0; task < tasks(); ++task) {
      const std::vector<Place> where = task_places(task);
      std::vector<std::vector<Tile>> parts(static_cast<std::size_t>(ranges()));
#pragma omp parallel if (threads_)
      {
        Scratch scratch(plan_);
#pragma omp for schedule(dynamic)
        for (Index range = 0; range < ranges(); ++range) {
          std::vector<Tile>& part = parts[std::size_t(range)] = make_tiles(plan_.d, where.size());
          for (std::size_t i = 0; i < where.size(); ++i) load(where[i], part[i]);
          add_range(range, where, part, scratch);
        }
      }
      for (std::size_t i = 0; i < where.size(); ++i) {
        Tile tile(plan_.d, 4 * lanes);
        for (const std::vector<Tile>& part : parts) merge_into(where[i], part[i], tile);
        store(where[i], tile);
      }
    }
  }

  void add_range(Index range, const std::vector<Place>& where, std::vector<Tile>& tiles, Scratch& s) {
    const Index to = std::min((range + 1) * range_size, plan_.size);
    for (Index k = range * range_size; k < to; k += plan_.block) {
      s.block.pack(plan_, k, std::min(plan_.block, to - k));
      for (std::size_t i = 0; i < where.size(); ++i) add(where[i], s, tiles[i]);
    }
  }

  void load(const Place& place, Tile& tile) const {
    tile.fresh = true;
    with_width(place.width,
               [&](auto width) { load_points<decltype(width)::value>(x_, place.first, place.count, tile.x.get()); });
  }
  void prefetch(Index first) const {
    const Index to = std::min(first + 4 * lanes, x_.rows());
    for (Index i = first; i < to; ++i)
      for (Index j = 0; j < plan_.d; j += lanes) __builtin_prefetch(x_.data() + i * x_.outerStride() + j);
  }
  void add(const Place& place, const Scratch& scratch, Tile& tile) const {
    with_width(place.width,
               [&](auto width) { add_block<decltype(width)::value, kind, want_score>(plan_, scratch, tile); });
  }
  void merge_into(const Place& place, const Tile& part, Tile& tile) const {
    with_width(place.width, [&](auto width) { merge<decltype(width)::value, want_score>(plan_.d, part, tile); });
  }
  void store(const Place& place, const Tile& tile) {
    for (Index i = 0; i < place.count; ++i)
      if (!(tile.top[std::size_t(i)] > lowest)) note_bad(place.first + i);
    if constexpr (want_score) {
      double* to = out_ + place.first * plan_.d;
      with_width(place.width, [&](auto width) {
        constexpr int P = decltype(width)::value;
        if (stream_)
          store_score<P, true>(tile, place.count, to, plan_.d);
        else
          store_score<P, false>(tile, place.count, to, plan_.d);
      });
    } else {
      const double constant = 0.5 * double(plan_.d) * log_two_pi;
      for (Index i = 0; i < place.count; ++i)
        out_[place.first + i] = tile.top[std::size_t(i)] + std::log(tile.sum[std::size_t(i)]) - constant;
    }
  }
  void note_bad(Index i) {
    Index seen = first_bad_;
    while (i < seen && !first_bad_.compare_exchange_weak(seen, i)) {
    }
  }

  const Plan& plan_;
  const PointsRef& x_;
  double* out_;
  bool stream_ = false, threads_ = false;
  std::atomic<Index> first_bad_;
};

// Hess log p_t = sum_k r_k d_k d_k^T - sum_k r_k A_k^-1, d_k = g_k - s, at eight points, for components in one block.
template <Kind kind>
class HessianTile {
 public:
  explicit HessianTile(const Plan& plan)
      : plan_(plan),
        scratch_(plan),
        points_(plan.d, lanes),
        out_(plan.d * plan.d, lanes),
        delta_(buffer((plan.size | 1) * plan.d * lanes)) {
    scratch_.block.pack(plan, 0, plan.size);
    at(out_.sum.get(), 0) = Lanes{} + 1.0;
  }

  /// Writes count <= 8 matrices. Returns the first point whose density is not a finite number, or -1.
  template <bool stream>
  Index run(const PointsRef& x, Index first, Index count, double* out) {
    load_points<1>(x, first, count, points_.x.get());
    const Lanes total = responsibilities();
    deviations();
    products();
    store_score<1, stream>(out_, count, out, plan_.d * plan_.d);
    for (Index i = 0; i < count; ++i)
      if (!(total[i] > lowest)) return first + i;
    return -1;
  }

 private:
  const Lanes& r(Index k) const { return at(scratch_.q.get(), int(k)); }
  // Rows of odd length, so that they do not all fall into the same sets of the first cache.
  Lanes& delta(Index k, Index j) { return at(delta_.get(), int(j * (plan_.size | 1) + k)); }

  // r_k into scratch_.q; the logits' maximum is returned.
  Lanes responsibilities() {
    Lanes top[1] = {Lanes{} + lowest};
    all_logits<1, kind == Kind::diagonal>(plan_, scratch_.block, points_.x.get(), scratch_.q.get(), top);
    Lanes sum = {};
    for (Index k = 0; k < plan_.size; ++k) {
      Lanes& q = at(scratch_.q.get(), int(k));
      kernels::exp_nonpositive(q - top[0], q);
      sum += q;
    }
    const Lanes scale = 1.0 / sum;
    for (Index k = 0; k < plan_.size; ++k) at(scratch_.q.get(), int(k)) *= scale;
    return top[0];
  }

  // With one precision for all, d_k = p (c_k - sum_l r_l c_l): x drops out.
  void deviations() {
    const Index n = plan_.size;
    const bool shared = kind == Kind::isotropic && plan_.p.size() == 1;
    for_panels(0, plan_.d, [&](auto width, Index j) {
      for (int i = 0; i < width; ++i) {
        const Lanes origin = shared ? Lanes{} : at(points_.x.get(), int(j + i));
        Lanes mean = {};
        for (Index k = 0; k < n; ++k) {
          const Index place = j * n + k * width + i;
          const double p = kind == Kind::diagonal ? scratch_.block.p[std::size_t(place)] : plan_.precision(k);
          const Lanes g = (scratch_.block.c[std::size_t(place)] - origin) * p;
          delta(k, j + i) = g;
          mean += r(k) * g;
        }
        for (Index k = 0; k < n; ++k) delta(k, j + i) -= mean;
      }
    });
  }

  template <int A, int B>
  LML_INLINE void product(Index i, Index j) {
    Lanes sum[A][B] = {};
    for (Index k = 0; k < plan_.size; ++k)
#pragma GCC unroll 4
      for (int a = 0; a < A; ++a) {
        const Lanes left = r(k) * delta(k, i + a);
#pragma GCC unroll 4
        for (int b = 0; b < B; ++b) sum[a][b] += left * delta(k, j + b);
      }
    for (int a = 0; a < A; ++a)
      for (int b = 0; b < B; ++b) {
        at(out_.total.get(), int((i + a) * plan_.d + j + b)) = sum[a][b];
        at(out_.total.get(), int((j + b) * plan_.d + i + a)) = sum[a][b];
      }
  }
  void products() {
    const Index d = plan_.d, n = plan_.size, tiled = d / 4 * 4;
    for (Index i = 0; i < tiled; i += 4)
      for (Index j = 0; j <= i; j += 4) product<4, 4>(i, j);
    for (Index i = tiled; i + 2 <= d; i += 2)
      for (Index j = 0; j <= i; j += 2) product<2, 2>(i, j);
    if (d % 2)
      for (Index j = 0; j < d; ++j) product<1, 1>(d - 1, j);
    Lanes mean = {};
    if constexpr (kind == Kind::isotropic)
      for (Index k = 0; k < n; ++k) mean += r(k) * plan_.precision(k);
    for_panels(0, d, [&](auto width, Index j) {
      for (int i = 0; i < width; ++i) {
        if constexpr (kind == Kind::diagonal) {
          mean = Lanes{};
          for (Index k = 0; k < n; ++k) mean += r(k) * scratch_.block.p[std::size_t(j * n + k * width + i)];
        }
        at(out_.total.get(), int((j + i) * (d + 1))) -= mean;
      }
    });
  }

  const Plan& plan_;
  Scratch scratch_;
  Tile points_, out_;
  Buffer delta_;
};

// Returns the first point whose density is not a finite number, or n.
template <Kind kind>
Index hessians(const Plan& plan, const PointsRef& x, double* out) {
  const Index n = x.rows(), square = plan.d * plan.d, tiles = (n + lanes - 1) / lanes;
  const bool stream = square % lanes == 0 && double(n * square) * sizeof(double) > 4e6 &&
                      reinterpret_cast<std::uintptr_t>(out) % 64 == 0;
  Index bad = n;
#pragma omp parallel if (double(n) * plan.work() * double(plan.d) > 5e4 && !omp_in_parallel())
  {
    HessianTile<kind> tile(plan);
#pragma omp for schedule(dynamic, 16) reduction(min : bad)
    for (Index i = 0; i < tiles; ++i) {
      const Index first = i * lanes, count = std::min<Index>(lanes, n - first);
      const Index seen = stream ? tile.template run<true>(x, first, count, out + first * square)
                                : tile.template run<false>(x, first, count, out + first * square);
      if (seen >= 0) bad = std::min(bad, seen);
    }
  }
  return bad;
}

Index hessians_one_by_one(const Marginal& marginal, const PointsRef& x, Points& out) {
  Index bad = x.rows();
#pragma omp parallel for schedule(dynamic) reduction(min : bad) if (x.rows() > 1 && !omp_in_parallel())
  for (Index i = 0; i < x.rows(); ++i) try {
      const Mat h = marginal.at(x.row(i).transpose()).hessian();
      out.row(i) = Eigen::Map<const Vec>(h.data(), h.size()).transpose();
    } catch (const BadInput&) {
      bad = std::min(bad, i);
    }
  return bad;
}

void require_width(const Marginal& marginal, const PointsRef& x) {
  if (x.cols() != marginal.dim())
    throw BadInput("", "must have " + std::to_string(marginal.dim()) + " coordinates, has " + std::to_string(x.cols()));
}

void require_none_bad(Index bad, const PointsRef& x) {
  if (bad < x.rows())
    throw BadInput("/" + std::to_string(bad), "is too far out: its log density is not a finite number");
}

template <bool want_score>
void evaluate(const Marginal& marginal, const PointsRef& x, double* out) {
  require_width(marginal, x);
  if (x.rows() == 0) return;
  const Plan plan(marginal);
  Index bad = x.rows();
  switch (plan.kind) {
    case Kind::isotropic: bad = Batch<Kind::isotropic, want_score>(plan, x, out).run(); break;
    case Kind::diagonal: bad = Batch<Kind::diagonal, want_score>(plan, x, out).run(); break;
    case Kind::full: bad = Batch<Kind::full, want_score>(plan, x, out).run(); break;
  }
  require_none_bad(bad, x);
}

// Fresh memory in pages of 4 KiB costs more than the score itself where d is small.
void ask_for_large_pages([[maybe_unused]] Points& m) {
#ifdef __linux__
  constexpr std::uintptr_t page = 4096;
  const std::uintptr_t from = (reinterpret_cast<std::uintptr_t>(m.data()) + page - 1) / page * page;
  const std::uintptr_t to = reinterpret_cast<std::uintptr_t>(m.data() + m.size()) / page * page;
  if (from + (4u << 20) < to) madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
#endif
}

}  // namespace

Points Marginal::score(const PointsRef& x) const {
  Points out(x.rows(), x.cols());
  ask_for_large_pages(out);
  evaluate<true>(*this, x, out.data());
  return out;
}

Vec Marginal::log_density(const PointsRef& x) const {
  Vec out(x.rows());
  evaluate<false>(*this, x, out.data());
  return out;
}

Points Marginal::epsilon(const PointsRef& x) const {
  Points out = score(x);
  out *= -time_.sigma;
  return out;
}

Points Marginal::hessian(const PointsRef& x) const {
  require_width(*this, x);
  Points out(x.rows(), x.cols() * x.cols());
  if (x.rows() == 0) return out;
  ask_for_large_pages(out);
  const bool full =
      std::any_of(precisions_.begin(), precisions_.end(), [](const Precision& a) { return a.kind == Kind::full; });
  if (full || target_.size() > 64 || double(target_.size()) * double(dim()) > 16384) {
    require_none_bad(hessians_one_by_one(*this, x, out), x);
    return out;
  }
  const Plan plan(*this);
  require_none_bad(plan.kind == Kind::diagonal ? hessians<Kind::diagonal>(plan, x, out.data())
                                               : hessians<Kind::isotropic>(plan, x, out.data()),
                   x);
  return out;
}

}  // namespace lml
