// `converge`: the divergences of the law to the target along its flow, and Proposition 4's bound with the computed gap.
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"
#include "experiments/law_answers.hpp"
#include "experiments/law_output.hpp"
#include "experiments/law_query.hpp"

namespace lml {

int converge_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const Object o = Reader(spec).object({LML_LAW_KEYS, "calculus", "initial", "times"});
  const Metric metric = read_metric(o);
  const Calculus calculus = read_calculus(o.at("calculus"));
  const Marginal initial = read_law(o.at("initial"));
  const Index d = metric.marginal().dim();
  if (initial.dim() != d)
    o.at("initial").fail("must have " + std::to_string(d) + " dimensions like the target, has " +
                         std::to_string(initial.dim()));
  const Vec times = o.at("times").numbers();
  for (Index i = 0; i < times.size(); ++i)
    if (!(times[i] >= 0)) o.at("times").fail_below("/" + std::to_string(i), "must be >= 0");

  const FlowAnswer flow = within(o.reader(), [&] {
    return flow_answer(metric, calculus, initial, {times.begin(), times.end()});
  });
  Results out;
  put(out, flow.existence);
  out.put("method", Json(flow.method));
  std::string text = sentence(flow.existence);
  if (flow.existence.exists) {
    Vec chi2(times.size()), kl = chi2, tv = chi2, hellinger = chi2, bound = chi2;
    std::vector<std::vector<std::string>> rows{{"time", "chi2", "bound", "kl", "tv", "hellinger"}};
    for (Index i = 0; i < times.size(); ++i) {
      const Divergences& at = flow.divergences[std::size_t(i)];
      chi2[i] = at.chi2;
      kl[i] = at.kl;
      tv[i] = at.total_variation;
      hellinger[i] = at.hellinger;
      bound[i] = flow.start * std::exp(-2 * flow.gap * times[i]);
      rows.push_back(
          {brief(times[i]), brief(chi2[i]), brief(bound[i]), brief(kl[i]), brief(tv[i]), brief(hellinger[i])});
    }
    out.put("gap", figure(flow.gap));
    out.put("times", array(times));
    out.put("chi2", array(chi2));
    out.put("kl", array(kl));
    out.put("total_variation", array(tv));
    out.put("hellinger", array(hellinger));
    out.put("chi2_bound", array(bound));
    out.put("error_estimate", figure(flow.error));
    if (!common.out.empty() && flow.curves)
      for (auto& [name, values] : flow.curves()) out.put(name, std::move(values));
    text += table(rows) + "errors below " + brief(flow.error) + "; " + flow.method + "\n";
  }
  return finish(common, "converge", spec, out, text);
}

}  // namespace lml
