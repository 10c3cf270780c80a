// The unadjusted chain beside the Metropolis-adjusted one.
#include "paper_checks/checks/laws_discretisation.hpp"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <cmath>

#include "dynamics/line.hpp"
#include "paper_checks/checks/laws_discretisation_common.hpp"

namespace lml::checks {

using namespace discretisation;
namespace {

// First order of ULA's law, p (1 + h (g - E g)): invariance of the chain at order h^2 reads
//   (p g')' = -[(a^2 p)''/2 - (a p)''' + p''''/2] = (a' p)''/2   (p' = a p),   so g = a'/2 + a^2/4,  a = s.
// The total variation over h tends to  E |g - E g|/2.
double first_order(const Marginal& p) {
  constexpr int n = 20000;  // trapezoidal rule over [-10, 10]: exact but for the kinks, 1e-6
  std::vector<std::pair<double, double>> nodes;
  double mean = 0, out = 0;
  for (int i = 0; i <= n; ++i) {
    const Local local = p.at(Vec::Constant(1, -10 + 20.0 * i / n));
    const double s = local.score()[0], mass = 20.0 / n * std::exp(local.log_density());
    nodes.emplace_back(mass, 0.25 * s * s - 0.5 * local.fisher()(0, 0));
    mean += mass * nodes.back().second;
  }
  for (const auto& [mass, g] : nodes) out += 0.5 * mass * std::abs(g - mean);
  return out;
}

double variation(const Langevin& law, double h, double fineness) { return euler_law(law, h, fineness).total_variation; }

// log2 of the fall of the total variation from h to h/2, and how much of it the grid decides.
Limit order(const Langevin& law, double h, double fineness) {
  const auto at = [&](double f) { return std::log2(variation(law, h, f) / variation(law, 0.5 * h, f)); };
  const double fine = at(fineness);
  return {fine, std::abs(fine - at(1.5 * fineness))};
}

}  // namespace

Evidence metropolis_langevin(const Context& ctx) {
  const double fineness = ctx.full ? 0.15 : 0.3, h = ctx.full ? 0.004 : 0.01;
  Table table{
      "sec21-metropolis",
      "Langevin (Eq. 1) without the Metropolis step: distance of the chain's stationary law from p, what theory "
      "predicts for it to first order in the step, the relative error of E x^2, and how many proposals the "
      "adjusted chain accepts",
      {"target", "step", "total variation", "first order", "E x^2", "acceptance"},
      {},
      {}};
  Evidence out;
  out.value = HUGE_VAL;
  for (const Named& t : targets()) {
    const Langevin law = plain(t.p);
    const double constant = first_order(t.p);
    for (double step : {0.4, 0.2, 0.1, 0.05, 0.02, 0.01}) {
      const ChainLaw chain = euler_law(law, step, fineness);
      table.labels.push_back(t.name);
      table.rows.push_back({step, chain.total_variation, step * constant, chain.second_moment / second_moment(t.p) - 1,
                            metropolis_acceptance(law, step, 0.2)});
    }
    const Limit measured = order(law, h, fineness);
    if (measured.value > out.value) continue;
    out.value = measured.value;
    out.uncertainty = measured.error;
    // The same with theory in place of the finer chain; theory leaves out terms of relative size h.
    out.second = std::log2(variation(law, h, fineness) / (0.5 * h * constant));
    out.second_tolerance = 4 * h + measured.error;
  }
  out.control = order(damped(two_points(), 3, Calculus::ito), h, fineness).value;
  out.certificate =
      "Expansion of the chain's invariance in h (theory/PROOFS-DISCRETISATION.md, 1): its law is p (1 + h (g - E g)) + "
      "O(h^2) with g = s'/2 + s^2/4 (one "
      "dimension); for N(0, v) it is N(0, v/(1 - h/(2 v))) at every h < 2 v.";
  out.tables.push_back(table);
  return out;
}

Evidence metropolis_damped(const Context& ctx) {
  const double fineness = ctx.full ? 0.2 : 0.3;
  Table table{
      "sec21-metropolis-damped",
      "Exact damped metric: distance of the unadjusted chain's law from p at a step h (in units of lambda), "
      "extrapolated to h = 0, that of the law of the equation itself (spectral elements), and how many proposals "
      "the adjusted chain accepts at this h",
      {"target and drift", "lambda", "h/lambda", "total variation", "limit", "law of the equation", "acceptance"},
      {},
      {}};
  struct Form {
    std::string name;
    Calculus calculus;
    double theta;
  };
  Evidence out;
  out.value = HUGE_VAL;
  out.control = 0;
  for (const Named& t : targets()) {
    if (t.name == "N(0, 1)") continue;  // D is constant there
    for (double lambda : {3.0, 6.0, 20.0})
      for (const Form& form : {Form{"no div D", Calculus::ito, 0}, Form{"Stratonovich", Calculus::stratonovich, 0.5},
                               Form{"all of div D", Calculus::corrected, 1}}) {
        const Langevin law = damped(t.p, lambda, form.calculus);
        const double h = (ctx.full ? 0.002 : 0.004) * lambda;
        const Limit chain = limit(h, [&](double step) { return variation(law, step, fineness); });
        const double exact = Line(law.metric, form.theta, 20).divergences().total_variation;
        table.labels.push_back(t.name + ", " + form.name);
        table.rows.push_back({lambda, 0.25 * h / lambda, variation(law, 0.25 * h, fineness), chain.value, exact,
                              metropolis_acceptance(law, 0.25 * h, 0.2)});
        if (form.theta == 1) out.control = std::max(out.control, chain.value);
        if (form.theta != 0 || chain.value > out.value) continue;
        out.value = chain.value;
        out.uncertainty = chain.error;
        out.second = exact;
        out.second_tolerance = 3 * chain.error + 2e-4 * exact;
      }
  }
  Counterexample c;
  c.command = "score";
  c.points = Points{{1.0}, {-1.0}};
  c.time = {0.8, 0.6};
  c.x = Vec::Zero(1);
  c.sentence =
      "Two data points at +-1, alpha 4/5, sigma 3/5, lambda 3: as the step goes to 0 the adjusted chain accepts every "
      "proposal, and the unadjusted one tends to q ~ p (F + lambda), a seventh of total variation away from p.";
  out.smallest = c;
  out.certificate =
      "In one dimension the law of the equation is p (F + lambda) normalised (its probability flux vanishes), and it "
      "is "
      "p only where F is constant; the chain tends to it as h -> 0.";
  out.repair =
      "With all of div D in the drift the law of the unadjusted chain tends to p, and its distance is of the order of "
      "the step; without it only the Metropolis step removes a bias that no step size removes, although nearly all "
      "proposals are accepted.";
  out.repair_attacks = 6;
  out.tables.push_back(table);
  return out;
}

namespace {

// MALA on N(0, I_d), step h: the log ratio is h (|x|^2 - |y|^2)/4, so the rate is 2 P(|y| < |x|). |y|^2 - |x|^2 is a
// sum of d independent forms in (x_i, xi_i) of eigenvalues (h^2 +- sqrt(h^4 + 8 h))/2: a ratio of two chi-squared.
double gaussian_acceptance(double d, double h) {
  const double s = std::sqrt(h * h * h * h + 8 * h), ratio = (s - h * h) / (s + h * h);
  return 2 * boost::math::ibeta(0.5 * d, 0.5 * d, ratio / (1 + ratio));
}

// Between N(0, I_d) and ULA's law N(0, I_d/(1 - h/2)); the densities cross on one sphere.
double gaussian_variation(double d, double h) {
  const double shrink = 1 - 0.5 * h, square = -d * std::log(shrink) / (0.5 * h);
  return boost::math::gamma_p(0.5 * d, 0.5 * square) - boost::math::gamma_p(0.5 * d, 0.5 * square * shrink);
}

double gaussian_step(double d, double acceptance) {
  return step_at(acceptance, 1e-9, 1.9, 200, [&](double h) { return gaussian_acceptance(d, h); });
}

}  // namespace

Evidence metropolis_acceptance_rate(const Context& ctx) {
  Table table{"sec21-metropolis-acceptance",
              "Langevin on N(0, I_d), closed forms: the step at which the adjusted chain accepts this share of its "
              "proposals, and how far the unadjusted chain's law is then from p (total variation, relative error of "
              "E|x|^2)",
              {"d", "acceptance", "step", "total variation", "E|x|^2"},
              {}};
  for (double d : {1.0, 10.0, 100.0, 784.0, 3072.0})
    for (double a : {0.574, 0.8, 0.9, 0.99, 0.999}) {
      const double h = gaussian_step(d, a);
      table.rows.push_back({d, a, h, gaussian_variation(d, h), 1 / (1 - 0.5 * h) - 1});
    }
  Table line{"sec21-metropolis-acceptance-line",
             "The same by transition densities for targets on the line",
             {"target", "acceptance", "step", "total variation"},
             {},
             {}};
  const double fineness = ctx.full ? 0.1 : 0.2;
  const auto measured = [&](const Marginal& p, double a) {
    const Langevin law = plain(p);
    const double h = step_at(a, 1e-3, 1.2, 30, [&](double step) { return metropolis_acceptance(law, step, fineness); });
    return std::pair(h, variation(law, h, 0.5 * fineness));
  };
  for (const Named& t : targets())
    for (double a : {0.9, 0.99, 0.999}) {
      const auto [h, distance] = measured(t.p, a);
      line.labels.push_back(t.name);
      line.rows.push_back({a, h, distance});
    }
  Evidence out;
  const double h = gaussian_step(1, 0.9);
  out.value = gaussian_variation(1, h);
  out.uncertainty = 1e-10;
  out.control = gaussian_variation(1, gaussian_step(1, 0.999));
  out.second = line.rows[0][2];
  out.second_tolerance = 0.02 * out.value;  // the rate's error 0.01 fineness^2 = 4e-4 of 0.1, and the grid's
  out.certificate =
      "Closed forms (theory/PROOFS-DISCRETISATION.md, 2): at h = 1/2 MALA on N(0, 1) accepts (4/pi) atan sqrt((sqrt 65 "
      "- 1)/(sqrt 65 + 1)) > 0.92 of its "
      "proposals and ULA's law is N(0, 4/3), whose variance is a third too large.";
  Counterexample c;
  c.command = "score";
  c.points = Points::Zero(1, 1);
  c.time = {0.6, 0.8};
  c.x = Vec::Constant(1, 0.8);
  c.sentence =
      "One data point at 0, alpha 3/5, sigma 4/5, so p = N(0, 16/25), step 8/25: more than 92% of the proposals are "
      "accepted, and without the Metropolis step the variance is 4/3 of p's.";
  out.smallest = c;
  out.repair =
      "One minus the acceptance rate is of the order of h^(3/2) and the distance of the order of h: on the line 99.9% "
      "go with less than 1%. At a fixed rate the distance grows with the dimension, so no rate is enough for all d.";
  out.repair_attacks = long(table.rows.size() + line.rows.size());
  out.tables = {table, line};
  return out;
}

}  // namespace lml::checks
