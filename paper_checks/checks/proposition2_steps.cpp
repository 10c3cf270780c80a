// Single steps of the proof of Proposition 2 (A.6).
#include "dynamics/random.hpp"
#include "paper_checks/checks/proposition2.hpp"
#include "paper_checks/checks/proposition2_common.hpp"
#include "paper_checks/shrink.hpp"
#include "theory/schedule.hpp"

namespace lml::checks {

using namespace proposition2;

Evidence prop2_identity_norm(const Context&) {
  Evidence out;
  out.control = 0;
  Table table{"norms", "The norm of 2 I against 2 and 2 sqrt(d).", {"d", "||2 I||_HS", "2 sqrt(d)"}, {}};
  for (const Index d : {1, 2, 3, 10, 784, 3072}) {
    // The squared norm is the sum of d squares 2^2, an integer: exact.
    const double norm = (2 * Vec::Ones(d)).norm();
    table.rows.push_back({double(d), norm, 2 * std::sqrt(double(d))});
    if (d == 2) out.value = norm - 2;
    out.control = std::max(out.control, std::abs(norm / (2 * std::sqrt(double(d))) - 1));
  }
  // F = I/sigma^2 of one point, through the library.
  const RationalCase one{{{{1, 1}, {0, 1}}}, {{1, 1}}, {4, 5}, {3, 5}, {{0, 1}, {0, 1}}};
  Counterexample e = one.counterexample(
      "With " + one.text() + ", F = I/sigma^2 and ||2 sigma^2 F|| = sqrt(8) = 2.828, where the proof has 2.");
  const Marginal marginal(Target::points(e.points), e.time);
  out.second = 2 * e.time.sigma * e.time.sigma * marginal.at(e.x).fisher().norm() - 2;
  out.second_tolerance = 1e-12;
  out.certificate = "exact: ||2 I||^2 = tr(4 I) = 4 d, and 4 d = 2^2 only for d = 1";
  out.smallest = std::move(e);
  out.repair = "||2 I||_HS = 2 sqrt(d)";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(std::move(table));
  return out;
}

namespace {

// (a - b)/(a + b): the excess of a norm over D_y, from -1 to 1; 0/0 is no excess.
double excess(double norm, double diameter) { return norm + diameter > 0 ? (norm - diameter) / (norm + diameter) : 0; }

}  // namespace

Evidence prop2_diameter(const Context& context) {
  Evidence out;
  const LogRatio log_ratio = [](const Case& c) {
    const Posterior<double> p = rigorous::posterior(c);
    if (!has_direction(c, p)) return -std::numeric_limits<double>::infinity();  // `lml bound` has nothing to show there
    return log_quotient(rigorous::norm(p.mean), diameter_of(c));
  };
  const auto shrunk = shrink(log_ratio, 0.02, 2, 2, {4, 100, 51}, 0.1);
  if (!shrunk) return out;
  const Case c = shrunk->smallest.rounded();
  const double norm = rigorous::norm(rigorous::posterior(c).mean), d_y = diameter_of(c);
  out.value = excess(norm, d_y);
  out.certificate = "exact: with one point y(x) is that point at every x, and D_y = 0";
  out.smallest = shrunk->smallest.counterexample("With " + shrunk->smallest.text() + " the posterior mean has norm " +
                                                 number(norm) + " and the data set the diameter " + number(d_y) + ".");
  out.smallest->command = "score";

  // What does hold: the posterior mean is within D_y of every data point.
  const LogRatio from_points = [](const Case& at) {
    const Posterior<double> p = rigorous::posterior(at);
    double farthest = 0;
    for (std::vector<double> y : at.points) {
      for (std::size_t j = 0; j < y.size(); ++j) y[j] -= p.mean[j];
      farthest = std::max(farthest, rigorous::norm(y));
    }
    return excess(farthest, diameter_of(at));
  };
  const Attacked repaired = attack_all_sizes(from_points, {1, 2, 3, 5}, {1, 2, 3, 6}, context.full, 52);
  out.control = repaired.worst_log;
  out.repair = "||y(x) - y_k|| <= D_y for every data point y_k; about the origin only D_y + min_k ||y_k|| is right";
  out.repair_attacks = repaired.attacks;

  Table table{"translation",
              "The data +-1/2 and x moved together by c (x by alpha c): the error stays, the printed bound moves. "
              "alpha = 24/25, sigma = 7/25, x - alpha c = 1/50.",
              {"c", "sigma^2 ||F - u u^T/sigma^2||", "||F - u u^T/sigma^2||", "printed bound", "corrected bound"},
              {}};
  for (const double shift : {-0.02 / 0.96, 0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 100.0}) {
    Case moved{{{shift - 0.5}, {shift + 0.5}}, {1, 1}, 0.96, 0.28, {0.02 + 0.96 * shift}};
    const Posterior<double> p = rigorous::posterior(moved);
    const double error = rigorous::fisher_error(moved, p, p.eps);
    table.rows.push_back(
        {shift, error * 0.28 * 0.28, error, bound_printed(moved), bound_corrected(1, 1, time_of(moved))});
  }
  out.tables.push_back(std::move(table));
  return out;
}

Evidence prop2_delta2(const Context&) {
  Evidence out;
  // alpha (y_theta - y) for y_theta = (x - sigma eps_theta)/alpha, over delta_2 = ||eps_theta - eps||.
  const Random random(53, 0);
  const auto shift = [&](Time t, std::uint64_t draw) {
    const Index d = 3;
    const Marginal marginal(Target::points(random.normals(draw, 0, 4, d)), t);
    const Vec x = random.normal(draw, 1, d), e = random.normal(draw, 2, d);
    const Local local = marginal.at(x);
    const Vec learned = (x - t.sigma * (local.epsilon() + e)) / t.alpha;
    return t.alpha * (learned - local.posterior_mean()).norm() / e.norm();
  };
  const Time noisy{0.6, 0.8};
  out.value = shift(noisy, 0) / noisy.alpha;
  out.second = noisy.sigma / noisy.alpha;
  out.second_tolerance = 1e-12;
  out.control = 0;
  Table table{
      "delta_2",
      "What an error delta_2 of eps_theta does to alpha y_theta, per unit of delta_2, on the schedule linear 1e-4 to "
      "0.02 (1000 steps): alpha is too small wherever sigma > alpha.",
      {"t", "alpha (printed)", "sigma", "measured"},
      {}};
  const Schedule schedule = DiscreteSchedule::linear(1e-4, 0.02, 1000);
  std::uint64_t draw = 1;
  for (const double t : {0.0, 50.0, 100.0, 200.0, 300.0, 400.0, 600.0, 800.0, 999.0}) {
    const Time now = at(schedule, t);
    const double measured = shift(now, draw++);
    table.rows.push_back({t, now.alpha, now.sigma, measured});
    out.control = std::max(out.control, measured / now.sigma);
  }
  out.repair = "an error delta_2 of eps_theta enters as sigma delta_2";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(std::move(table));
  out.certificate =
      "exact: alpha (y_theta - y) = -sigma (eps_theta - eps), so 4/5 delta_2 > 3/5 delta_2 at alpha 3/5, sigma 4/5";
  const RationalCase one{{{{0, 1}}}, {{1, 1}}, {3, 5}, {4, 5}, {{1, 1}}};  // off the point, where eps is not 0
  out.smallest = one.counterexample(
      "With " + one.text() + " and eps_theta = eps + 1, alpha ||y_theta - y|| is 4/5, where the proof allows 3/5.");
  out.smallest->command = "score";
  return out;
}

Evidence prop2_prefactors(const Context&) {
  Evidence out;
  const auto apart = [](double sigma) { return std::abs(std::log(2 / sigma) - std::log(2 * sigma * sigma)); };
  out.value = apart(0.6);
  out.second = -3 * std::log(0.6);
  out.second_tolerance = 1e-12;
  out.control = apart(1);
  Table table{"prefactors",
              "The two prefactors of Eq. 23 along the schedule linear 1e-4 to 0.02 (1000 steps).",
              {"t", "sigma", "2/sigma (line 2)", "2 sigma^2 (line 3)"},
              {}};
  const Schedule schedule = DiscreteSchedule::linear(1e-4, 0.02, 1000);
  for (const double t : {0.0, 10.0, 100.0, 300.0, 600.0, 999.0}) {
    const double sigma = at(schedule, t).sigma;
    table.rows.push_back({t, sigma, 2 / sigma, 2 * sigma * sigma});
  }
  out.tables.push_back(std::move(table));
  out.certificate =
      "exact algebra: 2/sigma = 2 sigma^2 only for sigma^3 = 1; at sigma 3/5 they are 10/3 and 18/25. No data set "
      "enters, so there is none to replay";
  out.repair = "the two prefactors agree at sigma = 1 alone";
  out.repair_attacks = 1;
  return out;
}

}  // namespace lml::checks
