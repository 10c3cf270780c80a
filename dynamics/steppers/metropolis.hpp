// Simplified manifold MALA (Girolami and Calderhead 2011, Sec. 5): the Euler-Maruyama step of the equation is a
// proposal
//   y ~ q(.|x) = N(x + h a(x), 2 h D(x)),  accepted with probability min(1, p(y) q(x|y)/(p(x) q(y|x))),
// both determinants of D in the ratio. Leaves p invariant exactly, at every h and whatever a and D are: the ground
// truth for the laws of this room. A proposal where D is not positive definite, or where log p is not finite, is
// rejected (no proposal leads back from there). Where D = 0 the chain stays: such points must carry no mass of p.
#pragma once
#include "dynamics/steppers/stepper.hpp"

namespace lml {

struct Metropolis {
  struct State {
    Vec x;
    Coefficients at;
    bool accepted = true;  // whether the last step moved
  };
  static constexpr int weak_order = 1;  // of one step, as an integrator of the corrected equation
  static constexpr int score_evaluations = 1;
  static Index normals(Index d) { return d; }
  static Index initial_normals(Index) { return 0; }
  static State init(const Langevin& law, const VecRef& x, const Noise&) { return {x, law.ito(x), true}; }
  static State step(const Langevin& law, const State& state, double h, const Noise& noise);
  static const Vec& position(const State& state) { return state.x; }

  /// log q(y|x) up to a constant that x and y share.
  static double log_proposal(const Coefficients& at_x, const VecRef& x, const VecRef& y, double h);
};

}  // namespace lml
