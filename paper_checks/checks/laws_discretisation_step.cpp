// The bias by a finite step beside the bias by the missing div D.
#include <algorithm>
#include <cmath>

#include "dynamics/line.hpp"
#include "dynamics/random.hpp"
#include "dynamics/steppers/euler_maruyama.hpp"
#include "paper_checks/checks/laws_discretisation.hpp"
#include "paper_checks/checks/laws_discretisation_common.hpp"

namespace lml::checks {

using namespace discretisation;

namespace {

// -min F over the line, the critical damping, on a grid fine beside sigma.
double critical_damping(const Marginal& p) {
  double least = HUGE_VAL;
  for (int i = -3000; i <= 3000; ++i) least = std::min(least, p.at(Vec::Constant(1, i / 1000.0)).fisher()(0, 0));
  return std::max(0.0, -least);
}

struct Biases {
  double law;       // of Eq. 7 as printed: E_q x^2 - E_p x^2
  double step;      // of the corrected chain where the adjusted one accepts 90%
  double h, equal;  // that step; the step at which the corrected chain's bias is the law's (nan: none below `largest`)
  double acceptance_equal, largest;
  double ratio() const { return law / step; }
};

Biases biases(const Marginal& p, double lambda, double fineness) {
  const Langevin corrected = damped(p, lambda, Calculus::corrected);
  const double truth = second_moment(p), v = p.time().sigma * p.time().sigma;
  Biases out;
  const Line line({p, {Curvature::exact, lambda}}, 0, 20);
  out.law = line.variance() + line.mean() * line.mean() - truth;
  // In the tails D s -> -x/(1 + lambda sigma^2): a tenth below the largest stable step.
  out.largest = 1.8 * (1 + lambda * v);
  const auto acceptance = [&](double h) { return metropolis_acceptance(corrected, h, fineness); };
  const auto bias = [&](double h) { return euler_law(corrected, h, fineness).second_moment - truth; };
  out.h = step_at(0.9, 4e-3 * lambda, out.largest, 14, acceptance);
  out.step = bias(out.h);
  const auto short_of_law = [&](double h) { return out.law - bias(h); };
  out.equal = out.acceptance_equal = std::nan("");
  double low = out.h / 16, high = out.h;
  for (; high < out.largest && short_of_law(high) > 0; high *= 1.5) low = high;
  if (high < out.largest) {
    out.equal = step_at(0, low, high, 10, short_of_law);
    out.acceptance_equal = acceptance(out.equal);
  }
  return out;
}

// E x^2 of the corrected chain on two points +-1 by running it, from formulas of its own:
//   t = tanh(alpha x/sigma^2), F = (1 - (alpha^2/sigma^2)(1 - t^2))/sigma^2, F' = 2 (alpha^3/sigma^6) t (1 - t^2),
//   D = 1/(F + lambda), D' = -D^2 F'.
// 20,000 chains from draws of p for 160 steps, the last 100 in the average. Error: one standard error.
Limit simulated_second_moment(double alpha, double sigma, double lambda, double h) {
  const Random random(61, 0);
  constexpr std::uint64_t chains = 20000, steps = 160, skipped = 60;
  const double v = sigma * sigma;
  double sum = 0, square = 0;
  for (std::uint64_t i = 0; i < chains; ++i) {
    double x = (i % 2 ? alpha : -alpha) + sigma * random.normal(i, 0, 1)[0], own = 0;
    Vec normals;
    for (std::uint64_t j = 0; j < steps; ++j) {
      if (j % 4 == 0) normals = random.normal(i, 1 + j / 4, 4);
      const double t = std::tanh(alpha * x / v), rest = 1 - t * t;
      const double d = 1 / ((1 - alpha * alpha / v * rest) / v + lambda);
      const double slope = -d * d * 2 * std::pow(alpha / v, 3) * t * rest;
      x += h * (slope - d * (x - alpha * t) / v) + std::sqrt(2 * h * d) * normals[Index(j % 4)];
      if (j >= skipped) own += x * x / double(steps - skipped);
    }
    sum += own;
    square += own * own;
  }
  const double mean = sum / chains;
  return {mean, std::sqrt((square / chains - mean * mean) / chains)};
}

}  // namespace

Evidence step_bias(const Context& ctx) {
  const double fineness = ctx.full ? 0.15 : 0.3;
  Table table{"prop3-step-bias",
              "Bias of E x^2 by the missing div D (law of Eq. 7 as printed, exact metric) and by the step (corrected "
              "chain, at the step where the adjusted chain accepts 90%); then the step at which the two are equal and "
              "the acceptance there (nan: not below nine tenths of the largest stable step). lambda in units of the "
              "critical damping",
              {"target", "lambda/lambda*", "law", "step", "ratio", "h at 90%", "equal at h", "acceptance there",
               "nine tenths of stable h"},
              {},
              {}};
  Evidence out;
  out.value = -HUGE_VAL;
  out.control = -HUGE_VAL;
  for (const Named& t : targets()) {
    if (t.name == "N(0, 1)") continue;  // D is constant: no bias of the law
    const double critical = critical_damping(t.p);
    for (double multiple : {1.5, 2.0, 3.0, 5.0, 10.0, 30.0}) {
      const Biases b = biases(t.p, multiple * critical, fineness);
      table.labels.push_back(t.name);
      table.rows.push_back({multiple, b.law, b.step, b.ratio(), b.h, b.equal, b.acceptance_equal, b.largest});
      if (multiple == 30) out.control = std::max(out.control, b.ratio());
      if (t.name != "two points" || multiple != 2) continue;
      out.value = b.ratio();
      // The error falls like fineness^2 (of the acceptance rate), so that half of it is what 0.7 takes off.
      out.uncertainty = 2 * std::abs(b.ratio() - biases(t.p, multiple * critical, 0.7 * fineness).ratio());
      // The chain by running it; the law by the uncorrected chain as its step goes to 0.
      const double truth = second_moment(t.p), lambda = multiple * critical;
      const Limit run = simulated_second_moment(t.p.time().alpha, t.p.time().sigma, lambda, b.h);
      const Limit law = limit(0.004 * lambda, [&](double h) {
        return euler_law(damped(t.p, lambda, Calculus::ito), h, fineness).second_moment - truth;
      });
      out.second = law.value / (run.value - truth);
      out.second_tolerance = *out.second * (4.5 * run.error / (run.value - truth) + law.error / law.value);
    }
  }
  Counterexample c;
  c.command = "score";
  c.points = Points{{1.0}, {-1.0}};
  c.time = {0.8, 0.6};
  c.x = Vec::Zero(1);
  c.sentence =
      "Two data points at +-1, alpha 4/5, sigma 3/5, lambda = 350/81, twice the critical damping: at the step where "
      "nine "
      "of ten proposals are accepted the missing div D biases E x^2 more than twice as much as the step does.";
  out.smallest = c;
  out.repair =
      "The step outweighs the missing div D only far above the critical damping, where the metric hardly depends on x.";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

namespace {

// Rank-one metric with lambda, p = N(0, I_d) (sigma = 1): E|x'|^2 = (1 - h b)^2 E|x|^2 + 2 h b + 2 h (d-1) a, with
// a = 1/lambda across and b = 1/(1 + lambda) along x. Relative to d:
struct RankOneBias {
  double law;   // E|x|^2/d - 1 of the equation, h -> 0: ((d-1)/d)/lambda
  double step;  // what the step multiplies it by, less 1: (h b/2)/(1 - h b/2)
};
RankOneBias rank_one_bias(double d, double damping, double share_of_stable) {
  return {(d - 1) / d / damping, share_of_stable / (1 - share_of_stable)};
}

// The same ratio out of the stepper itself: E|x'|^2 is the square of the mean step plus the squares of what each normal
// adds, at two radii; it is affine in |x|^2, and the stationary value follows.
double stepped_ratio(Index d, double damping, double share_of_stable) {
  // One point at 0 at time (0.6, 1): p = N(0, I)
  const Marginal p(Target::points(Points::Zero(1, d)), {0.6, 1.0});
  const Langevin law{{p, {Curvature::rank_one, damping}}, Calculus::ito};
  const auto stationary = [&](double h) {
    const auto after = [&](double radius) {
      const Vec x = radius * Vec::Unit(d, 0);
      const Vec still = EulerMaruyama::step(law, x, h, {Vec::Zero(d)});
      double out = still.squaredNorm();
      for (Index j = 0; j < d; ++j) out += (EulerMaruyama::step(law, x, h, {Vec::Unit(d, j)}) - still).squaredNorm();
      return out;
    };
    const double one = after(1), two = after(2), slope = (two - one) / 3;
    return (one - slope) / (1 - slope);
  };
  const double largest = 2 * (1 + damping), law_value = stationary(1e-6 * largest);
  return (law_value / double(d) - 1) / (stationary(share_of_stable * largest) / law_value - 1);
}

}  // namespace

Evidence step_bias_rank_one(const Context&) {
  Table table{
      "prop3-step-bias-rank-one",
      "Rank-one metric on N(0, sigma^2 I_d), Eq. 7 as printed: relative bias of E|x|^2 by the missing div D, by a "
      "step of half the largest stable one, their ratio, and the share of the largest stable step at which the "
      "two are equal",
      {"d", "lambda sigma^2", "law", "step", "ratio", "equal at"},
      {}};
  for (double d : {2.0, 10.0, 100.0, 3072.0})
    for (double damping : {1e-6, 1e-3, 0.1, 1.0, 10.0, 100.0}) {
      const RankOneBias b = rank_one_bias(d, damping, 0.5);
      table.rows.push_back({d, damping, b.law, b.step, b.law / b.step, b.law / (1 + b.law)});
    }
  Evidence out;
  const RankOneBias b = rank_one_bias(2, 0.1, 0.5), far = rank_one_bias(2, 100, 0.5);
  out.value = b.law / b.step;
  out.uncertainty = 1e-12;
  out.control = far.law / far.step;
  out.second = stepped_ratio(2, 0.1, 0.5);
  out.second_tolerance = 1e-4 * out.value;  // the law is taken at 1e-6 of the largest step
  out.certificate =
      "Exact algebra (theory/PROOFS-DISCRETISATION.md, 3): E|x'|^2 = (1 - h b)^2 E|x|^2 + 2 h (b + (d-1) a), a = "
      "1/lambda, b = 1/(1/sigma^2 + lambda), so "
      "E|x|^2 = sigma^2 (1 + (d-1)(1 + 1/(lambda sigma^2)))/(1 - h b/(2 sigma^2)); the two biases are equal at "
      "(d-1)/(d-1 "
      "+ d lambda sigma^2) of the largest stable step.";
  Counterexample c;
  c.command = "score";
  c.points = Points::Zero(1, 2);
  c.time = {0.6, 0.8};
  c.x = Vec::Constant(2, 0.8);
  c.sentence =
      "One data point at 0 in the plane, alpha 3/5, sigma 4/5, lambda 5/32: the missing div D makes E|x|^2 six times "
      "p's, "
      "half the largest stable step doubles that.";
  out.smallest = c;
  out.repair =
      "At half the largest stable step the step outweighs the missing div D exactly where lambda sigma^2 >= 1 - 1/d; "
      "at "
      "dampings where the metric does anything (lambda sigma^2 < 1) the law's own bias is the larger one.";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

}  // namespace lml::checks
