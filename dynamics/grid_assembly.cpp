#include "dynamics/grid_assembly.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>

#include "dynamics/selling.hpp"
#include "theory/linalg.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

// z/(e^z - 1)
double bernoulli(double z) {
  if (std::abs(z) < 1e-3) return 1 - z / 2 + z * z / 12;
  return z / std::expm1(z);
}

std::array<int, 3> cell_coordinates(Index cell, int n) { return {int(cell % n), int(cell / n % n), int(cell / n / n)}; }

// log p on the lattice of half cells: cell i is at 2 i + 1 of 0 .. 2 n along each axis. Rows of the lattice in blocks.
Vec log_p_on_half_cells(const Marginal& p, const Mesh& mesh) {
  const Index side = 2 * mesh.n + 1, rows = mesh.dim() == 2 ? side : side * side;
  Vec out(rows * side);
  Points y(side, mesh.dim());
  const auto along = [&](Index axis, Index half) { return mesh.low[axis] + 0.5 * double(half) * mesh.width(axis); };
  constexpr Index block = 16;
  for (Index from = 0; from < rows; from += block) {
    const Index count = std::min(block, rows - from);
    y.resize(count * side, mesh.dim());
    for (Index r = 0; r < count; ++r)
      for (Index i = 0; i < side; ++i) {
        y(r * side + i, 0) = along(0, i);
        y(r * side + i, 1) = along(1, (from + r) % side);
        if (mesh.dim() == 3) y(r * side + i, 2) = along(2, (from + r) / side);
      }
    out.segment(from * side, count * side) = p.log_density(y * mesh.axes.transpose());
  }
  return out;
}

struct Cell {
  Stencil stencil;
  std::array<double, 3> c{0, 0, 0};  // D c = what no mixture of none and all of div D expresses, one unit a cell
  double lowest = 1;                 // eigenvalue of M where D is not positive
  bool positive = true;
};

// `rest`: empty, or the drift that c stands for.
template <int N>
Cell describe(const Mat& d, const Vec& rest, const Mesh& mesh, int reach) {
  Eigen::Matrix<double, N, 1> h;
  for (int a = 0; a < N; ++a) h[a] = mesh.width(a);
  const Eigen::Matrix<double, N, N> rotated = mesh.axes.transpose() * d * mesh.axes;
  const Eigen::Matrix<double, N, N> in_cells =
      h.cwiseInverse().asDiagonal() * (0.5 * (rotated + rotated.transpose())) * h.cwiseInverse().asDiagonal();
  Cell out;
  out.stencil = selling(in_cells, reach);
  if (rest.size() && out.stencil.size > 0) {
    const Eigen::Matrix<double, N, 1> c = h.asDiagonal() * (mesh.axes.transpose() * (inverse_spd(d) * rest));
    // Where the drift has a pole (eps = 0) a cell sees no more than its own width of it.
    const double scale = 1 / std::max(1.0, c.norm());
    for (int a = 0; a < N; ++a) out.c[std::size_t(a)] = scale * c[a];
  }
  return out;
}

// Near the edge of the box stencils are shorter, so that no cell there is cut off.
int reach_at(const Mesh& mesh, Index cell, int reach) {
  const std::array<int, 3> at = cell_coordinates(cell, mesh.n);
  for (std::size_t a = 0; a < std::size_t(mesh.dim()); ++a) reach = std::min({reach, at[a], mesh.n - 1 - at[a]});
  return std::max(1, reach);
}

Cell describe(const Mat& d, const Vec& b, const Mesh& mesh, int reach) {
  return mesh.dim() == 2 ? describe<2>(d, b, mesh, reach) : describe<3>(d, b, mesh, reach);
}

Cell describe(const Metric& metric, Calculus calculus, const Mesh& mesh, Index cell, int reach) {
  reach = reach_at(mesh, cell, reach);
  Vec x = mesh.place(cell);
  Local local = metric.marginal().at(x);
  MetricForm form = metric.form(local);
  if (!form.positive && metric.spec().curvature != Curvature::exact) {
    // A single point without a limit (eps = 0): a neighbour's value serves.
    x += 1e-3 * mesh.axes * (mesh.high - mesh.low) / mesh.n;
    local = metric.marginal().at(x);
    form = metric.form(local);
  }
  if (form.positive) {
    Vec rest;
    if (calculus == Calculus::stratonovich)
      rest = metric.added_drift(local, form, calculus) - metric.added_drift(local, form, Calculus::half);
    return describe(form.dense(), rest, mesh, reach);
  }
  Cell out;
  out.positive = false;
  out.lowest = (eigvalsh(metric.spec().printed_sign ? local.hessian() : local.fisher()).array() + metric.spec().damping)
                   .minCoeff();
  return out;
}

std::string brief(double v) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

std::string at_point(const Vec& x) {
  std::string out = "x = (";
  for (Index i = 0; i < x.size(); ++i) out += (i ? ", " : "") + brief(x[i]);
  return out + ")";
}

Existence existence_of(const Metric& metric, const Mesh& mesh, const std::vector<Cell>& cells) {
  Existence out;
  Index worst = -1;
  for (Index x = 0; x < Index(cells.size()); ++x) {
    const Cell& c = cells[std::size_t(x)];
    if (!c.positive && (worst < 0 || c.lowest < cells[std::size_t(worst)].lowest)) worst = x;
  }
  if (worst < 0) return out;
  out.exists = out.unique = false;
  const MetricSpec& spec = metric.spec();
  const double lowest = cells[std::size_t(worst)].lowest;
  if (spec.curvature == Curvature::exact || lowest <= 0)
    out.why = std::string(spec.printed_sign ? "H" : "F") + " + lambda I is not positive definite everywhere: its " +
              "smallest eigenvalue is " + brief(lowest) + " at " + at_point(mesh.place(worst));
  else
    out.why = "the metric does not exist at " + at_point(mesh.place(worst));
  return out;
}

struct Edge {
  int to;
  double out, in;
};

// `theta`: how much of div D is in the drift. Both ends of an edge list it; parallel entries of a pair are added in the
// order of the cells that feed them.
JumpChain collect(const std::vector<Cell>& cells, double theta, const Vec& half, const Mesh& mesh) {
  const Index size = Index(cells.size()), side = 2 * mesh.n + 1, n = mesh.n;
  const auto half_index = [&](const std::array<int, 3>& c) {
    const Index plane = mesh.dim() == 2 ? 0 : side * side;
    return Index(c[0]) + side * c[1] + plane * c[2];
  };
  const auto for_each = [&](Index x, const auto& body) {
    const std::array<int, 3> at = cell_coordinates(x, mesh.n);
    const Cell& cell = cells[std::size_t(x)];
    for (int t = 0; t < cell.stencil.size; ++t)
      for (int sign : {1, -1}) {
        const Stencil::Term& term = cell.stencil.terms[std::size_t(t)];
        std::array<int, 3> to{}, middle{}, here{};
        bool inside = true;
        double z = 0;
        for (std::size_t a = 0; a < std::size_t(mesh.dim()); ++a) {
          to[a] = at[a] + sign * term.offset[a];
          here[a] = 2 * at[a] + 1;
          middle[a] = here[a] + sign * term.offset[a];
          inside = inside && to[a] >= 0 && to[a] < mesh.n;
          z += sign * term.offset[a] * cell.c[a];
        }
        if (inside) body(to[0] + n * (to[1] + n * to[2]), half_index(here), half_index(middle), term.weight, z, to);
      }
  };
  std::vector<Index> first(std::size_t(size) + 1, 0);
  for (Index x = 0; x < size; ++x)
    for_each(x, [&](Index y, Index, Index, double, double, const auto&) {
      ++first[std::size_t(x) + 1];
      ++first[std::size_t(y) + 1];
    });
  for (std::size_t x = 0; x < std::size_t(size); ++x) first[x + 1] += first[x];
  std::vector<Edge> edges(std::size_t(first.back()));
  std::vector<Index> next = first;
  for (Index x = 0; x < size; ++x)
    for_each(x, [&](Index y, Index here, Index middle, double weight, double z, std::array<int, 3> there) {
      for (int& c : there) c = 2 * c + 1;
      // Far out, where cells are wide for the density, the ratio is kept finite.
      const auto ratio = [&](Index at) { return std::exp(std::clamp(half[middle] - half[at], -300.0, 300.0)); };
      if (mesh.dim() == 2) there[2] = 0;
      const double out = (1 - 0.5 * theta) * weight * ratio(here) * bernoulli(-z);
      const double in = 0.5 * theta * weight * ratio(half_index(there)) * bernoulli(z);
      edges[std::size_t(next[std::size_t(x)]++)] = {int(y), out, in};
      edges[std::size_t(next[std::size_t(y)]++)] = {int(x), in, out};
    });
  JumpChain chain;
  std::vector<Index> count(std::size_t(size), 0);
  parallel_for((size + 4095) / 4096, true, [&](Index block) {
    for (Index x = 4096 * block; x < std::min(size, 4096 * (block + 1)); ++x) {
      const auto begin = edges.begin() + first[std::size_t(x)], end = edges.begin() + first[std::size_t(x) + 1];
      std::stable_sort(begin, end, [](const Edge& a, const Edge& b) { return a.to < b.to; });
      auto last = begin;
      for (auto e = begin; e != end; ++e) {
        if (e != begin && e->to == last->to) {
          last->out += e->out;
          last->in += e->in;
        } else {
          if (e != begin) ++last;
          *last = *e;
        }
      }
      count[std::size_t(x)] = begin == end ? 0 : last - begin + 1;
    }
  });
  chain.first.assign(1, 0);
  for (Index x = 0; x < size; ++x) {
    for (Index i = 0; i < count[std::size_t(x)]; ++i) {
      const Edge& e = edges[std::size_t(first[std::size_t(x)] + i)];
      chain.neighbour.push_back(e.to);
      chain.out.push_back(e.out);
      chain.in.push_back(e.in);
    }
    chain.first.push_back(Index(chain.neighbour.size()));
  }
  return chain;
}

// A cell to which every other leads: the likeliest, unless its neighbours' stencils all pass over it, as they may at
// eps = 0, around which D turns. Then the stationary vector is 0 there, and the likeliest of the cells that do not lead
// to it comes next.
Index recurrent_cell(const JumpChain& chain, const Vec& log_p, Index likeliest) {
  Index goal = likeliest;
  for (int tries = 0; tries < 16; ++tries) {
    std::vector<char> leads(std::size_t(chain.size()), 0);
    std::vector<Index> open{goal};
    leads[std::size_t(goal)] = 1;
    while (!open.empty()) {
      const std::size_t x = std::size_t(open.back());
      open.pop_back();
      for (Index e = chain.first[x]; e < chain.first[x + 1]; ++e) {
        const int y = chain.neighbour[std::size_t(e)];
        if (!(chain.in[std::size_t(e)] > 0) || leads[std::size_t(y)]) continue;
        leads[std::size_t(y)] = 1;
        open.push_back(y);
      }
    }
    Index next = -1;
    for (Index x = 0; x < chain.size(); ++x)
      if (!leads[std::size_t(x)] && (next < 0 || log_p[x] > log_p[next])) next = x;
    if (next < 0) return goal;
    goal = next;
  }
  return likeliest;
}

}  // namespace

Vec Mesh::place(Index cell) const {
  const std::array<int, 3> at = cell_coordinates(cell, n);
  Vec y(dim());
  for (Index a = 0; a < y.size(); ++a) y[a] = low[a] + (at[std::size_t(a)] + 0.5) * width(a);
  return axes * y;
}

Vec log_mass(const Marginal& law, const Mesh& mesh) {
  Points x(mesh.size(), mesh.dim());
  for (Index i = 0; i < x.rows(); ++i) x.row(i) = mesh.place(i);
  const Vec out = law.log_density(x);
  return out.array() - out.maxCoeff();
}

Assembly assemble(const Metric& metric, Calculus calculus, const Mesh& mesh, int reach) {
  Assembly out;
  out.reversible = metric.is_constant() || calculus == Calculus::corrected;
  std::vector<Cell> cells(std::size_t(mesh.size()));
  if (metric.is_constant()) {
    const MetricSpec& spec = metric.spec();
    const Mat d = spec.curvature == Curvature::constant ? spec.matrix : Mat(Mat::Identity(mesh.dim(), mesh.dim()));
    std::vector<Cell> by_reach(std::size_t(reach) + 1);
    for (int r = 1; r <= reach; ++r) by_reach[std::size_t(r)] = describe(d, Vec(), mesh, r);
    for (Index x = 0; x < mesh.size(); ++x) cells[std::size_t(x)] = by_reach[std::size_t(reach_at(mesh, x, reach))];
  } else {
    parallel_for(mesh.size() / mesh.n, true, [&](Index row) {
      for (Index x = row * mesh.n; x < (row + 1) * mesh.n; ++x)
        cells[std::size_t(x)] = describe(metric, calculus, mesh, x, reach);
    });
    out.existence = existence_of(metric, mesh, cells);
    if (!out.existence.exists) return out;
  }
  const Vec half = log_p_on_half_cells(metric.marginal(), mesh);
  out.chain = collect(cells, out.reversible ? 1 : calculus == Calculus::ito ? 0 : 0.5, half, mesh);
  out.log_p.resize(mesh.size());
  const Index side = 2 * mesh.n + 1;
  for (Index x = 0; x < mesh.size(); ++x) {
    const std::array<int, 3> at = cell_coordinates(x, mesh.n);
    const Index plane = mesh.dim() == 2 ? 0 : side * side * (2 * at[2] + 1);
    out.log_p[x] = half[2 * at[0] + 1 + side * (2 * at[1] + 1) + plane];
  }
  out.log_p.array() -= out.log_p.maxCoeff(&out.mode);
  if (!out.reversible) out.mode = recurrent_cell(out.chain, out.log_p, out.mode);
  out.excess.resize(mesh.size());
  for (Index x = 0; x < mesh.size(); ++x) out.excess[x] = cells[std::size_t(x)].stencil.excess;
  return out;
}

}  // namespace lml
