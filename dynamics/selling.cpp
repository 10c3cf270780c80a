#include "dynamics/selling.hpp"

#include <algorithm>
#include <cmath>

namespace lml {
namespace {

// A superbase: d + 1 integer vectors of sum 0, any d of which generate the lattice. D is the sum over pairs i < j of
// -(b_i . D b_j) times the outer square of the dual vector e_ij, whatever the superbase; Selling's algorithm makes all
// b_i . D b_j <= 0.
template <int N>
using Superbase = std::array<Eigen::Matrix<int, N, 1>, N + 1>;

Superbase<2> start(const Eigen::Matrix2d&) { return {{{1, 0}, {0, 1}, {-1, -1}}}; }
Superbase<3> start(const Eigen::Matrix3d&) { return {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {-1, -1, -1}}}; }

std::array<int, 3> dual(const Superbase<2>& b, int i, int j) {
  const auto& k = b[std::size_t(3 - i - j)];
  return {-k[1], k[0], 0};
}
std::array<int, 3> dual(const Superbase<3>& b, int i, int j) {
  std::array<std::size_t, 2> rest{};
  for (int k = 0, n = 0; k < 4; ++k)
    if (k != i && k != j) rest[std::size_t(n++)] = std::size_t(k);
  const auto &u = b[rest[0]], &v = b[rest[1]];
  return {u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]};
}

// b_i and b_j make an acute angle: b_i changes sign, the others but b_j take up the difference.
Superbase<2> flipped(const Superbase<2>& b, int i, int j) {
  const auto bi = b[std::size_t(i)], bj = b[std::size_t(j)];
  return {{-bi, bj, bi - bj}};
}
Superbase<3> flipped(const Superbase<3>& b, int i, int j) {
  Superbase<3> out = b;
  for (int k = 0; k < 4; ++k)
    if (k != i && k != j) out[std::size_t(k)] += b[std::size_t(i)];
  out[std::size_t(i)] = -b[std::size_t(i)];
  return out;
}

template <int N>
bool within(const Superbase<N>& b, int reach) {
  for (int i = 0; i <= N; ++i)
    for (int j = 0; j < i; ++j)
      for (int c : dual(b, i, j))
        if (std::abs(c) > reach) return false;
  return true;
}

template <int N>
Stencil decompose(const Eigen::Matrix<double, N, N>& d, int reach) {
  using Real = Eigen::Matrix<double, N, 1>;
  Superbase<N> b = start(d);
  Eigen::Matrix<double, N + 1, N + 1> g;
  // Each flip lowers sum |b|_D^2 by four times the product, so the loop ends; the bound only guards against rounding.
  for (int flips = 0; flips < 1000; ++flips) {
    int at_i = 0, at_j = 0;
    double most = 0;
    for (int i = 0; i <= N; ++i) {
      const Real db = d * b[std::size_t(i)].template cast<double>();
      for (int j = 0; j <= N; ++j) g(i, j) = db.dot(b[std::size_t(j)].template cast<double>());
    }
    for (int i = 0; i <= N; ++i)
      for (int j = 0; j < i; ++j)
        if (g(i, j) > most && g(i, j) > 1e-14 * std::sqrt(g(i, i) * g(j, j))) {
          most = g(i, j);
          at_i = i;
          at_j = j;
        }
    if (most == 0) break;
    const Superbase<N> next = flipped(b, at_i, at_j);
    if (!within<N>(next, reach)) break;
    b = next;
  }
  Stencil out;
  double trace = 0;
  for (int i = 0; i <= N; ++i)
    for (int j = 0; j < i; ++j) {
      const double weight = -g(i, j);
      const std::array<int, 3> e = dual(b, i, j);
      if (weight > 0) out.terms[std::size_t(out.size++)] = {e, weight};
      if (weight < 0) trace -= weight * (e[0] * e[0] + e[1] * e[1] + e[2] * e[2]);
    }
  const double whole = d.trace();
  out.excess = trace > 1e-12 * whole ? trace / whole : 0;
  return out;
}

}  // namespace

Stencil selling(const Eigen::Matrix2d& d, int reach) { return decompose<2>(d, reach); }
Stencil selling(const Eigen::Matrix3d& d, int reach) { return decompose<3>(d, reach); }

}  // namespace lml
