// `gap`: the spectral gap of (1/p) div(p D grad .), the corrected dynamics' generator, and the Poincare constant.
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"
#include "experiments/law_answers.hpp"
#include "experiments/law_output.hpp"
#include "experiments/law_query.hpp"

namespace lml {

int gap_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const Object o = Reader(spec).object({LML_LAW_KEYS});
  const Metric metric = read_metric(o);
  const GapAnswer g = within(o.reader(), [&] { return gap_answer(metric); });
  Results out;
  put(out, g.existence);
  out.put("method", Json(g.method));
  std::string text = sentence(g.existence);
  if (g.existence.exists) {
    out.put("gap", figure(g.gap));
    out.put("poincare_constant", figure(1 / g.gap));
    out.put("error_estimate", figure(g.error));
    text += "gap " + brief(g.gap) + " (error below " + brief(g.error) + "), Poincare constant " + brief(1 / g.gap) +
            "; " + g.method + "\n";
  }
  return finish(common, "gap", spec, out, text);
}

}  // namespace lml
