#include "dynamics/residual.hpp"

#include <cmath>

namespace lml {
namespace {

MetricCase<double> as_case(const Metric& metric) {
  const Marginal& p = metric.marginal();
  const MetricSpec& spec = metric.spec();
  const Index d = p.dim();
  MetricCase<double> out;
  out.sigma = p.time().sigma;
  out.curvature = spec.curvature;
  out.damping = spec.damping;
  out.printed_sign = spec.printed_sign;
  if (spec.printed_prefactor) throw BadInput("/curvature", "has no residual by hyper-dual numbers");
  const Vec& logs = p.target().log_weights();
  for (Index k = 0; k < p.target().size(); ++k) {
    const Marginal::Precision& a = p.precision(k);
    out.weights.push_back(std::exp(logs[k] - logs.maxCoeff() + 0.5 * (a.log_det - p.precision(0).log_det)));
    const Vec mean = p.time().alpha * p.target().means().row(k).transpose();
    out.means.emplace_back(mean.begin(), mean.end());
    Mat dense = Mat::Zero(d, d);
    a.add_to(dense, 1);
    out.precisions.emplace_back(dense.data(), dense.data() + dense.size());
  }
  return out;
}

}  // namespace

PointResidual<double> residual(const Metric& metric, const VecRef& x) {
  return residual(as_case(metric), std::vector<double>(x.begin(), x.end()));
}

double residual(const PointResidual<double>& at, Calculus calculus) {
  switch (calculus) {
    case Calculus::ito: return at.ito;
    case Calculus::half: return at.ito / 2;
    case Calculus::stratonovich: return at.stratonovich;
    case Calculus::corrected: break;
  }
  return 0;
}

}  // namespace lml
