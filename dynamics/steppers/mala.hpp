// The Metropolis-adjusted Langevin algorithm (Besag 1994, Roberts and Tweedie 1996): ULA's step as a proposal, accepted
// with probability min(1, p(y) q(x|y)/(p(x) q(y|x))), q(y|x) = N(y; x + h s(x), 2 h I). Leaves p invariant at every h.
// Reads the target of the law and nothing of its metric. A proposal where log p is not finite is rejected.
#pragma once
#include <cmath>

#include "dynamics/steppers/stepper.hpp"

namespace lml {

struct Mala {
  struct State {
    Vec x, score;
    double log_density;
    bool accepted = true;
  };
  static constexpr int weak_order = 1;
  static constexpr int score_evaluations = 1;
  static Index normals(Index d) { return d; }
  static Index initial_normals(Index) { return 0; }
  static State init(const Langevin& law, const VecRef& x, const Noise&) {
    const Local local = local_at(law.target(), x);
    return {x, local.score(), local.log_density(), true};
  }
  static State step(const Langevin& law, const State& state, double h, const Noise& noise) {
    const Vec y = state.x + h * state.score + std::sqrt(2 * h) * noise.normals;
    State stay = state;
    stay.accepted = false;
    const std::optional<Local> there = try_local_at(law.target(), y);
    if (!there) return stay;
    const double forth = 2 * h * noise.normals.squaredNorm(), back = (state.x - y - h * there->score()).squaredNorm();
    const double log_ratio = there->log_density() - state.log_density + (forth - back) / (4 * h);
    if (!(std::log(noise.uniform) < log_ratio)) return stay;
    return {y, there->score(), there->log_density(), true};
  }
  static const Vec& position(const State& state) { return state.x; }
};

}  // namespace lml
