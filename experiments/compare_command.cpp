// `compare`: many samplers at many numbers of steps from the same starts, and how far each ends from where the exact
// flow takes them.
#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/compare_output.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/hand_over.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "samplers/ensemble.hpp"
#include "samplers/exact_flow.hpp"
#include "samplers/fisher_source.hpp"

namespace lml {
namespace {

constexpr double tolerance = 1e-12, loose_tolerance = 1e-9;

struct Entry {
  Json sampler, lml;  // as in the spec; lml is null where there is no correction
  SamplerChoice choice;
  Index steps;
  std::string pointer, lml_pointer;  // of the sampler and of the correction
};

struct Query {
  Target target;
  std::vector<Entry> entries;
  Points start;  // empty: drawn by the program
  Index samples;
};

Query read_query(const Document& document) {
  const Object spec = Reader(document).object({"target", "schedule", "samplers", "steps", "lml", "samples", "start"});
  Query q{read_target(spec.at("target")), {}, {}, 0};
  const Reader schedule = spec.at("schedule");
  const Schedule noise = read_schedule(schedule);
  if (!std::holds_alternative<DiscreteSchedule>(noise) && !std::holds_alternative<Edm>(noise))
    schedule.fail("must be discrete, or edm: a number of steps alone places none on it");
  std::vector<Index> steps;
  for (const Reader& r : spec.at("steps").items()) {
    const Index n = r.integer(1, 1'000'000);
    if (!steps.empty() && n <= steps.back()) r.fail("must be above the one before");
    steps.push_back(n);
  }
  std::vector<std::optional<Reader>> corrections{std::nullopt};
  const auto lml = spec.find("lml");
  if (lml)
    for (const Reader& r : lml->items()) corrections.emplace_back(r);
  const Json& root = *document.root;
  const std::vector<Reader> samplers = spec.at("samplers").items();
  for (std::size_t i = 0; i < samplers.size(); ++i)
    for (std::size_t c = 0; c < corrections.size(); ++c)
      for (Index n : steps)
        q.entries.push_back({root["samplers"][i], c == 0 ? Json() : root["lml"][c - 1],
                             read_sampler(schedule, samplers[i], corrections[c], n), n, samplers[i].pointer(),
                             corrections[c] ? corrections[c]->pointer() : ""});
  for (const Entry& e : q.entries)
    if (e.choice.sampler.chain || is_stochastic(e.choice.sampler.stepper))
      throw SpecError(document.name, e.pointer, "draws noise at its steps, so no single point is where it should end");
  const auto start = spec.find("start"), count = spec.find("samples");
  if (start && count) count->fail("samples or start, never both");
  if (!start && !count) spec.reader().fail_below("/samples", "is missing (a number of samples, or their start)");
  if (start) q.start = read_points(*start, q.target.dim());
  q.samples = start ? q.start.rows() : count->integer(2, 10'000'000);
  if (q.samples < 2) start->fail("must hold at least two starts");
  return q;
}

// Ends of the exact flow over one interval, and what a tolerance a thousand times looser changes.
struct Reference {
  Points end;
  double error;
};

double root_mean_square(const Points& difference) { return std::sqrt(difference.rowwise().squaredNorm().mean()); }

class References {
 public:
  explicit References(const Target& target) : target_(target) {}
  const Reference& at(const Grid& grid, const Points& start) {
    const Node &from = grid.front().from, &to = grid.back().to;
    const auto [found, fresh] = ends_.try_emplace({from.alpha, from.sigma, to.alpha, to.sigma});
    if (fresh) {
      found->second.end = exact_flow(target_, from, to, start, tolerance);
      found->second.error = root_mean_square(found->second.end - exact_flow(target_, from, to, start, loose_tolerance));
    }
    return found->second;
  }

 private:
  const Target& target_;
  std::map<std::array<double, 4>, Reference> ends_;
};

struct Figures {
  double nfe, rms, standard_error, median, reference;
};

Figures figures(const SampleSet& set, const Reference& reference) {
  const Vec square = (set.samples - reference.end).rowwise().squaredNorm();
  const double n = double(square.size()), mean = square.mean(), rms = std::sqrt(mean);
  const double deviation = std::sqrt((square.array() - mean).square().sum() / (n - 1));
  std::vector<double> sorted(square.begin(), square.end());
  std::nth_element(sorted.begin(), sorted.begin() + std::ptrdiff_t(sorted.size() / 2), sorted.end());
  return {double(set.calls.size()), rms, rms > 0 ? deviation / std::sqrt(n) / (2 * rms) : 0,
          std::sqrt(sorted[sorted.size() / 2]), reference.error};
}

std::string readable(const Query& q, const Json& runs) {
  return std::to_string(q.samples) + " starts, d = " + std::to_string(q.target.dim()) +
         "\nerror: root mean square distance to the end of the exact flow\n\n" + table_of_runs(runs);
}

}  // namespace

int compare_command(const Common& common) {
  const Document document = read_document(common.spec, common.set);
  if (document.root->contains("model")) hand_over(common, &document);
  const Query q = read_query(document);
  ExactSource source(q.target);
  References references(q.target);
  // Draws of N(0, I) do not depend on where a run starts, only their scale does.
  const Points unit = q.start.size() > 0 ? Points() : noise_starts(1, q.samples, q.target.dim(), {common.seed});

  Json runs = Json::array();
  std::vector<std::vector<double>> rows;
  std::vector<std::vector<std::string>> labels;
  std::int64_t evaluations = 0;
  double largest_reference = 0;
  Progress progress("compare");
  for (std::size_t i = 0; i < q.entries.size(); ++i) {
    const Entry& e = q.entries[i];
    const Points start = q.start.size() > 0 ? q.start : Points(e.choice.start_deviation * unit);
    try {
      const SampleSet set = sample(e.choice.sampler, source, start, {common.seed, 0, false});
      const Reference& reference = references.at(e.choice.sampler.grid, start);
      const Figures f = figures(set, reference);
      runs.push_back({{"sampler", e.sampler},
                      {"label", label(e.sampler)},
                      {"lml", e.lml},
                      {"correction", label_of_correction(e.lml)},
                      {"beta", nominal_beta(e.lml, q.target.dim())},
                      {"steps", e.steps},
                      {"nfe", std::int64_t(f.nfe)},
                      {"error", figure(f.rms)},
                      {"standard_error", figure(f.standard_error)},
                      {"median", figure(f.median)},
                      {"reference_error", figure(f.reference)}});
      rows.push_back({double(e.steps), f.nfe, f.rms, f.standard_error, f.median, f.reference});
      labels.push_back({label(e.sampler), label_of_correction(e.lml)});
      evaluations += std::int64_t(f.nfe) * q.samples;
      largest_reference = std::max(largest_reference, f.reference);
    } catch (const NotFinite& error) {
      throw SpecError(document.name, e.pointer,
                      "with " + std::to_string(e.steps) + " steps" +
                          (e.lml.is_null() ? "" : ", corrected (" + label_of_correction(e.lml) + ")") + ": " +
                          error.what());
    } catch (const NotPositive& error) {
      throw SpecError(document.name, e.lml_pointer + "/lambda", error.what());
    } catch (const BadInput& error) {
      throw SpecError(document.name, "/target", "the exact flow meets a start that " + std::string(error.what()));
    }
    progress.show(double(i + 1) / double(q.entries.size()));
  }

  Results results;
  results.put("runs", runs);
  results.put("samples", Json(q.samples));
  results.put("dim", Json(q.target.dim()));
  results.put("reference_error", figure(largest_reference));
  const std::string table_text = csv(
      {"sampler", "correction", "steps", "nfe", "error", "standard_error", "median", "reference_error"}, rows, labels);
  deliver(common, "compare", document, results, evaluations, {{"compare.csv", {table_text}}});
  if (!common.json) print(readable(q, runs));
  return 0;
}

}  // namespace lml
