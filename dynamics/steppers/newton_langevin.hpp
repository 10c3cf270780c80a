// Newton-Langevin, Eq. 4:  dx = [H]^-1 s dt + sqrt(2) dB',  B' scaled by the square root of the same matrix. With the
// corrected sign H -> F (Chewi et al. 2020, the mirror Langevin diffusion with mirror map -log p in dual coordinates);
// with the printed one the metric is negative wherever p is log-concave, and a step from there throws NoStep. Any
// stepper integrates them. As printed (Ito, nothing added) neither leaves p invariant unless F is constant.
#pragma once
#include "dynamics/langevin.hpp"

namespace lml {

inline Langevin newton_langevin(Marginal p) { return {{std::move(p), {Curvature::exact, 0}}, Calculus::ito}; }
inline Langevin newton_langevin_printed_sign(Marginal p) {
  return {{std::move(p), {Curvature::exact, 0, true}}, Calculus::ito};
}

}  // namespace lml
