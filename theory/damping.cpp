#include "theory/damping.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "theory/linalg.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

void require_positive(double damping) {
  if (!(std::isfinite(damping) && damping > 0)) throw BadInput("/damping", "must be finite and > 0");
}

double square(double v) { return v * v; }

}  // namespace

DampedRankOne DampedRankOne::fixed(const VecRef& u, double sigma, double lambda) {
  require_positive(lambda);
  const double s = lambda * sigma * sigma;
  return {u, 1 / lambda, 1 / (1 + s), s / (1 + s)};
}

DampedRankOne DampedRankOne::scaled(const VecRef& eps, double sigma, double lambda_prime) {
  require_positive(lambda_prime);
  const double n = eps.squaredNorm();
  if (!(n > 0)) return {Vec::Zero(eps.size()), 0, 0, 1};
  return {eps / std::sqrt(n), sigma * sigma * n / lambda_prime, n / (lambda_prime + n),
          lambda_prime / (lambda_prime + n)};
}

DampedRankOne DampedRankOne::printed(const VecRef& eps, double sigma, double lambda_prime) {
  DampedRankOne out = scaled(eps, sigma, lambda_prime);
  const double n = eps.squaredNorm();
  if (!(n > 0)) throw std::domain_error("the printed prefactor is infinite where eps = 0");
  out.scale_ = 1 / (lambda_prime * sigma * sigma * n);
  return out;
}

Mat DampedRankOne::dense() const {
  Mat out = (-scale_ * shrink_) * e_ * e_.transpose();
  out.diagonal().array() += scale_;
  return out;
}

double critical_damping_points(double diameter, Time time) {
  const double reach = time.alpha == 0 ? 0 : square(time.alpha * diameter / (2 * time.sigma));
  return (reach - 1) / square(time.sigma);
}

namespace {

bool same_spread(const Spread& a, const Spread& b) {
  if (a.kind != b.kind || a.variances != b.variances) return false;
  return a.kind != Spread::Kind::full || a.basis == b.basis;
}

// sup_x of r_k r_l/(r_k + r_l)^2 ||g_k - g_l||^2 for isotropic components of precisions p: a product of two functions
// of z = |p_l - p_k| ||x - c||^2/2 alone, log-concave, so its one maximum is where the derivative changes sign.
double pair_supremum(double p_wide, double p_narrow, double log_ratio, double distance2, double alpha, Index d) {
  const double delta = p_narrow - p_wide;
  if (delta <= 0) return square(alpha * p_wide) * distance2 / 4;
  const double l0 = log_ratio + 0.5 * double(d) * std::log(p_wide / p_narrow) -
                    p_wide * p_narrow * square(alpha) * distance2 / (2 * delta);
  // z tanh((l0 + z)/2) = 1 for z = from + v, l0 + z = start + v: neither sum cancels, however large -l0.
  const double from = std::max(0.0, -l0), start = std::max(0.0, l0);
  double lo = 0, hi = 4;
  for (int i = 0; i < 200; ++i) {
    const double mid = 0.5 * (lo + hi);
    if (mid == lo || mid == hi) break;
    ((from + mid) * std::tanh(0.5 * (start + mid)) < 1 ? lo : hi) = mid;
  }
  return 0.5 * delta * (from + hi) / square(std::cosh(0.5 * (start + hi)));
}

}  // namespace

double critical_damping_bound(const Target& target, Time time) {
  const Marginal marginal(target, time);
  const Points& m = target.means();
  if (target.is_points() || target.size() == 1 || time.alpha == 0) {
    if (target.size() > 1 && time.alpha > 0) return critical_damping_points(diameter(m).value, time);
    double low = HUGE_VAL;
    for (const auto& a : marginal.precisions()) low = std::min(low, a.p.minCoeff());
    return -low;
  }
  const auto& spreads = target.spreads();
  if (std::all_of(spreads.begin(), spreads.end(), [&](const Spread& s) { return same_spread(s, spreads[0]); })) {
    const Marginal::Precision& a = marginal.precision(0);
    Points white = m;
    if (a.kind == Spread::Kind::full) white = m * *a.basis;
    if (a.kind == Spread::Kind::isotropic)
      white *= std::sqrt(a.p[0]);
    else
      white *= a.p.cwiseSqrt().asDiagonal();
    const double excess = square(time.alpha * diameter(white).value / 2) - 1;
    return excess * (excess > 0 ? a.p.maxCoeff() : a.p.minCoeff());
  }
  const auto isotropic = [](const Spread& s) { return s.kind == Spread::Kind::isotropic; };
  if (!std::all_of(spreads.begin(), spreads.end(), isotropic)) return HUGE_VAL;
  double sum = 0, most = 0, low = HUGE_VAL;
  const Index n = target.size();
  for (Index k = 0; k < n; ++k) {
    low = std::min(low, marginal.precision(k).p[0]);
    for (Index l = 0; l < n; ++l) {
      const double pk = marginal.precision(k).p[0], pl = marginal.precision(l).p[0];
      if (std::tuple(pk, k) >= std::tuple(pl, l)) continue;  // k the wider of the two
      const double pair = pair_supremum(pk, pl, target.log_weights()[k] - target.log_weights()[l],
                                        (m.row(k) - m.row(l)).squaredNorm(), time.alpha, target.dim());
      sum += pair;
      most = std::max(most, pair);
    }
  }
  return std::min(sum, double(n - 1) * most) - low;
}

LowestFisher lowest_fisher(const Local& local, Index steps) {
  const Index d = local.score().size();
  if (d <= 64) {
    const Eigh e = eigh(local.fisher());
    return {e.values[0], e.vectors.col(0)};
  }
  // One product with C puts the start into C's range, where the direction lies unless C = 0.
  Vec q(d);
  for (Index j = 0; j < d; ++j) q[j] = std::sin(double(j) + 1);
  const Vec in_range = local.posterior_covariance_times(q);
  if (in_range.norm() > 0) q = in_range;
  q.normalize();
  steps = std::min(steps, d);
  Mat basis(d, steps), t = Mat::Zero(steps, steps);
  Index k = 0;
  for (; k < steps; ++k) {
    basis.col(k) = q;
    Vec w = local.fisher_times(q);
    t(k, k) = q.dot(w);
    const double scale = w.norm();
    for (int pass = 0; pass < 2; ++pass) w -= basis.leftCols(k + 1) * (basis.leftCols(k + 1).transpose() * w);
    const double beta = w.norm();
    if (k + 1 == steps || beta <= 1e-12 * scale) {
      ++k;
      break;
    }
    t(k + 1, k) = t(k, k + 1) = beta;
    q = w / beta;
  }
  const Eigh e = eigh(t.topLeftCorner(k, k));
  return {e.values[0], (basis.leftCols(k) * e.vectors.col(0)).normalized()};
}

Critical ascend_critical(const Marginal& marginal, const VecRef& x, Index iterations) {
  Local local = marginal.at(x);
  LowestFisher low = lowest_fisher(local);
  Critical best{-low.value, x, low.direction};
  double step = marginal.time().sigma / 4;
  Vec gradient = local.third(low.direction, low.direction);
  for (Index i = 0; i < iterations && gradient.norm() > 0; ++i) {
    const Vec to = best.x + step * gradient.normalized();
    if (to == best.x) break;
    const Local there = marginal.at(to);
    const LowestFisher at_there = lowest_fisher(there);
    if (-at_there.value > best.value) {
      best = {-at_there.value, to, at_there.direction};
      gradient = there.third(best.direction, best.direction);
      step *= 1.7;
    } else {
      step *= 0.4;
    }
  }
  return best;
}

Critical critical_damping_search(const Marginal& marginal, const PointsRef& starts, Index pairs, Index iterations) {
  const Points& m = marginal.target().means();
  const Vec& w = marginal.target().log_weights();
  const Time time = marginal.time();
  std::vector<std::tuple<double, Index, Index>> far;
  if (pairs > 0 && m.rows() > 2000) {  // all pairs would not fit: the farthest one
    const Diameter most = diameter(m);
    far.emplace_back(most.value, most.pair.first, most.pair.second);
  } else if (pairs > 0) {
    for (Index k = 0; k < m.rows(); ++k)
      for (Index l = k + 1; l < m.rows(); ++l) far.emplace_back((m.row(k) - m.row(l)).norm(), k, l);
  }
  std::sort(far.begin(), far.end(), [](const auto& a, const auto& b) { return std::get<0>(a) > std::get<0>(b); });
  far.resize(std::min(far.size(), std::size_t(pairs)));
  std::vector<Vec> from;
  for (const auto& [distance, k, l] : far) {
    Vec x = 0.5 * time.alpha * (m.row(k) + m.row(l)).transpose();
    // Where two points of unequal weight balance: off the middle by sigma^2 log(w_k/w_l)/(alpha D).
    if (marginal.target().is_points() && time.alpha * distance > 0)
      x += (square(time.sigma / distance) * (w[k] - w[l]) / time.alpha) * (m.row(l) - m.row(k)).transpose();
    from.push_back(x);
  }
  for (Index i = 0; i < starts.rows(); ++i) from.push_back(starts.row(i).transpose());
  if (from.empty()) from.push_back(time.alpha * marginal.target().mean());
  std::vector<Critical> found(from.size(), Critical{-HUGE_VAL, Vec(), Vec()});
  parallel_for(Index(from.size()), m.rows() < 4096,
               [&](Index i) { found[std::size_t(i)] = ascend_critical(marginal, from[std::size_t(i)], iterations); });
  return *std::max_element(found.begin(), found.end(),
                           [](const Critical& a, const Critical& b) { return a.value < b.value; });
}

EdgeTest clean_edge(const Points& y, Index i, Index j) {
  const Index n = y.rows(), d = y.cols();
  const Vec yi = y.row(i).transpose(), yj = y.row(j).transpose();
  const double length = (yj - yi).norm();
  const Vec e = (yj - yi) / length;
  const auto project = [&](const Vec& v) {
    Vec out = v - e.dot(v) * e;
    return Vec(out - e.dot(out) * e);
  };
  const auto is_end = [&](Index k) { return y.row(k) == y.row(i) || y.row(k) == y.row(j); };
  // The hull of z_k = P (y_k - y_i), P across the segment: the segment is a clean edge where 0 lies outside of it.
  std::vector<Vec> z;     // working set
  std::vector<double> c;  // its convex combination p
  std::vector<char> used(static_cast<std::size_t>(n), 0);
  const auto add = [&](Index k) {
    used[std::size_t(k)] = 1;
    z.push_back(project(y.row(k).transpose() - yi));
    c.push_back(0);
  };
  EdgeTest out;
  for (Index k = 0; k < n && z.empty(); ++k)
    if (!is_end(k)) add(k);
  if (z.empty()) return {Edge::yes, Vec::Zero(d), HUGE_VAL};  // two points and their copies: the hull is the segment
  c[0] = 1;
  Vec p = z[0];
  const double tiny = 1e-9 * length;
  for (int round = 0; round < 400; ++round) {
    for (int inner = 0; inner < 20000; ++inner) {
      if (p.norm() <= tiny) return {Edge::no, Vec(), 0};
      std::size_t low = 0, high = z.size();
      double low_value = HUGE_VAL, high_value = -HUGE_VAL;
      for (std::size_t a = 0; a < z.size(); ++a) {
        const double value = p.dot(z[a]);
        if (value < low_value) low_value = value, low = a;
        if (c[a] > 0 && value > high_value) high_value = value, high = a;
      }
      // Far enough from 0 for every point of the working set: time to look at all of them.
      if (low_value > 0.5 * p.squaredNorm()) break;
      const Vec away = z[high] - z[low];
      const double t = std::min(c[high], (high_value - low_value) / away.squaredNorm());
      if (!(t > 0)) break;
      c[low] += t;
      c[high] = t == c[high] ? 0 : c[high] - t;
      p -= t * away;
      if (inner % 64 == 63) {  // p drifts by rounding
        p.setZero();
        for (std::size_t a = 0; a < z.size(); ++a)
          if (c[a] > 0) p += c[a] * z[a];
      }
    }
    const Vec normal = -project(p).normalized();  // outward
    const Vec height = (y * normal).array() - normal.dot(yi);
    std::vector<Index> order;
    double worst = -HUGE_VAL;
    for (Index k = 0; k < n; ++k) {
      if (is_end(k)) continue;
      worst = std::max(worst, height[k]);
      if (!used[std::size_t(k)] && height[k] > -1e-9 * length) order.push_back(k);
    }
    if (worst < -1e-9 * length) return {Edge::yes, normal, -worst};
    if (order.empty()) {
      // Only the working set itself is in the way: its nearest point to 0 must be found more closely.
      if (round > 50) return out;
      continue;
    }
    const std::size_t take = std::min<std::size_t>(order.size(), 64);
    std::partial_sort(order.begin(), order.begin() + std::ptrdiff_t(take), order.end(),
                      [&](Index a, Index b) { return std::tuple(-height[a], a) < std::tuple(-height[b], b); });
    for (std::size_t a = 0; a < take; ++a) add(order[a]);
  }
  return out;
}

}  // namespace lml
