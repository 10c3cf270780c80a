#include "samplers/distances.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "samplers/random_splits.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

constexpr Index tile = 256;
constexpr Index groups = 32, splits = 16;
constexpr std::uint64_t direction_stream = 0x446972, split_stream = 0x53706C;
constexpr Index most_dimensions = 8192;

void require_sizes(const Points& x, const Points& y, Index least) {
  if (x.cols() != y.cols())
    throw BadInput("/b",
                   "must have " + std::to_string(x.cols()) + " coordinates like a, has " + std::to_string(y.cols()));
  const char* names[] = {"/a", "/b"};
  const Index n[] = {x.rows(), y.rows()};
  for (int i = 0; i < 2; ++i)
    if (n[i] < least)
      throw BadInput(names[i],
                     "must hold at least " + std::to_string(least) + " samples, holds " + std::to_string(n[i]));
}

// ---- MMD

// Of one sample against all of one set: sums of k and of k^2.
struct RowSums {
  Vec k, kk;
  explicit RowSums(Index n) : k(Vec::Zero(n)), kk(Vec::Zero(n)) {}
};

// k(x_i, y_j) of two tiles of rows.
using Kernel = std::function<Eigen::ArrayXXd(const PointsRef& x, const PointsRef& y)>;

// u = exp(-r^2/(2 (4h)^2)); the narrower kernels are its powers 4, 16, 64, 256.
Eigen::ArrayXXd gaussian_kernels(const PointsRef& x, const PointsRef& y, double h) {
  Eigen::ArrayXXd r2 = (-2 * x * y.transpose()).array();
  r2.colwise() += x.rowwise().squaredNorm().array();
  r2.rowwise() += y.rowwise().squaredNorm().transpose().array();
  Eigen::ArrayXXd u = (r2.max(0) * (-0.5 / (16 * h * h))).exp(), sum = u;
  for (int i = 0; i < 4; ++i) {
    u = u.square().square();
    sum += u;
  }
  return sum / 5;
}

Eigen::ArrayXXd cubic_kernel(const PointsRef& x, const PointsRef& y) {
  return ((x * y.transpose()).array() / double(x.cols()) + 1).cube();
}

// sum_j k(x_i, y_j), without j = i where y is x itself.
RowSums row_sums(const Points& x, const Points& y, const Kernel& kernel, bool same,
                 const std::function<void(Index)>& done) {
  RowSums out(x.rows());
  const Index blocks = (x.rows() + tile - 1) / tile;
  parallel_for(blocks, blocks > 1, [&](Index b) {
    const Index i = b * tile, rows = std::min(tile, x.rows() - i);
    for (Index j = 0; j < y.rows(); j += tile) {
      const Index columns = std::min(tile, y.rows() - j);
      Eigen::ArrayXXd k = kernel(x.middleRows(i, rows), y.middleRows(j, columns));
      if (same && i == j) k.matrix().diagonal().setZero();
      for (Index c = 0; c < columns; ++c) {
        out.k.segment(i, rows) += k.col(c).matrix();
        out.kk.segment(i, rows) += k.col(c).square().matrix();
      }
    }
    done(rows * y.rows());
  });
  return out;
}

// Jackknife: (n-1)/n times the sum of squares about the mean.
double jackknife(const Vec& without) {
  const double n = double(without.size());
  return (n - 1) / n * (without.array() - without.mean()).square().sum();
}

// Mean square of the doubly centred kernel over different points of one law: E k^2 - 2 E[E(k|x)^2] + (E k)^2, with the
// bias of the squared means of n - 1 terms taken out.
double centred_square(const RowSums& r) {
  const double n = double(r.k.size());
  const Vec mean = r.k / (n - 1);
  const double all = mean.mean(), square = r.kk.sum() / (n * (n - 1));
  const double projected = (mean.array() - all).square().sum() / (n - 1);  // Var E(k|x) + (second order)/(n - 1)
  const double total = square - all * all;
  return std::max(0.0, (total - 2 * projected) / (1 - 2 / (n - 1)));
}
double centred_square(const RowSums& across, const RowSums& back) {
  const double n = double(across.k.size()), m = double(back.k.size());
  const Vec rows = across.k / m, columns = back.k / n;
  const double all = rows.mean(), square = across.kk.sum() / (n * m);
  const double a = (rows.array() - all).square().sum() / (n - 1);     // Var E(k|x) + (second order)/m
  const double b = (columns.array() - all).square().sum() / (m - 1);  // Var E(k|y) + (second order)/n
  const double total = square - all * all;
  return std::max(0.0, (total - a - b) / (1 - 1 / m - 1 / n));
}

// The unbiased estimate of E k(x, x') + E k(y, y') - 2 E k(x, y), with its error (distances.hpp).
Estimate u_statistic(const Points& a, const Points& b, const Kernel& kernel,
                     const std::function<void(double)>& progress) {
  const double n = double(a.rows()), m = double(b.rows());
  double spent = 0;
  const double whole = n * n + m * m + 2 * n * m;
  const auto done = [&](Index pairs) {
#pragma omp critical(lml_mmd_progress)
    {
      spent += double(pairs);
      if (progress) progress(spent / whole);
    }
  };
  const RowSums xx = row_sums(a, a, kernel, true, done), yy = row_sums(b, b, kernel, true, done);
  const RowSums xy = row_sums(a, b, kernel, false, done), yx = row_sums(b, a, kernel, false, done);
  const double sum_x = xx.k.sum(), sum_y = yy.k.sum(), sum_xy = xy.k.sum();
  const double value = sum_x / (n * (n - 1)) + sum_y / (m * (m - 1)) - 2 * sum_xy / (n * m);
  const Vec without_x = (sum_x - 2 * xx.k.array()) / ((n - 1) * (n - 2)) - 2 * (sum_xy - xy.k.array()) / ((n - 1) * m);
  const Vec without_y = (sum_y - 2 * yy.k.array()) / ((m - 1) * (m - 2)) - 2 * (sum_xy - yx.k.array()) / ((m - 1) * n);
  const double second = 2 * centred_square(xx) / (n * (n - 1)) + 2 * centred_square(yy) / (m * (m - 1)) +
                        4 * centred_square(xy, yx) / (n * m);
  const double variance = std::max(jackknife(without_x) + jackknife(without_y) - second, second);
  return {value, std::sqrt(variance)};
}

// ---- Sliced Wasserstein

// What is left of a sorted list without one group.
std::vector<double> without_group(const std::vector<std::pair<double, Index>>& sorted, Index group) {
  std::vector<double> out;
  out.reserve(sorted.size());
  for (const auto& [v, g] : sorted)
    if (g != group) out.push_back(v);
  return out;
}

// Projections in rising order, each with its number.
std::vector<std::pair<double, Index>> sorted_projection(const Points& x, const Vec& u, Index first) {
  std::vector<std::pair<double, Index>> out(std::size_t(x.rows()));
  for (Index i = 0; i < x.rows(); ++i) out[std::size_t(i)] = {x.row(i).dot(u), first + i};
  std::sort(out.begin(), out.end());
  return out;
}

double w2_squared(const std::vector<double>& x, const std::vector<double>& y) {
  return w2_squared_sorted(x.data(), Index(x.size()), y.data(), Index(y.size()));
}

// ---- Moments

struct Centred {
  Vec mean;
  Points x;  // less the mean
  Mat covariance;
  double fourth;  // mean of |x - mean|^4
};

Centred centred(const Points& x) {
  Centred out{x.colwise().mean().transpose(), {}, {}, 0};
  out.x = x.rowwise() - out.mean.transpose();
  // A fixed shape of every product: no thread takes part in deciding it.
  out.covariance = Mat::Zero(x.cols(), x.cols());
  for (Index i = 0; i < x.rows(); i += tile) {
    const auto part = out.x.middleRows(i, std::min(tile, x.rows() - i));
    out.covariance += part.transpose() * part;
  }
  out.covariance /= double(x.rows() - 1);
  out.fourth = out.x.rowwise().squaredNorm().array().square().mean();
  return out;
}

}  // namespace

double median_distance(const Points& x, const Points& y) {
  require_sizes(x, y, 1);
  constexpr Index most = 1000;
  const Index n = std::min(most, x.rows()), m = std::min(most, y.rows());
  Points all(n + m, x.cols());
  all << x.topRows(n), y.topRows(m);
  std::vector<double> r;
  for (Index i = 0; i < n + m; ++i)
    for (Index j = 0; j < i; ++j) r.push_back((all.row(i) - all.row(j)).norm());
  if (r.empty()) throw BadInput("/a", "must hold two samples");
  std::nth_element(r.begin(), r.begin() + std::ptrdiff_t(r.size() / 2), r.end());
  const double out = r[r.size() / 2];
  if (!(out > 0)) throw BadInput("/bandwidth", "is missing: the median distance between samples is 0");
  if (!std::isfinite(out)) throw BadInput("/a", "and b are too far apart for their squared distances");
  return out;
}

Estimate mmd_squared(const Points& x, const Points& y, double h, const std::function<void(double)>& progress) {
  require_sizes(x, y, 4);
  if (!(h > 0 && std::isfinite(h))) throw BadInput("/bandwidth", "must be finite and > 0");
  // About a common centre, so that squared distances out of inner products lose little.
  const double all = double(x.rows() + y.rows());
  const Vec centre = ((x.colwise().sum() + y.colwise().sum()) / all).transpose();
  return u_statistic(
      x.rowwise() - centre.transpose(), y.rowwise() - centre.transpose(),
      [h](const PointsRef& a, const PointsRef& b) { return gaussian_kernels(a, b, h); }, progress);
}

Estimate kernel_inception_distance(const Points& x, const Points& y, const std::function<void(double)>& progress) {
  require_sizes(x, y, 4);
  return u_statistic(x, y, cubic_kernel, progress);
}

double mmd_squared_of_gaussians(const Vec& m1, double s1, const Vec& m2, double s2, double h) {
  const double d = double(m1.size());
  double out = 0;
  for (double width : kernel_widths) {
    const double b2 = width * width * h * h;
    // E exp(-|z|^2/(2 b^2)) of z ~ N(mu, v I).
    const auto mean = [&](double v, double mu2) {
      return std::pow(b2 / (b2 + v), d / 2) * std::exp(-mu2 / (2 * (b2 + v)));
    };
    out += mean(2 * s1 * s1, 0) + mean(2 * s2 * s2, 0) - 2 * mean(s1 * s1 + s2 * s2, (m1 - m2).squaredNorm());
  }
  return out / 5;
}

double w2_squared_sorted(const double* x, Index n, const double* y, Index m) {
  // Both quantile functions are constant between multiples of 1/n and of 1/m; in units of 1/(n m).
  double sum = 0;
  for (Index i = 0, j = 0, at = 0; i < n && j < m;) {
    const Index to = std::min((i + 1) * m, (j + 1) * n);
    const double r = x[i] - y[j];
    sum += double(to - at) * (r * r);
    at = to;
    if (to == (i + 1) * m) ++i;
    if (to == (j + 1) * n) ++j;
  }
  return sum / (double(n) * double(m));
}

SlicedDistance sliced_w2(const Points& x, const Points& y, Index directions, std::uint64_t seed) {
  require_sizes(x, y, 2 * groups);
  const Index d = x.cols(), n = x.rows(), m = y.rows();
  if (directions < 2) throw BadInput("/directions", "must be at least 2");
  const Index count = d == 1 ? 1 : directions;
  const Random random(seed, direction_stream);
  const std::vector<std::vector<char>> first = random_splits(n, m, splits, Random(seed, split_stream));
  // A direction a row: W_2^2, then without each group of x, of y, then of each split.
  Mat figures(1 + 2 * groups + splits, count);
  parallel_for(count, true, [&](Index l) {
    Vec u = random.normal(std::uint64_t(l), 0, d);
    u /= u.norm();
    const auto px = sorted_projection(x, u, 0), py = sorted_projection(y, u, 0);
    std::vector<double> vx, vy;
    std::vector<std::pair<double, Index>> gx, gy, all = sorted_projection(x, u, 0);
    for (const auto& [v, i] : px) vx.push_back(v), gx.emplace_back(v, i % groups);
    for (const auto& [v, i] : py) vy.push_back(v), gy.emplace_back(v, i % groups), all.emplace_back(v, n + i);
    std::inplace_merge(all.begin(), all.begin() + n, all.end());
    figures(0, l) = w2_squared(vx, vy);
    for (Index g = 0; g < groups; ++g) {
      figures(1 + g, l) = w2_squared(without_group(gx, g), vy);
      figures(1 + groups + g, l) = w2_squared(vx, without_group(gy, g));
    }
    for (Index s = 0; s < splits; ++s) {
      std::vector<double> in, out;
      for (const auto& [v, i] : all) (first[std::size_t(s)][std::size_t(i)] ? in : out).push_back(v);
      figures(1 + 2 * groups + s, l) = w2_squared(in, out);
    }
  });
  const Vec roots = figures.rowwise().mean().cwiseSqrt();
  double variance = jackknife(roots.segment(1, groups)) + jackknife(roots.segment(1 + groups, groups));
  if (count > 1 && roots[0] > 0) {
    const double spread = (figures.row(0).array() - figures.row(0).mean()).square().sum() / double(count - 1);
    variance += spread / double(count) / (4 * roots[0] * roots[0]);
  }
  return {{roots[0], std::sqrt(variance)}, roots.tail(splits).mean()};
}

MomentDistance moment_distance(const Points& x, const Points& y) {
  require_sizes(x, y, 4);
  if (x.cols() > most_dimensions)
    throw BadInput("/metrics", "moments needs at most " + std::to_string(most_dimensions) + " coordinates, there are " +
                                   std::to_string(x.cols()));
  const Centred a = centred(x), b = centred(y);
  const double n = double(x.rows()), m = double(y.rows());
  MomentDistance out{};

  const Vec shift = a.mean - b.mean;
  out.mean.value = shift.norm();
  out.mean_same_law = std::sqrt(a.covariance.trace() / n + b.covariance.trace() / m);
  const double along = shift.dot(a.covariance * shift) / n + shift.dot(b.covariance * shift) / m;
  out.mean.standard_error = out.mean.value > 0 ? std::sqrt(along) / out.mean.value : out.mean_same_law;

  const Mat difference = a.covariance - b.covariance;
  out.covariance.value = difference.norm();
  // sum_ij Var(x_i x_j) = E|x|^4 - |C|^2
  const auto spread = [](const Centred& c) { return std::max(0.0, c.fourth - c.covariance.squaredNorm()); };
  out.covariance_same_law = std::sqrt(spread(a) / n + spread(b) / m);
  // The variance of x^T D x along D, the difference of the covariances.
  const auto variance_along = [&](const Centred& c) {
    const Vec q = (c.x * difference).cwiseProduct(c.x).rowwise().sum();
    return (q.array() - q.mean()).square().mean();
  };
  out.covariance.standard_error = out.covariance.value > 0
                                      ? std::sqrt(variance_along(a) / n + variance_along(b) / m) / out.covariance.value
                                      : out.covariance_same_law;
  return out;
}

}  // namespace lml
