#include "dynamics/annealed.hpp"

#include <cmath>
#include <sstream>

namespace lml {
namespace {

[[noreturn]] void not_positive(const Marginal& marginal, const Local& local) {
  std::ostringstream out;
  out << "the metric is not positive at x = (" << local.point().transpose() << "), sigma = " << marginal.time().sigma;
  throw BadInput("/damping", out.str());
}

}  // namespace

Time at(Process process, double u) {
  if (process == Process::ve) return {1, std::exp(u / 2)};
  return {1 / std::sqrt(1 + std::exp(u)), 1 / std::sqrt(1 + std::exp(-u))};
}

double log_noise_ratio(Time time) { return 2 * std::log(time.sigma / time.alpha); }

double linear_drift(Process process) { return process == Process::vp ? -0.5 : 0; }

AnnealedMetric::AnnealedMetric(Target target, Process process, Curvature curvature, double damping, Scale scale)
    : target_(std::move(target)), process_(process), curvature_(curvature), damping_(damping), scale_(scale) {
  if (curvature == Curvature::rank_k || curvature == Curvature::constant)
    throw BadInput("/curvature", "must be exact, rank_one, rank_one_scaled or identity here");
  at(0);  // for Metric's checks
}

MetricSlice AnnealedMetric::at(double u) const {
  const Time time = lml::at(process_, u);
  MetricSpec spec;
  spec.curvature = curvature_;
  spec.damping = curvature_ == Curvature::rank_one_scaled ? damping_ : damping_ / (time.sigma * time.sigma);
  return {Metric(Marginal(target_, time), spec), damping_, scale_};
}

MetricAt MetricSlice::printed(const Local& local) const {
  MetricAt out = printed_.at(local);
  if (!out.positive) not_positive(marginal(), local);
  return out;
}

MetricAt MetricSlice::at(const Local& local) const {
  const Curvature curvature = printed_.spec().curvature;
  if (scale_ == Scale::printed || curvature == Curvature::identity) return printed(local);
  const double sigma = marginal().time().sigma;
  if (curvature == Curvature::rank_one_scaled) {  // I + (n I - eps eps^T)/lambda', n = |eps|^2
    const Vec eps = local.epsilon(), j_eps = sigma * local.fisher_times(eps);
    const Index d = eps.size();
    MetricAt out;
    out.d = Mat::Identity(d, d) + (eps.squaredNorm() * Mat::Identity(d, d) - eps * eps.transpose()) / damping_;
    out.divergence = (j_eps - sigma * local.fisher().trace() * eps) / damping_;
    return out;
  }
  MetricAt out = printed(local);
  const double factor = (1 + damping_) / (sigma * sigma);
  out.d *= factor;
  out.divergence *= factor;
  return out;
}

DampedScore MetricSlice::damped_score(const Local& local) const {
  const Curvature curvature = printed_.spec().curvature;
  const Vec& s = local.score();
  if (curvature == Curvature::exact) {
    const MetricAt m = at(local);
    return {m.d * s, m.divergence.dot(s) - m.d.cwiseProduct(local.fisher()).sum()};
  }
  // A rank-one D is a multiple of I on the score, and normalised it is I there.
  const double trace = -local.fisher().trace(), v = marginal().time().sigma * marginal().time().sigma;
  if (scale_ == Scale::normalised || curvature == Curvature::identity) return {s, trace};
  if (curvature == Curvature::rank_one) return {v / (1 + damping_) * s, v / (1 + damping_) * trace};
  const double n = v * s.squaredNorm(), c = v * n / (damping_ + n);  // D s = c s
  const double slope = -2 * v * s.dot(local.fisher_times(s));        // grad n . s
  return {c * s, c * trace + v * damping_ / ((damping_ + n) * (damping_ + n)) * slope};
}

}  // namespace lml
