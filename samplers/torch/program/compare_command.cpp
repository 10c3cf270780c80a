// `compare` on a pretrained model: many samplers, corrections and numbers of steps from the same start noise, and how
// far each image ends from where the finest solution that the model allows takes it.
#include <ATen/core/grad_mode.h>

#include <chrono>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "experiments/compare_output.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/png.hpp"
#include "experiments/progress.hpp"
#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "samplers/torch/matched_noise.hpp"
#include "samplers/torch/model_spec.hpp"
#include "samplers/torch/program/command.hpp"

namespace lml {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

/// Where the steps of every sampler lie, in place of its own grid: n steps from `from` to `to`.
struct SharedGrid {
  double from, to;
  std::optional<double> rho;  // t^(1/rho) is uniform; none: t is

  /// A discrete schedule: the n timesteps of the calls. Else: n + 1 times, the end included.
  Json timesteps(Index n, bool discrete) const {
    Json out = Json::array();
    for (Index i = 0; i < n + (discrete ? 0 : 1); ++i) {
      const double share = double(i) / double(n);
      double t = from + share * (to - from);
      if (rho)
        t = std::pow(std::pow(from, 1 / *rho) + share * (std::pow(to, 1 / *rho) - std::pow(from, 1 / *rho)), *rho);
      out.push_back(discrete ? Json(std::llround(t)) : Json(i == n ? to : t));
    }
    return out;
  }
};

struct Entry {
  Json sampler, lml;  // as in the spec; lml is null where there is no correction
  SamplerChoice choice;
  Index steps;
  std::string pointer;
  at::ScalarType solver = at::kDouble;
  /// Noise of the size of this correction's changes in place of a correction.
  std::optional<SamplerChoice> noise_like = {};
};

struct Query {
  PretrainedModel model;
  std::vector<Entry> entries;
  std::optional<SharedGrid> grid;
  Index samples = 0, reference_steps = 0;
  Json schedule, reference_sampler;
  bool discrete = true;
  ImageShape shape() const { return {model.shape[0], model.shape[1], model.shape[2]}; }
};

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

/// A sampler with a number of steps, on the shared grid if there is one. What is wrong is named by the spec's pointer.
SamplerChoice choose(const Document& spec, const Query& q, const std::string& pointer, Json sampler,
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

const std::vector<std::string_view> keys{"model", "network", "schedule",  "samplers", "steps",
                                         "lml",   "samples", "reference", "grid"};

void read_entries(const Document& document, const Object& spec, const std::vector<Index>& steps, Query& q) {
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
        // Not every form exists for every sampler: the published code's is left out where it does not.
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

Query read_query(const TorchOptions& o, const Document& document) {
  const Object spec = Reader(document).object(keys);
  Query q;
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

Index calls_of(const Sampler& s) {
  const Index n = Index(s.grid.size());
  if (std::holds_alternative<Pndm>(s.stepper)) return n + 9;
  return calls_once_a_step(s.stepper) ? n : 2 * n;
}

struct Outcome {
  Points images;
  Index nfe = 0;
  double network_seconds = 0, solver_seconds = 0;  // the sampler's own, the correction with it; of the last run of two
  double relative_change = std::nan("");           // of the network's answers by the correction, mean
};

class Runner {
 public:
  Runner(const Query& q, const TorchOptions& o, Index batch, double total)
      : q_(q), options_(o), batch_(batch), total_(total), progress_("compare") {}

  /// Of an image, all together.
  double evaluations() const { return done_; }

  Outcome run(const SamplerChoice& choice, at::ScalarType solver, const std::optional<SamplerChoice>& noise_like) {
    Outcome out{Points(q_.samples, q_.shape().size())};
    double change = 0, changes = 0;
    for (Index first = 0; first < q_.samples; first += batch_) {
      const Index n = std::min(batch_, q_.samples - first);
      const BatchPlan plan{options_.common.seed, std::uint64_t(first), solver};
      const Node& from = choice.sampler.grid.front().from;
      const Points start =
          network_starts(q_.model, from, choice.start_deviation, n, {options_.common.seed, std::uint64_t(first)});
      double network = 0, solver = 0;
      const auto finish = [&](const Sampler& sampler, NetworkSource& source) {
        BatchState state = begin_batch(q_.model, start, plan);
        const Clock::time_point began = Clock::now();
        finish_batch(sampler, source, plan, state, [&](const BatchState&) {
          progress_.show(std::min(1.0, (done_ + double(n) * double(source.calls().size())) / total_));
        });
        const double spent = seconds_since(began);
        done_ += double(n) * double(source.calls().size());
        out.images.middleRows(first, n) = points_of(state.run.x);
        out.nfe = Index(source.calls().size());
        network += source.seconds();
        solver += spent - source.seconds();
      };
      const auto note = [&](const std::vector<at::Tensor>& sizes) {
        for (const at::Tensor& s : sizes) {
          change += s.sum().item<double>();
          changes += double(s.size(0));
        }
      };
      const Correction& correction = choice.sampler.correction;
      if (noise_like) {
        RecordingSource like(q_.model);
        finish(noise_like->sampler, like);
        network = solver = 0;
        auto sizes = relative_changes(like.answers(), noise_like->sampler.correction);
        note(sizes);
        NoisySource noisy(q_.model, std::move(sizes), {options_.common.seed + 1, std::uint64_t(first)});
        finish(choice.sampler, noisy);
      } else if (std::holds_alternative<NoCorrection>(correction)) {
        NetworkSource source(q_.model);
        finish(choice.sampler, source);
      } else {
        RecordingSource source(q_.model);
        finish(choice.sampler, source);
        note(relative_changes(source.answers(), correction));
      }
      out.network_seconds += network;
      out.solver_seconds += solver;
    }
    if (changes > 0) out.relative_change = change / changes;
    return out;
  }

 private:
  const Query& q_;
  const TorchOptions& options_;
  Index batch_;
  double total_, done_ = 0;
  Progress progress_;
};

/// The finest solutions, one for each end that a sampler has (clean data, or the least noise).
class References {
 public:
  struct Solution {
    Points end;
    double error;  // the mean distance to that of half as many steps
    std::string picture;
  };
  References(const Document& document, const Query& q, Runner& runner) : document_(document), q_(q), runner_(runner) {}
  const Solution& at(const Entry& e) {
    const Node &from = e.choice.sampler.grid.front().from, &to = e.choice.sampler.grid.back().to;
    const auto [found, fresh] = solutions_.try_emplace({from.t, to.sigma});
    if (!fresh) return found->second;
    const auto solve = [&](Index steps) {
      Json sampler = q_.reference_sampler;
      if (has_option(sampler.value("name", ""), "final_sigmas_type") && q_.discrete)
        sampler["final_sigmas_type"] = to.sigma == 0 ? "zero" : "sigma_min";
      Query own{{}, {}, q_.grid ? *q_.grid : SharedGrid{from.t, 0, std::nullopt}, 0, 0, q_.schedule, {}, q_.discrete};
      const SamplerChoice choice = choose(document_, own, "/reference/sampler", sampler, "", {}, steps);
      const Node& end = choice.sampler.grid.back().to;
      if (std::abs(end.sigma - to.sigma) > 1e-9 * (1 + to.sigma))
        throw SpecError(document_.name, "/reference",
                        "ends at sigma " + digits(end.sigma) + " where " + e.pointer + " ends at " + digits(to.sigma));
      return runner_.run(choice, at::kDouble, std::nullopt).images;
    };
    found->second.picture = "reference" + std::to_string(solutions_.size() - 1) + ".png";
    found->second.end = solve(q_.reference_steps);
    found->second.error = rms_distances(found->second.end, solve(q_.reference_steps / 2)).mean();
    return found->second;
  }

 private:
  const Document& document_;
  const Query& q_;
  Runner& runner_;
  std::map<std::pair<double, double>, Solution> solutions_;
};

Json run_of(const Entry& e, const Outcome& outcome, const References::Solution& reference, const Vec* base,
            const Query& q) {
  const Vec distance = rms_distances(outcome.images, reference.end);
  const Estimate error = mean_of(distance);
  std::vector<double> sorted(distance.begin(), distance.end());
  std::nth_element(sorted.begin(), sorted.begin() + std::ptrdiff_t(sorted.size() / 2), sorted.end());
  const double lowest = q.model.lowest, highest = q.model.highest;
  const double outside = (outcome.images.array() < lowest || outcome.images.array() > highest).cast<double>().mean();
  const Vec contrast =
      ((outcome.images.colwise() - outcome.images.rowwise().mean()).rowwise().squaredNorm() / double(q.shape().size()))
          .cwiseSqrt();
  Json out{
      {"sampler", e.sampler},
      {"label", label(e.sampler)},
      {"lml", e.lml},
      {"correction", e.noise_like ? "noise like " + label_of_correction(e.lml["like"]) : label_of_correction(e.lml)},
      {"beta", nominal_beta(e.noise_like ? e.lml["like"] : e.lml, q.shape().size())},
      {"steps", e.steps},
      {"nfe", outcome.nfe},
      {"error", figure(error.value)},
      {"standard_error", figure(error.standard_error)},
      {"median", figure(sorted[sorted.size() / 2])},
      {"reference_error", figure(reference.error)},
      {"relative_change", std::isnan(outcome.relative_change) ? Json() : figure(outcome.relative_change)},
      {"outside_range", figure(outside)},
      {"contrast", figure(contrast.mean())},
      {"network_seconds", figure(outcome.network_seconds)},
      {"solver_seconds", figure(outcome.solver_seconds)}};
  if (!base) return out;
  // Of the same images under the plain sampler, so that what the images have in common drops out.
  const Estimate difference = mean_of(distance - *base);
  const Index wins = (distance.array() < base->array()).count(), ties = (distance.array() == base->array()).count();
  out["against_base"] = {{"ratio", figure(error.value / base->mean())},
                         {"difference", figure(difference.value)},
                         {"standard_error", figure(difference.standard_error)},
                         {"wins", wins},
                         {"ties", ties}};
  out["ratio"] = out["against_base"]["ratio"];
  out["wins"] = wins;
  return out;
}

int compare_networks(const TorchOptions& o, Index batch) {
  const Document document = read_document(o.common.spec, o.common.set);
  const Query q = read_query(o, document);

  // What it will cost, before it starts.
  double total = 0;
  std::map<std::pair<double, double>, bool> ends;
  for (const Entry& e : q.entries) {
    total += double(calls_of(e.choice.sampler));
    if (e.noise_like) total += double(calls_of(e.noise_like->sampler));
    ends[{e.choice.sampler.grid.front().from.t, e.choice.sampler.grid.back().to.sigma}] = true;
  }
  total = double(q.samples) * (total + 1.5 * double(ends.size()) * double(q.reference_steps));
  {
    NetworkSource source(q.model);
    const c10::NoGradGuard no_grad;
    const Index n = std::min(batch, q.samples);
    const Points start = network_starts(q.model, q.entries[0].choice.sampler.grid[0].from,
                                        q.entries[0].choice.start_deviation, n, {o.common.seed});
    const at::Tensor x = tensor_of(start, q.model, at::kDouble);
    for (int i = 0; i < 2; ++i) source.epsilon(x, q.entries[0].choice.sampler.grid[0].from);
    const double before = source.seconds();
    source.epsilon(x, q.entries[0].choice.sampler.grid[0].from);
    const double each = (source.seconds() - before) / double(n);
    std::fprintf(stderr, "compare: %zu runs of %lld images, %.3g evaluations of an image at %.3g s, about %.2g min\n",
                 q.entries.size(), static_cast<long long>(q.samples), total, each, total * each / 60);
  }

  Runner runner(q, o, batch, total);
  References references(document, q, runner);
  Json runs = Json::array();
  std::vector<std::vector<double>> rows;
  std::vector<std::vector<std::string>> labels;
  double largest_reference = 0;
  std::map<std::pair<std::string, Index>, Vec> bases;
  std::vector<OutputFile> files;
  std::map<std::string, std::string> pictures;
  for (const Entry& e : q.entries) {
    const References::Solution& reference = references.at(e);
    Outcome outcome;
    try {
      outcome = runner.run(e.choice, e.solver, e.noise_like);
    } catch (const NotFinite& error) {
      throw SpecError(document.name, e.pointer,
                      "with " + std::to_string(e.steps) + " steps" +
                          (e.lml.is_null() ? "" : ", corrected (" + label_of_correction(e.lml) + ")") + ": " +
                          error.what());
    }
    const auto key = std::make_pair(dump(e.sampler), e.steps);
    const auto base = bases.find(key);
    Json run = run_of(e, outcome, reference, base == bases.end() ? nullptr : &base->second, q);
    if (e.lml.is_null()) bases[key] = rms_distances(outcome.images, reference.end);
    const auto number = [&](const char* name) {
      return run.contains(name) && run[name].is_number() ? run[name].get<double>() : std::nan("");
    };
    std::vector<double> row{double(e.steps), double(outcome.nfe)};
    for (const char* name : {"error", "standard_error", "median", "reference_error", "relative_change", "outside_range",
                             "contrast", "ratio", "wins", "network_seconds", "solver_seconds"})
      row.push_back(number(name));
    rows.push_back(std::move(row));
    labels.push_back({label(e.sampler), run["correction"].get<std::string>()});
    if (!o.common.out.empty() && (q.shape().channels == 1 || q.shape().channels == 3)) {
      const Index shown = std::min<Index>(q.samples, 8);
      pictures["run" + std::to_string(runs.size()) + ".png"] = png_grid(
          to_bytes(outcome.images.topRows(shown), q.model.lowest, q.model.highest, Rounding::nearest), q.shape(), 1);
      run["image"] = "run" + std::to_string(runs.size()) + ".png";
      run["reference_image"] = reference.picture;
      pictures[reference.picture] = png_grid(
          to_bytes(reference.end.topRows(shown), q.model.lowest, q.model.highest, Rounding::nearest), q.shape(), 1);
    }
    largest_reference = std::max(largest_reference, reference.error);
    runs.push_back(std::move(run));
  }
  for (const auto& [name, text] : pictures) files.push_back({name, {text}});

  Results results;
  results.put("runs", runs);
  results.put("samples", Json(q.samples));
  results.put("dim", Json(q.shape().size()));
  results.put("reference_error", figure(largest_reference));
  const std::string table_text =
      csv({"sampler", "correction", "steps", "nfe", "error", "standard_error", "median", "reference_error",
           "relative_change", "outside_range", "contrast", "ratio", "wins", "network_seconds", "solver_seconds"},
          rows, labels);
  files.push_back({"compare.csv", {table_text}});
  deliver(o.common, "compare", document, results, std::llround(runner.evaluations()), files);
  if (!o.common.json)
    print(std::to_string(q.samples) + " images of the same start noise, d = " + std::to_string(q.shape().size()) +
          "\nerror: distance to the finest solution (" + std::to_string(q.reference_steps) + " steps, itself within " +
          brief(largest_reference) +
          "),\nroot mean square over pixels, mean over images; ratio, wins: against the plain sampler\n\n" +
          table_of_runs(runs, {"relative_change", "ratio", "wins"}));
  return 0;
}

}  // namespace

void add_compare(CLI::App& app, TorchOptions& o, Chosen& run) {
  CLI::App* command = app.add_subcommand("compare", "many samplers and corrections on a pretrained model");
  add_spec(*command, o);
  add_common(*command, o);
  static Index batch = 16;
  add_batch(*command, batch);
  command->callback([&] { run = [&] { return compare_networks(o, batch); }; });
}

}  // namespace lml
