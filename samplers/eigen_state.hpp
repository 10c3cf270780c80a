// Eigen matrices as states: n samples as rows, float64 or float32. Every sum runs in an order that depends on d alone,
// and every operation rounds once wherever a sample stands, so that a sample has the same bits in any batch.
#pragma once
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "samplers/state.hpp"
#include "theory/kernels/lanes.hpp"
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

inline Lanes multiply_add(const Lanes& a, const Lanes& b, const Lanes& c) {
#ifdef __AVX512F__
  return (Lanes)_mm512_fmadd_pd((__m512d)a, (__m512d)b, (__m512d)c);
#else
  return a * b + c;
#endif
}

inline Lanes load(const double* x) { return *reinterpret_cast<const LooseLanes*>(x); }
template <class T>
inline Lanes load(const T* x) {
  Lanes out;
  for (int i = 0; i < lanes; ++i) out[i] = double(x[i]);
  return out;
}

// N: a number, or eight of them.
template <class N, class T>
inline N fetch(const T* x) {
  if constexpr (std::is_same_v<N, T>)
    return *x;
  else
    return load(x);
}
template <class N>
inline N all(double c) {
  if constexpr (std::is_arithmetic_v<N> || std::is_class_v<N>)
    return N(c);
  else
    return N{} + c;
}

inline void put(double x, double* to) { *to = x; }
inline void put(const Lanes& x, double* to) { *reinterpret_cast<LooseLanes*>(to) = x; }

// to[i] = f(i, N()), eight at a time where GCC would stop at four; `to` may be an array that f reads at i.
template <class T, class F>
inline void for_each(Index n, T* to, const F& f) {
  Index i = 0;
#ifdef __AVX512F__
  if constexpr (std::is_same_v<T, double>)
    for (; i + lanes <= n; i += lanes) put(f(i, Lanes()), to + i);
#endif
#pragma omp simd
  for (Index j = i; j < n; ++j) to[j] = f(j, T());
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

// <q,q>, <q,p-q>, <p-q,p-q> in float64.
template <class T>
inline Gram<double> gram(Index d, const T* q, const T* p) {
  constexpr int chains = 3;  // independent sums hide the latency of an addition
  Lanes sum[3][chains] = {};
  const auto add = [&](const Lanes& u, const Lanes& w, int i) {
    const Lanes v = w - u;
    sum[0][i] = multiply_add(u, u, sum[0][i]);
    sum[1][i] = multiply_add(u, v, sum[1][i]);
    sum[2][i] = multiply_add(v, v, sum[2][i]);
  };
  Index j = 0;
  for (; j + chains * lanes <= d; j += chains * lanes)
#pragma GCC unroll 3
    for (int i = 0; i < chains; ++i) add(load(q + j + i * lanes), load(p + j + i * lanes), i);
  for (; j < d; j += lanes) {
    T u[lanes] = {}, w[lanes] = {};
    std::copy_n(q + j, std::min<Index>(lanes, d - j), u);
    std::copy_n(p + j, std::min<Index>(lanes, d - j), w);
    add(load(u), load(w), 0);
  }
  double out[3] = {};
  for (int k = 0; k < 3; ++k) {
    const Lanes all = sum[k][0] + sum[k][1] + sum[k][2];
    for (int i = 0; i < lanes; ++i) out[k] += all[i];
  }
  return {out[0], out[1], out[2]};
}

// a q + b (p - q) into `to`, which may be p.
template <class T>
inline void extrapolate(Index d, double a, const T* q, double b, const T* p, T* to) {
  for_each(d, to, [=]<class N>(Index j, N) {
    const N x = fetch<N>(q + j);
    return multiply_add(all<N>(a), x, all<N>(b) * (fetch<N>(p + j) - x));
  });
}

template <class N, class T>
inline N linear(Index i, double c, const T* x) {
  return all<N>(c) * fetch<N>(x + i);
}
template <class N, class T, class... Rest>
inline N linear(Index i, double c, const T* x, Rest... rest) {
  return multiply_add(all<N>(c), fetch<N>(x + i), linear<N>(i, rest...));
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
    combine_into(out.data(), out.size(), c, x.data(), kernels::data_of(rest)...);
    return out;
  }
  template <class... Rest>
  static Matrix combine_over(Matrix& spent, double c, const Matrix& x, const Rest&... rest) {
    combine_into(spent.data(), spent.size(), c, x.data(), kernels::data_of(rest)...);
    return std::move(spent);
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
    const Index n = q.rows();
    Gram<Wide> out{Wide(n), Wide(n), Wide(n)};
    for (Index i = 0; i < n; ++i) {
      const Gram<double> g = gram_of(q, p, i);
      out.qq[i] = g.qq, out.qd[i] = g.qd, out.dd[i] = g.dd;
    }
    return out;
  }

  static Matrix extrapolate(const Wide& a, const Matrix& q, const Wide& b, const Matrix& p) {
    Matrix out(q.rows(), q.cols());
    const Index d = q.cols();
    for (Index i = 0; i < q.rows(); ++i)
      kernels::extrapolate(d, a[i], q.data() + i * d, b[i], p.data() + i * d, out.data() + i * d);
    return out;
  }
  template <class F>
  static Matrix extrapolate_over(const Matrix& q, Matrix& p, const F& f) {
    const Index d = q.cols();
    for (Index i = 0; i < q.rows(); ++i) {
      const auto [a, b] = f(gram_of(q, p, i));
      kernels::extrapolate(d, a, q.data() + i * d, b, p.data() + i * d, p.data() + i * d);
    }
    return std::move(p);
  }
  template <class F>
  static Matrix extrapolate_along_over(double c, const Matrix& x, double e, const Matrix& q, Matrix& p, const F& f) {
    const Index d = q.cols();
    for (Index i = 0; i < q.rows(); ++i) {
      const auto [a, b] = f(gram_of(q, p, i));
      const double u = e * a, v = e * b;
      const T *z = x.data() + i * d, *s = q.data() + i * d;
      T* to = p.data() + i * d;
      kernels::for_each(d, to, [=]<class N>(Index j, N) {
        using kernels::all, kernels::fetch, kernels::multiply_add;
        const N y = fetch<N>(s + j);
        const N extrapolated = multiply_add(all<N>(u), y, all<N>(v) * (fetch<N>(to + j) - y));
        return multiply_add(all<N>(c), fetch<N>(z + j), extrapolated);
      });
    }
    return std::move(p);
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

 private:
  // Pointers, so that the compiler sees that none of them moves. `to` may be one of them.
  template <class... Terms>
  static void combine_into(T* to, Index n, Terms... terms) {
    kernels::for_each(n, to, [=]<class N>(Index i, N) { return kernels::linear<N>(i, terms...); });
  }
  static Gram<double> gram_of(const Matrix& q, const Matrix& p, Index i) {
    return kernels::gram(q.cols(), q.data() + i * q.cols(), p.data() + i * q.cols());
  }
};

static_assert(State<Rows<double>> && State<Rows<float>>);

}  // namespace lml
