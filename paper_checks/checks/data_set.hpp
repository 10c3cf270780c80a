// A finite data set with equal weights and the objects of the derivation of Proposition 1, from the density alone and
// in any arithmetic (100 digits, intervals). No derivative is coded: apart from theory/, so that each can be tested by
// the other.
#pragma once
#include <cstddef>
#include <vector>

#include "theory/types.hpp"

namespace lml::checks {

template <class T>
using Reals = std::vector<T>;

template <class T>
struct Data {
  std::vector<Reals<T>> y;
  T alpha, sigma;
};

template <class T>
Data<T> lift(const Points& y, Time time) {
  Data<T> out{{}, T(time.alpha), T(time.sigma)};
  for (Index k = 0; k < y.rows(); ++k) {
    Reals<T> row;
    for (Index j = 0; j < y.cols(); ++j) row.push_back(T(y(k, j)));
    out.y.push_back(row);
  }
  return out;
}

template <class T>
Reals<T> lift(const Vec& x) {
  Reals<T> out;
  for (Index j = 0; j < x.size(); ++j) out.push_back(T(x[j]));
  return out;
}

template <class T>
T likelihood(const Data<T>& data, std::size_t k, const Reals<T>& x) {
  T q = 0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const T z = x[j] - data.alpha * data.y[k][j];
    q += z * z;
  }
  return exp(-q / (2 * data.sigma * data.sigma));
}

// log p_t up to the constant d/2 log(2 pi sigma^2)
template <class T>
T log_density(const Data<T>& data, const Reals<T>& x) {
  T sum = 0;
  for (std::size_t k = 0; k < data.y.size(); ++k) sum += likelihood(data, k, x);
  return log(sum / T(int(data.y.size())));
}

template <class T>
Reals<T> noise(const Data<T>& data, const Reals<T>& x) {
  T sum = 0;
  Reals<T> y(x.size(), T(0));
  for (std::size_t k = 0; k < data.y.size(); ++k) {
    const T w = likelihood(data, k, x);
    sum += w;
    for (std::size_t j = 0; j < x.size(); ++j) y[j] += w * data.y[k][j];
  }
  for (std::size_t j = 0; j < x.size(); ++j) y[j] = (x[j] - data.alpha * y[j] / sum) / data.sigma;
  return y;
}

// r = ||x - alpha y(x)||
template <class T>
T radius(const Data<T>& data, const Reals<T>& x) {
  T q = 0;
  for (const T& e : noise(data, x)) q += e * e;
  return data.sigma * sqrt(q);
}

}  // namespace lml::checks
