#include "dynamics/lobatto.hpp"

#include <cmath>

namespace lml {

// +-1 and the roots of P_n', by Newton from the Chebyshev-Lobatto points.
void lobatto(int n, Vec& nodes, Vec& weights, Mat& derivative) {
  nodes.resize(n + 1);
  nodes[0] = -1;
  nodes[n] = 1;
  for (int i = 1; i < n; ++i) {
    double t = -std::cos(M_PI * i / n);
    for (int it = 0; it < 50; ++it) {
      const double p = std::legendre(unsigned(n), t);
      const double dp = n * (t * p - std::legendre(unsigned(n - 1), t)) / (t * t - 1);
      const double ddp = (2 * t * dp - n * (n + 1) * p) / (1 - t * t);
      const double step = dp / ddp;
      t -= step;
      if (std::abs(step) < 1e-16) break;
    }
    nodes[i] = t;
  }
  weights.resize(n + 1);
  Vec at(n + 1);
  for (int i = 0; i <= n; ++i) {
    at[i] = std::legendre(unsigned(n), nodes[i]);
    weights[i] = 2 / (n * (n + 1) * at[i] * at[i]);
  }
  derivative.setZero(n + 1, n + 1);
  for (int i = 0; i <= n; ++i)
    for (int j = 0; j <= n; ++j)
      if (i != j) derivative(i, j) = at[i] / (at[j] * (nodes[i] - nodes[j]));
  derivative.diagonal() = -derivative.rowwise().sum();
}

}  // namespace lml
