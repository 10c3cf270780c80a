#include "theory/marginal.hpp"

#include <omp.h>

#include <cmath>

namespace lml {
namespace {

constexpr double log_two_pi = 1.8378770664093454836;
constexpr double negligible = -200;  // log of a responsibility that is dropped

Marginal::Precision precision_of(const Spread& s, Index d, Time time) {
  Marginal::Precision out;
  out.kind = s.kind;
  const Vec a = (time.alpha * time.alpha) * s.variances.array() + time.sigma * time.sigma;
  out.p = a.cwiseInverse();
  if (s.kind == Spread::Kind::full) out.basis = &s.basis;
  const double per_axis = s.kind == Spread::Kind::isotropic ? double(d) : 1.0;
  out.log_det = -per_axis * a.array().log().sum();
  return out;
}

// alpha S_k A_k^-1 z: how far a component pulls x_0 towards the observation.
Vec pull(const Spread& s, const Marginal::Precision& a, double alpha, const Vec& z) {
  switch (s.kind) {
    case Spread::Kind::isotropic: return (alpha * s.variances[0] * a.p[0]) * z;
    case Spread::Kind::diagonal: return alpha * (s.variances.array() * a.p.array() * z.array()).matrix();
    case Spread::Kind::full: break;
  }
  return s.basis * (alpha * (s.variances.array() * a.p.array() * (s.basis.transpose() * z).array())).matrix();
}

}  // namespace

Vec Marginal::Precision::times(const VecRef& v) const {
  switch (kind) {
    case Spread::Kind::isotropic: return p[0] * v;
    case Spread::Kind::diagonal: return p.cwiseProduct(v);
    case Spread::Kind::full: break;
  }
  return *basis * p.cwiseProduct(basis->transpose() * v);
}

double Marginal::Precision::trace_with(const Mat& m) const {
  switch (kind) {
    case Spread::Kind::isotropic: return p[0] * m.trace();
    case Spread::Kind::diagonal: return p.dot(m.diagonal());
    case Spread::Kind::full: break;
  }
  return p.dot((basis->transpose() * m * *basis).diagonal());
}

void Marginal::Precision::add_to(Mat& f, double weight) const {
  switch (kind) {
    case Spread::Kind::isotropic: f.diagonal().array() += weight * p[0]; return;
    case Spread::Kind::diagonal: f.diagonal() += weight * p; return;
    case Spread::Kind::full: break;
  }
  f.noalias() += *basis * (weight * p).asDiagonal() * basis->transpose();
}

Marginal::Marginal(Target target, Time time) : target_(std::move(target)), time_(time) {
  if (!(std::isfinite(time.alpha) && time.alpha >= 0)) throw BadInput("/alpha", "must be finite and >= 0");
  if (!(std::isfinite(time.sigma) && time.sigma > 0)) throw BadInput("/sigma", "must be finite and > 0");
  if (!(time.sigma > 1e-150 && time.sigma < 1e150)) throw BadInput("/sigma", "must lie between 1e-150 and 1e150");
  if (target_.is_points()) {
    Spread none;
    none.variances = Vec::Zero(1);
    precisions_.push_back(precision_of(none, dim(), time));
  }
  for (const Spread& s : target_.spreads()) precisions_.push_back(precision_of(s, dim(), time));
}

Local Marginal::at(const VecRef& x) const {
  const Points& y = target_.means();
  const Index n = y.rows(), d = y.cols();
  if (x.size() != d)
    throw BadInput("", "must have " + std::to_string(d) + " coordinates, has " + std::to_string(x.size()));
  const double alpha = time_.alpha;
  Local out;
  out.marginal_ = this;
  out.x_ = x;

  Vec logits(n);
#pragma omp parallel for schedule(static) if (double(n) * double(d) > 1e6 && !omp_in_parallel())
  for (Index k = 0; k < n; ++k) {
    const Precision& a = precision(k);
    double q = 0;
    if (a.kind == Spread::Kind::isotropic) {
      q = a.p[0] * (x - alpha * y.row(k).transpose()).squaredNorm();
    } else {
      const Vec z = x - alpha * y.row(k).transpose();
      q = z.dot(a.times(z));
    }
    logits[k] = target_.log_weights()[k] + 0.5 * (a.log_det - q);
  }
  double top = -HUGE_VAL;
  for (Index k = 0; k < n; ++k) top = logits[k] > top || std::isnan(logits[k]) ? logits[k] : top;
  if (!std::isfinite(top)) throw BadInput("", "is too far out: its log density is not a finite number");
  double sum = 0;
  for (Index k = 0; k < n; ++k) sum += std::exp(logits[k] - top);
  const double log_sum = std::log(sum);
  out.log_density_ = top + log_sum - 0.5 * double(d) * log_two_pi;
  for (Index k = 0; k < n; ++k)
    if (logits[k] - top - log_sum > negligible) out.active_.push_back(k);
  out.r_.resize(Index(out.active_.size()));
  out.score_ = Vec::Zero(d);
  out.posterior_mean_ = Vec::Zero(d);
  for (Index i = 0; i < out.r_.size(); ++i) {
    const Index k = out.active_[std::size_t(i)];
    const double r = out.r_[i] = std::exp(logits[k] - top - log_sum);
    if (target_.is_points()) {
      out.score_ += (r * precision(k).p[0]) * (alpha * y.row(k).transpose() - x);
      out.posterior_mean_ += r * y.row(k).transpose();
    } else {
      const Vec z = alpha * y.row(k).transpose() - x;
      out.score_ += r * precision(k).times(z);
      out.posterior_mean_ +=
          r * (y.row(k).transpose() - pull(target_.spreads()[std::size_t(k)], precision(k), alpha, z));
    }
  }
  return out;
}

Vec Local::deviation(Index i) const {
  const Index k = active_[std::size_t(i)];
  const Target& target = marginal_->target();
  const double alpha = marginal_->time().alpha;
  if (target.is_points())  // alpha (y_k - y)/sigma^2: x drops out
    return (alpha * marginal_->precision(k).p[0]) * (target.means().row(k).transpose() - posterior_mean_);
  return marginal_->precision(k).times(alpha * target.means().row(k).transpose() - x_) - score_;
}

Vec Local::fisher_times(const VecRef& v) const {
  Vec out = Vec::Zero(x_.size());
  const bool shared = marginal_->precisions().size() == 1;
  if (shared) out = marginal_->precision(0).times(v);
  for (Index i = 0; i < r_.size(); ++i) {
    const Vec delta = deviation(i);
    if (!shared) out += r_[i] * marginal_->precision(active_[std::size_t(i)]).times(v);
    out -= (r_[i] * delta.dot(v)) * delta;
  }
  return out;
}

namespace {

// sum_i r_i v_i v_i^T, v_i = vector(i). Rank-one updates in blocks of fixed size; parts are summed in a fixed order, so
// that threads cannot change a bit.
template <class Vector>
Mat weighted_outer(Index d, const Vec& r, const Vector& vector) {
  constexpr Index block = 256;
  const Index n = r.size(), parts = std::min<Index>(8, (n + block - 1) / block);
  std::vector<Mat> part(static_cast<std::size_t>(parts));
#pragma omp parallel for schedule(static) if (double(n) * double(d) * double(d) > 1e7 && !omp_in_parallel())
  for (Index p = 0; p < parts; ++p) {
    Mat& sum = part[std::size_t(p)] = Mat::Zero(d, d);
    Mat scaled(d, block);
    for (Index from = p * block; from < n; from += parts * block) {
      const Index count = std::min(block, n - from);
      for (Index i = 0; i < count; ++i) scaled.col(i) = std::sqrt(r[from + i]) * vector(from + i);
      sum.selfadjointView<Eigen::Lower>().rankUpdate(scaled.leftCols(count));
    }
  }
  Mat out = Mat::Zero(d, d);
  for (const Mat& m : part) out.triangularView<Eigen::Lower>() += m;
  out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
  return out;
}

}  // namespace

Mat Local::fisher() const {
  const Index d = x_.size();
  Mat out = Mat::Zero(d, d);
  if (marginal_->precisions().size() == 1)
    marginal_->precision(0).add_to(out, 1);
  else
    for (Index i = 0; i < r_.size(); ++i) marginal_->precision(active_[std::size_t(i)]).add_to(out, r_[i]);
  return out - weighted_outer(d, r_, [this](Index i) { return deviation(i); });
}

// C = (sigma^2/alpha^2) (I - sigma^2 F) cancels for small alpha and where C is small, so C is summed on its own:
// C = sum_k r_k [sigma^2 S_k A_k^-1 + (y_k - y)(y_k - y)^T], y_k the posterior mean within component k.
namespace {

Vec within(const Target& target, const Marginal& marginal, Index k, const Vec& x) {
  const Vec m = target.means().row(k).transpose();
  if (target.is_points()) return m;
  const double alpha = marginal.time().alpha;
  return m - pull(target.spreads()[std::size_t(k)], marginal.precision(k), alpha, alpha * m - x);
}

// S_k A_k^-1 v
Vec gain(const Spread& s, const Marginal::Precision& a, const VecRef& v) { return pull(s, a, 1.0, v); }

}  // namespace

Vec Local::posterior_covariance_times(const VecRef& v) const {
  const Target& target = marginal_->target();
  const double sigma = marginal_->time().sigma;
  Vec out = Vec::Zero(x_.size());
  for (Index i = 0; i < r_.size(); ++i) {
    const Index k = active_[std::size_t(i)];
    const Vec delta = within(target, *marginal_, k, x_) - posterior_mean_;
    out += (r_[i] * delta.dot(v)) * delta;
    if (!target.is_points())
      out += (r_[i] * sigma * sigma) * gain(target.spreads()[std::size_t(k)], marginal_->precision(k), v);
  }
  return out;
}

Mat Local::posterior_covariance() const {
  const Target& target = marginal_->target();
  const double sigma = marginal_->time().sigma;
  Mat out = weighted_outer(x_.size(), r_, [&](Index i) -> Vec {
    return within(target, *marginal_, active_[std::size_t(i)], x_) - posterior_mean_;
  });
  if (target.is_points()) return out;
  for (Index i = 0; i < r_.size(); ++i) {
    const Index k = active_[std::size_t(i)];
    Marginal::Precision g = marginal_->precision(k);
    g.p = g.p.cwiseProduct(target.spreads()[std::size_t(k)].variances);
    g.add_to(out, r_[i] * sigma * sigma);
  }
  return out;
}

Vec Local::third(const VecRef& u, const VecRef& v) const {
  const Index d = x_.size();
  const bool shared = marginal_->precisions().size() == 1;
  Vec out = Vec::Zero(d), mean_u = Vec::Zero(d), mean_v = Vec::Zero(d);
  if (!shared)
    for (Index i = 0; i < r_.size(); ++i) {
      const Marginal::Precision& a = marginal_->precision(active_[std::size_t(i)]);
      mean_u += r_[i] * a.times(u);
      mean_v += r_[i] * a.times(v);
    }
  for (Index i = 0; i < r_.size(); ++i) {
    const Vec delta = deviation(i);
    const double du = delta.dot(u), dv = delta.dot(v);
    out += (r_[i] * du * dv) * delta;
    if (shared) continue;
    const Marginal::Precision& a = marginal_->precision(active_[std::size_t(i)]);
    const Vec pu = a.times(u) - mean_u, pv = a.times(v) - mean_v;
    out -= r_[i] * (dv * pu + du * pv + pu.dot(v) * delta);
  }
  return out;
}

Vec Local::third(const Mat& m) const {
  const Index d = x_.size();
  const bool shared = marginal_->precisions().size() == 1;
  Vec out = Vec::Zero(d);
  Mat mean = Mat::Zero(d, d);
  if (!shared)
    for (Index i = 0; i < r_.size(); ++i) marginal_->precision(active_[std::size_t(i)]).add_to(mean, r_[i]);
  const double mean_trace = mean.cwiseProduct(m).sum();
  for (Index i = 0; i < r_.size(); ++i) {
    const Vec delta = deviation(i);
    const Vec md = m * delta;
    out += (r_[i] * delta.dot(md)) * delta;
    if (shared) continue;
    const Marginal::Precision& a = marginal_->precision(active_[std::size_t(i)]);
    out -= r_[i] * (2.0 * (a.times(md) - mean * md) + (a.trace_with(m) - mean_trace) * delta);
  }
  return out;
}

}  // namespace lml
