// Eigen matrices as states: n samples as rows, float64 or float32. Every sum runs in an order that depends on d alone,
// and every operation rounds once wherever a sample stands, so that a sample has the same bits in any batch.
#pragma once
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "samplers/state.hpp"
#include "theory/types.hpp"

namespace lml {

template <class T>
using Rows = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;  // Rows<double> is Points

/// A number a row. Each operation is carried out at once, so that none is fused with another in the vectorised part of
/// a loop only; and the square root is the correctly rounded one, which Eigen's own for AVX-512 is not.
template <class T>
class PerRow {
 public:
  using Array = Eigen::Array<T, Eigen::Dynamic, 1>;
  explicit PerRow(Index n) : v_(n) {}
  Index size() const { return v_.size(); }
  T& operator[](Index i) { return v_[i]; }
  T operator[](Index i) const { return v_[i]; }

  friend PerRow operator+(const PerRow& a, const PerRow& b) { return PerRow(Array(a.v_ + b.v_)); }
  friend PerRow operator-(const PerRow& a, const PerRow& b) { return PerRow(Array(a.v_ - b.v_)); }
  friend PerRow operator*(const PerRow& a, const PerRow& b) { return PerRow(Array(a.v_ * b.v_)); }
  friend PerRow operator/(const PerRow& a, const PerRow& b) { return PerRow(Array(a.v_ / b.v_)); }
  friend PerRow operator+(const PerRow& a, double c) { return PerRow(Array(a.v_ + T(c))); }
  friend PerRow operator-(const PerRow& a, double c) { return PerRow(Array(a.v_ - T(c))); }
  friend PerRow operator*(const PerRow& a, double c) { return PerRow(Array(a.v_ * T(c))); }
  friend PerRow operator*(double c, const PerRow& a) { return a * c; }
  friend PerRow operator/(const PerRow& a, double c) { return PerRow(Array(a.v_ / T(c))); }
  friend PerRow operator-(const PerRow& a) { return PerRow(Array(-a.v_)); }
  friend PerRow abs(const PerRow& a) { return PerRow(Array(a.v_.abs())); }
  friend PerRow sqrt(PerRow a) {
    using std::sqrt;
    for (Index i = 0; i < a.v_.size(); ++i) a.v_[i] = sqrt(a.v_[i]);
    return a;
  }

 private:
  explicit PerRow(Array v) : v_(std::move(v)) {}
  Array v_;
};

namespace kernels {

// a b + c, rounded alike in the vectorised part of a loop and in its rest.
template <class T>
inline T multiply_add(T a, T b, T c) {
#ifdef __FMA__
  if constexpr (std::is_floating_point_v<T>) return std::fma(a, b, c);
#endif
  return a * b + c;
}

// Sum of f(j) for j < d: sixteen running sums, then their sum in order.
template <class Sum, class F>
inline Sum ordered_sum(Index d, const F& f) {
  constexpr Index width = 16;
  Sum part[width] = {};
  Index j = 0;
  for (; j + width <= d; j += width)
#pragma omp simd
    for (Index i = 0; i < width; ++i) part[i] += f(j + i);
  for (Index i = 0; j + i < d; ++i) part[i] += f(j + i);
  Sum out = 0;
  for (Index i = 0; i < width; ++i) out += part[i];
  return out;
}

template <class T>
inline T linear(Index i, double c, const T* x) {
  return T(c) * x[i];
}
template <class T, class... Rest>
inline T linear(Index i, double c, const T* x, Rest... rest) {
  return multiply_add(T(c), x[i], linear(i, rest...));
}

template <class T>
inline const T* data_of(const Rows<T>& x) {
  return x.data();
}
inline double data_of(double c) { return c; }

}  // namespace kernels

template <class T>
struct StateTraits<Rows<T>> {
  using Matrix = Rows<T>;
  using PerSample = PerRow<T>;
  using Wide = PerRow<double>;

  /// One pass, whatever the number of terms.
  template <class... Rest>
  static Matrix combine(double c, const Matrix& x, const Rest&... rest) {
    Matrix out(x.rows(), x.cols());
    T* to = out.data();
    const Index n = out.size();
    // Pointers are taken before the loop, so that the compiler sees that none of them moves.
    [&](const auto... terms) {
#pragma omp simd
      for (Index i = 0; i < n; ++i) to[i] = kernels::linear(i, terms...);
    }(c, x.data(), kernels::data_of(rest)...);
    return out;
  }

  static PerSample inner(const Matrix& x, const Matrix& y) {
    PerSample out(x.rows());
    for (Index i = 0; i < x.rows(); ++i) {
      const T *a = x.data() + i * x.cols(), *b = y.data() + i * x.cols();
      out[i] = kernels::ordered_sum<T>(x.cols(), [=](Index j) { return a[j] * b[j]; });
    }
    return out;
  }

  static Gram<Wide> gram(const Matrix& q, const Matrix& p) {
    const Index n = q.rows(), d = q.cols();
    Gram<Wide> out{Wide(n), Wide(n), Wide(n)};
    constexpr Index width = 8;
    for (Index i = 0; i < n; ++i) {
      const T *a = q.data() + i * d, *b = p.data() + i * d;
      double qq[width] = {}, qd[width] = {}, dd[width] = {};
      Index j = 0;
      for (; j + width <= d; j += width)
#pragma omp simd
        for (Index k = 0; k < width; ++k) {
          const double u = double(a[j + k]), v = double(b[j + k]) - u;
          qq[k] = kernels::multiply_add(u, u, qq[k]);
          qd[k] = kernels::multiply_add(u, v, qd[k]);
          dd[k] = kernels::multiply_add(v, v, dd[k]);
        }
      for (Index k = 0; j + k < d; ++k) {
        const double u = double(a[j + k]), v = double(b[j + k]) - u;
        qq[k] = kernels::multiply_add(u, u, qq[k]);
        qd[k] = kernels::multiply_add(u, v, qd[k]);
        dd[k] = kernels::multiply_add(v, v, dd[k]);
      }
      out.qq[i] = out.qd[i] = out.dd[i] = 0;
      for (Index k = 0; k < width; ++k) {
        out.qq[i] += qq[k];
        out.qd[i] += qd[k];
        out.dd[i] += dd[k];
      }
    }
    return out;
  }

  static Matrix extrapolate(const Wide& a, const Matrix& q, const Wide& b, const Matrix& p) {
    Matrix out(q.rows(), q.cols());
    for (Index i = 0; i < q.rows(); ++i) {
      const T u = T(a[i]), v = T(b[i]), *x = q.data() + i * q.cols(), *y = p.data() + i * q.cols();
      T* to = out.data() + i * q.cols();
#pragma omp simd
      for (Index j = 0; j < q.cols(); ++j) to[j] = kernels::multiply_add(u, x[j], v * (y[j] - x[j]));
    }
    return out;
  }

  static Matrix multiply(const PerSample& a, const Matrix& q) {
    Matrix out(q.rows(), q.cols());
    for (Index i = 0; i < q.rows(); ++i) out.row(i) = a[i] * q.row(i);
    return out;
  }

  /// torch.quantile's linear interpolation between order statistics.
  static Matrix dynamic_threshold(const Matrix& x, double ratio, double most) {
    Matrix out(x.rows(), x.cols());
    std::vector<T> size(static_cast<std::size_t>(x.cols()));
    for (Index i = 0; i < x.rows(); ++i) {
      for (Index j = 0; j < x.cols(); ++j) size[std::size_t(j)] = x(i, j) < 0 ? T(-x(i, j)) : x(i, j);
      const double rank = ratio * double(x.cols() - 1);
      const auto lower = std::size_t(rank);
      std::nth_element(size.begin(), size.begin() + std::ptrdiff_t(lower), size.end());
      const double a = double(size[lower]);
      const double b =
          lower + 1 < size.size() ? double(*std::min_element(size.begin() + std::ptrdiff_t(lower) + 1, size.end())) : a;
      const T s = T(std::clamp(a + (rank - double(lower)) * (b - a), 1.0, most));
      for (Index j = 0; j < x.cols(); ++j) out(i, j) = std::clamp(x(i, j), T(-s), s) / s;
    }
    return out;
  }

  static Matrix clamped(const Matrix& x, double c) { return x.cwiseMax(T(-c)).cwiseMin(T(c)); }
};

static_assert(State<Rows<double>> && State<Rows<float>>);

}  // namespace lml
