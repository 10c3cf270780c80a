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
// Of a model that predicts v (`of_v`), diffusers extrapolates v and turns the sum into eps = alpha_s v + sigma_s x at
// the beginning of the step, not where the sum belongs, and the order is 1. Memory: the eps (or v) of up to three steps
// before.
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
  std::vector<Middle> middles = {};   // one a Runge-Kutta step; none: no warm-up
  std::optional<Interval> pair = {};  // the first step without warm-up, second half, where it is not the grid's own
  bool of_v = false;

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const auto [from, to] = grid[std::size_t(i)];
    S m = answer(x, from, model);
    S next = std::size_t(i) < middles.size() ? runge_kutta(from, to, middles[std::size_t(i)], x, m, model)
             : i == 0 && grid.size() > 1     ? heun(from, to, pair.value_or(grid[0]), x, m, model)
                                             : adams_bashforth_step(along(from, to), memory.size() + 1, x, m, memory);
    return {std::move(next), remember(std::move(m), std::move(memory), 3)};
  }

 private:
  template <State S, class Model>
  S answer(const S& x, const Node& at, Model& model) const {
    S eps = model.epsilon(x, at);
    if (!of_v) return eps;
    return combine((at.alpha * at.alpha + at.sigma * at.sigma) / at.alpha, eps, -at.sigma / at.alpha, x);
  }
  // From x at `from`, of the answer itself.
  Transfer along(const Node& from, const Node& to) const {
    const Transfer t = transfer(from, to);
    return of_v ? Transfer{t.keep + t.along * from.sigma, t.along * from.alpha} : t;
  }
  template <State S>
  S moved(const Node& from, const Node& to, const S& x, const S& m) const {
    const Transfer t = along(from, to);
    return combine(t.keep, x, t.along, m);
  }
  template <State S, class Model>
  S runge_kutta(const Node& from, const Node& to, const Middle& middle, const S& x, const S& m1, Model& model) const {
    const S m2 = answer(moved(from, middle.first, x, m1), middle.second, model);
    const S m3 = answer(moved(from, middle.second, x, m2), middle.second, model);
    const S m4 = answer(moved(from, to, x, m3), to, model);
    const auto [keep, w] = along(from, to);
    return combine(keep, x, w / 6, m1, w / 3, m2, w / 3, m3, w / 6, m4);
  }
  template <State S, class Model>
  S heun(const Node& from, const Node& to, const Interval& again, const S& x, const S& m1, Model& model) const {
    const S m2 = answer(moved(from, to, x, m1), again.to, model);
    const auto [keep, w] = along(again.from, again.to);
    return combine(keep, x, w / 2, m1, w / 2, m2);
  }
};

}  // namespace lml
