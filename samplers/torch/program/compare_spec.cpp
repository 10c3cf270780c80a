#include "samplers/torch/program/compare_spec.hpp"

#include <cmath>

#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/spec.hpp"

namespace lml {

Json SharedGrid::timesteps(Index n, bool discrete) const {
  Json out = Json::array();
  for (Index i = 0; i < n + (discrete ? 0 : 1); ++i) {
    const double share = double(i) / double(n);
    double t = from + share * (to - from);
    if (rho) t = std::pow(std::pow(from, 1 / *rho) + share * (std::pow(to, 1 / *rho) - std::pow(from, 1 / *rho)), *rho);
    out.push_back(discrete ? Json(std::llround(t)) : Json(i == n ? to : t));
  }
  return out;
}

SamplerChoice choose(const Document& spec, const Comparison& q, const std::string& pointer, Json sampler,
                     const std::string& lml_pointer, const Json& lml, Index steps) {
  if (q.grid)
    sampler["timesteps"] = q.grid->timesteps(steps, q.discrete);
  else
    sampler["steps"] = steps;
  Json root{{"schedule", q.schedule}, {"sampler", std::move(sampler)}};
  if (!lml.is_null()) root["lml"] = lml;
  const Document whole =
      with_the_folders_own({spec.name, spec.folder, std::make_shared<const Json>(std::move(root))}, q.model);
  try {
    const Object o = Reader(whole).object({"schedule", "sampler", "lml"});
    SamplerChoice out = read_sampler(o);
    if (out.sampler.chain || out.sampler.fisher || is_stochastic(out.sampler.stepper))
      throw SpecError(spec.name, pointer, "must be deterministic, and need no exact law");
    return out;
  } catch (const SpecError& e) {
    // "file: /pointer: message", with the pointers of one sampler and one correction: named where they stand in the
    // spec.
    const std::string text = std::string(e.what()).substr(spec.name.size() + 2);
    const std::size_t colon = text.find(": ");
    std::string place = text.substr(0, colon);
    if (place.starts_with("/lml"))
      place.replace(0, 4, lml_pointer);
    else if (place.starts_with("/sampler"))
      place.replace(0, 8, pointer);
    throw SpecError(spec.name, place, "with " + std::to_string(steps) + " steps: " + text.substr(colon + 2));
  }
}

namespace {

std::optional<SharedGrid> read_grid(const Object& spec) {
  const auto v = spec.find("grid");
  if (!v) return std::nullopt;
  const Object o = v->object({"from", "to", "rho"});
  SharedGrid out{o.at("from").number(), o.at("to").number(), std::nullopt};
  if (!(out.from > out.to) || out.to < 0) v->fail("must go down from `from` to `to` >= 0");
  if (const auto rho = o.find("rho")) {
    out.rho = rho->number();
    if (!(*out.rho >= 1)) rho->fail("must be >= 1, is " + digits(*out.rho));
  }
  return out;
}

const std::vector<std::string_view> keys{"model", "network", "schedule",  "samplers", "steps",
                                         "lml",   "samples", "reference", "grid"};

void read_entries(const Document& document, const Object& spec, const std::vector<Index>& steps, Comparison& q) {
  const Json& root = *document.root;
  const std::size_t corrections = root.contains("lml") ? spec.at("lml").items().size() : 0;
  for (std::size_t i = 0; i < spec.at("samplers").items().size(); ++i)
    for (std::size_t c = 0; c <= corrections; ++c)
      for (Index n : steps) {
        const Json& sampler = root["samplers"][i];
        const std::string pointer = "/samplers/" + std::to_string(i);
        if (!sampler.is_object()) throw SpecError(document.name, pointer, "must be an object");
        const Json none, lml = c == 0 ? none : root["lml"][c - 1];
        Entry e{sampler, lml, {}, n, pointer};
        Json plain = lml;
        const std::string place = c > 0 ? "/lml/" + std::to_string(c - 1) : "";
        if (c > 0) {
          if (!lml.is_object()) throw SpecError(document.name, place, "must be an object");
          if (plain.value("form", Json()) == "noise") {
            if (!plain.contains("like")) throw SpecError(document.name, place + "/like", "is missing (a correction)");
            for (const auto& [key, unused] : plain.items())
              if (key != "form" && key != "like")
                throw SpecError(document.name, place + "/" + key, "unknown key: noise has form and like");
            plain = plain["like"];
          }
          if (const auto precision = plain.find("precision"); precision != plain.end()) {
            if (*precision != "float32" && *precision != "float64")
              throw SpecError(document.name, place + "/precision", "must be float32 or float64");
            if (*precision == "float32") e.solver = at::kFloat;
            plain.erase("precision");
          }
        }
        const bool noise = c > 0 && lml.value("form", Json()) == "noise";
        if (noise && plain.is_object() && plain.value("form", Json()) == "increment")
          throw SpecError(document.name, place + "/like/form",
                          "increment corrects a solver's step and no answer, so there is no noise of its size");
        for (const char* key : {"prediction_type", "steps", "timesteps"})
          if (sampler.contains(key))
            throw SpecError(document.name, pointer + "/" + key,
                            std::string(key) == "prediction_type" ? "is the model's: its folder says it"
                                                                  : "is given for all samplers, beside them");
        // Not every form exists for every sampler: it is left out where it does not.
        if (plain.is_object() && plain.value("form", Json()) == "adaptive" &&
            !calls_once_a_step(choose(document, q, pointer, sampler, place, {}, n).sampler.stepper))
          continue;
        if (plain.is_object() && plain.value("form", Json()) == "increment" && sampler.value("name", "") != "ddim" &&
            sampler.value("name", "") != "dpm_solver" && sampler.value("name", "") != "dpm_solver++")
          continue;
        e.choice = choose(document, q, pointer, sampler, place, noise ? none : plain, n);
        if (c > 0 && (std::holds_alternative<FlowEuler>(e.choice.sampler.stepper) ||
                      std::holds_alternative<FlowHeun>(e.choice.sampler.stepper)))
          throw SpecError(
              document.name, "/lml/" + std::to_string(c - 1),
              "corrections are compared on samplers that ask for epsilon; rectified flow asks for velocity");
        if (noise) e.noise_like = choose(document, q, pointer, sampler, place + "/like", plain, n);
        q.entries.push_back(std::move(e));
      }
}

}  // namespace

Comparison read_comparison(const TorchOptions& o, const Document& document) {
  const Object spec = Reader(document).object(keys);
  Comparison q;
  q.model = read_model(spec, o.type(), o.common.device);
  q.grid = read_grid(spec);
  if (spec.has("schedule"))
    q.schedule = (*document.root)["schedule"];
  else if (!q.model.schedule.is_null())
    q.schedule = q.model.schedule;
  else
    spec.at("schedule");
  const Document schedule{document.name, {}, std::make_shared<const Json>(Json{{"schedule", q.schedule}})};
  q.discrete =
      std::holds_alternative<DiscreteSchedule>(read_schedule(Reader(schedule).object({"schedule"}).at("schedule")));
  if (q.grid && q.discrete && q.grid->to != 0)
    spec.at("grid")
        .object({"from", "to", "rho"})
        .at("to")
        .fail("must be 0 on a discrete schedule, where runs end at the data");
  std::vector<Index> steps;
  for (const Reader& r : spec.at("steps").items()) steps.push_back(Index(r.integer(1, 100'000)));
  q.samples = spec.at("samples").integer(2, 10'000'000);
  q.reference_sampler = Json{{"name", "dpm_solver++"}, {"solver_order", 2}};
  q.reference_steps = 4 * *std::max_element(steps.begin(), steps.end());
  if (const auto r = spec.find("reference")) {
    const Object reference = r->object({"sampler", "steps"});
    if (const auto sampler = reference.find("sampler")) {
      q.reference_sampler = (*document.root)["reference"]["sampler"];
      if (!q.reference_sampler.is_object() || !q.reference_sampler.value("name", Json()).is_string())
        sampler->fail("must be an object with a name");
    }
    if (const auto n = reference.find("steps")) q.reference_steps = Index(n->integer(2, 1'000'000));
  }
  const Index most = *std::max_element(steps.begin(), steps.end());
  if (q.reference_steps < 2 * most)
    spec.reader().fail_below("/reference/steps", "must be at least twice the most steps compared, " +
                                                     std::to_string(2 * most) + ", is " +
                                                     std::to_string(q.reference_steps));
  read_entries(document, spec, steps, q);
  return q;
}

}  // namespace lml
