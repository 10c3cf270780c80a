#include "paper_checks/checks/alg1_statements.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>

#include "dynamics/annealed.hpp"
#include "dynamics/random.hpp"
#include "paper_checks/checks/sampling_common.hpp"

namespace lml::checks {

using namespace sampling;

// ---- "Unit spectrum".
namespace {

// Largest over smallest eigenvalue of c (I - m m^T/(lambda' + |m|^2)), c what gives v the length of eps, m = eps.
double condition(const Vec& eps, double lambda) {
  const Index d = eps.size();
  const Mat bare = Mat::Identity(d, d) - eps * eps.transpose() / (lambda + eps.squaredNorm());
  const double c = eps.norm() / (bare * eps).norm();
  const Vec values = Eigen::SelfAdjointEigenSolver<Mat>(c * bare).eigenvalues();
  return values[d - 1] / values[0];
}

Vec first_output(Index d) {
  ExactSource source(anisotropic(d));
  const Node at = uniform_grid(10)[0].from;
  return source.epsilon(draws(source, at, 4, 1), at).row(0).transpose();
}

}  // namespace

Evidence unit_spectrum(const Context&) {
  const double lambda = 0.001;
  Table table{
      "alg1-unit-spectrum",
      "Eigenvalues of the normalised matrix c (I - m m^T/(lambda' + |m|^2)) where m = eps (kappa = 0): one is 1, "
      "the other d - 1 are the condition number",
      {"d", "|eps|^2", "lambda'", "condition number", "closed form"},
      {}};
  const Vec eps = first_output(16);
  for (Index d : {2, 16, 64, 256})
    for (double l : {0.001, 10.0 * double(d)}) {
      const Vec e = first_output(d);
      table.rows.push_back({double(d), e.squaredNorm(), l, condition(e, l), 1 + e.squaredNorm() / l});
    }
  Evidence out;
  out.value = condition(eps, lambda);
  out.second = 1 + eps.squaredNorm() / lambda;
  // Eigenvalues of size c good to c u d, the smallest being 1 of c = 1e4.
  out.uncertainty = out.second_tolerance = 1e-8 * *out.second;
  out.control = condition(eps, 10 * eps.squaredNorm());
  out.certificate =
      "Exact algebra: c is a number, so it scales all eigenvalues alike: 1 and, d - 1 times, 1 + ||eps||^2/lambda'.";
  out.repair = "The normalisation keeps the length of eps, no more (alg1-unit-spectrum-norm).";
  out.repair_attacks = 1;
  out.tables = {table};
  return out;
}

Evidence unit_spectrum_norm(const Context&) {
  const Index n = 200;
  Evidence out;
  out.value = 0;
  out.control = HUGE_VAL;
  for (Index d : {2, 64, 512}) {
    const Random random(5, 0x6e6f726d);
    const Points q = random.normals(0, 0, n, d), p = random.normals(0, 1, n, d);
    for (double kappa : {1e-8, 0.01, 0.5, 1.0})
      for (double lambda : {0.001, 1.0, 100.0}) {
        const Points v = lml_stable(q, &p, {kappa, lambda}), w = lml_printed(q, &p, {kappa, lambda});
        for (Index i = 0; i < n; ++i) {
          out.value = std::max({out.value, std::abs(v.row(i).norm() / q.row(i).norm() - 1),
                                std::abs(w.row(i).norm() / q.row(i).norm() - 1)});
          // Without the last line of the correction.
          const Vec m = (kappa * p.row(i) + (1 - kappa) * q.row(i)).transpose(), e = q.row(i).transpose();
          const Vec bare = e - m * (m.dot(e) / (lambda + m.squaredNorm()));
          if (lambda == 0.001 && kappa == 1e-8)
            out.control = std::min(out.control, std::abs(bare.norm() / e.norm() - 1));
        }
      }
  }
  out.uncertainty = 0;
  out.certificate = "By construction: eps_LM = ||eps|| v/||v||.";
  return out;
}

Evidence unit_spectrum_noise(const Context&) {
  // dx = b dt + sqrt(2) dB keeps p only if E_p x_j b_j = -1 for every j (p's own score has that). p = N(0, diag(4,
  // 1/4)), b = |s| D s/|D s| homogeneous of degree 1, so one integral over the angle, by the trapezoidal rule
  // (periodic: exact to rounding).
  const Vec f{{0.25, 4.0}};
  const auto defect = [&](bool rank_one, double lambda) {
    const int n = 4096;
    Vec sum = Vec::Zero(2);
    for (int i = 0; i < n; ++i) {
      const double angle = 2 * M_PI * (i + 0.5) / n;
      const Vec x{{2 * std::cos(angle), 0.5 * std::sin(angle)}};
      const Vec s = -f.cwiseProduct(x);
      const Vec u = s.normalized();
      const Mat model = rank_one ? Mat(u * u.transpose()) : Mat(f.asDiagonal());
      const Vec damped = (model + lambda * Mat::Identity(2, 2)).inverse() * s;
      sum += 2 * x.cwiseProduct(s.norm() * damped.normalized()) / n;  // E r^2 = 2
    }
    return (sum.array() + 1).abs().maxCoeff();
  };
  Table table{"alg1-unit-spectrum-noise",
              "N(0, diag(4, 1/4)) under the drift |s| D s/|D s| and unscaled noise: how far E x_j b_j is from -1",
              {"lambda", "rank one", "exact F"},
              {}};
  Evidence out;
  out.value = 0;
  for (double lambda : {0.01, 1.0, 100.0}) {
    table.rows.push_back({lambda, defect(true, lambda), defect(false, lambda)});
    out.value = std::max(out.value, table.rows.back()[1]);
  }
  out.uncertainty = 1e-12;
  out.control = defect(false, 1);
  out.certificate =
      "Exact algebra: the rank-one D s is a positive multiple of s, so the normalised drift is s itself, whatever the "
      "damping: plain Langevin.";
  out.tables = {table};
  return out;
}

// ---- What Algorithm 1 discretises.
namespace {

constexpr LmlParameters strong{0.5, 1};

Grid time_uniform_grid(Index steps) {
  const VpSde vp;
  std::vector<Node> nodes;
  const double least = 1e-3;
  for (Index i = 0; i <= steps; ++i) nodes.push_back(node_at(vp, 1 + (least - 1) * double(i) / double(steps)));
  const Node end = nodes.back();
  nodes.pop_back();
  return chain(nodes, end);
}

// dx/du = sigma^2 (f x - D s/2), VP (annealed.hpp), from x at the first node to the last.
Points eq10_end(const AnnealedMetric& metric, const Grid& grid, Points x, int pieces) {
  const auto u_of = [](const Node& at) { return log_noise_ratio({at.alpha, at.sigma}); };
  const double start = u_of(grid.front().from), h = (u_of(grid.back().to) - start) / pieces;
  const auto slope = [&](const Points& y, double u) {
    const MetricSlice slice = metric.at(u);
    const double variance = std::pow(at(Process::vp, u).sigma, 2);
    Points out(y.rows(), y.cols());
    for (Index k = 0; k < y.rows(); ++k)
      out.row(k) = variance * (linear_drift(Process::vp) * y.row(k) -
                               0.5 * slice.damped_score(slice.marginal().at(y.row(k).transpose())).value.transpose());
    return out;
  };
  for (int i = 0; i < pieces; ++i) {
    const double u = start + i * h;
    const Points a = slope(x, u), b = slope(x + h / 2 * a, u + h / 2), c = slope(x + h / 2 * b, u + h / 2),
                 e = slope(x + h * c, u + h);
    x += h / 6 * (a + 2 * b + 2 * c + e);
  }
  return x;
}

// Mean distance of the rows, in the size of the data's spread.
double distance(const Points& a, const Points& b) {
  return (a - b).rowwise().norm().mean() / b.rowwise().norm().mean();
}

struct Limits {
  Points start, plain, algorithm;  // the last: Algorithm 1's, extrapolated to no step
  Grid grid;
};

Limits limits(const Target& target, const Stepper& stepper, Index steps) {
  ExactSource source(target);
  Limits out;
  out.grid = time_uniform_grid(steps);
  out.start = draws(source, out.grid[0].from, 6, 60);
  out.plain = flow(target, out.grid.front().from, out.grid.back().to, out.start, 480);
  const auto run = [&](Index n) {
    return end_of(Sampler{stepper, time_uniform_grid(n), LmlStable{strong}, {}}, source, out.start);
  };
  out.algorithm = 2 * run(2 * steps) - run(steps);
  return out;
}

Table orders(const std::string& name) {
  Table table{name,
              "Mean distance from the plain probability flow's end points, in their own size, at n steps; kappa = 1/2, "
              "lambda' = 1, a mixture in the plane: it halves with the step, also where the base solver is of order 3",
              {"solver", "40", "80", "160", "320", "640"},
              {}};
  const Target target = anisotropic(2);
  ExactSource source(target);
  const std::vector<std::pair<std::string, Sampler>> all{
      {"DDIM", {Ddim{}, {}, {}, {}}},
      {"DDIM with the correction", {Ddim{}, {}, LmlStable{strong}, {}}},
      {"DPM-Solver-3", {DpmSolver{{3}}, {}, {}, {}}},
      {"DPM-Solver-3 with the correction", {DpmSolver{{3}}, {}, LmlStable{strong}, {}}}};
  for (auto [label, sampler] : all) {
    table.labels.push_back(label);
    table.rows.emplace_back();
    for (Index n : {40, 80, 160, 320, 640}) {
      sampler.grid = time_uniform_grid(n);
      const Points start = draws(source, sampler.grid[0].from, 6, 60);
      table.rows.back().push_back(distance(
          end_of(sampler, source, start), flow(target, sampler.grid.front().from, sampler.grid.back().to, start, 480)));
    }
  }
  return table;
}

}  // namespace

Evidence discretises_eq10(const Context&) {
  const Target target = anisotropic(2);
  const Limits l = limits(target, Ddim{}, 320), other = limits(target, DpmSolver{{3}}, 320);
  const AnnealedMetric metric(target, Process::vp, Curvature::rank_one_scaled, strong.lambda, Scale::printed);
  const Points end = eq10_end(metric, l.grid, l.start, 400);
  Evidence out;
  out.value = distance(l.algorithm, end);
  // What is left of the step after one extrapolation, as the distance from the flow that both tend to shows it.
  out.uncertainty = std::max(distance(l.algorithm, l.plain), distance(other.algorithm, l.plain));
  out.control = distance(l.algorithm, l.plain);
  out.second = distance(other.algorithm, end);
  out.second_tolerance = 2 * out.uncertainty;
  out.certificate =
      "Proof (PROOFS-SAMPLERS.md, S11): with kappa and lambda' fixed eps_LM - eps = O(h), so Algorithm 1 on a "
      "consistent "
      "base solver converges to the plain probability flow, with order 1.";
  out.repair =
      "It discretises the plain probability flow, which no metric enters; the metric of Eq. 10 is not in the limit.";
  out.repair_attacks = 2;
  out.tables = {orders("alg1-discretises-eq10")};
  return out;
}

Evidence discretises_eq10_normalised(const Context&) {
  const Target target = anisotropic(2);
  const Limits l = limits(target, Ddim{}, 320);
  const auto end = [&](Curvature curvature, double damping, int pieces) {
    return eq10_end(AnnealedMetric(target, Process::vp, curvature, damping, Scale::normalised), l.grid, l.start,
                    pieces);
  };
  Evidence out;
  out.value = distance(l.algorithm, end(Curvature::rank_one_scaled, strong.lambda, 400));
  // Of Eq. 10's integration; what the extrapolation leaves is in the value.
  out.uncertainty = distance(end(Curvature::rank_one_scaled, strong.lambda, 400), l.plain);
  out.second = distance(limits(target, DpmSolver{{3}}, 320).algorithm, l.plain);
  out.second_tolerance = 0.005;  // both are 0 up to what the extrapolation leaves
  // On a Gaussian the exact metric exists at every level.
  const Target gaussian = Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 2), {Covariance(Vec{{1.0, 0.04}})});
  const Limits g = limits(gaussian, Ddim{}, 320);
  const AnnealedMetric exact(gaussian, Process::vp, Curvature::exact, 1, Scale::normalised);
  out.control = distance(g.algorithm, eq10_end(exact, g.grid, g.start, 400));
  out.certificate =
      "The normalised rank-one metric leaves the score alone, so its Eq. 10 is the plain probability flow "
      "(PROOFS-ANNEALED.md, 5), to which Algorithm 1 converges (PROOFS-SAMPLERS.md, S11).";
  return out;
}

// ---- Line 3.
namespace {

struct Start {
  std::string name;
  Node from, to;
};

std::vector<Start> starts() {
  const auto discrete = [](const std::string& name, const DiscreteSchedule& s) {
    return Start{name, node_at(s, 999), node_at(s, 0)};
  };
  return {discrete("linear, 1e-4 to 0.02", DiscreteSchedule::linear(1e-4, 0.02, 1000)),
          discrete("scaled_linear, 0.00085 to 0.012", DiscreteSchedule::scaled_linear(0.00085, 0.012, 1000)),
          discrete("squaredcos_cap_v2", DiscreteSchedule::squaredcos_cap_v2(1000)),
          {"vp_sde", node_at(VpSde{}, 1), node_at(VpSde{}, 1e-3)},
          {"edm, sigma = 80", node_at(Edm{}, 80), node_at(Edm{}, 0.002)}};
}

// Relative error of the variance at the end of the exact flow, data N(0, s^2), where the start is N(0, sigma_N): by the
// flow, which is linear here.
double variance_error(const Start& s, double spread) {
  const Target data = Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 1), {Covariance(spread * spread)});
  Node from = s.from;
  const Points unit = Points::Ones(1, 1);
  const double factor = flow(data, from, s.to, unit)(0, 0);
  const double right = s.to.alpha * s.to.alpha * spread * spread + s.to.sigma * s.to.sigma;
  return std::abs(s.from.sigma * factor * factor / right - 1);
}
double closed_form(const Node& at, double spread) {
  return std::abs(at.sigma / (at.alpha * at.alpha * spread * spread + at.sigma * at.sigma) - 1);
}

Table starts_table(const std::string& name) {
  Table table{
      name,
      "Data N(m, s^2) a component: relative error of the variance of the exact flow's end points where line 3's "
      "variance sigma_N is used, where sigma_N^2 is, and how far a mean m = 1/2 is missed, in units of s",
      {"schedule", "s", "sigma_N", "alpha_N", "variance sigma_N", "variance sigma_N^2", "mean"},
      {}};
  for (const Start& s : starts())
    for (double spread : {0.5, 1.0}) {
      const double v = std::pow(s.from.alpha * spread, 2) + std::pow(s.from.sigma, 2);
      table.labels.push_back(s.name);
      table.rows.push_back({spread, s.from.sigma, s.from.alpha, variance_error(s, spread),
                            std::abs(s.from.sigma * s.from.sigma / v - 1), 0.5 * s.from.alpha / std::sqrt(v)});
    }
  return table;
}

}  // namespace

Evidence initial_variance(const Context&) {
  const std::vector<Start> all = starts();
  Evidence out;
  out.value = 0;
  double closed = 0;
  for (const Start& s : {all[0], all[1]})
    for (double spread : {0.5, 1.0}) {
      out.value = std::max(out.value, variance_error(s, spread));
      closed = std::max(closed, closed_form(s.from, spread));
    }
  out.second = closed;
  out.uncertainty = out.second_tolerance = 1e-6;  // the flow's integration
  out.control = variance_error(all[4], 1);
  out.certificate =
      "Closed form: the flow of N(0, s^2) is linear, and the variance at its end is off by the factor "
      "sigma_N/(alpha_N^2 "
      "s^2 + sigma_N^2).";
  out.tables = {starts_table("alg1-initial-variance")};
  return out;
}

Evidence initial_variance_edm(const Context&) {
  const std::vector<Start> all = starts();
  Evidence out;
  out.value = variance_error(all[4], 1);
  out.second = closed_form(all[4].from, 1);
  out.uncertainty = out.second_tolerance = 1e-5;
  out.control = variance_error(all[0], 1);
  out.certificate = "Closed form: data N(0, 1), alpha = 1, sigma = 80: 80/6401 in place of 1.";
  Counterexample c;
  c.command = "score";
  c.points = Points::Zero(1, 1);
  c.variances = {Vec::Ones(1)};
  c.time = {1, 80};
  c.x = Vec::Constant(1, std::sqrt(80.0));
  c.sentence =
      "Data N(0, 1), alpha 1, sigma 80: p_N is N(0, 6401), line 3 draws N(0, 80), and the exact flow ends in N(0, "
      "80/6401) in place of N(0, 1).";
  out.smallest = c;
  out.repair =
      "The start is N(alpha_N m, alpha_N^2 S + sigma_N^2 I), m and S the data's; on variance-preserving schedules this "
      "is "
      "N(0, I) but for alpha_N.";
  out.repair_attacks = 10;
  out.tables = {starts_table("alg1-initial-variance-edm")};
  return out;
}

}  // namespace lml::checks
