#include "experiments/law_answers.hpp"

#include "experiments/law_backends.hpp"

namespace lml {
namespace {

[[noreturn]] void too_many(Index d, const std::string& instead) {
  throw BadInput("/target", "has " + std::to_string(d) + " dimensions; above three this is computed for one Gaussian " +
                                "with a metric that is the same everywhere only" + instead);
}

}  // namespace

StationaryAnswer stationary_answer(const Metric& metric, Calculus calculus) {
  const Index d = metric.marginal().dim();
  if (d == 1) return on_the_line::stationary(metric, calculus);
  if (of_a_gaussian::fits(metric)) return of_a_gaussian::stationary(metric, calculus);
  if (d <= 3) return on_a_grid::stationary(metric, calculus);
  too_many(d, ": simulate it (\"method\":\"simulation\", with step, particles and time)");
}

StationaryAnswer stationary_by_quadrature(const Metric& metric, Calculus calculus) {
  if (metric.marginal().dim() == 1) return on_the_line::stationary(metric, calculus);
  if (of_a_gaussian::fits(metric)) return of_a_gaussian::stationary(metric, calculus);
  throw BadInput("", "quadrature is for one dimension; above it take generator (d = 2, 3) or simulation");
}

StationaryAnswer stationary_by_generator(const Metric& metric, Calculus calculus) {
  const Index d = metric.marginal().dim();
  if (d == 2 || d == 3) return on_a_grid::stationary(metric, calculus);
  throw BadInput(
      "", "generator is for two and three dimensions; take " + std::string(d == 1 ? "quadrature" : "simulation"));
}

GapAnswer gap_answer(const Metric& metric) {
  const Index d = metric.marginal().dim();
  if (d == 1) return on_the_line::gap(metric);
  if (of_a_gaussian::fits(metric)) return of_a_gaussian::gap(metric);
  if (d <= 3) return on_a_grid::gap(metric);
  too_many(d, "");
}

FlowAnswer flow_answer(const Metric& metric, Calculus calculus, const Marginal& initial,
                       const std::vector<double>& times) {
  const Index d = metric.marginal().dim();
  if (of_a_gaussian::fits(metric, initial)) return of_a_gaussian::flow(metric, calculus, initial, times);
  if (d == 1) return on_the_line::flow(metric, calculus, initial, times);
  if (d <= 3) return on_a_grid::flow(metric, calculus, initial, times);
  too_many(d, ", with a Gaussian start");
}

}  // namespace lml
