#include "dynamics/draw.hpp"

#include <algorithm>
#include <cmath>

namespace lml {

Points draw(const Marginal& p, const Random& random, std::uint64_t first, Index n) {
  const Index d = p.dim(), size = p.target().size();
  Vec cumulative = p.target().log_weights().array().exp();
  for (Index k = 1; k < size; ++k) cumulative[k] += cumulative[k - 1];
  Points out(n, d);
  for (Index i = 0; i < n; ++i) {
    const std::uint64_t sample = first + std::uint64_t(i);
    const double level = random.uniform(sample, 0, 0) * cumulative[size - 1];
    const Index k =
        std::min<Index>(size - 1, std::upper_bound(cumulative.begin(), cumulative.end(), level) - cumulative.begin());
    const Marginal::Precision& a = p.precision(k);
    const Vec z = random.normal(sample, 1, d);
    Vec noise;
    switch (a.kind) {
      case Spread::Kind::isotropic: noise = z / std::sqrt(a.p[0]); break;
      case Spread::Kind::diagonal: noise = z.cwiseQuotient(a.p.cwiseSqrt()); break;
      case Spread::Kind::full: noise = *a.basis * z.cwiseQuotient(a.p.cwiseSqrt()); break;
    }
    out.row(i) = (p.time().alpha * p.target().means().row(k).transpose() + noise).transpose();
  }
  return out;
}

}  // namespace lml
