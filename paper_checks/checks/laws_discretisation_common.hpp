// Shared by the checks of laws_discretisation*.cpp.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "dynamics/euler_chain.hpp"

namespace lml::checks::discretisation {

struct Named {
  std::string name;
  Marginal p;
};

inline Marginal two_points() { return {Target::points(Points{{1.0}, {-1.0}}), {0.8, 0.6}}; }

// All on the line at (alpha, sigma) = (4/5, 3/5), with variances near 1.
inline std::vector<Named> targets() {
  return {
      {"N(0, 1)", {Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 1), {1.0}), {0.8, 0.6}}},
      {"two points", two_points()},
      {"skew mixture", {Target::gaussian_mixture(Vec{{2.0, 1.0}}, Points{{-1.0}, {1.5}}, {0.25, 0.1}), {0.8, 0.6}}}};
}

inline Langevin plain(const Marginal& p) { return {{p, {Curvature::identity}}, Calculus::ito}; }
inline Langevin damped(const Marginal& p, double lambda, Calculus calculus) {
  return {{p, {Curvature::exact, lambda}}, calculus};
}

inline double second_moment(const Marginal& p) {
  const double mean = p.time().alpha * p.target().mean()[0], v = p.time().sigma * p.time().sigma;
  return p.time().alpha * p.time().alpha * p.target().covariance()(0, 0) + v + mean * mean;
}

// What f(h) tends to as h -> 0, from h, h/2 and h/4, and how far that is from the same without the first.
struct Limit {
  double value, error;
};
template <class Function>
Limit limit(double h, const Function& f) {
  const double one = f(h), two = f(0.5 * h), four = f(0.25 * h);
  const double value = (8 * four - 6 * two + one) / 3;
  return {value, std::abs(value - (2 * four - two))};
}

// The step at which a falling function of it reaches `level`.
template <class Function>
double step_at(double level, double low, double high, int halvings, const Function& falling) {
  for (int i = 0; i < halvings; ++i) {
    const double middle = std::sqrt(low * high);
    (falling(middle) > level ? low : high) = middle;
  }
  return std::sqrt(low * high);
}

}  // namespace lml::checks::discretisation
