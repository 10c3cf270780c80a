#include "samplers/fisher_figures.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "dynamics/random.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

constexpr std::uint64_t sign_stream = 61, start_stream = 62;

// S Q = W on an orthonormal basis Q, [d, m], of one point.
struct Basis {
  Mat q, w;
  Index size = 0;
  Eigen::Block<Mat, Eigen::Dynamic, Eigen::Dynamic, true> vectors() { return q.leftCols(size); }
  Eigen::Block<Mat, Eigen::Dynamic, Eigen::Dynamic, true> products() { return w.leftCols(size); }
};

struct Pair {
  Points symmetric, skew;  // S v and (G - G^T) v/2
};
Pair product(const FisherProducts& g, const Points& v) {
  Pair out{g.times(v), Points::Zero(v.rows(), v.cols())};
  if (g.transposed_times) {
    const Points other = g.transposed_times(v);
    out.skew = (out.symmetric - other) / 2;
    out.symmetric = (out.symmetric + other) / 2;
  }
  return out;
}

// What is left of v outside the basis, at unit length; twice, since once leaves roundings of what is taken away. A
// direction that the basis already has is replaced by a random one.
Vec next_direction(Basis& b, Vec v, const Random& random, std::uint64_t point) {
  for (std::uint64_t attempt = 1;; ++attempt) {
    const double size = v.norm();
    for (int i = 0; i < 2; ++i) v -= b.vectors() * (b.vectors().transpose() * v);
    if (v.norm() > 1e-12 * size) return v.normalized();
    v = random.normal(point, attempt, v.size());
  }
}

std::vector<Basis> krylov(const FisherProducts& g, Index n, Index d, const FisherProbes& ask) {
  const Index m = std::min(ask.steps, d);
  const Random random(ask.seed, start_stream);
  std::vector<Basis> out(static_cast<std::size_t>(n), Basis{Mat(d, m), Mat(d, m)});
  Points v = random.normals(ask.first, 0, n, d);
  for (Index j = 0; j < m; ++j) {
    for (Index i = 0; i < n; ++i) {
      Basis& b = out[std::size_t(i)];
      b.q.col(j) = next_direction(b, v.row(i).transpose(), random, ask.first + std::uint64_t(i));
      v.row(i) = b.q.col(j).transpose();
    }
    v = product(g, v).symmetric;
    for (Index i = 0; i < n; ++i) {
      Basis& b = out[std::size_t(i)];
      b.w.col(j) = v.row(i).transpose();
      ++b.size;
    }
  }
  return out;
}

struct Ritz {
  Vec values;  // ascending
  Vec residuals, cosines;
  Eigenpair pair(Index i) const { return {values[i], residuals[i], cosines[i]}; }
};
Ritz ritz(Basis& b, const VecRef& u) {
  const Mat t = b.vectors().transpose() * b.products();
  const Eigh e = eigh((t + t.transpose()) / 2);
  const Mat vectors = b.vectors() * e.vectors;
  Ritz out{e.values, Vec(b.size), (vectors.transpose() * u).cwiseAbs()};
  for (Index i = 0; i < b.size; ++i)
    out.residuals[i] = (b.products() * e.vectors.col(i) - e.values[i] * vectors.col(i)).norm();
  return out;
}

// Means over the random signs.
enum Mean { size, plain, skew, outside, symmetric, deviation, trace, means };

// ||M||^2 and tr M on the basis, exactly; the means have the rest.
struct Exact {
  double d, rest, symmetric, deviation, trace, along_u, leading;
};

struct Derived {
  double asymmetry, trace, norm, rank_one, rank_one_plain, identity, scaled_identity, rank_k, held;
};

double root(double numerator, double denominator) {
  if (!(denominator > 0)) return std::numeric_limits<double>::infinity();
  return std::sqrt(std::max(0.0, numerator / denominator));
}

Derived derive(const Exact& x, const Vec& mean) {
  // ||(I - Q Q^T) v||^2 has the mean d - m, so what is drawn is corrected by it: multiples of I are then exact.
  const double scale = mean[outside] > 0 ? x.rest / mean[outside] : 0;
  const double s = x.symmetric + scale * mean[symmetric], k = mean[skew], off = x.deviation + scale * mean[deviation],
               g = s + k, tr = x.trace + scale * mean[trace];
  return {root(4 * k, g),
          tr / x.d,
          std::sqrt(g / x.d),
          root(g - 2 * x.along_u + 1, g),
          root(mean[plain], mean[size]),
          root(off + k, g),
          root(g - tr * tr / x.d, g),
          root(off - x.leading + k, g),
          off > 0 ? std::min(1.0, x.leading / off) : 1};
}

// Of each probe, a row; the value from all, the standard error from leaving each out (Tukey 1958).
template <class Member>
Estimated jackknife(const Exact& x, const Mat& rows, Member member) {
  const Index m = rows.rows();
  const Vec sum = rows.colwise().sum();
  const double value = derive(x, sum / double(m)).*member;
  if (!std::isfinite(value)) return {value, 0};
  Vec without(m);
  for (Index i = 0; i < m; ++i) without[i] = derive(x, (sum - rows.row(i).transpose()) / double(m - 1)).*member;
  return {value, std::sqrt(double(m - 1) / double(m) * (without.array() - without.mean()).square().sum())};
}

}  // namespace

Points random_signs(const FisherProbes& ask, Index probe, Index n, Index d) {
  const Random random(ask.seed, sign_stream);
  Points out(n, d);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < d; ++j)
      out(i, j) = random.uniform(ask.first + std::uint64_t(i), std::uint64_t(probe), std::uint64_t(j)) < 0.5 ? -1 : 1;
  return out;
}

std::vector<FisherFigures> fisher_figures(const FisherProducts& g, const Points& u, const FisherProbes& ask) {
  const Index n = u.rows(), d = u.cols();
  if (ask.probes < 2 || ask.eigenpairs < 1 || ask.steps < ask.eigenpairs)
    throw std::invalid_argument("at least 2 probes, 1 eigenpair and as many steps as eigenpairs");
  std::vector<FisherFigures> out(static_cast<std::size_t>(n));
  std::vector<Exact> exact(out.size());
  std::vector<Mat> rows(out.size(), Mat(ask.probes, means));

  const Points gu = g.times(u);
  std::vector<Basis> bases = krylov(g, n, d, ask);
  for (Index i = 0; i < n; ++i) {
    FisherFigures& f = out[std::size_t(i)];
    Basis& b = bases[std::size_t(i)];
    f.along_u = u.row(i).dot(gu.row(i));
    f.u_residual = root((gu.row(i) - f.along_u * u.row(i)).squaredNorm(), gu.row(i).squaredNorm());
    const Ritz r = ritz(b, u.row(i).transpose());
    std::vector<Index> order(static_cast<std::size_t>(b.size));
    std::iota(order.begin(), order.end(), Index(0));
    std::sort(order.begin(), order.end(),
              [&](Index a, Index c) { return std::abs(r.values[a] - 1) > std::abs(r.values[c] - 1); });
    double leading = 0;
    for (Index k = 0; k < std::min(ask.eigenpairs, b.size); ++k) {
      f.deviating.push_back(r.pair(order[std::size_t(k)]));
      leading += std::pow(f.deviating.back().value - 1, 2);
    }
    f.smallest = r.pair(0);
    f.largest = r.pair(b.size - 1);
    exact[std::size_t(i)] = {double(d),
                             double(d - b.size),
                             b.products().squaredNorm(),
                             (b.products() - b.vectors()).squaredNorm(),
                             r.values.sum(),
                             f.along_u,
                             leading};
  }

  for (Index p = 0; p < ask.probes; ++p) {
    const Points v = random_signs(ask, p, n, d);
    const Pair gv = product(g, v);
    for (Index i = 0; i < n; ++i) {
      Basis& b = bases[std::size_t(i)];
      const Vec vi = v.row(i).transpose(), si = gv.symmetric.row(i).transpose(), ki = gv.skew.row(i).transpose();
      // Outside the basis: P v and S P v.
      const Vec inside = b.vectors().transpose() * vi;
      const Vec pv = vi - b.vectors() * inside, spv = si - b.products() * inside;
      auto row = rows[std::size_t(i)].row(p);
      row[size] = (si + ki).squaredNorm();
      row[plain] = (si + ki - u.row(i).dot(vi) * u.row(i).transpose()).squaredNorm();
      row[outside] = pv.squaredNorm();
      row[symmetric] = spv.squaredNorm();
      row[skew] = ki.squaredNorm();
      row[deviation] = (spv - pv).squaredNorm();
      row[trace] = pv.dot(spv);
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    FisherFigures& f = out[i];
    const auto set = [&](Estimated FisherFigures::*to, double Derived::*from) {
      f.*to = jackknife(exact[i], rows[i], from);
    };
    set(&FisherFigures::asymmetry, &Derived::asymmetry);
    set(&FisherFigures::trace, &Derived::trace);
    set(&FisherFigures::norm, &Derived::norm);
    set(&FisherFigures::rank_one, &Derived::rank_one);
    set(&FisherFigures::rank_one_plain, &Derived::rank_one_plain);
    set(&FisherFigures::identity, &Derived::identity);
    set(&FisherFigures::scaled_identity, &Derived::scaled_identity);
    set(&FisherFigures::rank_k, &Derived::rank_k);
    set(&FisherFigures::held, &Derived::held);
  }
  return out;
}

}  // namespace lml
