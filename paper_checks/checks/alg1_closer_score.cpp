// Sec. 3.4: the mixture m = kappa eps_{i+1} + (1 - kappa) eps_i is "closer to the true score". Which score?
#include <algorithm>

#include "dynamics/random.hpp"
#include "paper_checks/checks/alg1_statements.hpp"
#include "paper_checks/checks/sampling_common.hpp"

namespace lml::checks {

using namespace sampling;
namespace {

constexpr Index steps = 10;

// d/dkappa log E||eps + kappa w - goal||^2 at kappa = 0, over samples that are rows, and its standard error.
struct Slope {
  double value = 0, error = 0;
};
class SlopeSum {
 public:
  explicit SlopeSum(Index n) : cross_(Vec::Zero(n)), square_(Vec::Zero(n)) {}
  void add(const Points& w, const Points& eps, const Points& goal) {
    const Points off = eps - goal;
    cross_ += w.cwiseProduct(off).rowwise().sum();
    square_ += off.rowwise().squaredNorm();
  }
  Slope slope() const {
    const double ratio = cross_.sum() / square_.sum();
    return {2 * ratio, 2 * (cross_ - ratio * square_).norm() / square_.sum()};
  }

 private:
  Vec cross_, square_;
};

// The part of each row of w orthogonal to that of q.
Points orthogonal(Points w, const Points& q) {
  for (Index k = 0; k < w.rows(); ++k) w.row(k) -= q.row(k) * (w.row(k).dot(q.row(k)) / q.row(k).squaredNorm());
  return w;
}

// The scores that eps_i might be meant to be close to.
enum Goal { at_flow, over_step, at_next, goals };

// By goal: mixing in the output before, mixing in the one after, and moving along Algorithm 1's correction.
struct Slopes {
  std::vector<Slope> before, after, corrected;
};

// Along a run of DDIM from draws of p_N; `flow` from the same draws.
Slopes slopes(const Target& target, Index n) {
  ExactSource source(target);
  const Grid grid = uniform_grid(steps);
  const Index d = target.dim();
  const int pieces = 24;
  std::vector<SlopeSum> before(goals, SlopeSum(n)), after = before, corrected = before;
  Points x = draws(source, grid[0].from, 11, n), true_x = x, previous(n, d);
  for (std::size_t i = 0; i + 1 < grid.size(); ++i) {
    const auto [from, to] = grid[i];
    const Points eps = source.epsilon(x, from);
    const double keep = to.alpha / from.alpha;
    const Points next_x = combine(keep, x, to.sigma - keep * from.sigma, eps);
    if (i > 0) {
      const Points end = flow(target, from, to, x, pieces), next = source.epsilon(next_x, to);
      // What DDIM's eps stands for: the mean of eps over the step, in sigma/alpha.
      const double length = noise_level(from) - noise_level(to);
      const Points goal[goals] = {source.epsilon(true_x, from),
                                  combine(1 / (length * from.alpha), x, -1 / (length * to.alpha), end),
                                  source.epsilon(end, to)};
      for (std::size_t g = 0; g < goals; ++g) {
        before[g].add(previous - eps, eps, goal[g]);
        after[g].add(next - eps, eps, goal[g]);
        corrected[g].add(orthogonal(eps - previous, eps), eps, goal[g]);
      }
    }
    true_x = flow(target, from, to, true_x, pieces);
    previous = eps;
    x = next_x;
  }
  Slopes out;
  for (std::size_t g = 0; g < goals; ++g) {
    out.before.push_back(before[g].slope());
    out.after.push_back(after[g].slope());
    out.corrected.push_back(corrected[g].slope());
  }
  return out;
}

std::vector<Named> exact_targets() {
  return {{"ring of 8, d = 2", ring8()},        {"mixture, d = 2", anisotropic(2)},
          {"mixture, d = 64", anisotropic(64)}, {"1/j spectrum, d = 64", image_spectrum(64)},
          {"4 points, d = 2", few_points(2)},   {"4 points, d = 64", few_points(64)}};
}

enum class Direction { before, corrected };

Evidence closer(Goal goal, Direction direction, const std::string& name, const std::string& what) {
  Table table{name,
              "Relative change, per unit of the coefficient, of the mean squared distance to " + what +
                  ", where the output of the step before is mixed in, that of the step after, and along Algorithm 1's "
                  "eps_LM (per beta); DDIM, 10 steps; with the standard error",
              {"target", "before", "error", "after", "error", "eps_LM", "error"},
              {}};
  Evidence out;
  out.value = out.control = -HUGE_VAL;
  for (const Named& t : exact_targets()) {
    const Slopes s = slopes(t.target, 400);
    const Slope &b = s.before[goal], &a = s.after[goal], &c = s.corrected[goal];
    table.labels.push_back(t.name);
    table.rows.push_back({b.value, b.error, a.value, a.error, c.value, c.error});
    const Slope& v = direction == Direction::before ? b : c;
    const Slope& control = direction == Direction::before ? a : b;
    if (v.value > out.value) {
      out.value = v.value;
      out.uncertainty = 4 * v.error;
    }
    out.control = std::max(out.control, control.value);
  }
  out.tables = {table};
  return out;
}

}  // namespace

Evidence closer_score(const Context&) {
  const double kappa = 0.5;
  const Target target = ring8();
  ExactSource source(target);
  const Grid grid = uniform_grid(steps);
  const Index n = 400;
  const Points x = draws(source, grid[0].from, 11, n);
  const Points first = source.epsilon(x, grid[0].from);
  const double keep = grid[0].to.alpha / grid[0].from.alpha;
  const Points second_x = combine(keep, x, grid[0].to.sigma - keep * grid[0].from.sigma, first);
  const Points second = source.epsilon(second_x, grid[1].from);
  const auto distance = [&](double k) {  // of m from the score at the point where it is used, in the score's own size
    const Points m = combine(k, first, 1 - k, second);
    return (m - second).norm() / second.norm();
  };
  Evidence out;
  out.value = distance(kappa);
  out.uncertainty = 1e-12;
  out.control = distance(0);
  out.second = kappa * (first - second).norm() / second.norm();
  out.second_tolerance = 1e-12;
  out.certificate =
      "Exact algebra: with the exact noise prediction eps_i is the score at x_i, and m - eps_i = kappa (eps_{i+1} - "
      "eps_i).";
  out.repair =
      "eps_LM, which leaves out what is left of eps_{i+1} orthogonal to eps_i and moves away from it, is closer to the "
      "mean of the score over the coming step (alg1-closer-score-corrected).";
  out.repair_attacks = 6;
  return out;
}

Evidence closer_score_learned(const Context&) {
  const Target target = ring8();
  ExactSource source(target);
  const double kappa = 0.1, size = 0.3;
  const Index n = 2000;
  // A network whose error is a fresh normal of 30% of the score at each step, beside one whose error stays.
  const auto ratio = [&](double k, Index count, bool fresh) {
    const Grid grid = uniform_grid(count);
    const Random random(3, 0x6c6561726e);
    Points x = draws(source, grid[0].from, 11, n), before(n, 2);
    Vec with = Vec::Zero(n), without = Vec::Zero(n);
    for (std::size_t i = 0; i < grid.size(); ++i) {
      const auto [from, to] = grid[i];
      const Points exact = source.epsilon(x, from);
      const Points learned = exact + size * random.normals(0, fresh ? i : 0, n, 2);
      if (i > 0) {
        with += (combine(k, before, 1 - k, learned) - exact).rowwise().squaredNorm();
        without += (learned - exact).rowwise().squaredNorm();
      }
      before = learned;
      const double keep = to.alpha / from.alpha;
      x = combine(keep, x, to.sigma - keep * from.sigma, learned);
    }
    const double r = with.sum() / without.sum();
    return Slope{r, (with - r * without).norm() / without.sum()};
  };
  Table table{"alg1-closer-score-learned",
              "Mean squared error of the mixture over that of the output, ring of 8, a network whose errors are 30% of "
              "the score a component: fresh at each step, and the same at all",
              {"kappa", "steps", "fresh errors", "error", "the same error", "error"},
              {}};
  for (double k : {1e-8, 0.01, 0.1, 0.5})
    for (Index count : {10, 100}) {
      const Slope a = ratio(k, count, true), b = ratio(k, count, false);
      table.rows.push_back({k, double(count), a.value, a.error, b.value, b.error});
    }
  Evidence out;
  const Slope fresh = ratio(kappa, 100, true);
  out.value = fresh.value;
  out.uncertainty = 4 * fresh.error;
  out.control = ratio(kappa, 100, false).value;
  out.certificate =
      "With independent errors of mean square v and change delta of the exact output, the mean square is (1 - 2 kappa "
      "+ "
      "2 kappa^2) v + kappa^2 ||delta||^2 (PROOFS-SAMPLERS.md, S10): less than v for kappa < 2 v/(2 v + ||delta||^2).";
  out.tables = {table};
  return out;
}

Evidence closer_score_flow(const Context&) {
  return closer(at_flow, Direction::before, "alg1-closer-score-flow", "the score at the true flow's point");
}

Evidence closer_score_step(const Context&) {
  Evidence out = closer(over_step, Direction::before, "alg1-closer-score-step", "the mean of the score over the step");
  out.repair = "The output of the step after, mixed in, brings it closer; so does Algorithm 1's eps_LM.";
  out.repair_attacks = 6;
  return out;
}

Evidence closer_score_next(const Context&) {
  Evidence out = closer(at_next, Direction::before, "alg1-closer-score-next", "the score at the end of the step");
  out.repair = "The output of the step after, mixed in, brings it closer.";
  out.repair_attacks = 6;
  return out;
}

Evidence closer_score_corrected(const Context&) {
  return closer(over_step, Direction::corrected, "alg1-closer-score-corrected", "the mean of the score over the step");
}

}  // namespace lml::checks
