#include "paper_checks/checks/networks.hpp"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace lml::checks {
namespace {

using Json = nlohmann::json;

// Table 6: lambda' for CIFAR-10 at 5 and at 10 evaluations; kappa of all tables.
constexpr double lambda = 0.0008, kappa = 1e-8;

Json form(const char* name, const char* precision) {
  return {{"form", name}, {"kappa", kappa}, {"lambda", lambda}, {"precision", precision}};
}

/// Algorithm 1 as the paper runs it (DPM-Solver of order 3, uniform time steps, float32), what it is in exact
/// arithmetic, what the published code does in its place (the increment form), noise of the size of the printed form's
/// changes, and a correction that does what its derivation promises.
Json comparison(const std::string& model, Index samples) {
  Json spec{{"model", model},
            {"samples", samples},
            {"steps", {10}},
            {"samplers", {{{"name", "dpm_solver"}, {"solver_order", 3}}, {{"name", "ddim"}}}},
            {"lml",
             {form("printed", "float32"), Json{{"form", "noise"}, {"like", form("printed", "float32")}},
              form("stable", "float64"), form("increment", "float32"), form("increment", "float64"),
              Json{{"form", "adaptive"}}}},
            {"reference", {{"sampler", {{"name", "unipc"}, {"solver_order", 2}}}, {"steps", 60}}}};
  if (model == "fashion28") {
    spec["schedule"] = {{"name", "linear"}, {"beta_start", 1e-4}, {"beta_end", 0.02}};
    spec["grid"] = {{"from", 999}, {"to", 0}};
  } else if (model.ends_with("anime64")) {
    spec["grid"] = {{"from", 292}, {"to", 0}};        // above, alpha^2 is below 0.001
    spec["samplers"][1]["set_alpha_to_one"] = false;  // so that both samplers end at the same level
  } else {
    spec["network"] = "low";
    spec["grid"] = {{"from", 1}, {"to", 0.01}, {"rho", 7}};
  }
  return spec;
}

Json runs_of(const Context& context, const Json& spec) {
  return Json::parse(context.networks("compare", spec.dump())).at("runs");
}
// Two claims look at the same runs.
const Json& runs_once(const Context& context, const Json& spec) {
  static std::map<std::string, Json> known;
  const std::string key = spec.dump();
  if (!known.count(key)) known.emplace(key, runs_of(context, spec));  // nothing is kept of runs that throw
  return known.at(key);
}

const Json& run_of(const Json& runs, const std::string& sampler, const std::string& correction, Index steps) {
  const auto r = std::find_if(runs.begin(), runs.end(), [&](const Json& r) {
    return r["sampler"]["name"] == sampler && r["correction"].get<std::string>().starts_with(correction) &&
           r["steps"] == steps;
  });
  if (r == runs.end()) throw std::runtime_error("no run of " + sampler + ", " + correction);
  return *r;
}

/// A run that ends in numbers that are not finite.
bool diverged(const Json& run) { return run.at("error") == "inf"; }

/// Of images that the correction brings nearer to the finest solution than the plain sampler does; half of the ties.
double share_nearer(const Json& run, Index samples) {
  if (diverged(run)) return 0;
  const Json& against = run.at("against_base");
  return (against.at("wins").get<double>() + against.at("ties").get<double>() / 2) / double(samples);
}

double ratio(const Json& run) { return run.at("against_base").at("ratio").get<double>(); }
double ratio_error(const Json& run) { return run.at("against_base").at("ratio_standard_error").get<double>(); }

Table table_of(const Json& runs, const std::string& name, const std::string& caption) {
  Table t{name,
          caption,
          {"sampler and correction", "steps", "evaluations", "error", "standard error", "against the plain sampler",
           "its standard error", "images nearer", "relative change of eps", "reference error"},
          {}};
  for (const Json& r : runs) {
    t.labels.push_back(r["label"].get<std::string>() + ", " + r["correction"].get<std::string>());
    if (diverged(r)) {
      t.rows.push_back({r["steps"], NAN, HUGE_VAL, NAN, HUGE_VAL, NAN, 0, NAN, NAN});
      continue;
    }
    const bool base = !r.contains("against_base");
    t.rows.push_back({r["steps"], r["nfe"], r["error"], r["standard_error"], base ? 1.0 : ratio(r),
                      base ? 0.0 : ratio_error(r), base ? NAN : r["against_base"]["wins"].get<double>(),
                      r["relative_change"].is_number() ? r["relative_change"].get<double>() : NAN,
                      r["reference_error"]});
  }
  return t;
}

constexpr const char* caption =
    "Distance of an image to the finest solution of the same start noise (60 steps), root mean square over pixels, "
    "mean over images; nearer: in how many images the correction beats the plain sampler";

/// The largest departure from one half of a fair coin's share of n that is as likely as four standard deviations of a
/// normal law, or more.
double fair_coin_bound(Index n) {
  const double rate = std::erfc(4 / std::sqrt(2.0));
  const boost::math::binomial_distribution<> coin(double(n), 0.5);
  Index k = 0;
  while (2 * cdf(coin, double(k)) < rate) ++k;
  return 0.5 - double(k) / double(n);
}

// A correction of DPM-Solver of order 3, as a share of images; a fair coin would give 1/2.
Evidence correction_on(const Context& context, const std::string& model, Index samples, const char* correction,
                       const std::string& name) {
  const Json& runs = runs_once(context, comparison(model, samples));
  Evidence out;
  out.value = share_nearer(run_of(runs, "dpm_solver", correction, 10), samples);
  out.uncertainty = fair_coin_bound(samples);
  // Extrapolation of DDIM's eps to second order does what the correction is said to do; noise cannot.
  out.control = share_nearer(run_of(runs, "ddim", "adaptive", 10), samples);
  out.other_control = share_nearer(run_of(runs, "dpm_solver", "noise", 10), samples);
  out.tables = {table_of(runs, name, caption)};
  return out;
}

std::string model_at_hand(const char* name) {
  const char* data = std::getenv("LML_DATA");
  const std::filesystem::path folder = data ? std::filesystem::path(data) / name : std::filesystem::path();
  if (!data || !std::filesystem::exists(folder))
    throw NotHere("needs the model folder " + std::string(name) + " in $LML_DATA");
  return std::filesystem::absolute(folder);
}

}  // namespace

Evidence correction_on_a_network(const Context& context) {
  return correction_on(context, "fashion28", context.full ? 512 : 128, "printed", "fashion28");
}

Evidence exact_correction_on_a_network(const Context& context) {
  return correction_on(context, "fashion28", context.full ? 512 : 128, "stable", "fashion28-exact");
}

Evidence published_code_on_a_network(const Context& context) {
  return correction_on(context, "fashion28", context.full ? 512 : 128, "increment", "fashion28-published");
}

Evidence correction_on_faces(const Context& context) {
  return correction_on(context, model_at_hand("celeba40"), context.full ? 128 : 32, "printed", "celeba40");
}

Evidence correction_on_drawn_faces(const Context& context) {
  return correction_on(context, model_at_hand("anime64"), context.full ? 64 : 16, "printed", "anime64");
}

Evidence exact_correction_on_drawn_faces(const Context& context) {
  return correction_on(context, model_at_hand("anime64"), context.full ? 64 : 16, "stable", "anime64-exact");
}

Evidence published_code_on_drawn_faces(const Context& context) {
  return correction_on(context, model_at_hand("anime64"), context.full ? 64 : 16, "increment", "anime64-published");
}

Evidence score_error_of_a_network(const Context& context) {
  const std::vector<double> levels{80, 20, 6.9, 3.1, 1.36, 0.6, 0.12, 0.02};
  constexpr std::size_t tested = 4, control = 2;
  const Json spec{
      {"model", "fashion28"}, {"target", "fashion-mnist"}, {"t", levels}, {"samples", context.full ? 512 : 128}};
  const Json r = Json::parse(context.networks("network-error", spec.dump())).at("training");
  const auto at = [&](const char* name, std::size_t i) { return r.at(name).at(i).get<double>(); };
  const auto relative = [&](const char* name, std::size_t i) { return at(name, i) / at("size", i); };
  Evidence out;
  out.value = relative("error", tested);
  out.uncertainty = 4 * relative("error_standard_error", tested);
  out.second = relative("error_from_losses", tested);
  out.second_tolerance =
      4 * std::hypot(relative("error_standard_error", tested), relative("error_from_losses_standard_error", tested));
  out.control = relative("error", control);
  Table t{"delta_2",
          "Error of the network's noise prediction against the exact one of its 60,000 images (root mean square a "
          "component; the prediction itself is of size 1), on draws from those images",
          {"sigma/alpha", "delta_2", "standard error", "network's loss", "exact loss", "weight of the nearest image",
           "share of the error among the 17 nearest images"},
          {}};
  for (std::size_t i = 0; i < levels.size(); ++i)
    t.rows.push_back({levels[i], at("error", i), at("error_standard_error", i), at("network_loss", i),
                      at("exact_loss", i), at("nearest_weight", i), at("among_neighbours", i)});
  out.tables = {t};
  return out;
}

Evidence rank_one_on_a_network(const Context& context) {
  const std::vector<double> levels{10, 3, 1, 0.5, 0.25, 0.1, 0.05};
  const Json spec{{"model", "fashion28"},
                  {"target", "fashion-mnist"},
                  {"levels", levels},
                  {"images", context.full ? 16 : 2},
                  {"probes", 8}};
  const Json answer = Json::parse(context.networks("hessian", spec.dump()));
  const Json &network = answer.at("network"), &exact = answer.at("exact");
  const auto value = [&](const Json& of, const char* name, std::size_t i) {
    return of.at(name).at("mean").at(i).get<double>();
  };
  const auto error = [&](const char* name, std::size_t i) {
    return network.at(name).at("standard_error").at(i).get<double>();
  };
  Evidence out;
  out.value = out.control = HUGE_VAL;
  Table t{
      "curvature",
      "Relative Hilbert-Schmidt errors of models of the network's Fisher F = d eps/dx/sigma, and of the exact law of "
      "its 60,000 images at the same points; asymmetry of the learned Jacobian; u^T F u sigma^2 (the model says 1)",
      {"sigma/alpha", "u u^T/sigma^2", "standard error", "I/sigma^2", "exact law: u u^T/sigma^2",
       "exact law: I/sigma^2", "asymmetry", "u^T F u sigma^2", "exact law: u^T F u sigma^2"},
      {}};
  for (std::size_t i = 0; i < levels.size(); ++i) {
    if (value(network, "rank_one", i) < out.value) {
      out.value = value(network, "rank_one", i);
      out.uncertainty = 4 * error("rank_one", i);
      out.second = value(network, "rank_one_plain", i);
      out.second_tolerance = 4 * std::hypot(error("rank_one", i), error("rank_one_plain", i));
    }
    out.control = std::min(out.control, value(network, "identity", i));
    t.rows.push_back({levels[i], value(network, "rank_one", i), error("rank_one", i), value(network, "identity", i),
                      value(exact, "rank_one", i), value(exact, "identity", i), value(network, "asymmetry", i),
                      value(network, "along_u", i), value(exact, "along_u", i)});
  }
  out.tables = {t};
  return out;
}

Evidence overhead_on_a_network(const Context& context) {
  Json spec = comparison("fashion28", 32);
  spec["samplers"] = {{{"name", "ddim"}}};
  spec["steps"] = {20};
  spec["lml"] = {form("stable", "float64"), form("printed", "float32"), form("printed", "float64")};
  spec["reference"] = {{"steps", 40}};  // not looked at
  // The least of several measurements of each: what else the machine does can only add.
  const int repeats = context.full ? 9 : 5;
  std::map<std::string, std::vector<double>> own;
  double network = HUGE_VAL;
  for (int i = 0; i < repeats; ++i)
    for (const Json& r : runs_of(context, spec)) {
      own[r["correction"]].push_back(r["solver_seconds"]);
      network = std::min(network, r["network_seconds"].get<double>());
    }
  Evidence out;
  Table t{"overhead",
          "Seconds of DDIM with 20 evaluations of 32 images beside the network's own; least of the repeats",
          {"correction", "solver and correction", "network", "share that the correction adds"},
          {}};
  const auto least = [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); };
  const double plain = least(own.at("none"));
  out.value = 0;
  for (const auto& [correction, seconds] : own) {
    const double added = (least(seconds) - plain) / (network + plain);
    std::vector<double> sorted = seconds;
    std::sort(sorted.begin(), sorted.end());
    if (correction != "none" && added > out.value) {
      out.value = added;
      out.uncertainty = (sorted[1] - sorted[0] + plain * 0.1) / network;
    }
    t.labels.push_back(correction);
    t.rows.push_back({least(seconds), network, added});
  }
  // A method with a second evaluation a step, as a damping by products with the network's own Hessian would have.
  spec["samplers"] = {{{"name", "ddim"}}};
  spec.erase("lml");
  spec["steps"] = {20, 40};
  spec["reference"] = {{"steps", 80}};
  const Json runs = runs_of(context, spec);
  const auto all = [](const Json& r) { return r["solver_seconds"].get<double>() + r["network_seconds"].get<double>(); };
  out.control = all(runs.at(1)) / all(runs.at(0)) - 1;
  out.tables = {t};
  return out;
}

}  // namespace lml::checks
