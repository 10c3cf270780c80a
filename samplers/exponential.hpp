// phi_1(z) = (e^z - 1)/z, phi_{k+1}(z) = (phi_k(z) - 1/k!)/z: the weights of exponential integrators (Hochbruck &
// Ostermann 2010), to a few roundings at every z.
#pragma once
#include <array>
#include <cmath>

namespace lml {

inline constexpr std::array<double, 23> inverse_factorials = [] {
  std::array<double, 23> out{};
  double factorial = 1;  // exact as far as this goes
  for (std::size_t n = 0; n < out.size(); ++n) {
    if (n > 0) factorial *= double(n);
    out[n] = 1 / factorial;
  }
  return out;
}();

/// k = 1 to 4. phi_k(-inf) = 0.
inline double phi(int k, double z) {
  if (std::isinf(z)) return z < 0 ? 0 : HUGE_VAL;
  if (std::abs(z) < 1) {  // sum_j z^j/(j + k)!
    double sum = 0;
    for (int j = 18; j >= 0; --j) sum = sum * z + inverse_factorials[std::size_t(j + k)];
    return sum;
  }
  double out = std::expm1(z) / z;
  if (k >= 2) out = (out - 1) / z;
  if (k >= 3) out = (out - 0.5) / z;
  if (k >= 4) out = (out - 1.0 / 6) / z;
  return out;
}

}  // namespace lml
