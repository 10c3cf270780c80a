#include "dynamics/metric.hpp"

#include <cmath>

#include "theory/linalg.hpp"
#include "theory/proposition.hpp"

namespace lml {
namespace {

const double root2 = std::sqrt(2.0);

template <class Function>
Vec apply(const MetricForm& m, const VecRef& v, const Function& f) {
  if (m.directions.cols() == 0) return f(m.base) * v;
  const Vec c = m.directions.transpose() * v;
  const Vec inside = m.directions * (m.along.unaryExpr(f).cwiseProduct(c));
  if (m.directions.cols() == m.directions.rows()) return inside;
  return inside + f(m.base) * (v - m.directions * c);
}

MetricForm multiple_of_identity(Index d, double base) { return {true, base, Mat(d, 0), Vec()}; }
MetricForm nowhere(Index d) { return {false, 0, Mat(d, 0), Vec()}; }

// M = +-F + lambda I
Mat damped(const Local& local, const MetricSpec& spec) {
  Mat m = (spec.printed_sign ? -1.0 : 1.0) * local.fisher();
  m.diagonal().array() += spec.damping;
  return m;
}

MetricForm exact(const Local& local, const MetricSpec& spec) {
  const Eigh e = eigh(damped(local, spec));
  const Index d = e.values.size();
  if (!(e.values.minCoeff() > 0)) return nowhere(d);
  return {true, 0, e.vectors, e.values.cwiseInverse()};
}

// -sum_l phi_kl T(q_k, q_l, q_l), back in the standard basis; phi the divided differences of g as a function of F.
Vec divergence_of_function(const Local& local, const Mat& v, const Mat& phi) {
  Vec sum = Vec::Zero(v.rows());
  for (Index l = 0; l < v.cols(); ++l) {
    const Vec t = v.transpose() * local.third(v.col(l), v.col(l));
    sum -= phi.col(l).cwiseProduct(t);
  }
  return v * sum;
}

Vec exact_root_term(const Local& local, const MetricForm& form, double sign) {
  // R = sqrt(2/m): R[a, b] = -sqrt(2)/(sqrt(a b) (sqrt a + sqrt b)), here in r = 1/sqrt(m)
  const Vec r = form.along.cwiseSqrt();
  const Index d = r.size();
  Mat phi(d, d);
  for (Index k = 0; k < d; ++k)
    for (Index l = 0; l < d; ++l) phi(k, l) = -root2 * sign * r[k] * r[k] * r[l] * r[l] / (r[k] + r[l]);
  return 0.5 * form.root_times(divergence_of_function(local, form.directions, phi));
}

struct Split {
  Eigh f;     // of F, ascending: the last k are kept
  Index cut;  // d - k
};

MetricForm rank_k(const Split& s, const MetricSpec& spec) {
  const Index d = s.f.values.size(), k = d - s.cut;
  const Vec kept = s.f.values.tail(k);
  const double size = s.f.values.cwiseAbs().maxCoeff();
  if (!(kept[0] + spec.damping > 0)) return nowhere(d);
  if (k == d) return {true, 0, s.f.vectors, (kept.array() + spec.damping).inverse()};
  if (!(kept[0] - s.f.values[s.cut - 1] > 1e-12 * size)) return nowhere(d);
  return {true, 1 / spec.damping, s.f.vectors.rightCols(k), (kept.array() + spec.damping).inverse()};
}

// Divided differences of D = g(F), g = 1/(f + lambda) on the kept eigenvalues and 1/lambda on the others; or, with
// `transform` = sqrt(2 g), of its root.
template <class Transform, class Kept>
Mat split_differences(const Split& s, double damping, const Transform& transform, const Kept& kept_difference) {
  const Index d = s.f.values.size();
  Mat phi = Mat::Zero(d, d);
  for (Index a = s.cut; a < d; ++a) {
    const double m = s.f.values[a] + damping;
    for (Index b = 0; b < d; ++b)
      phi(a, b) = phi(b, a) = b >= s.cut
                                  ? kept_difference(m, s.f.values[b] + damping)
                                  : (transform(1 / m) - transform(1 / damping)) / (s.f.values[a] - s.f.values[b]);
  }
  return phi;
}

Split split(const Local& local, const MetricSpec& spec) {
  const Mat f = local.fisher();
  return {eigh(f), f.rows() - spec.rank};
}

Vec rank_k_divergence(const Local& local, const Split& s, double damping) {
  const Mat phi = split_differences(
      s, damping, [](double g) { return g; }, [](double a, double b) { return -1 / (a * b); });
  return divergence_of_function(local, s.f.vectors, phi);
}

Vec rank_k_root_divergence(const Local& local, const Split& s, double damping) {
  const Mat phi = split_differences(
      s, damping, [](double g) { return std::sqrt(2 * g); },
      [](double a, double b) { return -root2 / (std::sqrt(a * b) * (std::sqrt(a) + std::sqrt(b))); });
  return divergence_of_function(local, s.f.vectors, phi);
}

// tr F without F: tr sum_k r_k A_k^-1 - sum_k r_k |g_k - s|^2
double fisher_trace(const Local& local, const Marginal& p) {
  double out = precision_trace(local, p);
  const double alpha = p.time().alpha;
  for (Index i = 0; i < local.responsibilities().size(); ++i) {
    const Index k = local.active()[std::size_t(i)];
    const auto y = p.target().means().row(k).transpose();
    // For points x drops out of g_k - s, and with it a cancellation.
    const double square = p.target().is_points()
                              ? std::pow(alpha * p.precision(k).p[0], 2) * (y - local.posterior_mean()).squaredNorm()
                              : (p.precision(k).times(alpha * y - local.point()) - local.score()).squaredNorm();
    out -= local.responsibilities()[i] * square;
  }
  return out;
}

// The rank-one metrics as D = r0 I + (r1 - r0) w w^T with r0, r1 functions of n = |eps|^2 (constants for fixed lambda).
struct Radial {
  double across, along;      // of D
  double across_n, along_n;  // their derivatives in n
};

Radial radial(const MetricSpec& spec, double sigma, double n) {
  const double l = spec.damping, v = sigma * sigma;
  if (spec.curvature == Curvature::rank_one) return {1 / l, 1 / (1 / v + l), 0, 0};
  if (spec.printed_prefactor)
    return {1 / (l * v * n), 1 / (v * n * (l + n)), -1 / (l * v * n * n), -(l + 2 * n) / std::pow(n * (l + n), 2) / v};
  return {v * n / l, v * n / (l + n), v / l, v * l / std::pow(l + n, 2)};
}

// div of  g0 I + (g1 - g0) w w^T: the gradient of n and the divergence of w w^T.
struct Turning {
  Vec w, gradient_n, divergence_ww;
};

Turning turning(const Local& local, const Marginal& p, const MetricForm& form) {
  const double sigma = p.time().sigma, norm = local.score().norm();
  Turning out;
  out.w = form.directions.col(0);
  const Vec fw = local.fisher_times(out.w);
  const double along = out.w.dot(fw);
  out.gradient_n = (-2 * sigma * sigma * norm) * fw;  // eps = -sigma s, grad |eps|^2 = 2 sigma^2 H s; w along s
  out.divergence_ww = -((fisher_trace(local, p) - along) * out.w + fw - along * out.w) / norm;
  return out;
}

Vec divergence_of(const Turning& t, double across, double along, double across_n, double along_n) {
  return across_n * t.gradient_n + ((along_n - across_n) * t.gradient_n.dot(t.w)) * t.w +
         (along - across) * t.divergence_ww;
}

bool is_rank_one(Curvature c) { return c == Curvature::rank_one || c == Curvature::rank_one_scaled; }

}  // namespace

Vec MetricForm::times(const VecRef& v) const {
  return apply(*this, v, [](double g) { return g; });
}
Vec MetricForm::root_times(const VecRef& v) const {
  return apply(*this, v, [](double g) { return std::sqrt(2 * g); });
}
Vec MetricForm::inverse_times(const VecRef& v) const {
  return apply(*this, v, [](double g) { return 1 / g; });
}
double MetricForm::log_det() const {
  const Index rest = directions.rows() - directions.cols();
  return (rest > 0 ? double(rest) * std::log(base) : 0) + along.array().log().sum();
}
Mat MetricForm::dense() const {
  const Index d = directions.rows();
  const Vec shift = along.array() - base;
  return base * Mat::Identity(d, d) + directions * shift.asDiagonal() * directions.transpose();
}

Metric::Metric(Marginal marginal, MetricSpec spec)
    : marginal_(std::move(marginal)), spec_(std::move(spec)), farthest_(farthest_mean(marginal_.target())) {
  const Index d = marginal_.dim();
  if (!(std::isfinite(spec_.damping) && spec_.damping >= 0)) throw BadInput("/damping", "must be finite and >= 0");
  if (is_rank_one(spec_.curvature) && spec_.damping == 0)
    throw BadInput("/damping", "must be > 0 for a rank-one metric");
  if (spec_.curvature == Curvature::rank_k) {
    if (spec_.rank < 1 || spec_.rank > d) throw BadInput("/rank", "must lie between 1 and " + std::to_string(d));
    if (spec_.damping == 0 && spec_.rank < d) throw BadInput("/damping", "must be > 0 for a rank below the dimension");
  }
  if (spec_.curvature != Curvature::constant) return;
  const Mat& m = spec_.matrix;
  if (m.rows() != d || m.cols() != d)
    throw BadInput("/matrix", "must be " + std::to_string(d) + " x " + std::to_string(d));
  if (!m.allFinite() || m != m.transpose()) throw BadInput("/matrix", "must be finite and symmetric");
  Eigh e = eigh(m);
  if (!(e.values.minCoeff() > 0)) throw BadInput("/matrix", "must be positive definite");
  fixed_ = {true, 0, std::move(e.vectors), std::move(e.values)};
}

bool Metric::is_constant() const {
  return spec_.curvature == Curvature::identity || spec_.curvature == Curvature::constant;
}

MetricForm Metric::form(const Local& local) const {
  const Index d = marginal_.dim();
  const double sigma = marginal_.time().sigma;
  switch (spec_.curvature) {
    case Curvature::identity: return multiple_of_identity(d, 1);
    case Curvature::constant: return fixed_;
    case Curvature::exact: return exact(local, spec_);
    case Curvature::rank_k: return rank_k(split(local, spec_), spec_);
    case Curvature::rank_one:
    case Curvature::rank_one_scaled: break;
  }
  const Vec& s = local.score();
  const double norm = s.norm();
  const Radial r = radial(spec_, sigma, std::pow(sigma * norm, 2));
  if (spec_.curvature == Curvature::rank_one) {
    if (d == 1) return multiple_of_identity(d, r.along);
    if (!noise_direction(local, local.point(), marginal_.time(), farthest_)) return nowhere(d);
  } else if (norm == 0) {
    return spec_.printed_prefactor ? nowhere(d) : multiple_of_identity(d, 0);
  }
  return {std::isfinite(r.across), r.across, s / norm, Vec::Constant(1, r.along)};
}

Vec Metric::divergence(const Local& local, const MetricForm& form) const {
  const Index d = marginal_.dim();
  switch (spec_.curvature) {
    case Curvature::identity:
    case Curvature::constant: return Vec::Zero(d);
    case Curvature::exact: return (spec_.printed_sign ? -1.0 : 1.0) * form.times(local.third(form.dense()));
    case Curvature::rank_k: return rank_k_divergence(local, split(local, spec_), spec_.damping);
    case Curvature::rank_one:
    case Curvature::rank_one_scaled: break;
  }
  if (form.along.size() == 0) return Vec::Zero(d);  // rank_one in one dimension, or D = 0
  const Radial r = radial(spec_, marginal_.time().sigma, local.epsilon().squaredNorm());
  return divergence_of(turning(local, marginal_, form), r.across, r.along, r.across_n, r.along_n);
}

Vec Metric::root_term(const Local& local, const MetricForm& form) const {
  const Index d = marginal_.dim();
  switch (spec_.curvature) {
    case Curvature::identity:
    case Curvature::constant: return Vec::Zero(d);
    case Curvature::exact: return exact_root_term(local, form, spec_.printed_sign ? -1 : 1);
    case Curvature::rank_k:
      return 0.5 * form.root_times(rank_k_root_divergence(local, split(local, spec_), spec_.damping));
    case Curvature::rank_one:
    case Curvature::rank_one_scaled: break;
  }
  if (form.along.size() == 0) return Vec::Zero(d);
  const Radial r = radial(spec_, marginal_.time().sigma, local.epsilon().squaredNorm());
  const double across = std::sqrt(2 * r.across), along = std::sqrt(2 * r.along);  // of R; R' = D'/R
  const Vec divergence =
      divergence_of(turning(local, marginal_, form), across, along, r.across_n / across, r.along_n / along);
  return 0.5 * form.root_times(divergence);
}

Vec Metric::added_drift(const Local& local, const MetricForm& form, Calculus calculus) const {
  switch (calculus) {
    case Calculus::ito: break;
    case Calculus::half: return 0.5 * divergence(local, form);
    case Calculus::corrected: return divergence(local, form);
    case Calculus::stratonovich: return divergence(local, form) - root_term(local, form);
  }
  return Vec::Zero(marginal_.dim());
}

MetricAt Metric::at(const Local& local) const {
  const MetricForm f = form(local);
  if (!f.positive) return {false, Mat(), Vec()};
  return {true, f.dense(), divergence(local, f)};
}

Vec Metric::added_drift(const Local& local, const MetricAt& metric, Calculus calculus) const {
  switch (calculus) {
    case Calculus::ito: break;
    case Calculus::half: return 0.5 * metric.divergence;
    case Calculus::corrected: return metric.divergence;
    case Calculus::stratonovich: return metric.divergence - root_term(local, form(local));
  }
  return Vec::Zero(marginal_.dim());
}

}  // namespace lml
