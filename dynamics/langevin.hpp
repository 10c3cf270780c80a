// Damped Langevin dynamics  dx = D s dt + added dt + sqrt(2 D) dB  (Eq. 7) as an equation that a stepper integrates:
// its coefficients at a point. `calculus` says what is added (dynamics/metric.hpp); only `corrected` leaves p invariant
// where D depends on x.
#pragma once
#include <optional>

#include "dynamics/metric.hpp"

namespace lml {

/// No step can be taken from `x`: it is not finite, so far out that its log density is not, or the metric is not
/// positive definite there.
class NoStep : public std::domain_error {
 public:
  NoStep(Vec x, const std::string& what) : std::domain_error(what), x_(std::move(x)) {}
  const Vec& x() const { return x_; }

 private:
  Vec x_;
};

/// At one point: log p, the drift [d] of an Ito or Stratonovich equation, and D, whose root is the noise's coefficient.
struct Coefficients {
  double log_density;
  Vec drift;
  MetricForm form;
};

struct Langevin {
  Metric metric;
  Calculus calculus = Calculus::corrected;

  const Marginal& target() const { return metric.marginal(); }
  Index dim() const { return target().dim(); }
  /// dx = drift dt + sqrt(2 D) dB. Throws NoStep.
  Coefficients ito(const VecRef& x) const;
  /// Nothing where ito throws.
  std::optional<Coefficients> try_ito(const VecRef& x) const;
  /// The same process as dx = drift dt + sqrt(2 D) o dB with the symmetric root. Throws NoStep.
  Coefficients stratonovich(const VecRef& x) const;
  /// D alone. Throws NoStep.
  MetricForm form(const VecRef& x) const;
};

/// p around x, for methods without a metric. Throws NoStep, or is nothing.
Local local_at(const Marginal& p, const VecRef& x);
std::optional<Local> try_local_at(const Marginal& p, const VecRef& x);

}  // namespace lml
