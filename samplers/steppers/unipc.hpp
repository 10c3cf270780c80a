// UniPC (Zhao et al. 2023, arXiv 2302.04867, Eq. 3, 5 and Algorithms 5 to 8), orders p = 1 to 3, in l =
// log(alpha/sigma). Over a step s -> t of length h, m the predictions of x_0 (or of eps), m_0 at s and m_k at nodes
// with r_k = (l_k - l_s)/h,
//
//   x_t = keep x_s + w_0 m_0 + c B(h) sum_k rho_k (m_k - m_0)/r_k,   sum_k rho_k r_k^{i-1} = i! z phi_{i+1}(z)/B(h)
//
//   of x_0:  keep = sigma_t/sigma_s, c = -alpha_t, z = -h;   of eps:  keep = alpha_t/alpha_s, c = -sigma_t, z = h
//   w_0 without the differences: c (e^z - 1);   B(h) = z (bh1) or e^z - 1 (bh2)
//
// The predictor UniP-p takes k = 1..p-1 (r_k < 0). At the next step the evaluation there, m_p with r_p = 1, gives the
// corrector UniC-p over the same interval; x is replaced by it, and the evaluation stays as it is. So one evaluation a
// step, and the end is a prediction. Memory: the corrected x of the step before, then m of the `order` steps before.
//
// B(h) cancels, and bh1 and bh2 are one method, but where rho is set to 1/2 (predictor of order 2, corrector of order
// 1), as the paper's code and diffusers do.
//
// The formula has order p + 1 with corrector, p without. A whole run starts with UniC-1, which costs O(h^3): order 3 at
// most; 2 without corrector. `lower_order_final` ends with UniP-1 whatever the number of steps: order 2 at most.
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "samplers/exponential.hpp"
#include "samplers/steppers/transfer.hpp"

namespace lml {

enum class UniPcType { bh1, bh2 };

/// Of the x before and of the m, newest first: the corrector's begin with the evaluation at its end.
struct UniPcWeights {
  double keep;
  std::array<double, 4> m{};
};

/// Over grid[i] with p - 1 earlier nodes. Where it ends at clean data: predictor of order 1 on x_0 only.
inline UniPcWeights unipc_weights(const Grid& grid, Index i, int p, UniPcType type, bool of_data, bool corrector) {
  const auto [s, t] = grid[std::size_t(i)];
  const auto l = [&](Index j) { return log_snr(grid[std::size_t(j)].from); };
  const double h = log_snr(t) - l(i), z = of_data ? -h : h, c = of_data ? -t.alpha : -t.sigma;
  std::array<double, 3> r{}, rho{};  // rho: times B(h)
  std::size_t n = 0;
  if (corrector) r[n++] = 1;
  for (int k = 1; k < p; ++k) r[n++] = (l(i - k) - l(i)) / h;
  if (n == 1) {
    rho[0] = (type == UniPcType::bh1 ? z : std::expm1(z)) / 2;
  } else {
    // The conditions say sum_k rho_k q(r_k) = q at z phi_2, 2 z phi_3, 6 z phi_4 in place of 1, r, r^2; Lagrange's
    // polynomials q give the rho one by one.
    for (std::size_t k = 0; k < n; ++k) {
      std::array<double, 3> q{1, 0, 0};
      for (std::size_t j = 0; j < n; ++j) {
        if (j == k) continue;
        const double scale = 1 / (r[k] - r[j]);
        q = {-r[j] * q[0] * scale, (q[0] - r[j] * q[1]) * scale, (q[1] - r[j] * q[2]) * scale};
      }
      rho[k] = z * (q[0] * phi(2, z) + 2 * q[1] * phi(3, z) + 6 * q[2] * phi(4, z));
    }
  }
  UniPcWeights out{of_data ? t.sigma / s.sigma : t.alpha / s.alpha};
  const std::size_t newest = corrector ? 1 : 0;  // place of m_0
  out.m[newest] = c * std::expm1(z);
  for (std::size_t k = 0; k < n; ++k) {
    const double w = c * rho[k] / r[k];
    out.m[corrector && k == 0 ? 0 : k + 1] = w;
    out.m[newest] -= w;
  }
  return out;
}

struct UniPc {
  int order = 2;  // 1, 2 or 3
  UniPcType type = UniPcType::bh2;
  bool of_data = true;
  bool lower_order_final = true;
  std::vector<Index> uncorrected = {};  // steps whose end is not corrected

  int at(const Grid& grid, Index i) const {
    const Index left = lower_order_final ? Index(grid.size()) - i : order;
    if (noise_level(grid[std::size_t(i)].from) == noise_level(grid[std::size_t(i)].to)) return 1;  // x stays
    return int(std::min<Index>({order, i + 1, left}));
  }
  bool corrects(Index i) const { return std::find(uncorrected.begin(), uncorrected.end(), i) == uncorrected.end(); }

  template <State S, class Model, class Noise>
  Stepped<S> step(const Grid& grid, Index i, const S& x, Memory<S> memory, Model& model, Noise&) const {
    const Node& here = grid[std::size_t(i)].from;
    S m = of_data ? model.data(x, here) : model.epsilon(x, here);
    S begin = combine(1, x);
    if (i > 0) {
      const S before = std::move(memory[0]);
      memory.erase(memory.begin());
      if (corrects(i - 1)) {
        const int p = at(grid, i - 1);
        const UniPcWeights w = unipc_weights(grid, i - 1, p, type, of_data, true);
        begin = weighted(w.keep, before, w.m, std::size_t(p + 1), m, memory);
      }
    }
    const int p = at(grid, i);
    const UniPcWeights w = unipc_weights(grid, i, p, type, of_data, false);
    S next = weighted(w.keep, begin, w.m, std::size_t(p), m, memory);
    Memory<S> remembered = remember(std::move(m), std::move(memory), std::size_t(order));
    remembered.insert(remembered.begin(), std::move(begin));
    return {std::move(next), std::move(remembered)};
  }
};

}  // namespace lml
