#include "dynamics/metric.hpp"

#include <cmath>

#include "theory/linalg.hpp"
#include "theory/proposition.hpp"

namespace lml {
namespace {

MetricAt exact(const Local& local, const MetricSpec& spec) {
  const double sign = spec.printed_sign ? -1 : 1;
  Mat m = sign * local.fisher();
  m.diagonal().array() += spec.damping;
  const Eigh e = eigh(m);
  MetricAt out;
  out.positive = e.values.minCoeff() > 0;
  if (!out.positive) return out;
  out.d = e.vectors * e.values.cwiseInverse().asDiagonal() * e.vectors.transpose();
  out.divergence = sign * (out.d * local.third(out.d));
  return out;
}

MetricAt rank_one(const Local& local, const Marginal& marginal, const MetricSpec& spec) {
  const Vec& s = local.score();
  const double sigma = marginal.time().sigma;
  MetricAt out;
  if (!noise_direction(local, local.point(), marginal)) {
    out.positive = false;
    return out;
  }
  const double norm = s.norm(), c = 1 / (1 + spec.damping * sigma * sigma);
  const Vec w = s / norm;
  const Mat h = local.hessian();
  const Vec hw = h * w;
  const double along = w.dot(hw);
  out.d = (Mat::Identity(s.size(), s.size()) - c * w * w.transpose()) / spec.damping;
  out.divergence = (-c / (spec.damping * norm)) * ((h.trace() - along) * w + hw - along * w);
  return out;
}

MetricAt rank_one_scaled(const Local& local, const MetricSpec& spec, double sigma) {
  const Vec eps = local.epsilon();
  const double n = eps.squaredNorm(), damping = spec.damping, v = sigma * sigma;
  const Mat j = sigma * local.fisher();  // d eps/dx
  const double a = spec.printed_prefactor ? 1 / (damping * v * n) : v * n / damping;
  const double a_n = spec.printed_prefactor ? -a / n : v / damping;
  const double b = a / (damping + n), b_n = (a_n - b) / (damping + n);
  const Vec grad_n = 2 * (j * eps);
  MetricAt out;
  out.positive = std::isfinite(a);
  out.d = a * Mat::Identity(eps.size(), eps.size()) - b * eps * eps.transpose();
  out.divergence = a_n * grad_n - (b_n * eps.dot(grad_n) + b * j.trace()) * eps - b * (j * eps);
  return out;
}

}  // namespace

Metric::Metric(Marginal marginal, MetricSpec spec) : marginal_(std::move(marginal)), spec_(spec) {
  const bool low_rank = spec.curvature == Curvature::rank_one || spec.curvature == Curvature::rank_one_scaled;
  if (!(std::isfinite(spec.damping) && spec.damping >= 0)) throw BadInput("/damping", "must be finite and >= 0");
  if (low_rank && spec.damping == 0) throw BadInput("/damping", "must be > 0 for a rank-one metric");
}

MetricAt Metric::at(const Local& local) const {
  const double sigma = marginal_.time().sigma;
  switch (spec_.curvature) {
    case Curvature::exact: return exact(local, spec_);
    case Curvature::rank_one: return rank_one(local, marginal_, spec_);
    case Curvature::rank_one_scaled: return rank_one_scaled(local, spec_, sigma);
    case Curvature::identity: break;
  }
  const Index d = local.score().size();
  return {true, Mat::Identity(d, d), Vec::Zero(d)};
}

}  // namespace lml
