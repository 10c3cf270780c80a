#include "dynamics/steppers/platen.hpp"

namespace lml {
namespace {

Mat root(const MetricForm& form) {
  const Index d = form.directions.rows();
  Mat out(d, d);
  for (Index j = 0; j < d; ++j) out.col(j) = form.root_times(Vec::Unit(d, j));
  return out;
}

}  // namespace

Vec Platen::step(const Langevin& law, const VecRef& x, double h, const Noise& noise) {
  const Index d = law.dim();
  const double s = std::sqrt(h);
  const Vec w = s * noise.normals.head(d);
  const Coefficients here = law.ito(x);
  const Vec ahead = x + h * here.drift, kick = here.form.root_times(w);
  const Vec drift = 0.5 * (here.drift + law.ito(ahead + kick).drift);
  if (law.metric.is_constant()) return x + h * drift + kick;

  const auto root_at = [&](const Vec& y) { return root(law.form(y)); };
  const Mat b = root(here.form);
  Vec out = x + h * drift + kick;
  for (Index j = 0; j < d; ++j) {
    const Vec up = root_at(ahead + s * b.col(j)).col(j), down = root_at(ahead - s * b.col(j)).col(j);
    out += 0.25 * (w[j] * (up + down - 2 * b.col(j)) + ((w[j] * w[j] - h) / s) * (up - down));
  }
  if (d == 1) return out;
  Index pair = d;
  Mat v(d, d);  // V_rj
  for (Index r = 0; r < d; ++r)
    for (Index j = r + 1; j < d; ++j) {
      v(r, j) = noise.normals[pair++] < 0 ? -h : h;
      v(j, r) = -v(r, j);
    }
  for (Index r = 0; r < d; ++r) {
    const Mat up = root_at(x + s * b.col(r)), down = root_at(x - s * b.col(r));
    for (Index j = 0; j < d; ++j)
      if (j != r)
        out += 0.25 * (w[j] * (up.col(j) + down.col(j) - 2 * b.col(j)) +
                       ((w[j] * w[r] + v(r, j)) / s) * (up.col(j) - down.col(j)));
  }
  return out;
}

}  // namespace lml
