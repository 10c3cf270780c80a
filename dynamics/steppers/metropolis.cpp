#include "dynamics/steppers/metropolis.hpp"

namespace lml {

double Metropolis::log_proposal(const Coefficients& at_x, const VecRef& x, const VecRef& y, double h) {
  const Vec gap = y - x - h * at_x.drift;
  return -gap.dot(at_x.form.inverse_times(gap)) / (4 * h) - 0.5 * at_x.form.log_det();
}

Metropolis::State Metropolis::step(const Langevin& law, const State& state, double h, const Noise& noise) {
  State stay = state;
  stay.accepted = false;
  if (!std::isfinite(state.at.form.log_det())) return stay;
  const Vec y = state.x + h * state.at.drift + std::sqrt(h) * state.at.form.root_times(noise.normals);
  std::optional<Coefficients> there = law.try_ito(y);
  if (!there || !std::isfinite(there->form.log_det())) return stay;
  const double log_ratio = there->log_density - state.at.log_density + log_proposal(*there, y, state.x, h) -
                           log_proposal(state.at, state.x, y, h);
  if (!(std::log(noise.uniform) < log_ratio)) return stay;
  return {y, std::move(*there), true};
}

}  // namespace lml
