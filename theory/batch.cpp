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

#include "theory/along_score.hpp"
#include "theory/kernels/mixture.hpp"

namespace lml {
namespace {

using namespace kernels;

constexpr double log_two_pi = 1.8378770664093454836;
constexpr Index task_points = 128;  // points that share one packing of the components
constexpr Index range_size = 4096;

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

template <class F>
void for_places(Index first, Index count, F&& f) {
  for (Index i = 0; i < count; i += 4 * lanes) {
    const Index n = std::min<Index>(4 * lanes, count - i);
    f(Place{first + i, n, n > 2 * lanes ? 4 : n > lanes ? 2 : 1});
  }
}

std::vector<Tile> make_tiles(Index d, std::size_t n) {
  std::vector<Tile> out;
  for (std::size_t i = 0; i < n; ++i) out.emplace_back(d, 4 * lanes);
  return out;
}

// c x + e s in place of the score s.
struct Along {
  double c = 0, e = 1;
  bool plain() const { return c == 0 && e == 1; }
  Lanes of(const Lanes& score, const Lanes& x) const { return score * e + c * x; }
};

// add_block, and what becomes of the score, for isotropic components in the plane that all lie in one block: weights
// are used as they are made, and the exponentials of two groups of points hide each other's latency. total and top.
template <int P>
void plane(const Plan& plan, const Scratch& s, Along along, Tile& tile) {
  constexpr int H = std::min(P, 2);
  const double *c = s.block.c.get(), *constant = plan.log_constant.data(), *precision = plan.p.data();
  const Index n = plan.size, stride = plan.p.size() == 1 ? 0 : 1;
  double* q = s.q.get();
  for (int from = 0; from < P; from += H) {
    Lanes x[H], y[H], top[H], sum[H], total_x[H], total_y[H];
#pragma GCC unroll 2
    for (int h = 0; h < H; ++h) {
      x[h] = at(tile.x.get(), from + h);
      y[h] = at(tile.x.get(), P + from + h);
      top[h] = Lanes{} + lowest;
      sum[h] = total_x[h] = total_y[h] = Lanes{};
    }
    for (Index k = 0; k < n; ++k) {
      const double half_p = 0.5 * precision[k * stride];
#pragma GCC unroll 2
      for (int h = 0; h < H; ++h) {
        const Lanes dx = c[2 * k] - x[h], dy = c[2 * k + 1] - y[h];
        const Lanes logit = constant[k] - (dx * dx + dy * dy) * half_p;
        top[h] = logit > top[h] ? logit : top[h];
        at(q, int(k) * H + h) = logit;
      }
    }
    for (Index k = 0; k < n; ++k) {
      const double p = precision[k * stride];
#pragma GCC unroll 2
      for (int h = 0; h < H; ++h) {
        Lanes r;
        kernels::exp_nonpositive(at(q, int(k) * H + h) - top[h], r);
        sum[h] += r;
        r *= p;
        total_x[h] += r * (c[2 * k] - x[h]);
        total_y[h] += r * (c[2 * k + 1] - y[h]);
      }
    }
#pragma GCC unroll 2
    for (int h = 0; h < H; ++h) {
      const Lanes scale = 1.0 / sum[h];
      at(tile.top.get(), from + h) = top[h];
      at(tile.total.get(), from + h) = along.of(total_x[h] * scale, x[h]);
      at(tile.total.get(), P + from + h) = along.of(total_y[h] * scale, y[h]);
    }
  }
}

template <int P>
LML_INLINE void load_plane(const PointsRef& points, Index first, Index count, double* x) {
  if (count < P * lanes || points.outerStride() != 2) return load_points<P>(points, first, count, x);
  const double* from = points.data() + 2 * first;
  for (int p = 0; p < P; ++p, from += 2 * lanes) {
    Lanes a = *reinterpret_cast<const LooseLanes*>(from), b = *reinterpret_cast<const LooseLanes*>(from + lanes);
    kernels::unzip(a, b);
    at(x, p) = a;
    at(x, P + p) = b;
  }
}

template <int P, bool stream>
LML_INLINE void store_plane(const Tile& tile, Index count, double* to) {
  for (int p = 0; p < P && p * lanes < count; ++p, to += 2 * lanes) {
    Lanes pair[2] = {at(tile.total.get(), p), at(tile.total.get(), P + p)};
    kernels::zip(pair[0], pair[1]);
    if (count >= (p + 1) * lanes) {
      kernels::store<stream>(pair[0], to);
      kernels::store<stream>(pair[1], to + lanes);
    } else {
      std::copy_n(reinterpret_cast<const double*>(pair), 2 * (count - p * lanes), to);
    }
  }
}

// One call: n points in, their scores [n x d] (or what `along` makes of them) or log densities [n] out.
template <Kind kind, bool want_score>
class Batch {
 public:
  Batch(const Plan& plan, const PointsRef& x, Along along, double* out)
      : plan_(plan), x_(x), along_(along), out_(out), first_bad_(x.rows()) {
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
  template <class F>
  void for_task_places(Index task, F&& f) const {
    for_places(task * task_points, std::min(task_points, x_.rows() - task * task_points), f);
  }
  std::vector<Place> task_places(Index task) const {
    std::vector<Place> out;
    for_task_places(task, [&](const Place& place) { out.push_back(place); });
    return out;
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
        for_task_places(task, [&](const Place& place) {
          prefetch(place.first + place.count);
          if (want_score && kind == Kind::isotropic && plan_.d == 2) {
            with_width(place.width, [&](auto width) {
              constexpr int P = decltype(width)::value;
              load_plane<P>(x_, place.first, place.count, tile.x.get());
              plane<P>(plan_, scratch, along_, tile);
            });
            store_in_plane(place, tile);
          } else {
            load(place, tile);
            add(place, scratch, tile);
            store(place, tile);
          }
        });
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
    const Index rows = plan_.d < lanes ? lanes / plan_.d : 1;  // that share a line of the cache
    for (Index i = first; i < to; i += rows)
      for (Index j = 0; j < plan_.d; j += lanes) __builtin_prefetch(x_.data() + i * x_.outerStride() + j);
  }
  void add(const Place& place, const Scratch& scratch, Tile& tile) const {
    with_width(place.width,
               [&](auto width) { add_block<decltype(width)::value, kind, want_score>(plan_, scratch, tile); });
  }
  void merge_into(const Place& place, const Tile& part, Tile& tile) const {
    with_width(place.width, [&](auto width) { merge<decltype(width)::value, want_score>(plan_.d, part, tile); });
  }
  // total <- c x + e total/sum, sum <- 1
  template <int P>
  void go_along(Tile& tile) const {
    for (int p = 0; p < P; ++p) {
      const Lanes scale = 1.0 / at(tile.sum.get(), p);
      for (Index j = 0; j < plan_.d; ++j) {
        Lanes& to = at(&tile.total[std::size_t(j * P * lanes)], p);
        to = along_.of(to * scale, at(&tile.x[std::size_t(j * P * lanes)], p));
      }
      at(tile.sum.get(), p) = Lanes{} + 1.0;
    }
  }
  void note_bad(const Place& place, const Tile& tile) {
    Lanes least = at(tile.top.get(), 0);
    for (int p = 1; p < place.width; ++p) {
      const Lanes& top = at(tile.top.get(), p);
      least = top < least ? top : least;
    }
    bool good = true;
    for (int i = 0; i < lanes; ++i) good = good && least[i] > lowest;
    for (Index i = 0; i < place.count && !good; ++i)
      if (!(tile.top[std::size_t(i)] > lowest)) note_bad(place.first + i);
  }
  void store_in_plane(const Place& place, const Tile& tile) {
    note_bad(place, tile);
    with_width(place.width, [&](auto width) {
      constexpr int P = decltype(width)::value;
      if (stream_)
        store_plane<P, true>(tile, place.count, out_ + 2 * place.first);
      else
        store_plane<P, false>(tile, place.count, out_ + 2 * place.first);
    });
  }
  void store(const Place& place, Tile& tile) {
    note_bad(place, tile);
    if constexpr (want_score) {
      double* to = out_ + place.first * plan_.d;
      with_width(place.width, [&](auto width) {
        constexpr int P = decltype(width)::value;
        if (!along_.plain()) go_along<P>(tile);
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
  Along along_;
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
void evaluate(const Marginal& marginal, const PointsRef& x, Along along, double* out) {
  require_width(marginal, x);
  if (x.rows() == 0) return;
  const Plan plan(marginal);
  Index bad = x.rows();
  switch (plan.kind) {
    case Kind::isotropic: bad = Batch<Kind::isotropic, want_score>(plan, x, along, out).run(); break;
    case Kind::diagonal: bad = Batch<Kind::diagonal, want_score>(plan, x, along, out).run(); break;
    case Kind::full: bad = Batch<Kind::full, want_score>(plan, x, along, out).run(); break;
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

Points along_score(const Marginal& p, double c, const PointsRef& x, double e) {
  Points out(x.rows(), x.cols());
  ask_for_large_pages(out);
  evaluate<true>(p, x, {c, e}, out.data());
  return out;
}

Points Marginal::score(const PointsRef& x) const { return along_score(*this, 0, x, 1); }

Vec Marginal::log_density(const PointsRef& x) const {
  Vec out(x.rows());
  evaluate<false>(*this, x, {}, out.data());
  return out;
}

Points Marginal::epsilon(const PointsRef& x) const { return along_score(*this, 0, x, -time_.sigma); }

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
