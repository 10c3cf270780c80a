// What a stepper is: one step of a chain that follows dx = D s dt + added dt + sqrt(2 D) dB (dynamics/langevin.hpp) for
// a time h. Randomness is an argument, so that draws are addressed outside (dynamics/random.hpp); the memory is an
// explicit value (`State`: the point, and what would otherwise be evaluated twice), so that a run can be stopped and
// resumed bit for bit. A stepper returns a new state and writes to none of its arguments; it is a value without mutable
// members.
//
//   S::weak_order            E f(x_T) - E f(X_T) = O(h^order), for smooth f; what each leaves invariant is in its
//   header S::score_evaluations     evaluations of p around a point per step, not counting init; -1: normals(d) decides
//   s.normals(d)             standard normals a step takes; one uniform on (0, 1) is always there
//   s.init(law, x, noise)    the state at x; noise has s.initial_normals(d) normals
//   S::position(state)       the point, [d]
//
// step and init throw NoStep (with the point) where the coefficients do not exist; a non-finite state is not hidden: it
// is returned, and the next step throws.
#pragma once
#include <concepts>

#include "dynamics/langevin.hpp"

namespace lml {

struct Noise {
  Vec normals;
  double uniform = 0.5;
};

template <class S>
concept Stepper = requires(const S& s, const Langevin& law, const VecRef& x, const typename S::State& state, double h,
                           const Noise& noise, Index d) {
  { S::weak_order } -> std::convertible_to<int>;
  { S::score_evaluations } -> std::convertible_to<int>;
  { s.normals(d) } -> std::same_as<Index>;
  { s.initial_normals(d) } -> std::same_as<Index>;
  { s.init(law, x, noise) } -> std::same_as<typename S::State>;
  { s.step(law, state, h, noise) } -> std::same_as<typename S::State>;
  { S::position(state) } -> std::same_as<const Vec&>;
};

/// For steppers whose state is the point and nothing else.
struct PointStepper {
  using State = Vec;
  static Index initial_normals(Index) { return 0; }
  static Vec init(const Langevin&, const VecRef& x, const Noise&) { return x; }
  static const Vec& position(const Vec& state) { return state; }
};

}  // namespace lml
