// What a sampler's state has to be: n samples that can be added, scaled and, sample by sample, multiplied. Models are
// Eigen matrices (eigen_state.hpp) and tensors of LibTorch (torch/tensor_state.hpp); a stepper knows no more than the
// functions below, which StateTraits<S> implements.
//
// `inner` and `multiply` are called by their full names: LibTorch has functions of these names, which do other things
// and which argument-dependent lookup would prefer.
//
// A stepper returns a new state: it neither writes into its arguments nor keeps a state in an `auto` (Eigen's
// expressions, tensors that share storage).
#pragma once
#include <concepts>
#include <utility>

namespace lml {

/// Of a state type: PerSample, numbers a sample with arithmetic, `sqrt` and `abs`, in the state's own precision; Wide,
/// the same in float64; and the functions below by the same names. `combine` may be left out where S has + and scalar
/// *; so may those that end in `_over`, with which a type says that it can reuse memory.
template <class S>
struct StateTraits;
template <class S>
using PerSample = typename StateTraits<S>::PerSample;
template <class S>
using WidePerSample = typename StateTraits<S>::Wide;

/// c x + e y + ..., in one pass where the type can.
template <class S, class... Rest>
S combine(double c, const S& x, const Rest&... rest) {
  if constexpr (requires { StateTraits<S>::combine(c, x, rest...); })
    return StateTraits<S>::combine(c, x, rest...);
  else if constexpr (sizeof...(rest) == 0)
    return S(c * x);
  else
    return S(S(c * x) + combine(rest...));
}

/// The same into the memory of `spent`, a state that will not be read again (one of x, y, ..., or another; null: none)
/// and has no value afterwards. So a step needs no memory beside that of the states it drops.
template <class S, class... Rest>
S combine_over(S* spent, double c, const S& x, const Rest&... rest) {
  if constexpr (requires { StateTraits<S>::combine_over(*spent, c, x, rest...); })
    if (spent) return StateTraits<S>::combine_over(*spent, c, x, rest...);
  return combine(c, x, rest...);
}

/// <x_i, y_i> of each sample i, in the state's own precision.
template <class S>
PerSample<S> inner(const S& x, const S& y) {
  return StateTraits<S>::inner(x, y);
}

template <class Wide>
struct Gram {
  Wide qq, qd, dd;  // d = p - q
};
/// <q,q>, <q,p-q>, <p-q,p-q> of each sample, in float64.
template <class S>
Gram<WidePerSample<S>> gram(const S& q, const S& p) {
  return StateTraits<S>::gram(q, p);
}

/// a_i q_i + b_i (p_i - q_i)
template <class S>
S extrapolate(const WidePerSample<S>& a, const S& q, const WidePerSample<S>& b, const S& p) {
  return StateTraits<S>::extrapolate(a, q, b, p);
}

/// The same with (a, b) = f(gram(q, p)), into the memory of p, which has no value afterwards. f takes a Gram of numbers
/// or of Wide, so that a type can do a sample at a time.
template <class S, class F>
S extrapolate_over(const S& q, S& p, const F& f) {
  if constexpr (requires { StateTraits<S>::extrapolate_over(q, p, f); }) {
    return StateTraits<S>::extrapolate_over(q, p, f);
  } else {
    const auto [a, b] = f(gram(q, p));
    return extrapolate(a, q, b, p);
  }
}
/// c x + e (that), in one pass where the type can.
template <class S, class F>
S extrapolate_along_over(double c, const S& x, double e, const S& q, S& p, const F& f) {
  if constexpr (requires { StateTraits<S>::extrapolate_along_over(c, x, e, q, p, f); }) {
    return StateTraits<S>::extrapolate_along_over(c, x, e, q, p, f);
  } else {
    S eps = extrapolate_over(q, p, f);
    return combine_over(&eps, c, x, e, eps);
  }
}

/// a_i q_i
template <class S>
S multiply(const PerSample<S>& a, const S& q) {
  return StateTraits<S>::multiply(a, q);
}

/// x_i clamped to [-s, s] and divided by s, s the `quantile` of |x_i| clamped to [1, most] (Saharia et al. 2022).
template <class S>
S dynamic_threshold(const S& x, double quantile, double most) {
  return StateTraits<S>::dynamic_threshold(x, quantile, most);
}

/// Clamped to [-c, c].
template <class S>
S clamped(const S& x, double c) {
  return StateTraits<S>::clamped(x, c);
}

template <class S>
concept State = std::move_constructible<S> && requires(const S& x, double c, const WidePerSample<S>& w) {
  { lml::inner(x, x) } -> std::same_as<PerSample<S>>;
  { lml::gram(x, x) } -> std::same_as<Gram<WidePerSample<S>>>;
  { lml::extrapolate(w, x, w, x) } -> std::same_as<S>;
  { lml::multiply(lml::inner(x, x), x) } -> std::same_as<S>;
  { lml::dynamic_threshold(x, c, c) } -> std::same_as<S>;
  { lml::clamped(x, c) } -> std::same_as<S>;
};

}  // namespace lml
