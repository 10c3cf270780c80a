// Algorithm 1 of arXiv 2505.24222 on a prediction q, p being the remembered one (of the step before, uncorrected):
//
//   m = kappa p + (1 - kappa) q,   v = q - m (m.q)/(lambda' + ||m||^2),   L(q; p) = ||q|| v/||v||
//
// sample by sample, norms over all components of a sample. With nothing remembered m = q. In exact arithmetic L(q; p)
// = q where kappa = 0 or nothing is remembered, and L(-q; -p) = -L(q; p).
#pragma once
#include <cmath>
#include <utility>

#include "samplers/state.hpp"

namespace lml {

struct LmlParameters {
  double kappa;   // in [0, 1]
  double lambda;  // lambda' > 0, absolute: not times sigma^2, d or ||q||^2
};

/// As printed, every operation in the state's own precision. The subtraction cancels all but lambda'/||q||^2 of q. Not
/// finite where v = 0.
template <State S>
S lml_printed(const S& q, const S* p, LmlParameters l) {
  const S m = p ? combine(l.kappa, *p, 1 - l.kappa, q) : combine(1, q);
  const PerSample<S> mq = lml::inner(m, q), mm = lml::inner(m, m), qq = lml::inner(q, q);
  const PerSample<S> share = mq / (mm + l.lambda);
  const S v = combine(1, q, -1, lml::multiply(share, m));
  const PerSample<S> vv = lml::inner(v, v);
  const PerSample<S> scale = sqrt(qq) / sqrt(vv);
  return lml::multiply(scale, v);
}

// The corrections below turn q away from p in their plane: with e the part of p - q orthogonal to q, they are ||q||
// times the direction of (along) q - (across) e, an angle of tangent across ||e||/(along ||q||). One pass for the three
// inner products, one for the result L = a q + b (p - q). Wide: a number, or a number of each sample.

/// (a, b), ee = ||e||^2.
template <class Wide>
std::pair<Wide, Wide> turned(const Gram<Wide>& g, const Wide& along, const Wide& across, const Wide& ee) {
  using std::sqrt;
  const Wide tiny = g.qq * 0 + 1e-300;
  const Wide scale = sqrt(g.qq / (along * along * g.qq + across * across * ee + tiny));
  return {Wide(scale * (along + across * g.qd / (g.qq + tiny))), Wide(-(scale * across))};
}

/// ||e||^2, at least 0.
template <class Wide>
Wide orthogonal_part(const Gram<Wide>& g) {
  using std::abs;
  const Wide tiny = g.qq * 0 + 1e-300;
  const Wide raw =
      g.dd - g.qd / (g.qq + tiny) * g.qd - g.dd * 2e-15;  // 9 roundings: what cancellation may leave of nothing
  return (raw + abs(raw)) / 2;
}

// Algorithm 1 in exact arithmetic, without the cancellation. With d = p - q and its part e orthogonal to q,
//
//   v (lambda' + ||m||^2) = (lambda' + kappa^2 ||e||^2) q - kappa (||q||^2 + kappa q.d) e,
//
// one pass for the three inner products and one for the result. Relative error of a few roundings times
//
//   1 + t + min(t^2, ||d||^2/||e||^2),   t = (kappa ||q||^2/lambda') (||d||/||q||) (1 + kappa ||d||/||q||)
//
// the last one in the length only, from the cancellation in ||e||^2 = ||d||^2 - (q.d)^2/||q||^2 where p and q are
// nearly parallel but not close. (Where that leaves no digit, e is taken to be 0.) So lambda' far below kappa ||q||^2 u
// leaves no digits either. Where q = 0, L = 0.
template <class Wide>
std::pair<Wide, Wide> lml_coefficients(const Gram<Wide>& g, LmlParameters l) {
  const Wide ee = orthogonal_part(g);
  return turned(g, Wide(ee * (l.kappa * l.kappa) + l.lambda), Wide(l.kappa * (g.qq + l.kappa * g.qd)), ee);
}
template <State S>
S lml_stable(const S& q, const S* p, LmlParameters l) {
  if (!p || l.kappa == 0) return combine(1, q);
  const auto [a, b] = lml_coefficients(gram(q, *p), l);
  return extrapolate(a, q, b, *p);
}
/// The same into the memory of p, which has no value afterwards.
template <State S>
S lml_stable_over(const S& q, S* p, LmlParameters l) {
  if (!p || l.kappa == 0) return combine(1, q);
  return extrapolate_over(q, *p, [l](const auto& g) { return lml_coefficients(g, l); });
}
/// c x + e L(q; p) likewise: beside c x + e q, one pass for the inner products and the reading of p.
template <State S>
S lml_stable_along_over(double c, const S& x, double e, const S& q, S* p, LmlParameters l) {
  if (!p || l.kappa == 0) return combine(c, x, e, q);
  return extrapolate_along_over(c, x, e, q, *p, [l](const auto& g) { return lml_coefficients(g, l); });
}

/// lambda' = kappa ||q||^2/beta in the limit of small kappa: q turned by the angle of tangent beta ||e||/||q||,
/// whatever the size of q. To first order q - beta e. (Section D.4 of the paper asks for an adaptive lambda.) Into the
/// memory of p, which has no value afterwards.
template <State S>
S lml_adaptive_over(const S& q, S* p, double beta) {
  if (!p || beta == 0) return combine(1, q);
  return extrapolate_over(q, *p, [beta]<class Wide>(const Gram<Wide>& g) {
    return turned(g, Wide(g.qq * 0 + 1), Wide(g.qq * 0 + beta), orthogonal_part(g));
  });
}

}  // namespace lml
