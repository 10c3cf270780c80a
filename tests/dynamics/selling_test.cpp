#include "dynamics/selling.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "dynamics/random.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

template <int N>
Eigen::Matrix<double, N, N> sum_of(const Stencil& s) {
  Eigen::Matrix<double, N, N> out = Eigen::Matrix<double, N, N>::Zero();
  for (int t = 0; t < s.size; ++t) {
    Eigen::Matrix<double, N, 1> e;
    for (int a = 0; a < N; ++a) e[a] = s.terms[std::size_t(t)].offset[std::size_t(a)];
    out += s.terms[std::size_t(t)].weight * e * e.transpose();
  }
  return out;
}

// A A^T with normal A, one column shrunk: conditions of 1 to 1e6 and more.
template <int N>
Eigen::Matrix<double, N, N> random_matrix(std::uint64_t i) {
  const Points a = Random(31, N).normals(i * 16, 0, N, N);
  Eigen::Matrix<double, N, N> m = a;
  m.col(0) *= std::pow(10.0, -double(i % 4));
  return m * m.transpose();
}

// A weight is had from products |b|^2 |D|, and multiplied by |e|^2 again: |e|^4 roundings in each of six terms, |e| the
// longest offset.
template <int N>
void decomposes_exactly() {
  int checked = 0;
  for (std::uint64_t i = 0; i < 500; ++i) {
    const Eigen::Matrix<double, N, N> d = random_matrix<N>(i);
    const Stencil s = selling(d, 1 << 20);
    EXPECT_LE(s.size, N == 2 ? 3 : 6);
    EXPECT_LT(s.excess, 1e-6);
    double longest = 0;
    for (int t = 0; t < s.size; ++t) {
      EXPECT_GT(s.terms[std::size_t(t)].weight, 0);
      for (int c : s.terms[std::size_t(t)].offset) longest = std::max(longest, std::abs(double(c)));
    }
    if (longest > 300) continue;
    ++checked;
    EXPECT_LT((sum_of<N>(s) - d).norm(), 1e-13 * std::pow(1 + longest, 4) * d.norm()) << i;
  }
  EXPECT_GT(checked, 400);
}

TEST(Selling, DecomposesExactlyWithPositiveWeights) {
  decomposes_exactly<2>();
  decomposes_exactly<3>();
}

template <int N>
void keeps_its_reach() {
  int bound = 0;
  for (std::uint64_t i = 0; i < 200; ++i)
    for (int reach : {1, 2, 5}) {
      const Eigen::Matrix<double, N, N> d = random_matrix<N>(i);
      const Stencil s = selling(d, reach);
      for (int t = 0; t < s.size; ++t)
        for (int c : s.terms[std::size_t(t)].offset) EXPECT_LE(std::abs(c), reach);
      const Eigen::Matrix<double, N, N> more = sum_of<N>(s) - d;
      EXPECT_GT(eigvalsh(more).minCoeff(), -1e-12 * d.norm());
      EXPECT_NEAR(more.trace(), s.excess * d.trace(), 1e-11 * d.trace());
      bound += s.excess > 0;
    }
  EXPECT_GT(bound, 100);
}

TEST(Selling, ACapOnTheReachOnlyAddsDiffusionAndSaysHowMuch) {
  keeps_its_reach<2>();
  keeps_its_reach<3>();
}

TEST(Selling, OfADiagonalMatrixIsTheStandardStencil) {
  Eigen::Matrix2d d;
  d << 2, 0, 0, 3;
  const Stencil s = selling(d, 8);
  EXPECT_EQ(s.size, 2);
  EXPECT_EQ(sum_of<2>(s), d);
}

}  // namespace
}  // namespace lml
