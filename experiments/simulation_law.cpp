#include "experiments/simulation_law.hpp"

#include <algorithm>
#include <cmath>

#include "dynamics/ensemble.hpp"
#include "dynamics/grid_box.hpp"
#include "experiments/errors.hpp"
#include "experiments/law_answers.hpp"
#include "experiments/law_output.hpp"
#include "experiments/mpi_processes.hpp"
#include "experiments/progress.hpp"
#include "experiments/store.hpp"

namespace lml {
namespace {

struct Simulation {
  std::string integrator = "euler_maruyama";
  double step, time, burn_in;
  long long particles;
};

constexpr double most_steps = 1e15;  // exact as float64, and more than anybody will wait for

double positive(const Reader& number) {
  const double v = number.number();
  if (!(v > 0)) number.fail("must be > 0, is " + digits(v));
  return v;
}

Simulation read_simulation(const Object& spec, const Metric& metric, Calculus calculus) {
  Simulation s;
  if (const auto integrator = spec.find("integrator")) {
    s.integrator = integrator->one_of({"euler_maruyama", "heun", "weak2", "metropolis", "ula", "mala", "baoab"});
    const bool reads_metric = s.integrator != "ula" && s.integrator != "mala" && s.integrator != "baoab";
    if (!reads_metric && metric.spec().curvature != Curvature::identity)
      integrator->fail("is for the identity only; euler_maruyama, heun, weak2 and metropolis take any metric");
    const bool constant =
        metric.spec().curvature == Curvature::identity || metric.spec().curvature == Curvature::constant;
    if (s.integrator == "metropolis" && calculus != Calculus::corrected && !constant)
      integrator->fail("keeps the target whatever the drift: its calculus is corrected");
  }
  s.step = positive(spec.at("step"));
  s.particles = spec.at("particles").integer(2, 1'000'000'000'000);
  s.time = positive(spec.at("time"));
  s.burn_in = s.time / 4;
  if (const auto burn_in = spec.find("burn_in")) {
    s.burn_in = burn_in->number();
    if (!(s.burn_in >= 0 && s.burn_in < s.time)) burn_in->fail("must be >= 0 and below time");
  }
  if (!(s.time / s.step <= most_steps)) spec.at("step").fail("makes too many steps: time/step is above 1e15");
  if (!(std::round((s.time - s.burn_in) / s.step) >= 2))
    spec.at("time").fail("must hold at least two steps after the burn-in");
  return s;
}

EnsemblePlan plan_of(const Simulation& s, int times, std::uint64_t seed) {
  const double h = s.step * times;
  EnsemblePlan plan{Index(s.particles), h, std::int64_t(std::round(s.burn_in / h)), 0, seed};
  plan.recorded = std::max<std::int64_t>(2, std::int64_t(std::round(s.time / h)) - plan.burn_in);
  return plan;
}

// On the first process; the others take part and get nothing.
std::optional<EnsembleResult> run(const Propagator& chain, const EnsemblePlan& plan, const Store& store,
                                  const char* what) {
  Progress progress(what);
  EnsembleWatch watch;
  watch.progress = [&](double share) { progress.show(share); };
  watch.resume = store.read();
  if (store.kept()) watch.save = [&](const EnsembleState& state) { store.write(state); };
  return run_ensemble(chain, plan, watch, processes());
}

double largest_difference(const Moments& a, const Moments& b) {
  return std::max((a.mean - b.mean).cwiseAbs().maxCoeff(), (a.covariance - b.covariance).cwiseAbs().maxCoeff());
}

// At twice the step, with half the particles; nothing where that diverges.
std::optional<EnsembleResult> run_coarse(const Langevin& law, const Simulation& s, const Common& common,
                                         const Store& store) {
  EnsemblePlan plan = plan_of(s, 2, common.seed);
  plan.particles = std::max<Index>(2, plan.particles / 2);
  try {
    return run(*propagator(s.integrator, law, plan.step, common.seed), plan, store, "twice the step");
  } catch (const Diverged&) {
    return std::nullopt;
  }
}

// What doubling the step changes, divided by 2^order - 1; infinite where the doubled step cannot be run.
double step_error(const Simulation& s, const EnsembleResult& fine, const std::optional<EnsembleResult>& coarse) {
  if (!coarse) return HUGE_VAL;
  const int order = s.integrator == "weak2" || s.integrator == "baoab" ? 2 : 1;
  return largest_difference(fine.moments, coarse->moments) / (order == 2 ? 3 : 1);
}

void put_figures(Results& out, const EnsembleResult& r, double step_error) {
  const Moments& m = r.moments;
  out.put("moments", moments(m.mean, m.covariance));
  out.put("standard_error", moments(m.mean_error, m.covariance_error));
  out.put("effective_samples", figure(r.effective_samples.minCoeff()));
  out.put("r_hat", figure(r.r_hat.maxCoeff()));
  out.put("step_error", figure(step_error));
  const double statistical = 4 * std::max(m.mean_error.maxCoeff(), m.covariance_error.maxCoeff());
  out.put("error_estimate", figure(statistical + step_error));
}

std::string readable(const EnsembleResult& r, const Simulation& s, double step_error, const Marginal& target) {
  const Moments& m = r.moments;
  std::string out = moments_table(m.mean, m.covariance, target);
  out += "standard errors up to " + brief(m.mean_error.maxCoeff()) + " of the mean and " +
         brief(m.covariance_error.maxCoeff()) + " of the covariance; " + brief(r.effective_samples.minCoeff()) +
         " effective samples\n";
  if (s.integrator == "metropolis" || s.integrator == "mala")
    out += "accepted " + brief(100 * r.acceptance) + "% of the steps; no error of the step\n";
  else if (std::isinf(step_error))
    out += "twice the step diverges: the step's own error is not known\n";
  else
    out += "the step's own error is about " + brief(step_error) + " (by doubling it)\n";
  const double worst = r.r_hat.maxCoeff();
  out += "split R-hat " + brief(worst) +
         (worst > 1.01 ? ": parts of the run disagree, take more time or particles\n" : "\n");
  return out + "simulation, " + s.integrator + "\n";
}

// On the line existence is decided by quadrature, and everywhere where D vanishes; elsewhere no particle that met its
// end is all that can be said.
Existence existence_of(const Metric& metric, Calculus calculus) {
  if (metric.marginal().dim() > 1) return existence_where_d_vanishes(metric, calculus);
  return stationary_by_quadrature(metric, calculus).existence;
}

}  // namespace

int simulate_stationary(const Common& common, const Document& document, const Object& spec, const Metric& metric,
                        Calculus calculus) {
  const Simulation s = read_simulation(spec, metric, calculus);
  const Langevin law{metric, calculus};
  const bool exact = s.integrator == "metropolis" || s.integrator == "mala";
  const Target& target = metric.marginal().target();
  const Store store(common, document, target, "checkpoint.lml"),
      coarse_store(common, document, target, "checkpoint-coarse.lml");
  Existence existence = within(spec.reader(), [&] { return existence_of(metric, calculus); });
  std::optional<EnsembleResult> r, coarse;
  if (existence.exists) try {
      const auto chain = propagator(s.integrator, law, s.step, common.seed);
      r = within(spec.reader(), [&] { return run(*chain, plan_of(s, 1, common.seed), store, "simulation"); });
      if (!exact) coarse = run_coarse(law, s, common, coarse_store);
    } catch (const Diverged& e) {
      existence = {false, existence.unique, e.what()};
    }

  if (is_other_process()) return 0;
  const double bias = r && !exact ? step_error(s, *r, coarse) : 0;
  Results out;
  put(out, existence);
  out.put("method", Json("simulation"));
  out.put("integrator", Json(s.integrator));
  out.put("target_moments", target_moments(metric.marginal()));
  std::string text = sentence(existence);
  if (r) {
    put_figures(out, *r, bias);
    if (exact) out.put("acceptance", figure(r->acceptance));
    text += readable(*r, s, bias, metric.marginal());
  }
  const int status = finish(common, "stationary", document, out, text);
  store.remove();
  coarse_store.remove();
  return status;
}

}  // namespace lml
