// PNDM (Liu et al. 2022, arXiv 2202.09778, Eq. 9, 12 and 13): Adams-Bashforth of order 4 on eps as in ipndm.hpp, after
// one of two warm-ups. With phi(x, eps; s, t) the transfer of transfer.hpp:
//
// - Runge-Kutta steps (three of them in diffusers), four evaluations each, m halfway between s and t:
//     e_1 = eps(x, s),   e_2 = eps(phi(x, e_1; s, m), m),   e_3 = eps(phi(x, e_2; s, m), m),   e_4 = eps(phi(x, e_3; s,
//     t), t),   x' = phi(x, (e_1 + 2 e_2 + 2 e_3 + e_4)/6; s, t),   and e_1 joins the history;
// - none (`skip_prk_steps`): the first step is e_1 as above, e_2 = eps(phi(x, e_1; s, t), t), x' = phi(x, (e_1 +
// e_2)/2;
//   s, t), which is one evaluation more; the second and third are of order 2 and 3.
//
// As for iPNDM, the order is 4 on grids of equal steps in sigma/alpha (m halfway in it too), where without warm-up a
// whole run has order 3 (Heun's local error); and 2 on any other smooth grid, which is what the paper proves.
//
// diffusers departs from the paper where its timesteps are not N//steps apart, or that is odd: a stage then ends at one
// timestep and is evaluated at another. `Middle` and `pair` say both.
// Memory: the eps of up to three steps before.
#pragma once
#include <optional>
#include <vector>

#include "samplers/steppers/transfer.hpp"

namespace lml {

struct Pndm {
  /// Where the first stage of a Runge-Kutta step ends, and where the second is evaluated and ends.
  struct Middle {
    Node first, second;
  };
  std::vector<Middle> middles;   // one a Runge-Kutta step; none: no warm-up
  std::optional<Interval> pair;  // of the second half of the first step without warm-up, where it is not the grid's own

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const Interval& interval = grid[std::size_t(i)];
    S eps = model.epsilon(x, interval.from);
    S next = std::size_t(i) < middles.size() ? runge_kutta(interval, middles[std::size_t(i)], x, eps, model)
             : i == 0 && grid.size() > 1     ? heun(interval, pair.value_or(interval), x, eps, model)
                                             : adams_bashforth_step(interval, memory.size() + 1, x, eps, memory);
    return {std::move(next), remember(std::move(eps), std::move(memory), 3)};
  }

 private:
  template <State S>
  static S along(const Node& from, const Node& to, const S& x, const S& eps) {
    const auto [keep, w] = transfer(from, to);
    return combine(keep, x, w, eps);
  }
  template <State S, class Model>
  static S runge_kutta(const Interval& step, const Middle& middle, const S& x, const S& e1, Model& model) {
    const auto [from, to] = step;
    const S e2 = model.epsilon(along(from, middle.first, x, e1), middle.second);
    const S e3 = model.epsilon(along(from, middle.second, x, e2), middle.second);
    const S e4 = model.epsilon(along(from, to, x, e3), to);
    const auto [keep, w] = transfer(from, to);
    return combine(keep, x, w / 6, e1, w / 3, e2, w / 3, e3, w / 6, e4);
  }
  template <State S, class Model>
  static S heun(const Interval& step, const Interval& again, const S& x, const S& e1, Model& model) {
    const S e2 = model.epsilon(along(step.from, step.to, x, e1), again.to);
    const auto [keep, w] = transfer(again.from, again.to);
    return combine(keep, x, w / 2, e1, w / 2, e2);
  }
};

}  // namespace lml
