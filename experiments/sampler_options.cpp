#include "experiments/sampler_options.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "experiments/json.hpp"
#include "experiments/spec.hpp"

namespace lml {
namespace {

/// The object `sampler`, its schedule, and the questions that most samplers ask of them.
class Options {
 public:
  Options(Object options, const Schedule& schedule, std::string schedule_name, const std::optional<Reader>& lml)
      : o_(std::move(options)), schedule_(&schedule), schedule_name_(std::move(schedule_name)), lml_(lml) {}

  bool flag(std::string_view key, bool otherwise) const {
    const auto v = o_.find(key);
    return v ? v->boolean() : otherwise;
  }
  long long integer(std::string_view key, long long lowest, long long highest, long long otherwise) const {
    const auto v = o_.find(key);
    return v ? v->integer(lowest, highest) : otherwise;
  }
  double number(std::string_view key, double lowest, double highest, double otherwise) const {
    const auto v = o_.find(key);
    if (!v) return otherwise;
    const double x = v->number();
    if (!(x >= lowest && x <= highest))
      v->fail("must lie in [" + digits(lowest) + ", " + digits(highest) + "], is " + digits(x));
    return x;
  }
  std::string word(std::string_view key, const std::vector<std::string_view>& words) const {
    const auto v = o_.find(key);
    return v ? v->one_of(words) : std::string(words[0]);
  }
  Spacing spacing(Spacing otherwise) const {
    const auto v = o_.find("timestep_spacing");
    if (!v) return otherwise;
    const std::string name = v->one_of({"linspace", "leading", "trailing"});
    return name == "linspace" ? Spacing::linspace : name == "leading" ? Spacing::leading : Spacing::trailing;
  }
  Index steps() const { return o_.at("steps").integer(1, 1'000'000); }
  Index offset() const { return Index(integer("steps_offset", 0, 1'000'000, 0)); }

  const Schedule& schedule() const { return *schedule_; }
  const std::string& schedule_name() const { return schedule_name_; }
  const DiscreteSchedule* discrete() const { return std::get_if<DiscreteSchedule>(schedule_); }
  Index train_steps() const { return Index(discrete()->alpha_bar.size()); }
  const Object& object() const { return o_; }
  [[noreturn]] void fail(std::string_view key, const std::string& message) const { o_.at(key).fail(message); }

  /// The explicit list of timesteps, if there is one.
  std::optional<std::vector<double>> timesteps() const {
    const auto list = o_.find("timesteps");
    if (!list) return std::nullopt;
    for (const char* key : {"steps", "timestep_spacing", "steps_offset", "use_karras_sigmas", "use_lu_lambdas"})
      if (o_.knows(key) && o_.has(key)) list->fail("stands in place of " + std::string(key) + ", never beside it");
    const Vec v = list->numbers();
    return std::vector<double>(v.begin(), v.end());
  }
  /// Nodes at explicit timesteps of a discrete schedule, then `end`; of a continuous one, whose list names its end.
  Grid explicit_grid(const std::vector<double>& timesteps, const Node& end) const {
    const Reader list = o_.at("timesteps");
    std::vector<Node> nodes;
    for (std::size_t i = 0; i < timesteps.size(); ++i) {
      const bool ends = !discrete() && i + 1 == timesteps.size() && timesteps[i] == 0;
      try {
        nodes.push_back(ends ? clean() : node_at(*schedule_, timesteps[i]));
      } catch (const BadInput& e) {
        list.fail_below("/" + std::to_string(i), e.what());
      }
    }
    if (discrete()) return chained(nodes, end);
    if (nodes.size() < 2) list.fail("needs the beginning and the end of at least one step");
    const Node last = nodes.back();
    nodes.pop_back();
    if (!less_noisy(last, nodes.back()))
      list.fail_below("/" + std::to_string(nodes.size()), "is no less noisy than the one before");
    return chained(nodes, last);
  }
  Grid chained(const std::vector<Node>& nodes, const Node& end) const {
    return within(o_.reader(), [&] { return chain(nodes, end); });
  }
  template <class Build>
  auto within_options(Build&& build) const {
    return within(o_.reader(), build);
  }
  void require_discrete() const {
    if (!discrete())
      o_.reader().fail_below("/timesteps", "is missing: a continuous schedule needs them, falling, end included");
  }

  /// The correction's parameters, whatever its form.
  LmlParameters lml() const {
    const Object o = lml_->object({"form", "kappa", "lambda"});
    const Reader kappa = o.at("kappa"), lambda = o.at("lambda");
    const LmlParameters out{kappa.number(), lambda.number()};
    if (!(out.kappa >= 0 && out.kappa <= 1)) kappa.fail("must lie in [0, 1], is " + digits(out.kappa));
    if (!(out.lambda > 0)) lambda.fail("must be > 0, is " + digits(out.lambda));
    return out;
  }
  std::string form() const {
    if (!lml_) return "none";
    return lml_->object({"form", "kappa", "lambda"}).at("form").one_of({"printed", "stable", "increment"});
  }
  bool increment() const { return form() == "increment"; }
  Correction correction() const {
    const std::string name = form();
    if (name == "printed") return LmlPrinted{lml()};
    if (name == "stable") return LmlStable{lml()};
    return NoCorrection{};
  }
  [[noreturn]] void refuse_increment() const {
    lml_->fail_below("/form",
                     "increment is the published code's form for ddim, dpm_solver and dpm_solver++ multistep only");
  }

 private:
  Object o_;
  const Schedule* schedule_;
  std::string schedule_name_;
  std::optional<Reader> lml_;
};

// ---- Grids that several samplers share.

Grid ddim_like_grid(const Options& o) {
  const auto* discrete = o.discrete();
  const bool to_one = o.flag("set_alpha_to_one", true);
  const Node end = to_one || !discrete ? clean() : node_at(*discrete, 0);
  if (const auto list = o.timesteps()) return o.explicit_grid(*list, end);
  o.require_discrete();
  const Index n = o.train_steps(), steps = o.steps();
  return o.within_options([&] {
    return ddim_grid(*discrete, ddim_timesteps(n, steps, o.spacing(Spacing::leading), o.offset()), n / steps, end);
  });
}

// Of DPM-Solver, UniPC and DEIS: `final_sigmas_type` names the end. The timestep of a noise level, which a network is
// told, is rounded; diffusers' multistep DPM-Solver cuts its fraction off under squaredcos_cap_v2.
Grid dpm_like_grid(const Options& o, bool to_zero, bool cut = false) {
  const auto* discrete = o.discrete();
  if (const auto list = o.timesteps()) {
    if (!discrete) return o.explicit_grid(*list, clean());
    return o.explicit_grid(*list, to_zero ? clean() : node_at(*discrete, 0));
  }
  o.require_discrete();
  const Index n = o.train_steps(), steps = o.steps();
  const Node first = node_at(*discrete, 0), last = node_at(*discrete, double(n - 1));
  const bool karras = o.flag("use_karras_sigmas", false), uniform = o.flag("use_lu_lambdas", false);
  if (karras && uniform) o.fail("use_lu_lambdas", "is one of use_karras_sigmas and use_lu_lambdas too many");
  if (karras || uniform) {
    const double least = noise_level(first), most = noise_level(last);
    const std::vector<double> levels =
        karras ? karras_levels(least, most, steps) : log_uniform_levels(least, most, steps);
    std::vector<Node> nodes = nodes_of_levels(*discrete, levels, !cut);
    if (cut)
      for (Node& node : nodes) node.t = std::floor(node.t);
    return o.chained(nodes, to_zero ? clean() : nodes.back());
  }
  const std::vector<Node> nodes = o.within_options(
      [&] { return nodes_at(*discrete, dpm_timesteps(n, steps, o.spacing(Spacing::linspace), o.offset())); });
  return o.chained(nodes, to_zero ? clean() : first);
}

// ---- The samplers.

Sampler ddim(const Options& o) {
  const double eta = o.number("eta", 0, 1, 0);
  Sampler out{Ddim{eta}, ddim_like_grid(o)};
  if (o.increment()) {
    if (eta > 0) o.fail("eta", "must be 0 with the increment form");
    out.stepper = DdimIncrement{o.lml()};
  }
  return out;
}

DpmOrders dpm_orders(const Options& o) {
  return {int(o.integer("solver_order", 1, 3, 2)), o.flag("lower_order_final", true), o.flag("euler_at_final", false)};
}
SolverType solver_type(const Options& o) {
  return o.word("solver_type", {"midpoint", "heun"}) == "midpoint" ? SolverType::midpoint : SolverType::heun;
}

Sampler dpm_solver(const Options& o) {
  if (o.word("final_sigmas_type", {"sigma_min", "zero"}) == "zero")
    o.fail("final_sigmas_type", "must be sigma_min: the formulas of dpm_solver end at noise");
  const DpmSolver base{dpm_orders(o), solver_type(o)};
  Sampler out{base, dpm_like_grid(o, false, o.schedule_name() == "squaredcos_cap_v2")};
  if (out.grid.back().to.sigma == 0)
    o.fail("timesteps", "must end at noise: the formulas of dpm_solver cannot reach 0");
  if (o.increment()) out.stepper = DpmSolverIncrement{base, o.lml()};
  return out;
}

Sampler dpm_solver_plus_plus(const Options& o) {
  const bool to_zero = o.word("final_sigmas_type", {"zero", "sigma_min"}) == "zero";
  const DpmSolverPlusPlus base{dpm_orders(o), solver_type(o)};
  Sampler out{base, dpm_like_grid(o, to_zero, o.schedule_name() == "squaredcos_cap_v2")};
  if (o.increment()) out.stepper = DpmSolverPlusPlusIncrement{base, o.lml()};
  return out;
}

struct Registration {
  std::string_view name;
  bool increment;  // the published code has that form for it
  std::vector<std::string_view> keys;
  Sampler (*make)(const Options&);
};

const std::vector<std::string_view> common_keys{"name",
                                                "steps",
                                                "timesteps",
                                                "prediction_type",
                                                "clip_sample",
                                                "clip_sample_range",
                                                "thresholding",
                                                "dynamic_thresholding_ratio",
                                                "sample_max_value"};
const std::vector<std::string_view> dpm_keys{"timestep_spacing",  "steps_offset",      "solver_order",
                                             "solver_type",       "lower_order_final", "euler_at_final",
                                             "final_sigmas_type", "use_karras_sigmas", "use_lu_lambdas"};

/// The one list that a new sampler is added to: its name, whether `increment` exists for it, its own keys, its reader.
const std::vector<Registration>& samplers() {
  static const std::vector<Registration> all{
      {"ddim", true, {"timestep_spacing", "steps_offset", "eta", "set_alpha_to_one"}, ddim},
      {"dpm_solver", true, dpm_keys, dpm_solver},
      {"dpm_solver++", true, dpm_keys, dpm_solver_plus_plus},
  };
  return all;
}

const Registration& find_sampler(const Reader& name) {
  const std::string word = name.string();
  std::vector<std::string_view> names;
  for (const Registration& r : samplers()) {
    if (r.name == word) return r;
    names.push_back(r.name);
  }
  const auto meant = nearest(word, names);
  std::string list;
  for (std::string_view n : names) list += (list.empty() ? "" : ", ") + std::string(n);
  name.fail("no sampler is called \"" + word + "\"" + (meant ? ", did you mean " + std::string(*meant) + "?" : ".") +
            " There are: " + list);
}

Clipping read_clipping(const Options& o) {
  Clipping out;
  if (o.flag("clip_sample", false)) out.clip = o.number("clip_sample_range", 1e-300, 1e300, 1);
  if (o.flag("thresholding", false)) {
    out.threshold = o.number("dynamic_thresholding_ratio", 1e-9, 1, 0.995);
    out.most = o.number("sample_max_value", 1, 1e300, 1);
  }
  return out;
}

}  // namespace

SamplerChoice read_sampler(const Object& spec) {
  const Schedule schedule = read_schedule(spec.at("schedule"));
  const Reader reader = spec.at("sampler");
  // All keys that any sampler has, so that `name` is judged before the others.
  std::vector<std::string_view> any = common_keys;
  for (const Registration& r : samplers()) any.insert(any.end(), r.keys.begin(), r.keys.end());
  const Registration& chosen = find_sampler(reader.object(any).at("name"));
  std::vector<std::string_view> keys = common_keys;
  keys.insert(keys.end(), chosen.keys.begin(), chosen.keys.end());
  const Options options(reader.object(keys), schedule, read_schedule_name(spec.at("schedule")), spec.find("lml"));
  options.word("prediction_type", {"epsilon", "sample", "v_prediction", "flow_prediction", "velocity"});
  if (!options.object().has("timesteps") && !options.object().has("steps") && options.discrete())
    reader.fail_below("/steps", "is missing (steps, or an explicit list of timesteps)");
  if (options.increment() && !chosen.increment) options.refuse_increment();
  SamplerChoice out{std::string(chosen.name), chosen.make(options), 1};
  out.sampler.correction = options.correction();
  out.sampler.clipping = read_clipping(options);
  const Node& first = out.sampler.grid.front().from;
  out.start_deviation = std::holds_alternative<Edm>(schedule) ? first.sigma : std::hypot(first.alpha, first.sigma);
  if (options.discrete() == nullptr && std::holds_alternative<RectifiedFlow>(schedule))
    out.start_deviation = first.sigma;
  return out;
}

}  // namespace lml
