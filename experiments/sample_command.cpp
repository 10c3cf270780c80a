// `sample`: a diffusion sampler on an exact target; lml-torch has the one on a model.
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>

#include "experiments/arrays.hpp"
#include "experiments/command.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/hand_over.hpp"
#include "experiments/mpi_processes.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "experiments/store.hpp"
#include "samplers/chunked.hpp"
#include "samplers/fisher_source.hpp"

namespace lml {
namespace {

constexpr Index inline_numbers = 100;

struct Query {
  SamplerChoice choice;
  Target target;
  Points start;  // empty: drawn by the program
  Index samples;
  bool trajectory, in_document;
  double numbers() const {
    return double(samples) * double(target.dim()) * (1 + (trajectory ? double(choice.sampler.steps()) + 1 : 0));
  }
};

Query read_query(const Common& common, const Document& document) {
  const Object spec = Reader(document).object(
      {"target", "model", "network", "schedule", "sampler", "lml", "samples", "start", "trajectory", "inline"});
  if (const auto model = spec.find("model")) {
    model->fail("target or model, never both");
  }
  if (common.device == "cuda") throw NotHere("lml: analytic targets run on the CPU; a model runs on a GPU");
  if (const auto network = spec.find("network")) network->fail("belongs to a model; there is none");
  Query out{{}, read_target(spec.at("target")), {}, 0, spec.flag("trajectory"), spec.flag("inline")};
  out.choice = read_sampler(spec);
  const auto start = spec.find("start"), samples = spec.find("samples");
  if (start && samples) samples->fail("samples or start, never both");
  if (!start && !samples) spec.reader().fail_below("/samples", "is missing (a number of samples, or their start)");
  if (start) out.start = read_points(*start, out.target.dim());
  out.samples = start ? out.start.rows() : samples->integer(1, 1'000'000'000'000);
  return out;
}

// A checkpoint is put together in memory; a document takes several times the space of its numbers.
void require_memory(const Query& q, const Common& common, const Document& document) {
  const double copies = common.json && q.in_document ? 12 : common.out.empty() ? 1 : 3;
  const double needed = 8 * copies * q.numbers();
  const double there = double(::sysconf(_SC_PHYS_PAGES)) * double(::sysconf(_SC_PAGE_SIZE));
  const auto gigabytes = [](double v) { return brief(v / 1e9) + " GB"; };
  if (needed > there)
    throw SpecError(document.name, q.start.size() > 0 ? "/start" : "/samples",
                    "needs " + gigabytes(needed) + " of memory, this machine has " + gigabytes(there) +
                        (q.trajectory ? ": take fewer samples, or leave trajectory away" : ": take fewer samples"));
}

// Between a run's state and the general file of checkpoints: a row a sample; all calls, then three numbers a call.
EnsembleState file_state(const ChunkState& s) {
  EnsembleState out;
  out.round = s.done;
  out.totals.resize(1 + 3 * Index(s.calls.size()));
  out.totals[0] = s.total_calls;
  for (std::size_t i = 0; i < s.calls.size(); ++i)
    out.totals.segment(1 + 3 * Index(i), 3) << s.calls[i].t, s.calls[i].alpha, s.calls[i].sigma;
  out.states = s.rows;
  out.records.resize(s.done, 0);
  return out;
}
ChunkState run_state(const EnsembleState& s) {
  ChunkState out{Index(s.round), s.states, {}, s.totals[0]};
  for (Index i = 1; i + 2 < s.totals.size(); i += 3)
    out.calls.push_back({s.totals[i], s.totals[i + 1], s.totals[i + 2]});
  return out;
}

SampleSet run(const Query& q, ExactSource& source, const Common& common, const Store& store) {
  Progress progress("samples");
  ChunkWatch watch;
  watch.progress = [&](double share) { progress.show(share); };
  if (const auto state = store.read()) watch.resume = run_state(*state);
  if (store.kept()) watch.save = [&](const ChunkState& state) { store.write(file_state(state)); };
  const Starts starts = [&](Index first, Index count) -> Points {
    if (q.start.size() > 0) return q.start.middleRows(first, count);
    return noise_starts(q.choice.start_deviation, count, q.target.dim(), {common.seed, std::uint64_t(first)});
  };
  return sample_in_chunks(q.choice.sampler, source, starts, q.samples, {common.seed, 0, q.trajectory}, watch,
                          processes());
}

/// An array in the document, or in a file that the document names.
class ArrayOutput {
 public:
  /// `parts` follow one another along a first axis; a single part has none. They must outlive this.
  void put(Results& results, const std::string& name, const std::vector<const Points*>& parts, bool in_document) {
    const Index n = parts[0]->rows(), d = parts[0]->cols();
    std::vector<Index> shape{n, d};
    if (parts.size() > 1) shape.insert(shape.begin(), Index(parts.size()));
    if (in_document || Index(parts.size()) * n * d <= inline_numbers) {
      Array array{shape, {}};
      for (const Points* p : parts) array.values.insert(array.values.end(), p->data(), p->data() + p->size());
      return results.put(name, std::move(array));
    }
    results.put(name, Json(name + ".npy"));
    headers_.push_back(npy_header(shape));
    OutputFile file{name + ".npy", {headers_.back()}};
    for (const Points* p : parts)
      file.parts.push_back({reinterpret_cast<const char*>(p->data()), std::size_t(p->size()) * sizeof(double)});
    files_.push_back(std::move(file));
  }
  const std::vector<OutputFile>& files() const { return files_; }

 private:
  std::deque<std::string> headers_;  // whose texts stay where they are
  std::vector<OutputFile> files_;
};

std::string readable(const Query& q, const SampleSet& set, const std::string& file) {
  const Index n = q.samples, d = q.target.dim();
  const Vec mean = set.samples.colwise().mean(), target = q.target.mean();
  const Vec deviation =
      ((set.samples.rowwise() - mean.transpose()).colwise().squaredNorm() / double(std::max<Index>(n - 1, 1)))
          .cwiseSqrt()
          .transpose();
  const Vec wanted = q.target.covariance().diagonal().cwiseSqrt();
  std::vector<std::vector<std::string>> rows{{"", "mean", "data", "deviation", "data"}};
  for (Index j = 0; j < std::min<Index>(d, 8); ++j)
    rows.push_back(
        {"x" + std::to_string(j + 1), brief(mean[j]), brief(target[j]), brief(deviation[j]), brief(wanted[j])});
  std::string out = q.choice.name + ": " + std::to_string(n) + " samples, d = " + std::to_string(d) + ", " +
                    brief(set.calls_a_sample) + " evaluations each\n\n" + table(rows);
  if (d > 8) out += "and " + std::to_string(d - 8) + " more\n";
  return out + (file.empty() ? "\n--json or --out DIR gives the samples.\n" : "\nsamples: " + file + "\n");
}

}  // namespace

int sample_command(const Common& common) {
  const Document document = read_document(common.spec, common.set);
  if (document.root->contains("model") && !document.root->contains("target")) hand_over(common, &document);
  const Query q = read_query(common, document);
  if (common.json && common.out.empty() && !q.in_document && q.numbers() > inline_numbers)
    throw SpecError(document.name, "/inline",
                    "must be true, or --out name a folder: the answer has more than 100 numbers");
  require_memory(q, common, document);

  ExactSource source(q.target);
  const Store store(common, document, q.target, "checkpoint.lml", q.start);
  SampleSet set;
  try {
    set = run(q, source, common, store);
  } catch (const NotFinite& e) {
    const bool corrected = document.root->contains("lml");
    throw SpecError(document.name, corrected ? "/lml" : "/sampler", e.what());
  } catch (const NotPositive& e) {
    throw SpecError(document.name, "/lml/lambda", e.what());
  }
  if (is_other_process()) return 0;

  Results results;
  ArrayOutput arrays;
  results.put("sampler", Json(q.choice.name));
  results.put("nfe", Json(set.calls.size()));
  Json timesteps = Json::array();
  for (const Node& at : set.calls) timesteps.push_back(std::isnan(at.t) ? Json(nullptr) : Json(figure(at.t)));
  results.put("timesteps", std::move(timesteps));
  if (q.choice.sampler.chain) results.put("nfe_mean", figure(set.calls_a_sample));
  arrays.put(results, "samples", {&set.samples}, q.in_document);
  if (q.trajectory) {
    std::vector<const Points*> states;
    for (const Points& p : set.trajectory) states.push_back(&p);
    arrays.put(results, "trajectory", states, q.in_document);
  }
  deliver(common, "sample", document, results, std::llround(set.calls_a_sample * double(q.samples)), arrays.files());
  store.remove();
  const auto apart = [](const OutputFile& f) { return f.name == "samples.npy"; };
  const bool inside = std::none_of(arrays.files().begin(), arrays.files().end(), apart);
  const std::string file = common.out.empty() ? "" : common.out + (inside ? "/result.json" : "/samples.npy");
  if (!common.json) print(readable(q, set, file));
  return 0;
}

}  // namespace lml
