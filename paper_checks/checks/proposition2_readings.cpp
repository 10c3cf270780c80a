#include <algorithm>
#include <stdexcept>

#include "dynamics/random.hpp"
#include "paper_checks/checks/proposition2.hpp"
#include "paper_checks/checks/proposition2_common.hpp"
#include "paper_checks/shrink.hpp"

namespace lml::checks {
namespace proposition2 {

Attacked attack_all_sizes(const LogRatio& log_ratio, const std::vector<std::size_t>& dims,
                          const std::vector<std::size_t>& sizes, bool full, std::uint64_t seed) {
  Attacked out{-std::numeric_limits<double>::infinity(), {}, 0, {}};
  for (const std::size_t d : dims)
    for (const std::size_t size : sizes)
      for (const bool free_weights : {false, true}) {
        if (size == 1 && free_weights) continue;
        const FoundCase found =
            attack(log_ratio, {d, size, 0.02, free_weights}, {full ? 60 : 10, full ? 1000 : 300, seed});
        out.attacks += found.attacks;
        out.rows.push_back({double(d), double(size), double(free_weights), std::exp(found.value)});
        if (out.worst.x.empty() || found.value > out.worst_log) {
          out.worst_log = found.value;
          out.worst = found.worst;
        }
      }
  return out;
}

namespace {

LogRatio against_printed(Reading reading) {
  return [reading](const Case& c) {
    const Posterior<double> p = rigorous::posterior(c);
    if (!has_direction(c, p)) return -std::numeric_limits<double>::infinity();
    return log_quotient(rigorous::reading_error(reading, c, p), bound_printed(c));
  };
}

// What holds instead, reading by reading (theory/PROOFS.md, Theorems 3 and 4).
double repaired_bound(Reading reading, const Case& c, const Posterior<double>& p) {
  if (reading != Reading::true_r)
    return sigma_power(reading, c.sigma) * bound_optimal(Index(c.dim()), diameter_of(c), time_of(c));
  const double q = c.alpha * diameter_of(c) / c.sigma, squeeze = std::max(1.0, q * q / 4 - 1);
  return std::sqrt(double(c.dim() - 1)) * squeeze * squeeze + rigorous::norm(p.eps) * q * q * q / 4;
}

LogRatio against_repaired(Reading reading) {
  return [reading](const Case& c) {
    const Posterior<double> p = rigorous::posterior(c);
    if (!has_direction(c, p)) return -std::numeric_limits<double>::infinity();
    return log_quotient(rigorous::reading_error(reading, c, p), repaired_bound(reading, c, p));
  };
}

// The same ratio from the library that the rest of the testbed uses, which shares no code with rigorous.hpp.
double library_ratio(Reading reading, const Counterexample& e) {
  const Marginal marginal(Target::points(e.points, e.weights), e.time);
  const Local local = marginal.at(e.x);
  const double s2 = e.time.sigma * e.time.sigma;
  const Vec u = noise_direction(local, e.x, marginal).value();
  const double bound = bound_paper(e.x.norm(), 0, 0, diameter(e.points).value, e.time);
  if (reading != Reading::true_r)
    return sigma_power(reading, e.time.sigma) * rank_one_error(local.fisher(), u, e.time.sigma).error_fisher / bound;
  // With g = x - alpha y = -sigma^2 s: sum_c g_c d_a d_b g_c = sigma^4 sum_c s_c T_abc.
  const Index d = e.x.size();
  const Mat j = s2 * local.fisher(), across = Mat::Identity(d, d) - u * u.transpose();
  Mat m = j * across * j;
  for (Index b = 0; b < d; ++b) m.col(b) += s2 * s2 * local.third(Vec::Unit(d, b), local.score());
  return m.norm() / bound;
}

// Share of random cases in which the printed bound holds, cell by cell.
Table map_of(Reading reading) {
  Table out{
      "map",
      "Where the printed bound holds: 12 random data sets of 5 points (1 point at D_y = 0) around the origin a row, "
      "x in a random direction; delta_1 = ||x||, alpha^2 + sigma^2 = 1.",
      {"d", "D_y", "sigma", "||x||/sqrt(d)", "share that holds", "largest error/bound", "median error/bound"},
      {}};
  const Random random(2, 0);
  const LogRatio log_ratio = against_printed(reading);
  constexpr std::uint64_t draws = 12;
  std::uint64_t cell = 0;
  for (const std::size_t d : {1, 2, 4, 8, 32})
    for (const double diameter : {0.0, 1.0, 8.0, 32.0})
      for (const double sigma : {0.02, 0.1, 0.3, 0.6, 0.9, 0.999})
        for (const double reach : {0.03, 0.3, 1.0, 3.0}) {
          std::vector<double> ratios;
          long hold = 0;
          for (std::uint64_t i = 0; i < draws; ++i) {
            Case c;
            c.sigma = sigma;
            c.alpha = std::sqrt(1 - sigma * sigma);
            const Vec direction = random.normal(cell * draws + i, 0, Index(d));
            for (std::size_t a = 0; a < d; ++a)
              c.x.push_back(reach * std::sqrt(double(d)) * direction[Index(a)] / direction.norm());
            const std::size_t size = diameter == 0 ? 1 : 5;
            for (std::size_t k = 0; k < size; ++k) {
              const Vec y = diameter == 0 ? Vec(Vec::Zero(Index(d))) : random.normal(cell * draws + i, 1 + k, Index(d));
              c.points.emplace_back(y.data(), y.data() + y.size());
            }
            c.weights.assign(size, 1.0);
            const double now = diameter_of(c);
            for (auto& y : c.points)
              for (double& v : y) v *= now > 0 ? diameter / now : 0;
            ratios.push_back(std::exp(log_ratio(c)));
            hold += ratios.back() <= 1 + rounding;
          }
          std::sort(ratios.begin(), ratios.end());
          out.rows.push_back({double(d), diameter, sigma, reach, double(hold) / double(draws), ratios.back(),
                              0.5 * (ratios[draws / 2 - 1] + ratios[draws / 2])});
          ++cell;
        }
  return out;
}

struct TargetAttack {
  double ratio = 0;
  Vec x;
  Time time{1, 1};
  long attacks = 0, cases = 0;  // evaluations, and those of them at which u exists
};

// The largest error over bound, over x and t on a given data set.
TargetAttack attack_target(Reading reading, const Target& target, bool repaired) {
  const Index d = target.dim();
  const Vec mean = target.mean();
  const double d_y = diameter(target.means()).value, farthest = target.means().rowwise().norm().maxCoeff();
  const bool large = double(target.size()) * double(d) > 1e5 || d > 64;
  const auto decode = [&](const Vec& p, Vec& x, Time& t) {
    const double fraction = 0.5 + 0.5 * std::tanh(p[0]);
    t.sigma = std::exp(std::log(0.02) * (1 - fraction) + std::log(0.999) * fraction);
    t.alpha = std::sqrt(1 - t.sigma * t.sigma);
    x = t.alpha * p[1] * mean + (t.sigma * std::exp(4 * std::tanh(p[2] / 2))) * p.tail(d);
  };
  TargetAttack out;
  const Found found = maximise(
      [&](const Vec& p) {
        Vec x;
        Time t{1, 1};
        decode(p, x, t);
        const Marginal p_t(target, t);
        const Local local = p_t.at(x);
        const Vec eps = local.epsilon();
        // As has_direction: rounding moves u by less than 1e-11.
        if (!(eps.norm() > 1e-5 * (x.norm() + t.alpha * farthest) / t.sigma))
          return -std::numeric_limits<double>::infinity();
        ++out.cases;
        const Vec u = eps.normalized();
        // From C rather than F: F - u u^T/sigma^2 cancels where alpha D_y/sigma is small.
        Mat m = -std::pow(t.alpha / t.sigma, 2) * local.posterior_covariance();
        m.diagonal().array() += 1;
        m -= u * u.transpose();
        const double power = sigma_power(reading, t.sigma), error = power * m.norm() / (t.sigma * t.sigma);
        return log_quotient(error, repaired ? power * bound_optimal(d, d_y, t) : bound_paper(x.norm(), 0, 0, d_y, t));
      },
      3 + d, {large ? 2 : 12, large ? 20 : 300, 5});
  if (out.cases == 0) throw std::domain_error("at no point of the search does the noise prediction have a direction");
  out.ratio = std::exp(found.value);
  out.attacks = found.attacks;
  decode(found.at, out.x, out.time);
  return out;
}

// Why the printed bound holds on a data set at every x and every time of a variance-preserving process, or nothing.
std::string proof_that_printed_holds(Reading reading, Index d, double d_y) {
  if (d > 1) return {};
  if (d_y == 0)
    return "proof (theory/PROOFS.md, Lemma 6): for one data point in one dimension F = 1/sigma^2 = u u^T/sigma^2, so "
           "the "
           "error is 0";
  // With q = alpha D_y/sigma: remainder <= q^2/4, printed >= 2 alpha D_y (1 + q^2). So their ratio is at most
  // 1/(16 sigma), as q/(1 + q^2) <= 1/2, and at most 1/(8 alpha D_y).
  constexpr double least = 0.1253;  // (1/8)/sqrt(1 - 1/256), rounded up
  if (reading == Reading::remainder && d_y >= least)
    return "proof (theory/PROOFS.md, Lemma 6): in one dimension the error is at most q^2/4, q = alpha D_y/sigma, and "
           "the printed bound at least 2 "
           "alpha D_y (1 + q^2); their ratio is at most 1/(16 sigma), enough for sigma >= 1/16, and at most 1/(8 alpha "
           "D_y), enough for sigma < 1/16 as D_y >= 0.1253";
  return {};
}

Case as_case(const Target& target, const TargetAttack& at) {
  Case c;
  for (Index k = 0; k < target.size(); ++k) {
    const Vec y = target.means().row(k).transpose();
    c.points.emplace_back(y.data(), y.data() + y.size());
    c.weights.push_back(std::exp(target.log_weights()[k]));
  }
  c.alpha = at.time.alpha;
  c.sigma = at.time.sigma;
  c.x.assign(at.x.data(), at.x.data() + at.x.size());
  return c;
}

Evidence on_target(Reading reading, const Target& target) {
  if (!target.is_points())
    throw std::domain_error("the printed bound needs the diameter of the data, and this target's support is unbounded");
  const Index d = target.dim();
  const double d_y = diameter(target.means()).value;
  const TargetAttack worst = attack_target(reading, target, false);
  const bool violated = worst.ratio > 1 + rounding;
  Evidence out;
  out.value = worst.ratio;
  out.certificate = proof_that_printed_holds(reading, d, d_y);
  if (!violated && out.certificate.empty())
    throw std::domain_error("no violation found by " + std::to_string(worst.attacks) +
                            " attacks, which is not a proof; largest error/bound " + number(worst.ratio));
  // One point in the plane: the printed bound fails as x tends to 0, the optimal one is attained at every x.
  const Target plane = Target::points(Points::Zero(1, 2));
  out.control = attack_target(reading, violated ? target : plane, true).ratio;
  out.other_control = attack_target(reading, plane, false).ratio;
  out.repair_attacks = violated ? worst.attacks : 0;
  if (double(target.size()) * double(d) <= 1e5 && worst.ratio > 0) {
    const Case c = as_case(target, worst);
    out.second = rigorous::reading_error(reading, c, rigorous::posterior(c)) / bound_printed(c);
    out.second_tolerance = 1e-6 * out.value;
  }
  if (violated && target.size() * d <= 1000)
    out.smallest = Counterexample{
        "bound",    target.means(), target.log_weights().array().exp(),
        worst.time, worst.x,        "On this target the error is " + number(worst.ratio) + " times the printed bound.",
        {}};
  return out;
}

Evidence check_reading(Reading reading, const Context& context, const char* what) {
  if (context.target && reading != Reading::true_r) return on_target(reading, *context.target);
  Evidence out;
  // The Hessian of the true r has no field of its own in `lml bound`: ask for a case that its remainder refutes as
  // well.
  const LogRatio printed = against_printed(reading), remainder = against_printed(Reading::remainder);
  const LogRatio replayable = [&](const Case& c) {
    return reading == Reading::true_r ? std::min(printed(c), remainder(c)) : printed(c);
  };
  const auto shrunk = shrink(replayable, 0.02, 3, 3, {20, 400, 3}, 0.005);
  if (!shrunk) return out;
  const Enclosure proven = enclose(reading, shrunk->smallest);
  if (!proven.refutes()) return out;
  out.value = proven.error.low / proven.bound.high;
  out.certificate = shrunk->smallest.text() + ": " + proven.text();
  out.smallest = shrunk->smallest.counterexample("With " + shrunk->smallest.text() + " " + what + " is " +
                                                 number(proven.error.low) + ", the printed bound " +
                                                 number(proven.bound.high) + ".");
  out.second = library_ratio(reading, *out.smallest);
  out.second_tolerance = 1e-9 * out.value;

  // The plainest failure needs two dimensions but one point alone: at x = 0 the printed bound is 0.
  const RationalCase one_point{{{{1, 1}, {0, 1}}}, {{1, 1}}, {4, 5}, {3, 5}, {{0, 1}, {0, 1}}};
  const Enclosure plain = enclose(reading, one_point);
  if (plain.refutes()) out.certificate += ". And with " + one_point.text() + ": " + plain.text();

  const std::vector<std::size_t> dims{1, 2, 3, 5, 8}, sizes{1, 2, 3, 6};
  const Attacked worst = attack_all_sizes(printed, dims, sizes, context.full, 11);
  out.tables.push_back(
      {"attack",
       "Worst violation found per size of data set, sigma >= 0.02; the ratio has no upper limit for d >= 2 "
       "(one point, x to 0).",
       {"d", "points", "free weights", "largest error/bound"},
       worst.rows});
  out.tables.push_back(map_of(reading));
  const Attacked repaired = attack_all_sizes(against_repaired(reading), dims, sizes, context.full, 12);
  out.control = std::exp(repaired.worst_log);
  out.repair_attacks = repaired.attacks;
  out.tables.push_back({"repair",
                        "The same attack against the repaired bound.",
                        {"d", "points", "free weights", "largest error/bound"},
                        repaired.rows});
  return out;
}

}  // namespace
}  // namespace proposition2

using namespace proposition2;

Evidence prop2_fisher(const Context& context) {
  Evidence out = check_reading(Reading::fisher, context, "||F - u u^T/sigma^2||");
  out.repair = "||F - u u^T/sigma^2|| <= sqrt(d - 1 + (alpha D_y/(2 sigma))^4)/sigma^2";
  return out;
}

Evidence prop2_jacobian(const Context& context) {
  Evidence out = check_reading(Reading::jacobian, context, "||d eps/dx - u u^T/sigma||");
  out.repair = "||d eps/dx - u u^T/sigma|| <= sqrt(d - 1 + (alpha D_y/(2 sigma))^4)/sigma";
  return out;
}

Evidence prop2_remainder(const Context& context) {
  Evidence out = check_reading(Reading::remainder, context, "sigma^2 ||F - u u^T/sigma^2||");
  out.repair = "sigma^2 ||F - u u^T/sigma^2|| <= sqrt(d - 1 + (alpha D_y/(2 sigma))^4)";
  return out;
}

Evidence prop2_true_r(const Context& context) {
  Evidence out = check_reading(Reading::true_r, context, "||r Hess r||");
  out.repair =
      "||r Hess r|| <= sqrt(d - 1) max(1, q^2/4 - 1)^2 + ||eps|| q^3/4 with q = alpha D_y/sigma, r = ||x - alpha "
      "y(x)||";
  return out;
}

}  // namespace lml::checks
