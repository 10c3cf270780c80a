// Euler-Maruyama on tiles of 32 particles: x[j][lane], on top of the batch score's kernels. Between the score and the
// new point there are two passes over the dimensions. With T = sum_k r_k p_k (c_k - x) and S = sum_k r_k, r_k
// unnormalised, s = T/S, and D = across (I - w w^T) + along w w^T with w = T/|T|:
//
//   x' = x + h along T/S + sqrt(2 h across) xi + (sqrt(2 h along) - sqrt(2 h across)) (T.xi/|T|^2) T  [+ theta h div D]
//
// div D = A F w + B w needs F w and tr F (dynamics/metric.hpp), for isotropic components
//   F w = P w - sum_k (r_k/S) (g_k.w - |s|) g_k,   tr F = d P - sum_k (r_k/S) |g_k|^2 + |s|^2,   P = sum_k (r_k/S) p_k
// where p_k |c_k - x|^2 is read off the logits. tr F is not centred: its rounding, u |s|^2 (u |g|^2 near a mode),
// reaches div D as that over |s|, which is no more than the rounding of the drift and of div D themselves.
#include <cmath>

#include "dynamics/ensemble.hpp"
#include "dynamics/normal_stream.hpp"
#include "theory/kernels/mixture.hpp"

namespace lml {
namespace {

using namespace kernels;

constexpr int parts = int(block_particles) / lanes;
constexpr Index width = block_particles;
static_assert(parts == 4 && width == tile_samples);

using Row = Lanes[parts];

#define LML_EACH_PART _Pragma("GCC unroll 4") for (int p = 0; p < parts; ++p)

struct Workspace {
  Scratch scratch;
  Tile tile;
  Buffer z, records, pull, weights;
  Workspace(const Plan& plan, bool divergence)
      : scratch(plan),
        tile(plan.d, width),
        z(buffer((plan.d + 1) * width)),
        records(buffer(record_size(plan.d) * width)) {
    if (!divergence) return;
    pull = buffer(plan.d * width);
    weights = buffer(plan.block * width);
  }
};

// T and S into the tile.
template <Kind kind>
void score_sums(const Plan& plan, Workspace& w) {
  w.tile.fresh = true;
  if (plan.block == plan.size) return add_block<parts, kind, true>(plan, w.scratch, w.tile);
  for (Index k = 0; k < plan.size; k += plan.block) {
    w.scratch.block.pack(plan, k, std::min(plan.block, plan.size - k));
    add_block<parts, kind, true>(plan, w.scratch, w.tile);
  }
}

// The same, and sum_k r_k p_k, sum_k r_k |g_k|^2; r_k p_k stay in scratch.q. One block of isotropic components.
void weighted_sums(const Plan& plan, Workspace& w, Row& precision, Row& square) {
  double* q = w.scratch.q.get();
  Row top, sum;
  LML_EACH_PART {
    top[p] = Lanes{} + lowest;
    sum[p] = precision[p] = square[p] = Lanes{};
  }
  all_logits<parts, false>(plan, w.scratch.block, w.tile.x.get(), q, top);
  for (Index k = 0; k < plan.size; ++k) LML_EACH_PART {
      Lanes& logit = at(q + k * width, p);
      Lanes r;
      exp_nonpositive(logit - top[p], r);
      sum[p] += r;
      r *= plan.precision(k);
      precision[p] += r;
      square[p] += r * (2.0 * (plan.log_constant[k] - logit));
      logit = r;
    }
  LML_EACH_PART at(w.tile.sum.get(), p) = sum[p];
  std::fill_n(w.tile.total.get(), plan.d * width, 0.0);
  all_pulls<parts, false>(plan, w.scratch.block, q, w.tile.x.get(), w.tile.total.get());
}

// out[c] = sum_j (c_j - x_j) v_j of components k..k+C-1.
template <int C>
LML_INLINE void dots(const Block& b, Index d, const double* x, const double* v, Index k, double* out) {
  Lanes s[C][parts] = {};
  for_panels(0, d, [&](auto panel, Index j) {
    constexpr int J = decltype(panel)::value;
    const double* c = &b.c[std::size_t(j * b.count + k * J)];
#pragma GCC unroll 4
    for (int i = 0; i < J; ++i)
#pragma GCC unroll 4
      for (int m = 0; m < C; ++m)
        LML_EACH_PART s[m][p] += (c[m * J + i] - at(x, int(j + i) * parts + p)) * at(v, int(j + i) * parts + p);
  });
#pragma GCC unroll 4
  for (int m = 0; m < C; ++m) LML_EACH_PART at(out + (k + m) * width, p) = s[m][p];
}

// How D stretches along w and across it, and the derivatives of that in n = |eps|^2.
struct Stretch {
  Lanes across, along, across_n, along_n;
};

struct RankOne {
  double sigma, damping;
  Stretch at(const Lanes&) const {
    return {Lanes{} + 1 / damping, Lanes{} + 1 / (1 / (sigma * sigma) + damping), Lanes{}, Lanes{}};
  }
};

struct RankOneScaled {
  double sigma, damping;
  Stretch at(const Lanes& n) const {
    const double v = sigma * sigma;
    const Lanes both = n + damping;
    return {n * (v / damping), v * n / both, Lanes{} + v / damping, v * damping / (both * both)};
  }
};

template <Kind kind>
struct Ula {
  static constexpr bool divergence = false;
  double scale, h;  // D = scale I
  void step(const Plan& plan, Workspace& w) const {
    score_sums<kind>(plan, w);
    Row drift;
    LML_EACH_PART drift[p] = (h * scale) / at(w.tile.sum.get(), p);
    const double noise = std::sqrt(2 * h * scale);
    for (Index j = 0; j < plan.d; ++j) LML_EACH_PART {
        Lanes& x = at(w.tile.x.get(), int(j) * parts + p);
        x += drift[p] * at(w.tile.total.get(), int(j) * parts + p) + noise * at(w.z.get(), int(j) * parts + p);
      }
  }
};

// |T|^2 and T.z
LML_INLINE void norms(const Plan& plan, const Workspace& w, Row& square, Row& along) {
  LML_EACH_PART square[p] = along[p] = Lanes{};
  for (Index j = 0; j < plan.d; ++j) LML_EACH_PART {
      const Lanes t = at(w.tile.total.get(), int(j) * parts + p);
      square[p] += t * t;
      along[p] += t * at(w.z.get(), int(j) * parts + p);
    }
}

template <Kind kind, class Metric>
struct Ito {
  static constexpr bool divergence = false;
  Metric metric;
  double h;
  void step(const Plan& plan, Workspace& w) const {
    score_sums<kind>(plan, w);
    Row square, along, pull, noise;
    norms(plan, w, square, along);
    const double v = metric.sigma * metric.sigma;
    LML_EACH_PART {
      const Lanes inverse = 1.0 / at(w.tile.sum.get(), p);
      const Stretch d = metric.at(v * square[p] * inverse * inverse);
      noise[p] = root(2 * h * d.across);
      pull[p] = h * d.along * inverse + (root(2 * h * d.along) - noise[p]) * along[p] / square[p];
    }
    for (Index j = 0; j < plan.d; ++j) LML_EACH_PART {
        Lanes& x = at(w.tile.x.get(), int(j) * parts + p);
        x += pull[p] * at(w.tile.total.get(), int(j) * parts + p) + noise[p] * at(w.z.get(), int(j) * parts + p);
      }
  }
};

template <class Metric>
struct WithDivergence {
  static constexpr bool divergence = true;
  Metric metric;
  double h, theta;
  void step(const Plan& plan, Workspace& w) const {
    Row precision, square_g, square, along, pull, noise, turn, norm;
    weighted_sums(plan, w, precision, square_g);
    norms(plan, w, square, along);
    LML_EACH_PART norm[p] = root(square[p]);

    const double* t = w.tile.total.get();
    double* weights = w.weights.get();
    Index k = 0;
    for (; k + 4 <= plan.size; k += 4) dots<4>(w.scratch.block, plan.d, w.tile.x.get(), t, k, weights);
    for (; k < plan.size; ++k) dots<1>(w.scratch.block, plan.d, w.tile.x.get(), t, k, weights);
    Row inverse, mean, unit;
    LML_EACH_PART {
      inverse[p] = 1.0 / at(w.tile.sum.get(), p);
      mean[p] = norm[p] * inverse[p];
      unit[p] = 1.0 / norm[p];
    }
    for (k = 0; k < plan.size; ++k) LML_EACH_PART {
        Lanes& a = at(weights + k * width, p);
        a = at(w.scratch.q.get() + k * width, p) * (plan.precision(k) * a * unit[p] - mean[p]);
      }
    std::fill_n(w.pull.get(), plan.d * width, 0.0);
    all_pulls<parts, false>(plan, w.scratch.block, weights, w.tile.x.get(), w.pull.get());
    Row turned;  // T . sum_k ...
    LML_EACH_PART turned[p] = Lanes{};
    for (Index j = 0; j < plan.d; ++j)
      LML_EACH_PART turned[p] += at(t, int(j) * parts + p) * at(w.pull.get(), int(j) * parts + p);

    const double v = metric.sigma * metric.sigma;
    LML_EACH_PART {
      const Stretch d = metric.at(v * mean[p] * mean[p]);
      const Lanes inner = (precision[p] - turned[p] * unit[p]) * inverse[p];  // w . F w
      const Lanes trace = double(plan.d) * precision[p] * inverse[p] - (square_g[p] * inverse[p] - mean[p] * mean[p]);
      const Lanes ratio = (d.along - d.across) / mean[p], slope = -2.0 * v * mean[p];
      const Lanes a = theta * h * (slope * d.across_n - ratio);
      const Lanes b = theta * h * (slope * (d.along_n - d.across_n) * inner - ratio * (trace - 2.0 * inner));
      noise[p] = root(2 * h * d.across);
      pull[p] = h * d.along * inverse[p] + (root(2 * h * d.along) - noise[p]) * along[p] / square[p] +
                (a * precision[p] * inverse[p] + b) * unit[p];
      turn[p] = -a * inverse[p];
    }
    for (Index j = 0; j < plan.d; ++j) LML_EACH_PART {
        Lanes& x = at(w.tile.x.get(), int(j) * parts + p);
        x += pull[p] * at(t, int(j) * parts + p) + turn[p] * at(w.pull.get(), int(j) * parts + p) +
             noise[p] * at(w.z.get(), int(j) * parts + p);
      }
  }
};

// Sums of x - centre and of its products, in the columns of record_size by lanes.
void record(Index d, bool first_half, const Vec& centre, const double* x, double* records) {
  double* half = records + (first_half ? 0 : d * width);
  double* triangle = records + 2 * d * width;
  for (Index a = 0; a < d; ++a) {
    Row xa;
    LML_EACH_PART {
      xa[p] = at(x, int(a) * parts + p) - centre[a];
      at(half + a * width, p) += xa[p];
    }
    for (Index b = 0; b <= a; ++b, triangle += width)
      LML_EACH_PART at(triangle, p) += xa[p] * (at(x, int(b) * parts + p) - centre[b]);
  }
}

template <class Method>
class Vectorised : public Propagator {
 public:
  Vectorised(Langevin law, Method method, std::uint64_t seed)
      : law_(std::move(law)), plan_(law_.target()), method_(method), seed_(seed), normals_(seed, streams::normals) {}
  const Marginal& target() const override { return law_.target(); }

  void run(std::uint64_t first, const Segment& segment, const Vec& centre, Points& states,
           Points& records) const override {
    Workspace w(plan_, Method::divergence);
    if (plan_.block == plan_.size) w.scratch.block.pack(plan_, 0, plan_.size);
    const Index n = states.rows(), d = plan_.d, columns = record_size(d);
    load_points<parts>(states, 0, n, w.tile.x.get());
    // The sums go on where they were, so that where a run is cut into segments cannot change a bit.
    load_points<parts>(records, 0, n, w.records.get());
    for (std::int64_t step = segment.from + 1; step <= segment.to; ++step) {
      move(first, step, w);
      if (segment.records(step)) record(d, step <= segment.half, centre, w.tile.x.get(), w.records.get());
    }
    if (!finite(w, n)) find_failure(first, segment, states, w);
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j < d; ++j) states(i, j) = w.tile.x[std::size_t(j * width + i)];
      for (Index j = 0; j < columns; ++j) records(i, j) = w.records[std::size_t(j * width + i)];
    }
  }

 private:
  void move(std::uint64_t first, std::int64_t step, Workspace& w) const {
    normals_.normals(first, std::uint64_t(step), plan_.d, w.z.get());
    method_.step(plan_, w);
  }
  // A number that is not finite stays so.
  bool finite(const Workspace& w, Index n) const {
    bool all = true;
    for (Index j = 0; j < plan_.d; ++j)
      for (Index i = 0; i < n; ++i) all = all && std::isfinite(w.tile.x[std::size_t(j * width + i)]);
    return all;
  }
  [[noreturn]] void find_failure(std::uint64_t first, const Segment& segment, const Points& states,
                                 Workspace& w) const {
    const Index n = states.rows(), d = plan_.d;
    load_points<parts>(states, 0, n, w.tile.x.get());
    std::vector<double> before;
    for (std::int64_t step = segment.from + 1;; ++step) {
      before.assign(w.tile.x.get(), w.tile.x.get() + d * width);
      move(first, step, w);
      for (Index i = 0; i < n; ++i) {
        Vec last(d);
        bool stays = true;
        for (Index j = 0; j < d; ++j) {
          last[j] = before[std::size_t(j * width + i)];
          stays = stays && std::isfinite(w.tile.x[std::size_t(j * width + i)]);
        }
        if (stays) continue;
        const std::optional<Local> local = try_local_at(target(), last);
        const bool metric = !local || law_.metric.form(*local).positive;
        throw Diverged(seed_, first + std::uint64_t(i), step, last,
                       metric ? Diverged::Cause::not_finite : Diverged::Cause::no_metric);
      }
    }
  }

  Langevin law_;
  Plan plan_;
  Method method_;
  std::uint64_t seed_;
  NormalStream normals_;
};

template <class Method>
std::unique_ptr<Propagator> make(const Langevin& law, Method method, std::uint64_t seed) {
  return std::make_unique<Vectorised<Method>>(law, method, seed);
}

template <Kind kind>
std::unique_ptr<Propagator> in_ito_form(const Langevin& law, double h, std::uint64_t seed) {
  const MetricSpec& m = law.metric.spec();
  const double sigma = law.target().time().sigma;
  if (m.curvature == Curvature::identity) return make(law, Ula<kind>{1, h}, seed);
  if (m.curvature == Curvature::rank_one && law.dim() == 1)  // u u^T = 1
    return make(law, Ula<kind>{1 / (1 / (sigma * sigma) + m.damping), h}, seed);
  if (m.curvature == Curvature::rank_one) return make(law, Ito<kind, RankOne>{{sigma, m.damping}, h}, seed);
  return make(law, Ito<kind, RankOneScaled>{{sigma, m.damping}, h}, seed);
}

bool covers(const Langevin& law) {
  const MetricSpec& m = law.metric.spec();
  switch (m.curvature) {
    case Curvature::identity: return true;
    case Curvature::rank_one: return law.calculus != Calculus::stratonovich;
    case Curvature::rank_one_scaled:
      return law.calculus != Calculus::stratonovich && !m.printed_prefactor && law.dim() > 1;
    default: return false;
  }
}

}  // namespace

std::unique_ptr<Propagator> vectorised_euler_maruyama(Langevin law, double h, std::uint64_t seed) {
  if (!covers(law)) return nullptr;
  const MetricSpec& m = law.metric.spec();
  const bool moves = m.curvature != Curvature::identity && !(m.curvature == Curvature::rank_one && law.dim() == 1);
  const Plan plan(law.target());
  if (law.calculus != Calculus::ito && moves) {
    if (plan.kind != Kind::isotropic || plan.block < plan.size) return nullptr;
    const double sigma = law.target().time().sigma, theta = law.calculus == Calculus::half ? 0.5 : 1;
    if (m.curvature == Curvature::rank_one)
      return make(law, WithDivergence<RankOne>{{sigma, m.damping}, h, theta}, seed);
    return make(law, WithDivergence<RankOneScaled>{{sigma, m.damping}, h, theta}, seed);
  }
  switch (plan.kind) {
    case Kind::isotropic: return in_ito_form<Kind::isotropic>(law, h, seed);
    case Kind::diagonal: return in_ito_form<Kind::diagonal>(law, h, seed);
    case Kind::full: break;
  }
  return in_ito_form<Kind::full>(law, h, seed);
}

}  // namespace lml
