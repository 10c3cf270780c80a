#include "dynamics/grid_box.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dynamics/grid.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

constexpr double deviations = 8, growth = 1.2, widest = 6;

Mat axes_of(const Marginal& p) {
  const Time t = p.time();
  const Mat covariance = t.alpha * t.alpha * p.target().covariance();
  const Mat identity = Mat::Identity(p.dim(), p.dim());
  const Mat off = covariance - Mat(covariance.diagonal().asDiagonal());
  const double size = covariance.norm() + t.sigma * t.sigma;
  if (off.cwiseAbs().maxCoeff() <= 1e-9 * size) return identity;
  return eigh(covariance).vectors;
}

void enclose(const Marginal& p, Mesh& mesh) {
  const double v = p.time().sigma * p.time().sigma, alpha = p.time().alpha;
  for (Index k = 0; k < p.target().size(); ++k) {
    const Vec centre = alpha * (mesh.axes.transpose() * p.target().means().row(k).transpose());
    for (Index a = 0; a < centre.size(); ++a) {
      double variance = v;
      if (!p.target().is_points()) {
        const Spread& s = p.target().spreads()[std::size_t(k)];
        const Vec q =
            s.kind == Spread::Kind::full ? Vec(s.basis.transpose() * mesh.axes.col(a)) : Vec(mesh.axes.col(a));
        variance +=
            alpha * alpha * (s.kind == Spread::Kind::isotropic ? s.variances[0] : q.cwiseAbs2().dot(s.variances));
      }
      const double reach = deviations * std::sqrt(variance);
      mesh.low[a] = std::min(mesh.low[a], centre[a] - reach);
      mesh.high[a] = std::max(mesh.high[a], centre[a] + reach);
    }
  }
}

// The largest of log f in the layer-th layer of cells from one face.
double layer_top(const Vec& log_f, const Mesh& mesh, Index axis, bool upper, int layer) {
  double top = -std::numeric_limits<double>::infinity();
  for (Index x = 0; x < log_f.size(); ++x) {
    Index c = x;
    for (Index a = 0; a < axis; ++a) c /= mesh.n;
    c %= mesh.n;
    if (c == (upper ? mesh.n - 1 - layer : layer)) top = std::max(top, log_f[x]);
  }
  return top;
}

}  // namespace

// rank_one_scaled. Near a zero of eps (p has a maximum), D ~ a I with a ~ |eps|^2, and log r drifts at
// a (d - 2 + 2 theta)/r^2, theta the share of div D: where that is 0, q ~ 1/a is not integrable.
// Far out, where p ~ exp(-U), U = x.Px/2: D ~ a (I - w w^T) + sigma^2 w w^T, a = sigma^4 |s|^2/lambda', w along s, and
//   L U = sigma^2 |s|^2 ((1 - theta) (sigma^2/lambda') (tr P - w.Pw) - 1) + O(1)
// which is positive everywhere for small lambda': no law has a generator that sends every path away. In Stratonovich
// form the noise across x keeps |x|, and what is left grows like |x| only: the tail of p holds the law at any lambda'.
Existence existence_where_d_vanishes(const Metric& metric, Calculus calculus) {
  const Marginal& p = metric.marginal();
  Existence out;
  if (metric.spec().curvature != Curvature::rank_one_scaled || metric.spec().printed_prefactor) return out;
  out.unique = false;
  out.why = "D vanishes where eps = 0: a path that starts there stays; unique among the laws with a density";
  if (calculus == Calculus::corrected) return out;
  const double theta = calculus == Calculus::ito ? 0 : 0.5;
  if (theta == 0 && p.dim() == 2) {
    out.exists = false;
    out.why =
        "the law is not normalisable: D ~ |eps|^2 where eps = 0, and q ~ 1/|eps|^2 has an infinite integral there "
        "in two dimensions";
    return out;
  }
  if (calculus == Calculus::stratonovich) return out;
  // Every direction's tail is that of some component.
  double bound = std::numeric_limits<double>::infinity();
  for (const Marginal::Precision& a : p.precisions()) {
    const bool isotropic = a.kind == Spread::Kind::isotropic;
    bound = std::min(bound, isotropic ? double(p.dim() - 1) * a.p[0] : a.p.sum() - a.p.maxCoeff());
  }
  bound *= (1 - theta) * p.time().sigma * p.time().sigma;
  if (metric.spec().damping <= bound) {
    out.exists = false;
    out.why = "the law is not normalisable: lambda' is not above " + std::to_string(bound) +
              ", and then every path drifts away far out";
  }
  return out;
}

Box find_box(const Metric& metric, Calculus calculus, int n, const Marginal* also) {
  const Marginal& p = metric.marginal();
  const Index d = p.dim();
  if (d != 2 && d != 3) throw BadInput("/target", "must have two or three dimensions here");
  const double infinity = std::numeric_limits<double>::infinity();
  Box out{{axes_of(p), Vec::Constant(d, infinity), Vec::Constant(d, -infinity), n}, {}, 0};
  enclose(p, out.mesh);
  if (also) enclose(*also, out.mesh);
  out.existence = existence_where_d_vanishes(metric, calculus);
  if (!out.existence.exists) return out;
  if (metric.is_constant() || calculus == Calculus::corrected) return out;

  Mesh coarse = out.mesh;
  coarse.n = d == 2 ? 64 : 20;
  const Vec first_width = coarse.high - coarse.low;
  for (;;) {
    const Assembly a = assemble(metric, calculus, coarse, stencil_reach(int(d)));
    if (!a.existence.exists) {
      out.existence = a.existence;
      return out;
    }
    const Dissection order(a.chain, int(d), coarse.n, a.mode);
    const Elimination lu(a.chain, order, 0);
    if (!lu.irreducible()) break;
    const Vec log_q = lu.null_vector().array().log();
    const Vec log_chi2 = 2 * log_q - a.log_p;
    const double top = log_q.maxCoeff(), top_chi2 = log_chi2.maxCoeff();
    bool grown = false;
    double outermost = -infinity;
    for (Index axis = 0; axis < d; ++axis)
      for (bool upper : {false, true}) {
        const double face = layer_top(log_q, coarse, axis, upper, 0) - top;
        const double chi2 = layer_top(log_chi2, coarse, axis, upper, 0);
        outermost = std::max(outermost, face);
        // chi2's integrand is followed as long as it falls.
        const bool needed = face > -30 || (chi2 - top_chi2 > -20 && chi2 < layer_top(log_chi2, coarse, axis, upper, 1));
        if (!needed || out.mesh.high[axis] - out.mesh.low[axis] > widest * first_width[axis]) continue;
        const double more = (growth - 1) * (out.mesh.high[axis] - out.mesh.low[axis]);
        (upper ? out.mesh.high : out.mesh.low)[axis] += upper ? more : -more;
        grown = true;
      }
    if (!grown) {
      out.beyond = outermost > -30 ? std::exp(outermost) : 0;
      if (outermost > std::log(1e-3)) {
        out.existence.exists = false;
        out.existence.why = "the law is not normalisable: however large the box, its density at the edge stays at " +
                            std::to_string(std::exp(outermost)) + " of its maximum";
      }
      return out;
    }
    coarse.low = out.mesh.low;
    coarse.high = out.mesh.high;
  }
  return out;
}

}  // namespace lml
