#include "theory/target.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "theory/linalg.hpp"

namespace lml {
namespace {

std::string at(const std::string& name, Index i) { return "/" + name + "/" + std::to_string(i); }

std::string number(double v) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.12g", v);
  return buffer;
}

// log of the normalised weights. Neither the sum nor a quotient is formed unscaled: 1e308 + 1e308 and 1e-320/1e300 are
// both legal input.
Vec normalised_log_weights(const Vec& w) {
  for (Index k = 0; k < w.size(); ++k) {
    if (!std::isfinite(w[k])) throw BadInput(at("weights", k), "must be finite");
    if (w[k] < 0) throw BadInput(at("weights", k), "must be >= 0, is " + number(w[k]));
  }
  const double top = w.maxCoeff();
  if (!(top > 0)) throw BadInput("/weights", "must have a positive sum");
  const double log_sum = std::log((w / top).sum());
  Vec out(w.size());
  for (Index k = 0; k < w.size(); ++k) {
    const double ratio = w[k] / top;  // exact to a rounding, unless it leaves the normal range
    const double log_ratio =
        ratio >= std::numeric_limits<double>::min() ? std::log(ratio) : std::log(w[k]) - std::log(top);
    out[k] = w[k] > 0 ? log_ratio - log_sum : -HUGE_VAL;
  }
  return out;
}

void require_finite(const Points& y, const char* name) {
  for (Index k = 0; k < y.rows(); ++k)
    for (Index j = 0; j < y.cols(); ++j)
      if (!std::isfinite(y(k, j))) throw BadInput(at(name, k) + "/" + std::to_string(j), "must be finite");
}

Spread spread_of(const Covariance& c, Index k, Index d) {
  const std::string place = at("covariances", k);
  Spread out;
  if (const double* v = std::get_if<double>(&c)) {
    if (!(std::isfinite(*v) && *v >= 0)) throw BadInput(place, "must be a finite variance >= 0, is " + number(*v));
    out.variances = Vec::Constant(1, *v);
    return out;
  }
  if (const Vec* v = std::get_if<Vec>(&c)) {
    if (v->size() != d)
      throw BadInput(place, "must have " + std::to_string(d) + " entries, has " + std::to_string(v->size()));
    for (Index j = 0; j < d; ++j)
      if (!(std::isfinite((*v)[j]) && (*v)[j] >= 0))
        throw BadInput(place + "/" + std::to_string(j), "must be a finite variance >= 0, is " + number((*v)[j]));
    out.kind = Spread::Kind::diagonal;
    out.variances = *v;
    return out;
  }
  const Mat& s = std::get<Mat>(c);
  if (s.rows() != d || s.cols() != d)
    throw BadInput(place, "must be " + std::to_string(d) + " x " + std::to_string(d) + ", is " +
                              std::to_string(s.rows()) + " x " + std::to_string(s.cols()));
  if (!s.allFinite()) throw BadInput(place, "must be finite");
  const double scale = s.cwiseAbs().maxCoeff();
  // The slack is for matrices that were themselves computed; anything larger is a mistake in the input.
  if ((s - s.transpose()).cwiseAbs().maxCoeff() > 1e-12 * scale) throw BadInput(place, "must be symmetric");
  Eigh eigen = eigh(0.5 * (s + s.transpose()));
  const double lowest = eigen.values.minCoeff();
  if (lowest < -1e-12 * double(d) * scale)
    throw BadInput(place, "must be positive semidefinite, has the eigenvalue " + number(lowest));
  out.kind = Spread::Kind::full;
  // An eigenvalue that rounding of the input could have made is 0: a singular covariance stays singular.
  const double rounding = double(d) * std::numeric_limits<double>::epsilon() * eigen.values.maxCoeff();
  out.variances = (eigen.values.array() > rounding).select(eigen.values, 0.0);
  out.basis = std::move(eigen.vectors);
  return out;
}

}  // namespace

Target Target::gaussian_mixture(const Vec& weights, Points means, const std::vector<Covariance>& covariances) {
  const Index n = means.rows(), d = means.cols();
  if (n == 0 || d == 0) throw BadInput("/means", "must not be empty");
  if (weights.size() != n)
    throw BadInput("/weights",
                   "must have " + std::to_string(n) + " entries like means, has " + std::to_string(weights.size()));
  if (Index(covariances.size()) != n)
    throw BadInput("/covariances",
                   "must have " + std::to_string(n) + " entries like means, has " + std::to_string(covariances.size()));
  require_finite(means, "means");
  const Vec log_weights = normalised_log_weights(weights);
  std::vector<Spread> spreads;
  spreads.reserve(std::size_t(n));
  for (Index k = 0; k < n; ++k) spreads.push_back(spread_of(covariances[std::size_t(k)], k, d));

  auto data = std::make_shared<Data>();
  const Index kept = (weights.array() > 0).count();
  data->means.resize(kept, d);
  data->log_weights.resize(kept);
  bool spread = false;
  for (Index k = 0, to = 0; k < n; ++k) {
    if (!(weights[k] > 0)) continue;
    data->means.row(to) = means.row(k);
    data->log_weights[to++] = log_weights[k];
    spread = spread || spreads[std::size_t(k)].variances.maxCoeff() > 0;
    data->spreads.push_back(std::move(spreads[std::size_t(k)]));
  }
  if (!spread) data->spreads.clear();
  return Target(std::move(data));
}

Target Target::points(Points y, const Vec& weights) {
  const Index n = y.rows();
  if (n == 0 || y.cols() == 0) throw BadInput("/points", "must not be empty");
  if (weights.size() != 0 && weights.size() != n)
    throw BadInput("/weights",
                   "must have " + std::to_string(n) + " entries like points, has " + std::to_string(weights.size()));
  require_finite(y, "points");
  auto data = std::make_shared<Data>();
  if (weights.size() == 0) {
    data->log_weights = Vec::Constant(n, -std::log(double(n)));
    data->means = std::move(y);
  } else {
    const Vec log_weights = normalised_log_weights(weights);
    const Index kept = (weights.array() > 0).count();
    data->means.resize(kept, y.cols());
    data->log_weights.resize(kept);
    for (Index k = 0, to = 0; k < n; ++k)
      if (weights[k] > 0) {
        data->means.row(to) = y.row(k);
        data->log_weights[to++] = log_weights[k];
      }
  }
  return Target(std::move(data));
}

Vec Target::mean() const { return means().transpose() * log_weights().array().exp().matrix(); }

Mat Target::covariance() const {
  const Vec w = log_weights().array().exp();
  const Points centred = means().rowwise() - mean().transpose();
  Mat out = centred.transpose() * w.asDiagonal() * centred;
  for (Index k = 0; k < Index(spreads().size()); ++k) {
    const Spread& s = spreads()[std::size_t(k)];
    switch (s.kind) {
      case Spread::Kind::isotropic: out.diagonal().array() += w[k] * s.variances[0]; break;
      case Spread::Kind::diagonal: out.diagonal() += w[k] * s.variances; break;
      case Spread::Kind::full: out += w[k] * s.basis * s.variances.asDiagonal() * s.basis.transpose(); break;
    }
  }
  return out;
}

Diameter diameter(const Points& y) {
  const Index n = y.rows();
  const Eigen::RowVectorXd centre = y.colwise().mean();
  Vec radius(n);
#pragma omp parallel for schedule(static) if (double(n) * double(y.cols()) > 1e6 && !omp_in_parallel())
  for (Index k = 0; k < n; ++k) radius[k] = (y.row(k) - centre).norm();
  std::vector<Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Index(0));
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return radius[a] > radius[b]; });

  // Of equal distances the first pair of rows counts, so that the order of the work cannot be seen.
  const auto better = [](const Diameter& a, const Diameter& b) {
    return a.value != b.value ? a.value > b.value : a.pair < b.pair;
  };
  const auto distance = [&](Index a, Index b) {
    return Diameter{(y.row(a) - y.row(b)).norm(), {std::min(a, b), std::max(a, b)}};
  };
  // A good start by walking to the farthest row a few times.
  Diameter best{0, {0, 0}};
  Index from = order[0];
  for (int walk = 0; walk < 4; ++walk) {
    Diameter farthest{0, {from, from}};
    Index to = from;
    for (Index k = 0; k < n; ++k) {
      const Diameter d = distance(from, k);
      if (k != from && better(d, farthest)) {
        farthest = d;
        to = k;
      }
    }
    if (!better(farthest, best)) break;
    best = farthest;
    from = to;
  }
  // |y_i - y_j| <= r_i + r_j: with the radii falling, both loops can stop early. Rows go in tiles that fit the cache,
  // tiles in rounds of fixed size, each round pruned by what was known before it. The slack keeps rounding from pruning
  // a tie.
  constexpr Index tile = 32, round = 32;
  const auto pruned = [&](Index i, Index j) {
    return (radius[order[std::size_t(i)]] + radius[order[std::size_t(j)]]) * (1 + 1e-12) < best.value;
  };
  for (Index first = 0; first < n && !pruned(first, 0); first += tile * round) {
    std::vector<Diameter> found(std::size_t(round), best);
#pragma omp parallel for schedule(dynamic) if (n > 10000 && !omp_in_parallel())
    for (Index t = 0; t < round; ++t) {
      const Index begin = first + t * tile, end = std::min(n, begin + tile);
      for (Index j = 0; j < end && begin < n && !pruned(begin, j); ++j)
        for (Index i = std::max(begin, j + 1); i < end && !pruned(i, j); ++i) {
          const Diameter d = distance(order[std::size_t(i)], order[std::size_t(j)]);
          if (better(d, found[std::size_t(t)])) found[std::size_t(t)] = d;
        }
    }
    for (const Diameter& d : found)
      if (better(d, best)) best = d;
  }
  return best;
}

}  // namespace lml
