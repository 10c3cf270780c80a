#include "dynamics/grid.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "dynamics/grid_box.hpp"

namespace lml {
namespace {
double log_sum(const Vec& logs) {
  const double top = logs.maxCoeff();
  return top + std::log((logs.array() - top).exp().sum());
}

// int |a + b.u| over the unit cube |u_i| <= 1/2: exact where the sign does not change, else by midpoints of 8^d parts.
double absolute_of_linear(double a, const std::array<double, 3>& b, int dim) {
  if (std::abs(a) >= 0.5 * (std::abs(b[0]) + std::abs(b[1]) + std::abs(b[2]))) return std::abs(a);
  constexpr int parts = 8;
  const auto at = [](int i) { return (i + 0.5) / parts - 0.5; };
  double sum = 0;
  for (int i = 0; i < parts; ++i)
    for (int j = 0; j < parts; ++j)
      for (int k = 0; k < (dim == 3 ? parts : 1); ++k)
        sum += std::abs(a + b[0] * at(i) + b[1] * at(j) + (dim == 3 ? b[2] * at(k) : 0));
  return sum / (parts * parts * (dim == 3 ? parts : 1));
}
}  // namespace

int stencil_reach(int dim) { return dim == 2 ? 8 : 3; }

Grid::Grid(const Metric& metric, Calculus calculus, Index cells_per_axis, const Marginal* also, int reach)
    : p_(metric.marginal()) {
  Box box = find_box(metric, calculus, int(cells_per_axis), also);
  existence_ = box.existence;
  beyond_ = box.beyond;
  if (!existence_.exists) return;
  const int dim = box.mesh.dim();
  mesh_ = std::make_shared<Mesh>(std::move(box.mesh));
  assembly_ = std::make_shared<Assembly>(assemble(metric, calculus, *mesh_, reach));
  if (!assembly_->existence.exists) {
    existence_ = assembly_->existence;
    return;
  }
  log_p_ = assembly_->log_p.array() - log_sum(assembly_->log_p);
  mass_ = log_p_.array().exp();
  order_ = std::make_shared<Dissection>(assembly_->chain, dim, mesh_->n, assembly_->mode);
  if (assembly_->reversible) return;
  const Elimination lu(assembly_->chain, *order_, 0);
  if (!lu.irreducible())
    throw BadInput("/metric", "is so anisotropic that the cells of the grid fall into parts that no path joins");
  mass_ = lu.null_vector();
}

double Grid::stencil_excess() const { return mass_.dot(assembly_->excess); }

Vec Grid::mean() const {
  Vec out = Vec::Zero(mesh_->dim());
  for (Index x = 0; x < size(); ++x) out += mass_[x] * mesh_->place(x);
  return out;
}

Mat Grid::covariance() const {
  const Vec m = mean();
  Mat out = Mat::Zero(m.size(), m.size());
  for (Index x = 0; x < size(); ++x) {
    const Vec v = mesh_->place(x) - m;
    out += mass_[x] * v * v.transpose();
  }
  return out;
}

GridDensity Grid::stationary() const {
  GridDensity out{Points(size(), mesh_->dim()), mass_, log_p_.array().exp()};
  double volume = 1;
  for (Index a = 0; a < mesh_->dim(); ++a) volume *= mesh_->width(a);
  for (Index x = 0; x < size(); ++x) out.places.row(x) = mesh_->place(x);
  out.density /= volume;
  out.target /= volume;
  return out;
}

Divergences Grid::divergences() const { return against_target(mass_); }

Divergences Grid::against_target(const Vec& mass) const {
  Divergences out{0, 0, 0, 0};
  double overlap = 0;
  // The largest term of chi2 in the outermost cells and in the next ones.
  std::array<double, 2> edge{0, 0};
  const int n = mesh_->n;
  for (Index x = 0; x < size(); ++x) {
    const double p = std::exp(log_p_[x]), m = mass[x], gap = m - p;
    const double term = p > 0 ? gap * gap / p : 0;
    out.chi2 += term;
    if (m > 0 && p > 0) {
      out.kl += m * (std::log(m) - std::log(p)) - gap;  // the second sum is 0: it makes every term >= 0
      overlap += std::pow(std::sqrt(m) - std::sqrt(p), 2);
    } else {
      overlap += std::abs(gap);
      out.kl -= gap;
    }
    // |mass - p| has a kink where the sign changes: such cells take the linear function through their neighbours.
    std::array<double, 3> slope{0, 0, 0};
    int layer = n;
    Index stride = 1;
    for (int a = 0; a < mesh_->dim(); ++a, stride *= n) {
      const int c = int(x / stride % n);
      layer = std::min({layer, c, n - 1 - c});
      if (c == 0 || c == n - 1) continue;
      const Index up = x + stride, down = x - stride;
      slope[std::size_t(a)] = 0.5 * (mass[up] - std::exp(log_p_[up]) - mass[down] + std::exp(log_p_[down]));
    }
    out.total_variation += 0.5 * absolute_of_linear(gap, slope, mesh_->dim());
    if (layer < 2) edge[std::size_t(layer)] = std::max(edge[std::size_t(layer)], term);
  }
  // An integrand that still grows at the edge has no end.
  if (edge[0] > edge[1] && edge[0] > 1e-9 * out.chi2 && out.chi2 > 1e-16)
    out.chi2 = std::numeric_limits<double>::infinity();
  out.kl = std::max(0.0, out.kl);
  out.hellinger = std::sqrt(0.5 * overlap);  // 1 - int sqrt(q p) = int (sqrt q - sqrt p)^2 / 2, without cancellation
  return out;
}

}  // namespace lml
