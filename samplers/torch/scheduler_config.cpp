#include "samplers/torch/scheduler_config.hpp"

#include <algorithm>

#include "experiments/array_formats.hpp"
#include "experiments/errors.hpp"
#include "samplers/torch/diffusers_keys.hpp"
#include "theory/schedule.hpp"

namespace lml {
namespace {

struct Kind {
  std::string_view class_name, sampler;
  std::vector<std::string_view> own;  // keys of the sampler's
  double beta_start = 1e-4, beta_end = 0.02;
};

const std::vector<std::string_view> dpm_keys{"solver_order",   "solver_type",       "lower_order_final",
                                             "euler_at_final", "final_sigmas_type", "use_karras_sigmas",
                                             "use_lu_lambdas"};
const std::vector<std::string_view> singlestep_keys{"solver_order", "solver_type", "lower_order_final",
                                                    "final_sigmas_type", "use_karras_sigmas"};

// DPMSolver*Scheduler's sampler follows from its algorithm_type.
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all{
      {"DDPMScheduler", "ddpm", {"variance_type"}},
      {"DDIMScheduler", "ddim", {}},
      {"PNDMScheduler", "pndm", {"skip_prk_steps"}},
      {"DPMSolverMultistepScheduler", "dpm_solver++", dpm_keys},
      {"DPMSolverSinglestepScheduler", "dpm_solver++", singlestep_keys},
      {"UniPCMultistepScheduler",
       "unipc",
       {"solver_order", "solver_type", "predict_x0", "lower_order_final", "disable_corrector", "final_sigmas_type",
        "use_karras_sigmas"}},
      {"DEISMultistepScheduler", "deis", {"solver_order", "solver_type", "lower_order_final", "use_karras_sigmas"}},
      {"EulerDiscreteScheduler", "euler", {"use_karras_sigmas", "final_sigmas_type"}},
      {"HeunDiscreteScheduler", "heun", {"use_karras_sigmas"}, 0.00085, 0.012},
      {"EDMEulerScheduler", "euler", {}},
  };
  return all;
}

const std::vector<std::string_view> keys{"_class_name",
                                         "_diffusers_version",
                                         "_name_or_path",
                                         "num_train_timesteps",
                                         "beta_start",
                                         "beta_end",
                                         "beta_schedule",
                                         "trained_betas",
                                         "variance_type",
                                         "clip_sample",
                                         "clip_sample_range",
                                         "prediction_type",
                                         "thresholding",
                                         "dynamic_thresholding_ratio",
                                         "sample_max_value",
                                         "timestep_spacing",
                                         "steps_offset",
                                         "rescale_betas_zero_snr",
                                         "set_alpha_to_one",
                                         "skip_prk_steps",
                                         "solver_order",
                                         "algorithm_type",
                                         "solver_type",
                                         "lower_order_final",
                                         "euler_at_final",
                                         "use_karras_sigmas",
                                         "use_exponential_sigmas",
                                         "use_beta_sigmas",
                                         "use_lu_lambdas",
                                         "use_flow_sigmas",
                                         "flow_shift",
                                         "final_sigmas_type",
                                         "lambda_min_clipped",
                                         "use_dynamic_shifting",
                                         "time_shift_type",
                                         "predict_x0",
                                         "disable_corrector",
                                         "solver_p",
                                         "shift_terminal",
                                         "interpolation_type",
                                         "timestep_type",
                                         "sigma_min",
                                         "sigma_max",
                                         "sigma_data",
                                         "sigma_schedule",
                                         "rho",
                                         "tensor_format",
                                         "timestep_values"};

using Words = std::vector<std::string_view>;

double positive(const Object& o, std::string_view key, double otherwise) {
  const double v = number(o, key, otherwise);
  if (!(v > 0)) o.at(key).fail("must be > 0, is " + digits(v));
  return v;
}

// What diffusers has and this program has not, of whatever scheduler.
void refuse_what_is_not_here(const Object& o) {
  for (const char* key : {"rescale_betas_zero_snr", "use_exponential_sigmas", "use_beta_sigmas", "use_flow_sigmas",
                          "use_dynamic_shifting"})
    if (flag(o, key, false)) o.at(key).fail("is not implemented; must be false");
  for (const char* key : {"solver_p", "shift_terminal", "timestep_values"}) only_null(o, key);
  if (number(o, "flow_shift", 1) != 1) o.at("flow_shift").fail("is not implemented; must be 1");
  // JSON has no infinity; diffusers writes its default as the word.
  if (const auto v = given(o, "lambda_min_clipped"); v && !(v->is_string() && v->string() == "-Infinity"))
    v->fail("is not implemented; must be -Infinity");
  word(o, "interpolation_type", {"linear"});
  word(o, "timestep_type", {"discrete"});
  word(o, "sigma_schedule", {"karras"});
}

/// A key of `sampler` under the same name, where the file has it: as it stands there, once it reads.
class Handed {
 public:
  explicit Handed(const Object& o) : o_(&o) {}
  void flag(const char* key) {
    if (const auto v = given(*o_, key)) put(key, v->boolean());
  }
  void word(const char* key, const Words& known) {
    if (const auto v = given(*o_, key)) put(key, v->one_of(known));
  }
  void integer(const char* key, long long lowest, long long highest) {
    if (const auto v = given(*o_, key)) put(key, v->integer(lowest, highest));
  }
  void put(const char* key, Json value) { out_[key] = std::move(value); }
  Json take() { return std::move(out_); }

 private:
  const Object* o_;
  Json out_ = Json::object();
};

Json schedule_of(const Object& o, const Kind& kind) {
  const auto n = given(o, "num_train_timesteps");
  const Index steps = n ? Index(n->integer(1, 1'000'000)) : 1000;
  if (const auto betas = given(o, "trained_betas")) {
    const Vec values = betas->numbers();
    if (n && Index(values.size()) != steps)
      betas->fail("has " + std::to_string(values.size()) + " entries, and num_train_timesteps is " +
                  std::to_string(steps));
    Json list = Json::array();
    for (Index i = 0; i < values.size(); ++i) {
      if (!(values[i] > 0 && values[i] < 1))
        betas->fail_below("/" + std::to_string(i), "must lie between 0 and 1, is " + digits(values[i]));
      list.push_back(values[i]);
    }
    return {{"name", "trained_betas"}, {"betas", std::move(list)}};
  }
  const std::string name = word(o, "beta_schedule", {"linear", "scaled_linear", "squaredcos_cap_v2"});
  if (name == "squaredcos_cap_v2") return {{"name", name}, {"num_train_timesteps", steps}};
  const double start = number(o, "beta_start", kind.beta_start), end = number(o, "beta_end", kind.beta_end);
  within(o.reader(), [&] { return DiscreteSchedule::linear(start, end, 1); });  // judges them
  return {{"name", name}, {"beta_start", start}, {"beta_end", end}, {"num_train_timesteps", steps}};
}

void put_own(const Object& o, const Kind& kind, Handed& shared, SchedulerConfig& out) {
  Handed own(o);
  const bool unipc = kind.sampler == "unipc", deis = kind.sampler == "deis";
  std::string sampler(kind.sampler);
  if (kind.class_name.starts_with("DPMSolver")) {
    const bool singlestep = kind.class_name == "DPMSolverSinglestepScheduler";
    const std::string type = word(o, "algorithm_type",
                                  singlestep ? Words{"dpmsolver++", "dpmsolver"}
                                             : Words{"dpmsolver++", "dpmsolver", "sde-dpmsolver", "sde-dpmsolver++"});
    sampler = type;
    sampler.replace(sampler.find("dpmsolver"), 9, "dpm_solver");
    own.put("name", sampler);
    if (singlestep) own.put("variant", "singlestep");
    only_null(o, "variance_type");
  } else {
    own.put("name", sampler);
    if (deis) word(o, "algorithm_type", {"deis"});
  }
  for (std::string_view view : kind.own) {
    const std::string name(view);
    const char* key = name.c_str();
    if (name == "variance_type")
      own.word(key, {"fixed_small", "fixed_large"});
    else if (name == "solver_order")
      own.integer(key, 1, 3);
    else if (name == "solver_type")
      own.word(key, unipc ? Words{"bh2", "bh1"} : deis ? Words{"logrho"} : Words{"midpoint", "heun"});
    else if (name == "final_sigmas_type")
      own.word(key, {"zero", "sigma_min"});
    else if (name != "disable_corrector")
      own.flag(key);
    else if (const Json& root = *o.reader().document().root; root.contains(key) && !root[key].empty()) {
      Json steps = Json::array();
      for (const Reader& step : o.at(key).items()) steps.push_back(step.integer(0, 1'000'000));
      own.put(key, std::move(steps));
    }
  }
  if (unipc)
    for (const char* key : {"sigma_min", "sigma_max"}) only_null(o, key);
  // Without Karras's levels diffusers gives these no meaning.
  if (out.sigma_data || ((kind.sampler == "euler" || kind.sampler == "heun") && flag(o, "use_karras_sigmas", false)))
    for (const char* key : {"sigma_min", "sigma_max", "rho"})
      if (given(o, key)) (out.sigma_data ? shared : own).put(key, positive(o, key, 1));
  out.own = own.take();
}

}  // namespace

SchedulerConfig read_scheduler(const Reader& reader) {
  const Object o = reader.object(keys);
  Words names;
  for (const Kind& k : kinds()) names.push_back(k.class_name);
  const std::string name = o.at("_class_name").one_of(names);
  const Kind& kind = *std::find_if(kinds().begin(), kinds().end(), [&](const Kind& k) { return k.class_name == name; });
  refuse_what_is_not_here(o);
  flag(o, "clip_sample", false);

  SchedulerConfig out;
  Handed shared(o);
  if (name == "EDMEulerScheduler") {
    out.schedule = {{"name", "edm"}};
    out.sigma_data = positive(o, "sigma_data", 0.5);
    word(o, "prediction_type", {"epsilon"});  // "v_prediction" changes the sign of the answer
    word(o, "final_sigmas_type", {"zero"});
  } else {
    out.schedule = schedule_of(o, kind);
    out.prediction_type = word(o, "prediction_type", {"epsilon", "sample", "v_prediction"});
    shared.put("prediction_type", out.prediction_type);
    shared.word("timestep_spacing", {"linspace", "leading", "trailing"});
    shared.integer("steps_offset", 0, 1'000'000);
    shared.flag("set_alpha_to_one");
    if (flag(o, "thresholding", false)) {
      shared.put("thresholding", true);
      for (const char* key : {"dynamic_thresholding_ratio", "sample_max_value"})
        if (given(o, key)) shared.put(key, positive(o, key, 1));
    }
  }
  put_own(o, kind, shared, out);
  out.shared = shared.take();
  return out;
}

Document read_diffusers_config(const std::filesystem::path& path) {
  constexpr std::uint64_t longest = 16 << 20;
  std::string text;
  try {
    formats::File file(path);
    if (file.size() > longest) throw BadInput("", "is too large for a configuration");
    text = file.text(std::size_t(file.size()));
  } catch (const BadInput& e) {
    throw SpecError(path, "", e.what());
  }
  const std::string infinity = "-Infinity";
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (quoted && text[i] == '\\')
      ++i;
    else if (text[i] == '"')
      quoted = !quoted;
    else if (!quoted && text.compare(i, infinity.size(), infinity) == 0) {
      text.replace(i, infinity.size(), '"' + infinity + '"');
      i += infinity.size() + 1;
    }
  }
  Document out = parse_document(text, path);
  out.folder = path.parent_path();
  return out;
}

}  // namespace lml
