// `sample`: a diffusion sampler on an exact target.
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/arrays.hpp"
#include "experiments/command.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "samplers/ensemble.hpp"

namespace lml {
namespace {

constexpr Index inline_numbers = 100;

struct Query {
  SamplerChoice choice;
  Target target;
  Points start;
  bool trajectory, in_document;
};

bool flag(const Object& spec, std::string_view key) {
  const auto v = spec.find(key);
  return v && v->boolean();
}

Points read_start(const Object& spec, const Target& target, double deviation, std::uint64_t seed) {
  const auto start = spec.find("start"), samples = spec.find("samples");
  if (start && samples) samples->fail("samples or start, never both");
  if (start) return read_points(*start, target.dim());
  if (!samples) spec.reader().fail_below("/samples", "is missing (a number of samples, or their start)");
  const Index n = samples->integer(1, 1'000'000'000);
  return noise_starts(deviation, n, target.dim(), SamplePlan{seed});
}

Query read_query(const Document& document, std::uint64_t seed) {
  const Object spec = Reader(document).object(
      {"target", "model", "network", "schedule", "sampler", "lml", "samples", "start", "trajectory", "inline"});
  if (spec.has("model"))
    throw NotHere("lml: this version samples analytic targets only; networks come with the LibTorch part");
  if (const auto network = spec.find("network")) network->fail("belongs to a model; there is none");
  Target target = read_target(spec.at("target"));
  SamplerChoice choice = read_sampler(spec);
  Points start = read_start(spec, target, choice.start_deviation, seed);
  return {std::move(choice), std::move(target), std::move(start), flag(spec, "trajectory"), flag(spec, "inline")};
}

Array array_of(const Points& p) { return {{p.rows(), p.cols()}, {p.data(), p.data() + p.size()}}; }

Array array_of(const std::vector<Points>& all) {
  Array out{{Index(all.size()), all[0].rows(), all[0].cols()}, {}};
  for (const Points& p : all) out.values.insert(out.values.end(), p.data(), p.data() + p.size());
  return out;
}

/// An array in the document, or in a file that the document names.
class ArrayOutput {
 public:
  void put(Results& results, const std::string& name, Array array, bool in_document) {
    if (in_document || Index(array.values.size()) <= inline_numbers) return results.put(name, std::move(array));
    results.put(name, Json(name + ".npy"));
    names_.push_back(name + ".npy");
    headers_.push_back(npy_header(array.shape));
    arrays_.push_back(std::move(array));
  }
  std::vector<OutputFile> files() const {
    std::vector<OutputFile> out;
    for (std::size_t i = 0; i < arrays_.size(); ++i)
      out.push_back(
          {names_[i],
           {headers_[i],
            {reinterpret_cast<const char*>(arrays_[i].values.data()), arrays_[i].values.size() * sizeof(double)}}});
    return out;
  }

 private:
  std::vector<std::string> names_, headers_;
  std::vector<Array> arrays_;
};

std::string readable(const Query& q, const SampleSet& set) {
  const Index n = q.start.rows(), d = q.start.cols();
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
  return out + "\n--json or --out DIR gives the samples.\n";
}

}  // namespace

int sample_command(const Common& common) {
  const Document document = read_document(common.spec, common.set);
  const Query q = read_query(document, common.seed);
  const Index numbers = q.start.size() * (q.trajectory ? q.choice.sampler.steps() + 1 : 1);
  if (common.json && common.out.empty() && !q.in_document && numbers > inline_numbers)
    throw SpecError(document.name, "/inline",
                    "must be true, or --out name a folder: the answer has more than 100 numbers");

  ExactSource source(q.target);
  const SampleSet set = sample(q.choice.sampler, source, q.start, {common.seed, 0, q.trajectory});

  Results results;
  ArrayOutput arrays;
  results.put("sampler", Json(q.choice.name));
  results.put("nfe", Json(set.calls.size()));
  Json timesteps = Json::array();
  for (const Node& at : set.calls) timesteps.push_back(std::isnan(at.t) ? Json(nullptr) : Json(figure(at.t)));
  results.put("timesteps", std::move(timesteps));
  if (q.choice.sampler.chain) results.put("nfe_mean", figure(set.calls_a_sample));
  arrays.put(results, "samples", array_of(set.samples), q.in_document);
  if (q.trajectory) arrays.put(results, "trajectory", array_of(set.trajectory), q.in_document);
  deliver(common, "sample", document, results, std::llround(set.calls_a_sample * double(q.start.rows())),
          arrays.files());
  if (!common.json) print(readable(q, set));
  return 0;
}

}  // namespace lml
