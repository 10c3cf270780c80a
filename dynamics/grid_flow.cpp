#include <Eigen/LU>
#include <algorithm>
#include <cmath>

#include "dynamics/grid.hpp"
#include "dynamics/grid_assembly.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

constexpr Index most_vectors = 180, between_checks = 30;
constexpr double relative = 1e-9, absolute = 1e-13;

// exp(m): Taylor's series to rounding at a norm below 1/2, squared again. Small matrices.
Mat exponential(const Mat& m) {
  const int squarings =
      std::max(0, int(std::ceil(std::log2(std::max(m.cwiseAbs().rowwise().sum().maxCoeff(), 1e-300)))) + 1);
  const Mat scaled = std::ldexp(1.0, -squarings) * m;
  Mat term = Mat::Identity(m.rows(), m.cols()), out = term;
  for (int k = 1; k <= 16; ++k) {
    term = term * scaled / k;
    out += term;
  }
  for (int k = 0; k < squarings; ++k) out = out * out;
  return out;
}

// The first column of exp(s (I - H^-1)): exp(t L) in the Krylov space, s = t/gamma.
using Coefficients = Vec(const Mat& h, double s);

Vec general_coefficients(const Mat& h, double s) {
  return exponential(s * (Mat::Identity(h.rows(), h.cols()) - h.inverse())).col(0);
}

Vec symmetric_coefficients(const Mat& h, double s) {
  const Eigh e = eigh(0.5 * (h + h.transpose()));
  // Eigenvalues lie in (0, 1]; those that rounding has made <= 0 decay at once.
  const Vec decay = e.values.unaryExpr([s](double z) { return z > 0 ? std::exp(s * (1 - 1 / z)) : 0; });
  return e.vectors * decay.cwiseProduct(e.vectors.row(0).transpose());
}

// exp(t L) v for all times (ascending) in the Krylov space of (I - gamma L)^-1, in the norm of W^-1 . with
// W = diag(weight). The shortest time needs the largest space: the others are looked at when it has settled.
std::vector<Vec> exponentials(const Elimination& factors, double gamma, const Vec& weight, const Vec& v,
                              const std::vector<double>& times, Coefficients& coefficients) {
  const double norm = v.cwiseQuotient(weight).norm();
  std::vector<Vec> out(times.size(), Vec::Zero(v.size()));
  if (norm == 0) return out;
  Mat basis(v.size(), most_vectors + 1), h = Mat::Zero(most_vectors + 1, most_vectors);
  basis.col(0) = v.cwiseQuotient(weight) / norm;
  const auto settled = [&](Index m, double t, Vec& now) {
    now = coefficients(h.topLeftCorner(m, m), t / gamma);
    Vec change = now;
    const Index before = m - between_checks;
    change.head(before) -= coefficients(h.topLeftCorner(before, before), t / gamma);
    return change.norm() < std::max(relative * now.norm(), absolute);
  };
  for (Index m = 1; m <= most_vectors; ++m) {
    Vec next = factors.solve(basis.col(m - 1).cwiseProduct(weight)).cwiseQuotient(weight) / gamma;
    for (int twice = 0; twice < 2; ++twice) {
      const Vec along = basis.leftCols(m).transpose() * next;
      next -= basis.leftCols(m) * along;
      h.col(m - 1).head(m) += along;
    }
    h(m, m - 1) = next.norm();
    const bool ended = h(m, m - 1) < 1e-15;  // the space holds the solution
    if (!ended) basis.col(m) = next / h(m, m - 1);
    if (!ended && (m % between_checks || m == between_checks)) continue;
    Vec now;
    bool all = true;
    for (std::size_t i = 0; i < times.size() && all; ++i) {
      if (ended)
        now = coefficients(h.topLeftCorner(m, m), times[i] / gamma);
      else
        all = settled(m, times[i], now);
      out[i] = norm * (basis.leftCols(m) * now).cwiseProduct(weight);
    }
    if (all) return out;
  }
  throw BadInput("/times", "the flow did not reach its tolerance");
}

}  // namespace

std::vector<Divergences> Grid::flow(const Marginal& initial, const std::vector<double>& times) const {
  Vec start = log_mass(initial, *mesh_).array().exp();
  start /= start.sum();
  const Vec target = log_p_.array().exp();
  // Where chi2 is infinite L^2(1/p) is no norm for the law; it is measured with p + the initial law for p. What lies
  // below the tolerance in that norm is no part of the law: a later, finite chi2 would be that of the noise.
  const bool infinite = chi2_is_infinite(initial, p_);
  const Vec reference = infinite ? Vec(target + start) : target;
  const Vec weight = reference.cwiseMax(1e-300).cwiseSqrt();
  std::vector<Divergences> out(times.size());
  std::vector<std::size_t> left;
  for (std::size_t i = 0; i < times.size(); ++i) {
    if (times[i] == 0)
      out[i] = against_target(start);
    else
      left.push_back(i);
  }
  std::sort(left.begin(), left.end(), [&](std::size_t a, std::size_t b) { return times[a] < times[b]; });
  Coefficients& coefficients = assembly_->reversible && !infinite ? symmetric_coefficients : general_coefficients;
  while (!left.empty()) {
    const double longest = times[left.back()], gamma = longest / 10;
    std::vector<std::size_t> group;
    std::vector<double> at;
    for (std::size_t i : left)
      if (times[i] > longest / 10) {
        group.push_back(i);
        at.push_back(times[i]);
      }
    left.resize(left.size() - group.size());
    const Elimination factors(assembly_->chain, *order_, 1 / gamma);
    std::vector<Vec> deviation = exponentials(factors, gamma, weight, start - mass_, at, coefficients);
    for (std::size_t i = 0; i < group.size(); ++i) {
      if (infinite) deviation[i] = (deviation[i].array().abs() < relative * weight.array()).select(0.0, deviation[i]);
      out[group[i]] = against_target(mass_ + deviation[i]);
    }
  }
  return out;
}

}  // namespace lml
