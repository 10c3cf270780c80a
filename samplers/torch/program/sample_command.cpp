// `sample`: a diffusion sampler on a pretrained model.
#include <c10/util/accumulate.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "dynamics/checkpoint.hpp"
#include "experiments/arrays.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/png.hpp"
#include "experiments/progress.hpp"
#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "samplers/torch/cascade.hpp"
#include "samplers/torch/model_spec.hpp"
#include "samplers/torch/network_run.hpp"
#include "samplers/torch/program/command.hpp"
#include "samplers/torch/run_store.hpp"

namespace lml {
namespace {

using Clock = std::chrono::steady_clock;
constexpr Index inline_numbers = 100, most_in_grid = 64;

struct Query {
  PretrainedModel model;
  std::vector<ModelChoice> stages;  // each doubles the images of the one before
  SamplerChoice choice;
  Points start;  // empty: drawn by the program
  Index samples = 0;
  bool trajectory = false, in_document = false;
  at::ScalarType solver = at::kDouble, output = at::kFloat;
  Rounding rounding = Rounding::nearest;

  ImageShape shape() const {
    return {model.shape[0], model.shape[1] << stages.size(), model.shape[2] << stages.size()};
  }
};

const std::vector<std::string_view> keys{"model", "network", "schedule",         "sampler", "lml",        "samples",
                                         "start", "inline",  "solver_precision", "output",  "trajectory", "rounding"};

// Between two states on the disk; tests ask for every step.
double save_seconds() {
  const char* text = std::getenv("LML_SAVE_SECONDS");
  return text ? std::atof(text) : 30;
}

Query read_query(const TorchOptions& options, const Document& document) {
  const Object spec = Reader(document).object(keys);
  Query q;
  Cascade cascade = read_cascade(spec, options.type(), options.common.device);
  q.model = std::move(cascade.model);
  q.stages = std::move(cascade.stages);
  const Document whole = with_the_folders_own(document, q.model);
  const Object full = Reader(whole).object(keys);
  q.choice = read_sampler(full);
  const char* not_here = "needs the exact law; a network does not have it";
  if (q.choice.sampler.chain) full.at("sampler").fail("dlg " + std::string(not_here));
  if (q.choice.sampler.fisher) full.at("lml").fail_below("/form", std::string("exact_fisher ") + not_here);
  q.trajectory = spec.flag("trajectory");
  if (q.trajectory && !q.stages.empty()) spec.at("trajectory").fail("is of one network; `network` lists several");
  q.in_document = spec.flag("inline");
  if (const auto v = spec.find("solver_precision"))
    q.solver = v->one_of({"float64", "float32"}) == "float64" ? at::kDouble : at::kFloat;
  if (const auto v = spec.find("output")) {
    const std::string name = v->one_of({"float32", "float64", "uint8"});
    if (q.in_document) v->fail("is the precision of a file; with `inline` the images are in the document");
    q.output = name == "float32" ? at::kFloat : name == "float64" ? at::kDouble : at::kByte;
  }
  if (const auto v = spec.find("rounding")) q.rounding = read_rounding(*v);
  const auto start = spec.find("start"), samples = spec.find("samples");
  if (start && samples) samples->fail("samples or start, never both");
  if (!start && !samples) spec.reader().fail_below("/samples", "is missing (a number of images, or their start)");
  if (start) q.start = read_points(*start, Index(c10::multiply_integers(q.model.shape)));
  q.samples = start ? q.start.rows() : samples->integer(1, 100'000'000);
  return q;
}

struct Images {
  Points samples;
  std::vector<Points> trajectory;  // [steps + 1]
  std::vector<Node> calls;
};

// What the numbers of a run depend on, beside the program.
std::string identity(const Query& q, const TorchOptions& o, const Document& document, Index batch) {
  std::string out = dump(*document.root) + ' ' + std::to_string(o.common.seed) + ' ' + o.precision + ' ' +
                    o.common.device + ' ' + std::to_string(batch) + ' ' + dump(q.model.schedule) +
                    dump(q.model.sampler) + dump(q.model.own) + weights_identity(q.model.network->weights());
  return out.append(reinterpret_cast<const char*>(q.start.data()), std::size_t(q.start.size()) * sizeof(double));
}

std::string rate(Index images, Clock::time_point since) {
  const double seconds = std::chrono::duration<double>(Clock::now() - since).count();
  return seconds > 0 ? brief(double(images) / seconds) + " images/s" : "";
}

// The images that a batch of the first network's become, stage by stage. Each stage has draws of its own.
at::Tensor refined_by_stages(at::Tensor image, const Query& q, const BatchPlan& plan, std::vector<Node>* calls) {
  for (std::size_t k = 0; k < q.stages.size(); ++k) {
    const PretrainedModel stage = open_stage(q.stages[k], image);
    const BatchPlan own{plan.seed + 1 + k, plan.first, plan.solver};
    NetworkSource source(stage);
    BatchState state = begin_batch(stage,
                                   network_starts(stage, q.choice.sampler.grid.front().from, q.choice.start_deviation,
                                                  image.size(0), {own.seed, own.first}),
                                   own);
    finish_batch(q.choice.sampler, source, own, state);
    image = refined(image, state.run.x);
    calls->insert(calls->end(), source.calls().begin(), source.calls().end());
  }
  return image;
}

Images run(const Query& q, const TorchOptions& o, Index batch, const RunStore& store) {
  const Index n = q.samples, d = q.shape().size(), steps = q.choice.sampler.steps();
  Images out{Points(n, d), {}, {}};
  if (q.trajectory) out.trajectory.assign(std::size_t(steps) + 1, Points(n, d));
  Index done = 0;
  std::optional<BatchState> state;
  if (auto saved = store.read(q.model, q.solver)) {
    done = saved->samples.rows();
    out.samples.topRows(done) = saved->samples;
    for (std::size_t k = 0; k < out.trajectory.size(); ++k)
      out.trajectory[k].topRows(saved->trajectory[k].rows()) = saved->trajectory[k];
    state = std::move(saved->batch);
  }
  Progress progress("images");
  const Clock::time_point began = Clock::now();
  const Index done_before = done;
  Clock::time_point last_saved = began;
  for (; done < n; done += batch) {
    const Index count = std::min(batch, n - done);
    const BatchPlan plan{o.common.seed, std::uint64_t(done), q.solver};
    const auto keep = [&](const BatchState& s) {
      if (q.trajectory) out.trajectory[std::size_t(s.run.step)].middleRows(done, count) = points_of(s.run.x);
    };
    if (!state) {
      const Points start = q.start.size() > 0
                               ? Points(q.start.middleRows(done, count))
                               : network_starts(q.model, q.choice.sampler.grid.front().from, q.choice.start_deviation,
                                                count, {o.common.seed, std::uint64_t(done)});
      state = begin_batch(q.model, start, plan);
      keep(*state);
    }
    NetworkSource source(q.model);
    finish_batch(q.choice.sampler, source, plan, *state, [&](const BatchState& s) {
      keep(s);
      const double share = double(s.run.step) / double(steps);
      progress.show((double(done) + share * double(count)) / double(n),
                    rate(Index(double(done - done_before) + share * double(count)), began));
      const Clock::time_point now = Clock::now();
      if (!store.kept() || std::chrono::duration<double>(now - last_saved).count() < save_seconds()) return;
      store.write({out.samples.topRows(done), out.trajectory, s});
      last_saved = now;
    });
    std::vector<Node> calls = state->calls;
    out.samples.middleRows(done, count) = points_of(refined_by_stages(state->run.x, q, plan, &calls));
    out.calls = std::move(calls);
    state.reset();
  }
  return out;
}

std::string bytes_of(const Points& p, at::ScalarType type, const Query& q) {
  if (type == at::kByte) {
    const auto bytes = to_bytes(p, q.model.lowest, q.model.highest, q.rounding);
    return {bytes.begin(), bytes.end()};
  }
  if (type == at::kDouble) return {reinterpret_cast<const char*>(p.data()), std::size_t(p.size()) * sizeof(double)};
  const Rows<float> f = p.cast<float>();
  return {reinterpret_cast<const char*>(f.data()), std::size_t(f.size()) * sizeof(float)};
}

Array array_of(std::vector<Index> shape, const std::vector<const Points*>& parts) {
  Array out{std::move(shape), {}};
  for (const Points* p : parts) out.values.insert(out.values.end(), p->data(), p->data() + p->size());
  return out;
}

int sample_network(const TorchOptions& o, Index batch) {
  const Document document = read_document(o.common.spec, o.common.set);
  const Query q = read_query(o, document);
  const ImageShape shape = q.shape();
  if (o.common.out.empty() && !q.in_document && q.samples * shape.size() > inline_numbers)
    throw SpecError(document.name, "/inline", "must be true, or --out name a folder: images are more than 100 numbers");
  const RunStore store(o.common.out, identity(q, o, document, batch));
  const Clock::time_point began = Clock::now();
  Images images;
  try {
    within_memory(q.model, q.choice.sampler.grid.front().from, std::min(batch, q.samples),
                  [&] { images = run(q, o, batch, store); });
  } catch (const NotFinite& e) {
    throw SpecError(document.name, document.root->contains("lml") ? "/lml" : "/sampler", e.what());
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - began).count();

  Results results;
  results.put("sampler", Json(q.choice.name));
  results.put("nfe", Json(images.calls.size()));
  Json timesteps = Json::array();
  for (const Node& at : images.calls) timesteps.push_back(figure(at.t));
  results.put("timesteps", std::move(timesteps));
  results.put("range", Json::array({q.model.lowest, q.model.highest}));
  const std::vector<Index> axes{q.samples, shape.channels, shape.height, shape.width};
  std::vector<Index> all_axes{Index(images.trajectory.size())};
  all_axes.insert(all_axes.end(), axes.begin(), axes.end());
  std::vector<const Points*> states;
  for (const Points& p : images.trajectory) states.push_back(&p);
  std::vector<std::string> texts;
  texts.reserve(4);  // whose addresses are kept
  std::vector<OutputFile> files;
  const auto file = [&](const char* name, std::string text) {
    texts.push_back(std::move(text));
    files.push_back({name, {texts.back()}});
  };
  if (q.in_document) {
    results.put("samples", array_of(axes, {&images.samples}));
    if (q.trajectory) results.put("trajectory", array_of(all_axes, states));
  } else {
    const char* descr = q.output == at::kByte ? "|u1" : q.output == at::kFloat ? "<f4" : "<f8";
    file("samples.npy", npy_header(axes, descr) + bytes_of(images.samples, q.output, q));
    results.put("samples", Json("samples.npy"));
    if (q.trajectory) {
      const at::ScalarType type = q.output == at::kByte ? at::kFloat : q.output;
      std::string text = safetensors_header("trajectory", type == at::kFloat ? "F32" : "F64", all_axes);
      for (const Points* p : states) text += bytes_of(*p, type, q);
      file("trajectory.safetensors", std::move(text));
      results.put("trajectory", Json("trajectory.safetensors"));
    }
  }
  if (!o.common.out.empty() && (shape.channels == 1 || shape.channels == 3)) {
    const Index shown = std::min(q.samples, most_in_grid);
    file("samples.png", png_grid(to_bytes(images.samples.topRows(shown), q.model.lowest, q.model.highest, q.rounding),
                                 shape, std::max<Index>(1, Index(std::floor(std::sqrt(double(shown)))))));
    results.put("image", Json("samples.png"));
  }
  deliver(o.common, "sample", document, results, Index(images.calls.size()) * q.samples, files);
  store.remove();
  if (!o.common.json)
    print(q.choice.name + ": " + std::to_string(q.samples) + " images of " + std::to_string(shape.channels) + " x " +
          std::to_string(shape.height) + " x " + std::to_string(shape.width) + ", " +
          std::to_string(images.calls.size()) + " evaluations each, " + brief(seconds) + " s (" +
          brief(double(q.samples) / seconds) + " images/s)\n" +
          (o.common.out.empty() ? "" : "Look at " + o.common.out + "/samples.png\n"));
  return 0;
}

}  // namespace

void add_sample(CLI::App& app, TorchOptions& o, Chosen& run) {
  CLI::App* command = app.add_subcommand("sample", "run a diffusion sampler on a pretrained model");
  add_spec(*command, o);
  add_common(*command, o);
  static Index batch = 16;
  add_batch(*command, batch);
  command->callback([&] { run = [&] { return sample_network(o, batch); }; });
}

}  // namespace lml
