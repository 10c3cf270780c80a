#include "dynamics/langevin.hpp"

namespace lml {
namespace {

Coefficients ito_at(const Langevin& law, const Local& local, MetricForm form) {
  Vec drift = form.times(local.score());
  if (law.calculus != Calculus::ito) drift += law.metric.added_drift(local, form, law.calculus);
  return {local.log_density(), std::move(drift), std::move(form)};
}

MetricForm positive_form(const Metric& metric, const Local& local) {
  MetricForm form = metric.form(local);
  if (!form.positive) throw NoStep(local.point(), "the metric is not positive definite");
  return form;
}

}  // namespace

std::optional<Local> try_local_at(const Marginal& p, const VecRef& x) {
  if (!x.allFinite()) return std::nullopt;
  try {
    return p.at(x);
  } catch (const BadInput&) {  // the log density is not a finite number
    if (x.size() != p.dim()) throw;
    return std::nullopt;
  }
}

Local local_at(const Marginal& p, const VecRef& x) {
  std::optional<Local> out = try_local_at(p, x);
  if (!out) throw NoStep(x, x.allFinite() ? "the log density is not a finite number" : "the state is not finite");
  return std::move(*out);
}

std::optional<Coefficients> Langevin::try_ito(const VecRef& x) const {
  const std::optional<Local> local = try_local_at(target(), x);
  if (!local) return std::nullopt;
  MetricForm form = metric.form(*local);
  if (!form.positive) return std::nullopt;
  return ito_at(*this, *local, std::move(form));
}

Coefficients Langevin::ito(const VecRef& x) const {
  const Local local = local_at(target(), x);
  return ito_at(*this, local, positive_form(metric, local));
}

Coefficients Langevin::stratonovich(const VecRef& x) const {
  const Local local = local_at(target(), x);
  MetricForm form = positive_form(metric, local);
  Vec drift = form.times(local.score());
  if (calculus != Calculus::stratonovich)
    drift += metric.added_drift(local, form, calculus) - metric.added_drift(local, form, Calculus::stratonovich);
  return {local.log_density(), std::move(drift), std::move(form)};
}

MetricForm Langevin::form(const VecRef& x) const { return positive_form(metric, local_at(target(), x)); }

}  // namespace lml
