#include "theory/proposition.hpp"

#include <cmath>

namespace lml {
namespace {

double corrected(Index d, double diameter, Time t, double fraction) {
  const double spread = t.alpha == 0 ? 0 : fraction * std::pow(t.alpha * diameter / t.sigma, 2);
  return (std::sqrt(double(d - 1)) + spread) / (t.sigma * t.sigma);
}

}  // namespace

double farthest_mean(const Target& target) { return std::sqrt(target.means().rowwise().squaredNorm().maxCoeff()); }

std::optional<Vec> noise_direction(const Local& local, const VecRef& x, Time t, double farthest) {
  const Vec eps = local.epsilon();
  const double norm = eps.stableNorm();
  if (norm <= 1e-14 * (x.stableNorm() + t.alpha * farthest) / t.sigma) return std::nullopt;
  return eps / norm;
}

std::optional<Vec> noise_direction(const Local& local, const VecRef& x, const Marginal& marginal) {
  return noise_direction(local, x, marginal.time(), farthest_mean(marginal.target()));
}

double precision_trace(const Local& local, const Marginal& marginal) {
  double out = 0;
  for (Index i = 0; i < local.responsibilities().size(); ++i) {
    const Marginal::Precision& a = marginal.precision(local.active()[std::size_t(i)]);
    out += local.responsibilities()[i] * a.p.sum() * (a.kind == Spread::Kind::isotropic ? double(marginal.dim()) : 1.0);
  }
  return out;
}

Mat rank_one(const Vec& u, double sigma) { return (u / (sigma * sigma)) * u.transpose(); }

RankOneError rank_one_error(const Mat& fisher, const Vec& u, double sigma) {
  return {fisher.stableNorm(), (fisher - rank_one(u, sigma)).stableNorm()};
}

double bound_paper(double delta_1, double delta_2, double delta_3, double diameter, Time t) {
  const double reach = t.alpha == 0 ? 0 : t.alpha * diameter;
  return (delta_1 + t.alpha * delta_2 + reach) * (2 + delta_3 + 2 * std::pow(reach / t.sigma, 2));
}

double bound_corrected(Index d, double diameter, Time t) { return corrected(d, diameter, t, 0.5); }
double bound_sharp(Index d, double diameter, Time t) { return corrected(d, diameter, t, 0.25); }
double bound_optimal(Index d, double diameter, Time t) {
  const double quarter = t.alpha == 0 ? 0 : 0.25 * std::pow(t.alpha * diameter / t.sigma, 2);
  return std::hypot(std::sqrt(double(d - 1)), quarter) / (t.sigma * t.sigma);
}

bool holds(double error, double bound, double sigma) { return error <= bound * (1 + 1e-9) + 1e-12 / (sigma * sigma); }

}  // namespace lml
