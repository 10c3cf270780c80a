#include "experiments/sampler_options.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <nlohmann/json.hpp>

#include "experiments/json.hpp"
#include "experiments/spec.hpp"

namespace lml {
namespace {

struct Setting {
  Schedule schedule;
  std::string schedule_name;
  std::optional<Reader> lml;
  std::optional<Index> steps = std::nullopt;  // in place of the sampler's own
};

std::string form_of(const Reader& lml) {
  return lml.object({"form", "kappa", "lambda"})
      .at("form")
      .one_of({"printed", "stable", "increment", "adaptive", "exact_fisher"});
}

/// The object `sampler`, its schedule, and the questions that most samplers ask of them.
class Options {
 public:
  Options(Object options, const Setting& setting) : o_(std::move(options)), setting_(&setting) {
    if (setting.steps)
      for (const char* key : {"steps", "timesteps"})
        if (o_.knows(key) && o_.has(key)) o_.at(key).fail("is given for all samplers, beside them");
  }

  bool flag(std::string_view key, bool otherwise) const { return o_.flag(key, otherwise); }
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
  Index steps() const { return setting_->steps ? *setting_->steps : Index(o_.at("steps").integer(1, 1'000'000)); }
  bool has_steps() const { return setting_->steps || o_.has("steps"); }
  Index offset() const { return Index(integer("steps_offset", 0, 1'000'000, 0)); }

  /// Refuses those of `keys` that are given.
  void refuse(const std::vector<std::string_view>& keys, const std::string& message) const {
    for (std::string_view key : keys)
      if (const auto given = o_.find(key)) given->fail(message);
  }

  const Schedule& schedule() const { return setting_->schedule; }
  const std::string& schedule_name() const { return setting_->schedule_name; }
  template <class Kind>
  bool is() const {
    return std::holds_alternative<Kind>(setting_->schedule);
  }
  const DiscreteSchedule* discrete() const { return std::get_if<DiscreteSchedule>(&setting_->schedule); }
  Index train_steps() const { return Index(discrete()->alpha_bar.size()); }
  const Object& object() const { return o_; }
  /// The key need not be there: `steps` may be given beside the samplers.
  [[noreturn]] void fail(const std::string& key, const std::string& message) const {
    o_.reader().fail_below("/" + key, message);
  }

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
        nodes.push_back(ends ? clean() : node_at(setting_->schedule, timesteps[i]));
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
    const Object o = setting_->lml->object({"form", "kappa", "lambda"});
    const Reader kappa = o.at("kappa"), lambda = o.at("lambda");
    const LmlParameters out{kappa.number(), lambda.number()};
    if (!(out.kappa >= 0 && out.kappa <= 1)) kappa.fail("must lie in [0, 1], is " + digits(out.kappa));
    if (!(out.lambda > 0)) lambda.fail("must be > 0, is " + digits(out.lambda));
    return out;
  }
  std::string form() const {
    if (!setting_->lml) return "none";
    return form_of(*setting_->lml);
  }
  bool increment() const { return form() == "increment"; }
  Correction correction(const Sampler& sampler) const {
    const std::string name = form();
    if (name == "printed") return LmlPrinted{lml()};
    if (name == "stable") return LmlStable{lml()};
    if (name != "adaptive") return NoCorrection{};
    setting_->lml->object({"form"});
    if (!calls_once_a_step(sampler.stepper))
      setting_->lml->fail_below("/form", "adaptive is for samplers that call the model once a step");
    return LmlAdaptive{second_order_betas(sampler.grid)};
  }
  /// The damping of the exact Fisher, where that is the form.
  std::optional<double> fisher() const {
    if (form() != "exact_fisher") return std::nullopt;
    const Reader lambda = setting_->lml->object({"form", "lambda"}).at("lambda");
    if (!(lambda.number() > 0)) lambda.fail("must be > 0, is " + digits(lambda.number()));
    return lambda.number();
  }
  [[noreturn]] void refuse_increment() const {
    setting_->lml->fail_below(
        "/form", "increment is the published code's form for ddim, dpm_solver and dpm_solver++ multistep only");
  }

 private:
  Object o_;
  const Setting* setting_;
};

// ---- Grids that several samplers share.

Grid ddim_like_grid(const Options& o, bool to_one_unless_said = true) {
  const auto* discrete = o.discrete();
  const bool to_one = o.flag("set_alpha_to_one", to_one_unless_said);
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
  const bool karras = o.flag("use_karras_sigmas", false);
  const bool uniform = o.object().knows("use_lu_lambdas") && o.flag("use_lu_lambdas", false);
  if (karras && uniform) o.fail("use_lu_lambdas", "is one of use_karras_sigmas and use_lu_lambdas too many");
  if (karras || uniform) {
    const double least = noise_level(first), most = noise_level(last);
    const std::vector<double> levels =
        karras ? karras_levels(least, most, steps) : log_uniform_levels(least, most, steps);
    std::vector<Node> nodes = nodes_of_levels(*discrete, levels, !cut);
    if (cut)
      for (Node& node : nodes) node.t = std::floor(node.t);
    // The last level is timestep 0's, but for rounding; a single one is the noisiest.
    return o.chained(nodes, to_zero ? clean() : steps > 1 ? nodes.back() : first);
  }
  const std::vector<Node> nodes = o.within_options(
      [&] { return nodes_at(*discrete, dpm_timesteps(n, steps, o.spacing(Spacing::linspace), o.offset())); });
  return o.chained(nodes, to_zero ? clean() : first);
}

// Of Euler and Heun: noise levels, down to 0 unless asked otherwise.
Grid k_grid(const Options& o) {
  const auto* discrete = o.discrete();
  const std::vector<std::string_view> of_levels{"sigma_min", "sigma_max", "rho"};
  if (!discrete) o.refuse({"timestep_spacing", "steps_offset", "use_karras_sigmas"}, "belongs to a discrete schedule");
  const bool given = o.object().has("timesteps"), karras = o.flag("use_karras_sigmas", false);
  if (given || !(karras || o.is<Edm>()))
    o.refuse(of_levels, "belongs to Karras's grid: use_karras_sigmas, or the schedule edm without timesteps");
  const bool to_zero =
      !o.object().knows("final_sigmas_type") || o.word("final_sigmas_type", {"zero", "sigma_min"}) == "zero";
  if (!to_zero && !discrete) o.fail("final_sigmas_type", "must be zero: this schedule has no least noise");
  if (const auto list = o.timesteps()) return o.explicit_grid(*list, to_zero ? clean() : node_at(*discrete, 0));
  const auto levels = [&](double least, double most) {
    least = o.number("sigma_min", 1e-300, 1e300, least);
    most = o.number("sigma_max", 1e-300, 1e300, most);
    if (least > most || (least == most && o.steps() > 1))
      o.object().reader().fail_below("/sigma_max", "must be larger than sigma_min");
    return karras_levels(least, most, o.steps(), o.number("rho", 1, 1e3, 7));
  };
  std::vector<Node> nodes;
  if (o.is<Edm>()) {
    for (double level : levels(0.002, 80)) nodes.push_back({level, 1, level});
    return o.chained(nodes, clean());
  }
  o.require_discrete();
  nodes = o.within_options([&] {
    return nodes_at(*discrete, k_timesteps(o.train_steps(), o.steps(), o.spacing(Spacing::linspace), o.offset()));
  });
  if (karras) nodes = nodes_of_levels(*discrete, levels(noise_level(nodes.back()), noise_level(nodes.front())), false);
  if (to_zero) return o.chained(nodes, clean());
  const Node end = node_at(*discrete, 0), last = nodes.back();
  return o.chained(nodes, noise_level(last) > (1 + 1e-12) * noise_level(end) ? end : last);
}

// The node of a noise level above that of `from`.
Node raised(const Options& o, double level) {
  if (const auto* discrete = o.discrete()) return nodes_of_levels(*discrete, {level}, false)[0];
  if (o.is<Edm>()) return {level, 1, level};
  const auto& sde = std::get<VpSde>(o.schedule());
  const double a = (sde.beta_max - sde.beta_min) / 4, b = sde.beta_min / 2, c = std::log1p(level * level) / 2;
  return node_of_level(2 * c / (b + std::sqrt(b * b + 4 * a * c)), level);  // a t^2 + b t = c = -log alpha
}

Churn churn(const Options& o, const Grid& grid) {
  const std::vector<std::string_view> keys{"s_churn", "s_tmin", "s_tmax", "s_noise"};
  if (o.is<RectifiedFlow>()) o.refuse(keys, "is of noise levels sigma/alpha; rectified_flow goes by t");
  const double amount = o.number("s_churn", 0, 1e300, 0) / double(grid.size());
  const double least = o.number("s_tmin", 0, 1e300, 0), most = o.number("s_tmax", 0, HUGE_VAL, HUGE_VAL);
  Churn out{{}, o.number("s_noise", 0, 1e300, 1)};
  if (amount == 0) return out;
  for (const Interval& step : grid) {
    const double level = noise_level(step.from);
    const double gamma = level >= least && level <= most ? std::min(amount, std::sqrt(2.0) - 1) : 0;
    out.raised.push_back(gamma > 0 ? raised(o, level * (1 + gamma)) : step.from);
  }
  return out;
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

// Of diffusers' multistep DPM-Solver, see dpm_like_grid.
bool cuts(const Options& o) { return o.schedule_name() == "squaredcos_cap_v2"; }

DpmOrders dpm_orders(const Options& o) {
  return {int(o.integer("solver_order", 1, 3, 2)), o.flag("lower_order_final", true), o.flag("euler_at_final", false)};
}
SolverType solver_type(const Options& o) {
  return o.word("solver_type", {"midpoint", "heun"}) == "midpoint" ? SolverType::midpoint : SolverType::heun;
}

bool singlestep(const Options& o) {
  if (o.word("variant", {"multistep", "singlestep"}) == "multistep") return false;
  o.refuse({"timestep_spacing", "steps_offset", "euler_at_final", "use_lu_lambdas"},
           "is not an option of the variant singlestep");
  if (o.increment()) o.refuse_increment();
  return true;
}
DpmSinglestepOrders singlestep_orders(const Options& o) {
  return {int(o.integer("solver_order", 1, 3, 2)), o.flag("lower_order_final", false), solver_type(o)};
}

void require_noisy_end(const Options& o, const Grid& grid) {
  if (grid.back().to.sigma == 0) o.fail("timesteps", "must end at noise: formulas in eps cannot reach sigma = 0");
}

// Of the formulas in eps, which end at noise.
Grid grid_to_noise(const Options& o, bool cut) {
  if (o.word("final_sigmas_type", {"sigma_min", "zero"}) == "zero")
    o.fail("final_sigmas_type", "must be sigma_min: the formulas of dpm_solver end at noise");
  Grid out = dpm_like_grid(o, false, cut);
  require_noisy_end(o, out);
  return out;
}

Sampler dpm_solver(const Options& o) {
  const DpmSolver base{dpm_orders(o), solver_type(o)};
  if (singlestep(o)) return {DpmSolverSinglestep{singlestep_orders(o)}, grid_to_noise(o, false)};
  Sampler out{base, grid_to_noise(o, cuts(o))};
  if (o.increment()) out.stepper = DpmSolverIncrement{base, o.lml()};
  return out;
}

Sampler dpm_solver_plus_plus(const Options& o) {
  const bool to_zero = o.word("final_sigmas_type", {"zero", "sigma_min"}) == "zero";
  const DpmSolverPlusPlus base{dpm_orders(o), solver_type(o)};
  if (singlestep(o)) return {DpmSolverPlusPlusSinglestep{singlestep_orders(o)}, dpm_like_grid(o, to_zero)};
  Sampler out{base, dpm_like_grid(o, to_zero, cuts(o))};
  if (o.increment()) out.stepper = DpmSolverPlusPlusIncrement{base, o.lml()};
  return out;
}

Sampler sde_dpm_solver(const Options& o) {
  if (o.integer("solver_order", 1, 3, 2) == 3)
    o.fail("solver_order", "must be 1 or 2: there is no third-order formula");
  return {SdeDpmSolver{dpm_orders(o), solver_type(o)}, grid_to_noise(o, cuts(o))};
}

Sampler sde_dpm_solver_plus_plus(const Options& o) {
  const bool to_zero = o.word("final_sigmas_type", {"zero", "sigma_min"}) == "zero";
  return {SdeDpmSolverPlusPlus{dpm_orders(o), solver_type(o)}, dpm_like_grid(o, to_zero, cuts(o))};
}

Sampler ddpm(const Options& o) {
  const Ddpm stepper{o.word("variance_type", {"fixed_small", "fixed_large"}) == "fixed_large"};
  if (const auto list = o.timesteps()) return {stepper, o.explicit_grid(*list, clean())};
  o.require_discrete();
  const std::vector<double> timesteps = o.within_options(
      [&] { return ddim_timesteps(o.train_steps(), o.steps(), o.spacing(Spacing::leading), o.offset()); });
  return {stepper, o.chained(nodes_at(*o.discrete(), timesteps), clean())};
}

Sampler euler(const Options& o) {
  Grid grid = k_grid(o);
  Euler stepper{churn(o, grid)};
  if (o.is<RectifiedFlow>()) return {FlowEuler{}, std::move(grid)};
  return {std::move(stepper), std::move(grid)};
}

Sampler heun(const Options& o) {
  Grid grid = k_grid(o);
  Heun stepper{churn(o, grid)};
  if (o.is<RectifiedFlow>()) return {FlowHeun{}, std::move(grid)};
  return {std::move(stepper), std::move(grid)};
}

Sampler ipndm(const Options& o) { return {Ipndm{int(o.integer("solver_order", 1, 4, 4))}, ddim_like_grid(o)}; }

// Timesteps halfway between those of a step are rounded down, as by diffusers.
Node middle(const Schedule& schedule, const Interval& step) {
  const double half = (step.from.t - step.to.t) / 2;
  return node_at(schedule, step.to.t + (std::holds_alternative<DiscreteSchedule>(schedule) ? std::floor(half) : half));
}

Sampler pndm(const Options& o) {
  Pndm stepper;
  stepper.of_v = o.word("prediction_type", {"epsilon", "v_prediction"}) == "v_prediction";
  Grid grid = ddim_like_grid(o, false);
  const bool warm_up = !o.flag("skip_prk_steps", false);
  constexpr std::size_t runge_kutta_steps = 3;
  if (warm_up && grid.size() <= runge_kutta_steps)
    o.fail(o.object().has("timesteps") ? "timesteps" : "steps",
           "must be at least 4 with the Runge-Kutta warm-up (or skip_prk_steps true)");
  const bool chained = o.object().has("timesteps");
  const double stride = chained ? 0 : double(o.train_steps() / o.steps()), half = std::floor(stride / 2);
  if (warm_up) {
    for (std::size_t i = 0; i < runge_kutta_steps; ++i) {
      grid[i].to = grid[i + 1].from;
      const auto [from, to] = grid[i];
      if (chained)
        stepper.middles.push_back({middle(o.schedule(), grid[i]), middle(o.schedule(), grid[i])});
      else
        stepper.middles.push_back({node_at(o.schedule(), from.t - half), node_at(o.schedule(), to.t + half)});
    }
  } else if (!chained && grid.size() > 1) {
    const Node& second = grid[1].from;
    stepper.pair = Interval{node_at(o.schedule(), second.t + stride), second};
  }
  return {std::move(stepper), std::move(grid)};
}

Sampler deis(const Options& o) {
  o.word("solver_type", {"logrho"});
  Grid grid = dpm_like_grid(o, false);
  require_noisy_end(o, grid);
  return {Deis{{int(o.integer("solver_order", 1, 3, 2)), o.flag("lower_order_final", true)}}, std::move(grid)};
}

Sampler unipc(const Options& o) {
  UniPc out;
  out.order = int(o.integer("solver_order", 1, 3, 2));
  out.type = o.word("solver_type", {"bh2", "bh1"}) == "bh1" ? UniPcType::bh1 : UniPcType::bh2;
  out.of_data = o.flag("predict_x0", true);
  out.lower_order_final = o.flag("lower_order_final", true);
  if (const auto list = o.object().find("disable_corrector"))
    for (const Reader& step : list->items()) out.uncorrected.push_back(Index(step.integer(0, 1'000'000)));
  const bool to_zero = o.word("final_sigmas_type", {"zero", "sigma_min"}) == "zero";
  Grid grid = dpm_like_grid(o, to_zero);
  if (grid.back().to.sigma == 0) {
    const auto refuse = [&](const char* key, const std::string& message) {
      const auto given = o.object().find(key);
      if (given) given->fail(message);
      o.object().reader().fail_below(std::string("/") + key, message);
    };
    if (out.type == UniPcType::bh1)
      refuse("final_sigmas_type", "must be sigma_min with solver_type bh1, whose B(h) is infinite at zero");
    if (!out.of_data) refuse("final_sigmas_type", "must be sigma_min where predict_x0 is false");
    if (!out.lower_order_final && out.order > 1)
      refuse("lower_order_final", "must be true where the end is clean data: only order 1 can reach it");
  }
  return {std::move(out), std::move(grid)};
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

const std::vector<std::string_view> k_keys{"timestep_spacing", "steps_offset", "use_karras_sigmas", "sigma_min",
                                           "sigma_max",        "rho",          "s_churn",           "s_tmin",
                                           "s_tmax",           "s_noise"};
const std::vector<std::string_view> dlg_keys{"denoiser", "langevin_steps", "step", "metropolis"};

std::vector<std::string_view> with(std::vector<std::string_view> keys, std::string_view key) {
  keys.push_back(key);
  return keys;
}

/// The one list that a new sampler is added to: its name, whether `increment` exists for it, its own keys, its reader.
const std::vector<Registration>& samplers() {
  static const std::vector<Registration> all{
      {"ddim", true, {"timestep_spacing", "steps_offset", "eta", "set_alpha_to_one"}, ddim},
      {"ddpm", false, {"timestep_spacing", "steps_offset", "variance_type"}, ddpm},
      {"dpm_solver", true, with(dpm_keys, "variant"), dpm_solver},
      {"dpm_solver++", true, with(dpm_keys, "variant"), dpm_solver_plus_plus},
      {"sde-dpm_solver", false, dpm_keys, sde_dpm_solver},
      {"sde-dpm_solver++", false, dpm_keys, sde_dpm_solver_plus_plus},
      {"ipndm", false, {"timestep_spacing", "steps_offset", "set_alpha_to_one", "solver_order"}, ipndm},
      {"pndm", false, {"timestep_spacing", "steps_offset", "set_alpha_to_one", "skip_prk_steps"}, pndm},
      {"deis",
       false,
       {"timestep_spacing", "steps_offset", "solver_order", "solver_type", "lower_order_final", "use_karras_sigmas"},
       deis},
      {"unipc",
       false,
       {"timestep_spacing", "steps_offset", "solver_order", "solver_type", "predict_x0", "lower_order_final",
        "disable_corrector", "final_sigmas_type", "use_karras_sigmas"},
       unipc},
      {"euler", false, with(k_keys, "final_sigmas_type"), euler},
      {"heun", false, k_keys, heun},
      {"dlg", false, dlg_keys, nullptr},  // with the keys of its denoiser, below
  };
  return all;
}

const Registration* registered(std::string_view name) {
  const auto r = std::find_if(samplers().begin(), samplers().end(), [&](const auto& s) { return s.name == name; });
  return r == samplers().end() ? nullptr : &*r;
}

const Registration& find_sampler(const Reader& name) {
  const std::string word = name.string();
  if (const Registration* r = registered(word)) return *r;
  std::vector<std::string_view> names;
  for (const Registration& r : samplers()) names.push_back(r.name);
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

std::vector<std::string_view> joined(std::vector<std::string_view> keys, const std::vector<std::string_view>& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

// Whether a first step from alpha = 0 has no division by it. A correction of eps has one, unless the solver asks for
// the velocity; so has the exact Fisher.
bool starts_at_noise_alone(const Sampler& s) {
  if (s.fisher) return false;
  if (std::holds_alternative<Ddpm>(s.stepper)) return std::holds_alternative<NoCorrection>(s.correction);
  return std::holds_alternative<FlowEuler>(s.stepper) || std::holds_alternative<FlowHeun>(s.stepper);
}

/// The sampler `chosen` out of the object `reader`, which may hold the keys `beside` too.
Sampler build(const Registration& chosen, const Reader& reader, const std::vector<std::string_view>& beside,
              const Setting& setting) {
  const Options options(reader.object(joined(joined(common_keys, chosen.keys), beside)), setting);
  options.word("prediction_type", {"epsilon", "sample", "v_prediction", "flow_prediction", "velocity"});
  if (!options.object().has("timesteps") && !options.has_steps() && options.discrete())
    reader.fail_below("/steps", "is missing (steps, or an explicit list of timesteps)");
  if (options.increment() && !chosen.increment) options.refuse_increment();
  Sampler out = chosen.make(options);
  out.correction = options.correction(out);
  out.fisher = options.fisher();
  if (out.grid.front().from.alpha == 0 && !starts_at_noise_alone(out))
    options.fail("timesteps", "begins where alpha = 0, which only euler, heun and ddpm without correction can");
  out.clipping = read_clipping(options);
  return out;
}

/// Langevin-Gibbs, then `denoiser`: the name of a sampler whose options stand beside, or an object of its own.
Sampler build_dlg(const Object& o, const std::vector<std::string_view>& any, const Setting& setting) {
  const Reader reader = o.reader();
  const auto denoiser = o.find("denoiser");
  const bool apart = denoiser && !denoiser->is_string();
  const Reader name = apart ? denoiser->object(any).at("name") : denoiser ? *denoiser : o.at("name");
  const Registration& chosen = denoiser ? find_sampler(name) : *registered("heun");
  if (!chosen.make) name.fail("must be another sampler");
  if (setting.lml)
    for (const char* form : {"increment", "adaptive"})
      if (form_of(*setting.lml) == form) setting.lml->fail_below("/form", std::string(form) + " exists for no dlg");
  Sampler out = apart ? build(chosen, *denoiser, {}, setting) : build(chosen, reader, dlg_keys, setting);
  if (is_stochastic(out.stepper)) name.fail("must be deterministic as a denoiser");
  if (out.grid.front().from.alpha == 0) name.fail("needs a start with alpha > 0 as a denoiser");
  const Options own(reader.object(apart ? joined(dlg_keys, {"name"}) : any), setting);
  out.chain = LangevinGibbs{Index(own.integer("langevin_steps", 0, 1'000'000, 20)),
                            own.number("step", 1e-300, 1e300, 0.5), own.flag("metropolis", false)};
  return out;
}

}  // namespace

bool has_option(std::string_view sampler, std::string_view key) {
  const Registration* r = registered(sampler);
  if (!r) return false;
  const std::vector<std::string_view> keys = joined(common_keys, r->keys);
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

SamplerChoice read_sampler(const Object& spec) {
  return read_sampler(spec.at("schedule"), spec.at("sampler"), spec.find("lml"));
}

SamplerChoice read_sampler(const Reader& schedule_reader, const Reader& reader, const std::optional<Reader>& lml,
                           std::optional<Index> steps) {
  const Setting setting{read_schedule(schedule_reader), read_schedule_name(schedule_reader), lml, steps};
  const Schedule& schedule = setting.schedule;
  // All keys that any sampler has, so that `name` is judged before the others.
  std::vector<std::string_view> any = common_keys;
  for (const Registration& r : samplers()) any.insert(any.end(), r.keys.begin(), r.keys.end());
  const Object o = reader.object(any);
  const Registration& chosen = find_sampler(o.at("name"));
  SamplerChoice out{std::string(chosen.name),
                    chosen.make ? build(chosen, reader, {}, setting) : build_dlg(o, any, setting), 1};
  for (const Interval& step : out.sampler.grid)
    if (!(step.from.sigma > 0))
      schedule_reader.fail("has no noise at timestep " + digits(step.from.t) + ", where the model would be called");
  const Node& first = out.sampler.grid.front().from;
  out.start_deviation = std::holds_alternative<Edm>(schedule) ? first.sigma : std::hypot(first.alpha, first.sigma);
  if (std::holds_alternative<RectifiedFlow>(schedule)) out.start_deviation = first.sigma;
  return out;
}

}  // namespace lml
