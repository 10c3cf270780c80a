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
#include "samplers/torch/matched_noise.hpp"
#include "samplers/torch/network_run.hpp"
#include "samplers/torch/program/compare_journal.hpp"
#include "samplers/torch/program/compare_spec.hpp"
#include "samplers/torch/run_store.hpp"

namespace lml {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

Index calls_of(const Sampler& s) {
  const Index n = Index(s.grid.size());
  if (std::holds_alternative<Pndm>(s.stepper)) return n + 9;
  return calls_once_a_step(s.stepper) ? n : 2 * n;
}

class Runner {
 public:
  Runner(const Comparison& q, const TorchOptions& o, Index batch, double total, CompareJournal journal)
      : q_(q), options_(o), batch_(batch), total_(total), journal_(std::move(journal)), progress_("compare") {}

  /// Of an image, all together.
  double evaluations() const { return done_; }
  void finished() const { journal_.remove(); }

  /// Runs are asked for in the same order in every process, which is how a journal knows them.
  Outcome run(const SamplerChoice& choice, at::ScalarType solver, const std::optional<SamplerChoice>& noise_like) {
    const std::size_t number = number_++;
    if (auto known = journal_.read(number)) {
      done_ += known->evaluations;
      return std::move(*known);
    }
    const double before = done_;
    Outcome out;
    within_memory(q_.model, choice.sampler.grid.front().from, std::min(batch_, q_.samples),
                  [&] { out = made(choice, solver, noise_like); });
    out.evaluations = done_ - before;
    journal_.write(number, out);
    return out;
  }

 private:
  Outcome made(const SamplerChoice& choice, at::ScalarType solver, const std::optional<SamplerChoice>& noise_like) {
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

  const Comparison& q_;
  const TorchOptions& options_;
  Index batch_;
  double total_, done_ = 0;
  std::size_t number_ = 0;
  CompareJournal journal_;
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
  References(const Document& document, const Comparison& q, Runner& runner)
      : document_(document), q_(q), runner_(runner) {}
  const Solution& at(const Entry& e) {
    const Node &from = e.choice.sampler.grid.front().from, &to = e.choice.sampler.grid.back().to;
    const auto [found, fresh] = solutions_.try_emplace({from.t, to.sigma});
    if (!fresh) return found->second;
    const auto solve = [&](Index steps) {
      Json sampler = q_.reference_sampler;
      if (has_option(sampler.value("name", ""), "final_sigmas_type") && q_.discrete)
        sampler["final_sigmas_type"] = to.sigma == 0 ? "zero" : "sigma_min";
      Comparison own{{}, {},         q_.grid ? *q_.grid : SharedGrid{from.t, 0, std::nullopt}, 0, 0, q_.schedule,
                     {}, q_.discrete};
      const SamplerChoice choice = choose(document_, own, "/reference/sampler", sampler, "", {}, steps);
      const Node& end = choice.sampler.grid.back().to;
      if (std::abs(end.sigma - to.sigma) > 1e-9 * (1 + to.sigma))
        throw SpecError(document_.name, "/reference",
                        "ends at sigma " + digits(end.sigma) + " where " + e.pointer + " ends at " + digits(to.sigma));
      try {
        return runner_.run(choice, at::kDouble, std::nullopt).images;
      } catch (const NotFinite& error) {
        throw SpecError(document_.name, "/reference", error.what());
      }
    };
    found->second.picture = "reference" + std::to_string(solutions_.size() - 1) + ".png";
    found->second.end = solve(q_.reference_steps);
    found->second.error = rms_distances(found->second.end, solve(q_.reference_steps / 2)).mean();
    return found->second;
  }

 private:
  const Document& document_;
  const Comparison& q_;
  Runner& runner_;
  std::map<std::pair<double, double>, Solution> solutions_;
};

double median(Vec v) {
  std::sort(v.begin(), v.end());
  return (v[(v.size() - 1) / 2] + v[v.size() / 2]) / 2;
}

/// A run with a number that is not finite has no end points, and so no other figures.
Json run_that_diverged(const Entry& e, const std::string& why) {
  Json out{
      {"sampler", e.sampler},
      {"label", label(e.sampler)},
      {"lml", e.lml},
      {"correction", e.noise_like ? "noise like " + label_of_correction(e.lml["like"]) : label_of_correction(e.lml)},
      {"steps", e.steps},
      {"error", "inf"},
      {"why", why}};
  for (const char* name : {"nfe", "standard_error", "median", "reference_error", "relative_change", "outside_range",
                           "contrast", "network_seconds", "solver_seconds"})
    out[name] = nullptr;
  return out;
}

Json run_of(const Entry& e, const Outcome& outcome, const References::Solution& reference, const Vec* base,
            const Comparison& q) {
  const Vec distance = rms_distances(outcome.images, reference.end);
  const Estimate error = mean_of(distance);
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
      {"median", figure(median(distance))},
      {"reference_error", figure(reference.error)},
      {"relative_change", std::isnan(outcome.relative_change) ? Json() : figure(outcome.relative_change)},
      {"outside_range", figure(outside)},
      {"contrast", figure(contrast.mean())},
      {"network_seconds", figure(outcome.network_seconds)},
      {"solver_seconds", figure(outcome.solver_seconds)}};
  if (!base) return out;
  // Of the same images under the plain sampler, so that what the images have in common drops out.
  const Estimate difference = mean_of(distance - *base);
  const double ratio = error.value / base->mean();  // its error to first order in the errors of the two means
  const Index wins = (distance.array() < base->array()).count(), ties = (distance.array() == base->array()).count();
  out["against_base"] = {
      {"ratio", figure(ratio)},
      {"ratio_standard_error", figure(mean_of(distance - ratio * *base).standard_error / base->mean())},
      {"difference", figure(difference.value)},
      {"standard_error", figure(difference.standard_error)},
      {"wins", wins},
      {"ties", ties}};
  for (const char* name : {"ratio", "ratio_standard_error"}) out[name] = out["against_base"][name];
  out["wins"] = wins;
  return out;
}

/// Says what it will cost, before it starts; gives the evaluations of an image, all together.
double announced_evaluations(const Comparison& q, const TorchOptions& o, Index batch) {
  double total = 0;
  std::map<std::pair<double, double>, bool> ends;
  for (const Entry& e : q.entries) {
    total += double(calls_of(e.choice.sampler));
    if (e.noise_like) total += double(calls_of(e.noise_like->sampler));
    ends[{e.choice.sampler.grid.front().from.t, e.choice.sampler.grid.back().to.sigma}] = true;
  }
  total = double(q.samples) * (total + 1.5 * double(ends.size()) * double(q.reference_steps));
  const SamplerChoice& choice = q.entries[0].choice;
  const Node& from = choice.sampler.grid.front().from;
  const Index n = std::min(batch, q.samples);
  const Points start = network_starts(q.model, from, choice.start_deviation, n, {o.common.seed});
  within_memory(q.model, from, n, [&] {
    const c10::NoGradGuard no_grad;
    NetworkSource source(q.model);
    const at::Tensor x = tensor_of(start, q.model, at::kDouble);
    for (int i = 0; i < 2; ++i) source.epsilon(x, from);
    const double before = source.seconds();
    source.epsilon(x, from);
    const double each = (source.seconds() - before) / double(n);
    std::fprintf(stderr, "compare: %zu runs of %lld images, %.3g evaluations of an image at %.3g s, about %.2g min\n",
                 q.entries.size(), static_cast<long long>(q.samples), total, each, total * each / 60);
  });
  return total;
}

int compare_networks(const TorchOptions& o, Index batch) {
  const Document document = read_document(o.common.spec, o.common.set);
  const Comparison q = read_comparison(o, document);

  const double total = announced_evaluations(q, o, batch);
  const std::string identity = dump(*document.root) + ' ' + std::to_string(o.common.seed) + ' ' + o.precision + ' ' +
                               o.common.device + ' ' + std::to_string(batch) + ' ' + dump(q.model.schedule) +
                               dump(q.model.sampler) + dump(q.model.own) + weights_identity(q.model.network->weights());
  Runner runner(q, o, batch, total, CompareJournal(o.common.out, identity));
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
    const auto key = std::make_pair(dump(e.sampler), e.steps);
    const auto base = bases.find(key);
    Outcome outcome;
    Json run;
    try {
      outcome = runner.run(e.choice, e.solver, e.noise_like);
      run = run_of(e, outcome, reference, base == bases.end() ? nullptr : &base->second, q);
      if (e.lml.is_null()) bases[key] = rms_distances(outcome.images, reference.end);
    } catch (const NotFinite& error) {
      run = run_that_diverged(e, error.what());
      std::fprintf(stderr, "compare: %s, %s, %lld steps: %s\n", label(e.sampler).c_str(),
                   run["correction"].get<std::string>().c_str(), static_cast<long long>(e.steps), error.what());
    }
    const auto number = [&](const char* name) {
      if (!run.contains(name)) return std::nan("");
      return run[name] == "inf" ? HUGE_VAL : run[name].is_number() ? run[name].get<double>() : std::nan("");
    };
    std::vector<double> row{double(e.steps), number("nfe")};
    for (const char* name : {"error", "standard_error", "median", "reference_error", "relative_change", "outside_range",
                             "contrast", "ratio", "ratio_standard_error", "wins", "network_seconds", "solver_seconds"})
      row.push_back(number(name));
    rows.push_back(std::move(row));
    labels.push_back({label(e.sampler), run["correction"].get<std::string>()});
    if (outcome.images.size() > 0 && !o.common.out.empty() && (q.shape().channels == 1 || q.shape().channels == 3)) {
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
  const std::string table_text = csv({"sampler", "correction", "steps", "nfe", "error", "standard_error", "median",
                                      "reference_error", "relative_change", "outside_range", "contrast", "ratio",
                                      "ratio_standard_error", "wins", "network_seconds", "solver_seconds"},
                                     rows, labels);
  files.push_back({"compare.csv", {table_text}});
  deliver(o.common, "compare", document, results, std::llround(runner.evaluations()), files);
  runner.finished();
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
