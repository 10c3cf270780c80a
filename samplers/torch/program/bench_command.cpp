// `bench networks`: what an evaluation of a network costs, beside eager PyTorch with diffusers' own module and beside
// this machine's matrix products; what solver and correction add; the start-up; a trajectory beside diffusers'.
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/arrays.hpp"
#include "experiments/bench_tools.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "experiments/temporary_folder.hpp"
#include "samplers/torch/flops.hpp"
#include "samplers/torch/model_spec.hpp"
#include "samplers/torch/network_run.hpp"
#include "samplers/torch/program/command.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;
using at::Tensor;

const std::vector<std::string_view> keys{"model", "network", "schedule"};
constexpr Index trajectory_steps = 10, trajectory_images = 1;

struct BenchOptions {
  bool quick = false, peers = false;
};

/// Since the process was started; hundredths.
double seconds_of_process() {
  std::ifstream stat("/proc/self/stat"), uptime("/proc/uptime");
  std::string text;
  std::getline(stat, text);
  std::istringstream rest(text.substr(text.rfind(')') + 2));
  for (int i = 0; i < 19; ++i) rest >> text;  // up to field 21; starttime is field 22
  double start = 0, now = 0;
  rest >> start;
  uptime >> now;
  return now - start / double(::sysconf(_SC_CLK_TCK));
}

/// Largest resident size since `forget_peak`.
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmHWM:")) return 1024 * std::stod(line.substr(6));
  return std::nan("");
}
void forget_peak() { std::ofstream("/proc/self/clear_refs") << "5"; }

/// Multiply-adds a second of this machine's matrix products in the network's precision, times two.
double products_per_second(double budget, const at::TensorOptions& as) {
  const Tensor a = at::randn({2048, 2048}, as), b = at::randn({2048, 2048}, as);
  return 2 * std::pow(2048.0, 3) / measure(budget, [&] { at::mm(a, b); }).best;
}

struct Row {
  Index batch;
  double seconds, flops, peak;
  std::optional<double> peer_seconds = {}, peer_peak = {};
};

Tensor states(const PretrainedModel& model, Index n) {
  std::vector<std::int64_t> shape{n};
  shape.insert(shape.end(), model.shape.begin(), model.shape.end());
  return at::randn(shape, model.network->options().dtype(at::kDouble));
}

Row measured(const PretrainedModel& model, const Node& at, Index batch, double budget) {
  const Tensor x = states(model, batch);
  Row out{batch, 0, 0, 0};
  forget_peak();
  const auto evaluation = [&] { NetworkSource(model).epsilon(x, at); };
  out.flops = product_flops(evaluation);
  out.seconds = measure(budget, evaluation).best;
  out.peak = peak_bytes();
  return out;
}

SamplerChoice choice_of(const Document& document, const PretrainedModel& model, const Json& sampler, const Json& lml) {
  Json root{{"sampler", sampler}};
  if (document.root->contains("schedule")) root["schedule"] = (*document.root)["schedule"];
  if (!lml.is_null()) root["lml"] = lml;
  const Document whole =
      with_the_folders_own({document.name, document.folder, std::make_shared<const Json>(root)}, model);
  return read_sampler(Reader(whole).object({"schedule", "sampler", "lml"}));
}

/// Of the time of a run, what is not the network's.
double solver_share(const PretrainedModel& model, const SamplerChoice& choice, Index batch) {
  NetworkSource source(model);
  const Points start = network_starts(model, choice.sampler.grid.front().from, choice.start_deviation, batch, {});
  BatchState state = begin_batch(model, start, {});
  const auto began = std::chrono::steady_clock::now();
  finish_batch(choice.sampler, source, {}, state);
  const double all = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  return (all - source.seconds()) / all;
}

/// Timesteps that a schedule's first one with alpha^2 >= 0.001 is divided into.
std::vector<Index> timesteps(const DiscreteSchedule& s) {
  Index top = Index(s.alpha_bar.size()) - 1;
  while (top > 0 && s.alpha_bar[std::size_t(top)] < 1e-3) --top;
  std::vector<Index> out;
  for (Index i = 0; i < trajectory_steps; ++i)
    out.push_back(std::llround(double(top) * double(trajectory_steps - i) / trajectory_steps));
  return out;
}

/// [steps + 1][images, d] of dpm_solver++ of order 2 over the same timesteps.
std::vector<Points> trajectory(const PretrainedModel& model, const SamplerChoice& choice, const Points& start,
                               at::ScalarType solver) {
  std::vector<Points> out{start};
  NetworkSource source(model);
  BatchState state = begin_batch(model, start, {0, 0, solver});
  finish_batch(choice.sampler, source, {0, 0, solver}, state,
               [&](const BatchState& s) { out.push_back(points_of(s.run.x)); });
  return out;
}

struct Difference {
  double largest = 0, rms = 0;
};
Difference difference(const std::vector<Points>& a, const fs::path& file) {
  const Points b = read_array(file);  // [steps + 1, images C H W]
  Difference out;
  for (std::size_t k = 0; k < a.size(); ++k) {
    const Points diff = a[k] - Eigen::Map<const Points>(b.row(Index(k)).data(), a[k].rows(), a[k].cols());
    out.largest = std::max(out.largest, diff.cwiseAbs().maxCoeff());
    out.rms = std::max(out.rms, std::sqrt(diff.squaredNorm() / double(diff.size())));
  }
  return out;
}

void write_start(const fs::path& path, const Points& start, const std::vector<std::int64_t>& shape) {
  std::vector<Index> axes{start.rows()};
  axes.insert(axes.end(), shape.begin(), shape.end());
  std::ofstream file(path, std::ios::binary);
  file << npy_header(axes);
  file.write(reinterpret_cast<const char*>(start.data()), std::streamsize(sizeof(double)) * start.size());
  if (!file.flush()) throw UsageError(path.string() + ": cannot be written");
}

std::string ratio(const std::optional<double>& peer, double own) { return peer ? fixed(*peer / own, 2) : ""; }

int bench_networks(const TorchOptions& o, const BenchOptions& options) {
  const Document document = read_document(o.common.spec, o.common.set);
  const Object spec = Reader(document).object(keys);
  if (o.common.device != "cpu") throw UsageError("lml bench networks: measures on the CPU: leave --device away");
  if (options.peers && o.type() != at::kFloat)
    throw UsageError("lml bench networks: the peers run in float32: leave --precision away");
  const PretrainedModel model = read_model(spec, o.type(), o.common.device);
  const SamplerChoice choice = choice_of(
      document, model,
      model.asked == Asked::at_timestep ? Json{{"name", "ddim"}, {"steps", 10}}
                                        : Json{{"name", "ddim"}, {"timesteps", {1, 0.5, 0.25, 0.12, 0.06, 0.03, 0.01}}},
      {{"form", "stable"}, {"kappa", 1e-8}, {"lambda", 8e-4}});
  const c10::NoGradGuard no_grad;
  const double startup = seconds_of_process();
  const Node at = choice.sampler.grid[choice.sampler.grid.size() / 2].from;
  const double budget = options.quick ? 0.5 : 5;
  const double limit = products_per_second(options.quick ? 0.2 : 1, model.network->options());
  std::vector<Row> rows;
  for (Index batch : {1, 4, 16}) rows.push_back(measured(model, at, batch, budget));
  const double share = solver_share(model, choice, 16);

  Results results;
  results.put("threads", Json(at::get_num_threads()));
  results.put("startup_seconds", figure(startup));
  results.put("products_per_second", figure(limit));
  results.put("solver_share", figure(share));
  std::string more;
  if (options.peers) {
    if (!fs::exists(model.folder / "unet" / "config.json") && !fs::exists(model.folder / "config.json"))
      throw SpecError(document.name, "/model", "has no UNet2DModel that diffusers could run");
    const TemporaryFolder folder;
    Json cases{{"model", model.folder.string()},
               {"threads", at::get_num_threads()},
               {"batches", {1, 4, 16}},
               {"shape", model.shape},
               {"told", at.t},
               {"budget", budget}};
    std::vector<Points> wide, narrow;
    const bool comparable = model.asked == Asked::at_timestep && !model.schedule.is_null();
    if (comparable) {
      const Document own = parse_document(dump(Json{{"schedule", model.schedule}}));
      const auto schedule = std::get<DiscreteSchedule>(read_schedule(Reader(own).object({"schedule"}).at("schedule")));
      cases["timesteps"] = timesteps(schedule);
      Json betas = Json::array();
      for (std::size_t t = 0; t < schedule.alpha_bar.size(); ++t)
        betas.push_back(1 - schedule.alpha_bar[t] / (t > 0 ? schedule.alpha_bar[t - 1] : 1));
      cases["betas"] = betas;
      const SamplerChoice dpm = choice_of(
          document, model, {{"name", "dpm_solver++"}, {"solver_order", 2}, {"timesteps", cases["timesteps"]}}, {});
      Points start = network_starts(model, dpm.sampler.grid.front().from, dpm.start_deviation, trajectory_images, {});
      start = start.cast<float>().cast<double>();  // the same in both precisions
      write_start(folder.path() / "start.npy", start, model.shape);
      narrow = trajectory(model, dpm, start, at::kDouble);
      wide = trajectory(read_model(spec, at::kDouble, o.common.device), dpm, start, at::kDouble);
    }
    std::ofstream(folder.path() / "cases.json") << dump(cases);
    const Json peers = parse_json(
        run_peers("peers-samplers", "network_peers.py", {folder.path().string()}, folder.path() / "peers.json"),
        "peers");
    for (Row& r : rows) {
      const Json& p = peers.at(std::to_string(r.batch));
      r.peer_seconds = p.at("seconds").get<double>();
      r.peer_peak = p.at("peak_bytes").get<double>();
    }
    if (comparable) {
      const Difference in64 = difference(wide, folder.path() / "trajectory-float64.npy"),
                       in32 = difference(narrow, folder.path() / "trajectory-float32.npy");
      results.put("trajectory", Json{{"steps", trajectory_steps},
                                     {"float64_max", figure(in64.largest)},
                                     {"float32_max", figure(in32.largest)},
                                     {"float32_rms", figure(in32.rms)}});
      more = "\n" + std::to_string(trajectory_steps) +
             " steps of dpm_solver++ beside diffusers, states of size 1: largest difference " + brief(in64.largest) +
             " in float64,\n" + brief(in32.largest) + " in float32 (root mean square " + brief(in32.rms) + ")\n";
    }
  }
  Json list = Json::array();
  std::vector<std::vector<std::string>> cells{{"batch", "s/evaluation", "GFLOP/image", "products' limit", "peak MB"}};
  if (options.peers) cells[0].insert(cells[0].end(), {"PyTorch s", "PyTorch/lml", "PyTorch MB"});
  for (const Row& r : rows) {
    list.push_back({{"batch", r.batch},
                    {"seconds", figure(r.seconds)},
                    {"flops", figure(r.flops)},
                    {"share_of_products", figure(r.flops / r.seconds / limit)},
                    {"peak_bytes", figure(r.peak)}});
    cells.push_back({std::to_string(r.batch), fixed(r.seconds, 4), fixed(r.flops / double(r.batch) / 1e9, 3),
                     fixed(100 * r.flops / r.seconds / limit, 0) + "%", fixed(r.peak / 1e6, 0)});
    if (!options.peers) continue;
    list.back()["pytorch_seconds"] = figure(*r.peer_seconds);
    list.back()["pytorch_peak_bytes"] = figure(*r.peer_peak);
    cells.back().insert(cells.back().end(),
                        {fixed(*r.peer_seconds, 4), ratio(r.peer_seconds, r.seconds), fixed(*r.peer_peak / 1e6, 0)});
  }
  results.put("evaluations", std::move(list));
  deliver(o.common, "bench networks", document, results, 0);
  if (!o.common.json)
    print(table(cells) + "\n" + std::to_string(at::get_num_threads()) + " threads, matrix products at " +
          fixed(limit / 1e9, 0) + " GFLOP/s; solver and correction take " + fixed(100 * share, 2) +
          "% of a run of 16 images;\nfrom the start of the program until the network is ready " + fixed(startup, 2) +
          " s\n" + more);
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, TorchOptions& o, Chosen& run) {
  CLI::App* bench = app.add_subcommand("bench", "speed beside peers and beside this machine's limit");
  bench->require_subcommand(1);
  CLI::App* command = bench->add_subcommand("networks", "what an evaluation of a network costs");
  command->footer("Example:\n  lml bench networks --set model=DIR --peers");
  static BenchOptions options;
  add_spec(*command, o);
  add_common(*command, o);
  command->add_flag("--quick", options.quick, "shorter repeats");
  command->add_flag("--peers", options.peers,
                    "beside PyTorch and diffusers; the first time installs them (5 GB) under build/peers-samplers");
  command->callback([&] { run = [&] { return bench_networks(o, options); }; });
}

}  // namespace lml
