// `stationary`: the law that a Langevin variant leaves invariant, beside the target.
#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"
#include "experiments/law_answers.hpp"
#include "experiments/law_output.hpp"
#include "experiments/law_query.hpp"
#include "experiments/simulation_law.hpp"

namespace lml {
namespace {

StationaryAnswer figures(const Metric& metric, Calculus calculus, const std::optional<Reader>& method) {
  if (!method) return stationary_answer(metric, calculus);
  const bool quadrature = method->one_of({"quadrature", "generator", "simulation"}) == "quadrature";
  return within(*method, [&] {
    return quadrature ? stationary_by_quadrature(metric, calculus) : stationary_by_generator(metric, calculus);
  });
}

bool is_simulation(const Object& spec) {
  const auto method = spec.find("method");
  if (method && method->is_string() && method->string() == "simulation") return true;
  for (const char* key : {LML_SIMULATION_KEYS})
    if (const auto found = spec.find(key)) found->fail("goes with the method simulation only");
  return false;
}

}  // namespace

int stationary_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const Object o = Reader(spec).object({LML_LAW_KEYS, "calculus", "method", LML_SIMULATION_KEYS});
  const Metric metric = read_metric(o);
  const Calculus calculus = read_calculus(o.at("calculus"));
  if (is_simulation(o)) return simulate_stationary(common, spec, o, metric, calculus);
  const StationaryAnswer law = within(o.reader(), [&] { return figures(metric, calculus, o.find("method")); });

  Results out;
  put(out, law.existence);
  out.put("method", Json(law.method));
  out.put("detail", Json(law.detail));
  const Json target = target_moments(metric.marginal());
  out.put("target_moments", target);
  std::string text = sentence(law.existence);
  if (law.existence.exists) {
    out.put("moments", moments(law.mean, law.covariance));
    put(out, law.divergences);
    out.put("error_estimate", figure(law.error));
    if (!common.out.empty() && law.curves)
      for (auto& [name, values] : law.curves()) out.put(name, std::move(values));
    text += moments_table(law.mean, law.covariance, metric.marginal()) + sentence(law.divergences) + " (errors below " +
            brief(law.error) + ")\n" + law.method + ": " + law.detail + "\n";
  }
  return finish(common, "stationary", spec, out, text);
}

}  // namespace lml
