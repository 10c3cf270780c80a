// The limits. A step over n samples in R^d is a few weighted sums: two flops a number and array, so it cannot be faster
// than reading and writing its arrays once. With N = n d numbers of 8 bytes, in arrays of N read + arrays written:
//
//   ddim                x, eps -> x'                                 2 + 1
//   dpm_solver k        x, eps, k - 1 older eps -> x'                (1 + k) + 1
//   dpm_solver++ k      x, eps, k - 1 older x_0 -> x', x_0           (1 + k) + 2   (k = 1: x_0 need not be kept)
//   deis k, pndm (4)    x, eps, k - 1 older eps -> x'                (1 + k) + 1
//   unipc 2             x, eps, x before, 2 older x_0 -> x', x corrected, x_0   5 + 3
//
// (arrays that stay where they are, a history for instance, are neither read nor written). The correction's three inner
// products need all of eps_i and eps_{i+1} before the first number of its result: one pass over two arrays; then the
// step reads one array more, eps_{i+1}, and a solver whose history holds corrected answers writes one more.
//
// A million samples of ring8 by 20 steps are 2e7 evaluations: 8 exponentials and about 8 x 25 flops each, 16 bytes in
// and 16 out, which stay in the caches.
#include "experiments/bench_samplers.hpp"

#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <tuple>

#include "dynamics/random.hpp"
#include "experiments/arrays.hpp"
#include "experiments/bench_tools.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/targets.hpp"
#include "experiments/temporary_folder.hpp"
#include "samplers/eigen_state.hpp"
#include "samplers/ensemble.hpp"
#include "samplers/parameterisation.hpp"
#include "theory/kernels/exp.hpp"
#include "theory/kernels/mixture.hpp"

namespace lml {
namespace {

constexpr Index steps = 20;
constexpr double beta_start = 1e-4, beta_end = 0.02;
constexpr Index train_steps = 1000;

DiscreteSchedule schedule() { return DiscreteSchedule::linear(beta_start, beta_end, train_steps); }

Grid ddim_steps() {
  const DiscreteSchedule s = schedule();
  return ddim_grid(s, ddim_timesteps(train_steps, steps, Spacing::leading, 0), train_steps / steps, clean());
}
Grid dpm_steps() {
  const DiscreteSchedule s = schedule();
  return chain(nodes_at(s, dpm_timesteps(train_steps, steps, Spacing::linspace, 0)), node_at(s, 0));
}

// ---- Steps.

struct Method {
  std::string name;
  Stepper stepper;
  Grid grid;
  int reads, writes;   // arrays of a step in the middle of the run
  bool keeps_epsilon;  // its history holds what the correction returns
  Json peer;           // diffusers' class and its arguments
};

DpmOrders order(int k) { return {k}; }

Json peer(const char* name, Json arguments) {
  arguments["num_train_timesteps"] = train_steps;
  arguments["beta_start"] = beta_start;
  arguments["beta_end"] = beta_end;
  arguments["beta_schedule"] = "linear";
  return {{"scheduler", name}, {"arguments", std::move(arguments)}};
}

/// The one list that a new sampler is added to.
std::vector<Method> methods() {
  std::vector<Method> out{{"ddim", Ddim{}, ddim_steps(), 2, 1, false, peer("DDIMScheduler", {{"clip_sample", false}})}};
  for (int k = 1; k <= 3; ++k)
    out.push_back({"dpm_solver " + std::to_string(k), DpmSolver{order(k)}, dpm_steps(), 1 + k, 1, k > 1,
                   peer("DPMSolverMultistepScheduler",
                        {{"algorithm_type", "dpmsolver"}, {"solver_order", k}, {"final_sigmas_type", "sigma_min"}})});
  for (int k = 2; k <= 3; ++k)
    out.push_back({"dpm_solver++ " + std::to_string(k), DpmSolverPlusPlus{order(k)}, dpm_steps(), 1 + k, 2, false,
                   peer("DPMSolverMultistepScheduler",
                        {{"algorithm_type", "dpmsolver++"}, {"solver_order", k}, {"final_sigmas_type", "sigma_min"}})});
  for (int k = 2; k <= 3; ++k)
    out.push_back({"deis " + std::to_string(k), Deis{order(k)}, dpm_steps(), 1 + k, 1, true,
                   peer("DEISMultistepScheduler", {{"solver_order", k}})});
  out.push_back({"unipc 2", UniPc{}, dpm_steps(), 5, 3, false, peer("UniPCMultistepScheduler", {{"solver_order", 2}})});
  out.push_back({"pndm", Pndm{}, ddim_steps(), 5, 1, true, peer("PNDMScheduler", {{"skip_prk_steps", true}})});
  return out;
}

struct Shape {
  std::string name;
  std::vector<Index> sizes;
  Index n, d;
};
std::vector<Shape> shapes() {
  return {{"1x3x32x32", {1, 3, 32, 32}, 1, 3072},
          {"16x3x32x32", {16, 3, 32, 32}, 16, 3072},
          {"1x4x64x64", {1, 4, 64, 64}, 1, 16384}};
}

// A network's part of a step, done before the clock starts: it hands over what it holds.
class Outputs : public Source<Points> {
 public:
  explicit Outputs(const Points& again) : again_(&again) {}
  /// A second call in a step, as the first step of PNDM makes it, gets a copy of another answer.
  Points epsilon(const Points&, const Node&) override { return next.size() == 0 ? *again_ : std::move(next); }
  Points data(const Points& x, const Node& at) override {
    return data_of(Parameterisation::epsilon, epsilon(x, at), x, at);
  }
  Points next;

 private:
  const Points* again_;
};

using Clock = std::chrono::steady_clock;
double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// What reading the clock itself takes.
double clock_seconds() {
  double best = 1;
  for (int i = 0; i < 10000; ++i) best = std::min(best, since(Clock::now()));
  return best;
}

// Runs again and again for about `budget` seconds; the best time of each step, then their mean. Other programs disturb
// some steps of every run, never all runs of a step.
class StepTimes {
 public:
  StepTimes(double budget, Index count) : best_(std::size_t(count), 1e300), budget_(budget) {}
  template <class Run>
  double mean(const Run& run) {
    const Clock::time_point start = Clock::now();
    for (int runs = 0; runs < 5 || since(start) < budget_; ++runs) run(*this);
    double sum = 0;
    for (double b : best_) sum += b;
    return std::max(sum / double(best_.size()) - clock_seconds(), 1e-12);
  }
  void note(Index i, double seconds) { best_[std::size_t(i)] = std::min(best_[std::size_t(i)], seconds); }

 private:
  std::vector<double> best_;
  double budget_;
};

// Steps that have their full history, so that they cost what `reads` and `writes` say.
constexpr Index warm_up = 3;

template <class Stepper>
double step_seconds(const Stepper& stepper, const Grid& grid, const Correction& correction, const Shape& shape,
                    double budget) {
  const Random random(7, 1);
  const Points start = random.normals(0, 0, shape.n, shape.d);
  std::vector<Points> eps;
  for (int i = 0; i < 3; ++i) eps.push_back(random.normals(0, std::uint64_t(1 + i), shape.n, shape.d));
  NoNoise<Points> noise;
  return StepTimes(budget, steps - warm_up).mean([&](StepTimes& times) {
    Outputs outputs(eps[0]);
    Model<Points> model(outputs, correction);
    Run<Points> run{start};
    for (Index i = 0; i < steps; ++i) {
      outputs.next = eps[std::size_t(i % 3)];
      const Clock::time_point begin = Clock::now();
      Stepped<Points> next = stepper.step(grid, i, run.x, std::move(run.memory), model, noise);
      run.x = std::move(next.x);
      run.memory = std::move(next.memory);
      if (i >= warm_up) times.note(i - warm_up, since(begin));
    }
  });
}

double step_seconds(const Method& m, const Correction& correction, const Shape& shape, double budget) {
  return std::visit([&](const auto& s) { return step_seconds(s, m.grid, correction, shape, budget); }, m.stepper);
}

// Sum of the arrays `in`: plain reading.
template <std::size_t... I>
double read(std::index_sequence<I...>, const std::vector<const double*>& in, Index n) {
  const double* from[] = {in[I]...};
  constexpr int chains = 4;
  kernels::Lanes part[chains] = {};
  for (Index j = 0; j + chains * kernels::lanes <= n; j += chains * kernels::lanes)
#pragma GCC unroll 4
    for (int k = 0; k < chains; ++k) part[k] += (kernels::load(from[I] + j + k * kernels::lanes) + ...);
  double sum = 0;
  for (const kernels::Lanes& p : part) sum += p[0];
  return sum;
}
// out[0] = sum of the arrays, the others = the first array.
template <std::size_t... I, std::size_t... O>
void write(std::index_sequence<I...>, std::index_sequence<0, O...>, const std::vector<const double*>& in,
           const std::vector<double*>& out, Index n) {
  const std::tuple from{in[I]...};
  const std::array<double*, sizeof...(O)> more{out[O]...};
  kernels::for_each(n, out[0], [=]<class N>(Index j, N) {
    [[maybe_unused]] const N first = kernels::fetch<N>(std::get<0>(from) + j);
    const N sum = (kernels::fetch<N>(std::get<I>(from) + j) + ...);
    (kernels::put(first, more[O - 1] + j), ...);
    return sum;
  });
}
template <class F>
void with_count(std::size_t n, const F& f) {
  switch (n) {
    case 1: return f(std::make_index_sequence<1>());
    case 2: return f(std::make_index_sequence<2>());
    case 3: return f(std::make_index_sequence<3>());
    case 4: return f(std::make_index_sequence<4>());
    case 5: return f(std::make_index_sequence<5>());
    default: return f(std::make_index_sequence<6>());
  }
}

// A plain pass over the arrays of a step, the first of them fresh from the model; with `inner` after a pass over the
// first and the last, as the inner products of the correction need it. The better of two layouts: what is written has
// memory of its own, or goes over arrays that were read.
double pass_seconds(int reads, int writes, bool inner, const Shape& shape, double budget) {
  std::vector<Points> memory(std::size_t(reads + writes), Points::Ones(shape.n, shape.d));
  const Points fresh = memory[0];
  const Index n = fresh.size();
  double best = HUGE_VAL, sink = 0;
  for (const bool over : {false, true}) {
    std::vector<const double*> in;
    std::vector<double*> out;
    for (int i = 0; i < reads; ++i) in.push_back(memory[std::size_t(i)].data());
    for (int i = 0; i < writes; ++i) out.push_back(memory[std::size_t(over ? reads - 1 - i : reads + i)].data());
    const std::vector<const double*> pair{in.front(), in.back()};
    best = std::min(best, StepTimes(budget / 2, steps - warm_up).mean([&](StepTimes& times) {
      for (Index i = 0; i < steps - warm_up; ++i) {
        memory[0] = fresh;
        const Clock::time_point begin = Clock::now();
        if (inner) sink += read(std::make_index_sequence<2>(), pair, n);
        with_count(in.size(), [&](auto reading) {
          switch (out.size()) {
            case 1: return write(reading, std::make_index_sequence<1>(), in, out, n);
            case 2: return write(reading, std::make_index_sequence<2>(), in, out, n);
            default: return write(reading, std::make_index_sequence<3>(), in, out, n);
          }
        });
        times.note(i, since(begin));
      }
    }));
  }
  if (sink == 1) std::fputs("", stderr);  // keeps the reads
  return best;
}

struct StepRow {
  std::string method, shape;
  double seconds, bound;
  double corrected, corrected_bound;  // with `stable`
  double adds() const { return corrected - seconds; }
  double adds_bound() const { return corrected_bound - bound; }
  std::optional<double> diffusers{};
  std::string diffusers_precision{};
};

const LmlStable lml_stable_parameters{{1e-2, 1e-3}};

std::vector<StepRow> step_rows(const std::vector<Method>& all, bool quick) {
  const WithThreads with(1);
  const double budget = quick ? 0.05 : 0.3;
  std::vector<StepRow> out;
  for (const Shape& shape : shapes())
    for (const Method& m : all) {
      const double plain = step_seconds(m, {}, shape, budget);
      const double corrected = step_seconds(m, lml_stable_parameters, shape, budget);
      const double bound = pass_seconds(m.reads, m.writes, false, shape, budget);
      const double corrected_bound =
          pass_seconds(m.reads + 1, m.writes + (m.keeps_epsilon ? 1 : 0), true, shape, budget);
      out.push_back({m.name, shape.name, plain, bound, corrected, corrected_bound});
    }
  return out;
}

// ---- Samples.

struct SampleRow {
  int threads;
  Index samples;
  double seconds, starts_seconds, exponentials_seconds;
  std::optional<double> numpy{}, numpy_whole{}, numpy_pool{}, jax{};
  std::optional<double> difference{};  // the peers' largest, from our samples
};

double exponentials_per_second(int threads) {
  constexpr Index n = 1024;
  constexpr int repeats = 1000;
  const WithThreads with(threads);
  const Seconds s = measure(0.3, [&] {
#pragma omp parallel
    {
      const kernels::Buffer x = kernels::buffer(n), y = kernels::buffer(n);
      for (Index i = 0; i < n; ++i) x[std::size_t(i)] = -0.03 * double(i);
      for (int r = 0; r < repeats; ++r) kernels::exp_nonpositive(x.get(), y.get(), std::size_t(n));
    }
  });
  return double(threads) * double(n) * repeats / s.best;
}

Target ring() { return find_builtin_target("ring8")->make(); }

SampleRow sample_row(Index n, int threads, bool quick, Points& samples) {
  const WithThreads with(threads);
  const Sampler sampler{Ddim{}, ddim_steps()};
  const Target target = ring();
  Points start;
  const Seconds starts = measure(0, [&] { start = noise_starts(1, n, 2, {}); });
  const Seconds s = measure(quick ? 0.5 : 3, [&] {
    ExactSource source(target);
    samples = sample(sampler, source, start, {}).samples;
  });
  const double exponentials = double(n) * double(steps * target.size());
  return {threads, n, s.best, starts.best, exponentials / exponentials_per_second(threads)};
}

// ---- Peers.

void write_npy(const std::filesystem::path& path, const Points& p) {
  std::ofstream file(path, std::ios::binary);
  const std::string header = npy_header({p.rows(), p.cols()});
  file.write(header.data(), std::streamsize(header.size()));
  file.write(reinterpret_cast<const char*>(p.data()), std::streamsize(sizeof(double)) * p.size());
  if (!file.flush()) throw UsageError(path.string() + ": cannot be written");
}

Json list(const Vec& v) { return std::vector<double>(v.begin(), v.end()); }

Json peer_cases(const std::vector<Method>& all, const TemporaryFolder& folder, const Points& samples, bool quick) {
  Json out{{"steps", steps}, {"budget", quick ? 0.1 : 0.5}, {"methods", Json::array()}, {"shapes", Json::array()}};
  for (const Method& m : all) {
    Json method = m.peer;
    method["name"] = m.name;
    out["methods"].push_back(std::move(method));
  }
  for (const Shape& s : shapes()) out["shapes"].push_back({{"name", s.name}, {"sizes", s.sizes}});
  const Target target = ring();
  Json grid = Json::array();
  for (const Interval& i : ddim_steps()) grid.push_back({i.from.alpha, i.from.sigma, i.to.alpha, i.to.sigma});
  out["mixture"] = {{"grid", grid},
                    {"log_weights", list(target.log_weights())},
                    {"variance", target.spreads()[0].variances[0]},
                    {"start", "start.npy"},
                    {"means", "means.npy"},
                    {"samples", "samples.npy"}};
  write_npy(folder.path() / "start.npy", noise_starts(1, samples.rows(), 2, {}));
  write_npy(folder.path() / "means.npy", target.means());
  write_npy(folder.path() / "samples.npy", samples);
  std::ofstream(folder.path() / "cases.json") << dump(out);
  return out;
}

Json measure_peers(const TemporaryFolder& folder, int threads) {
  return parse_json(run_peers("peers-samplers", "samplers_peers.py", {folder.path().string(), std::to_string(threads)},
                              folder.path() / ("peers-" + std::to_string(threads) + ".json")),
                    "peers");
}

void add_peers(const Json& peers, std::vector<StepRow>& rows, SampleRow& row) {
  if (peers.contains("steps"))
    for (StepRow& r : rows) {
      const Json& entry = peers["steps"][r.method][r.shape];
      r.diffusers = entry["seconds"].get<double>();
      r.diffusers_precision = entry["precision"].get<std::string>();
    }
  const Json& samples = peers["samples"];
  row.numpy = samples["numpy"]["seconds"].get<double>();
  if (samples.contains("numpy_pool")) row.numpy_pool = samples["numpy_pool"]["seconds"].get<double>();
  row.numpy_whole = samples["numpy_whole"]["seconds"].get<double>();
  row.jax = samples["jax"]["seconds"].get<double>();
  double difference = 0;
  for (const auto& [name, entry] : samples.items())
    difference = std::max(difference, entry["difference"].get<double>());
  row.difference = difference;
}

// ---- Report.

std::string times(const std::optional<double>& peer, double own) { return peer ? fixed(*peer / own, 1) + "x" : "-"; }

std::string readable(const std::vector<StepRow>& rows, const std::vector<SampleRow>& samples, bool peers) {
  std::vector<std::vector<std::string>> cells{
      {"state", "method", "step ns", "pass ns", "step/pass", "lml adds ns", "passes add ns", "both/passes"}};
  if (peers) cells[0].insert(cells[0].end(), {"diffusers ns", "diffusers/step"});
  const auto ns = [](double s) { return fixed(s * 1e9, 0); };
  for (const StepRow& r : rows) {
    cells.push_back({r.shape, r.method, ns(r.seconds), ns(r.bound), fixed(r.seconds / r.bound, 2), ns(r.adds()),
                     ns(r.adds_bound()), fixed(r.corrected / r.corrected_bound, 2)});
    if (peers) {
      cells.back().push_back(r.diffusers ? ns(*r.diffusers) : "-");
      cells.back().push_back(times(r.diffusers, r.seconds));
    }
  }
  std::string out = "A step without the model's call, float64, one thread: the best time of each of " +
                    std::to_string(steps - warm_up) + " steps, averaged\n\n" + table(cells, "llrrrrrrrr");
  out +=
      "\npass: one plain pass over the arrays that the step must read and write. lml adds: what\n"
      "the correction (stable) costs on top; passes add: a pass for its inner products, one array\n"
      "more to read and, where the solver's history holds its answer, one to write; both/passes:\n"
      "the corrected step over all of its passes.\n";
  if (peers) out += "diffusers: scheduler.step in its faster precision (float32 or float64), one thread.\n";
  std::vector<std::vector<std::string>> more{{"thr", "samples", "s", "ns/sample,step", "exp limit", "starts s"}};
  if (peers) more[0].insert(more[0].end(), {"numpy", "one piece", "pool", "jax.jit"});
  for (const SampleRow& r : samples) {
    more.push_back({std::to_string(r.threads), std::to_string(r.samples), fixed(r.seconds, 3),
                    fixed(r.seconds / double(r.samples * steps) * 1e9, 2),
                    fixed(100 * r.exponentials_seconds / r.seconds, 0) + "%", fixed(r.starts_seconds, 3)});
    if (peers)
      for (const auto& p : {r.numpy, r.numpy_whole, r.numpy_pool, r.jax}) more.back().push_back(times(p, r.seconds));
  }
  out += "\nring8 by " + std::to_string(steps) + "-step DDIM, exact noise prediction, float64\n\n" + table(more);
  out += "\nexp limit: the share of this machine's vectorised exponentials, of which a step needs 8.\n";
  if (peers)
    out +=
        "numpy, jax.jit: how many times faster lml is. numpy in place, in blocks that fit the\n"
        "caches; one piece: all samples at once, as one writes it first; pool: the blocks on a\n"
        "pool of as many threads.\n";
  return out;
}

Json rows_json(const std::vector<StepRow>& rows) {
  Json out = Json::array();
  for (const StepRow& r : rows) {
    Json row{{"shape", r.shape},
             {"method", r.method},
             {"step_seconds", r.seconds},
             {"pass_seconds", r.bound},
             {"step_over_pass", r.seconds / r.bound},
             {"corrected_seconds", r.corrected},
             {"corrected_pass_seconds", r.corrected_bound},
             {"corrected_over_pass", r.corrected / r.corrected_bound},
             {"correction_adds_seconds", r.adds()},
             {"correction_adds_passes_seconds", r.adds_bound()}};
    if (r.diffusers)
      row["peers"]["diffusers"] = {
          {"seconds", *r.diffusers}, {"ratio", *r.diffusers / r.seconds}, {"precision", r.diffusers_precision}};
    out.push_back(std::move(row));
  }
  return out;
}

Json rows_json(const std::vector<SampleRow>& rows) {
  Json out = Json::array();
  for (const SampleRow& r : rows) {
    Json row{{"threads", r.threads},
             {"samples", r.samples},
             {"steps", steps},
             {"seconds", r.seconds},
             {"starts_seconds", r.starts_seconds},
             {"exponentials_seconds", r.exponentials_seconds},
             {"fraction_of_limit", r.exponentials_seconds / r.seconds}};
    const std::pair<const char*, std::optional<double>> peers[] = {
        {"numpy", r.numpy}, {"numpy_whole", r.numpy_whole}, {"numpy_pool", r.numpy_pool}, {"jax", r.jax}};
    for (const auto& [name, seconds] : peers)
      if (seconds) row["peers"][name] = {{"seconds", *seconds}, {"ratio", *seconds / r.seconds}};
    if (r.difference) row["largest_difference"] = *r.difference;
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

int bench_samplers_command(const Common& common, const BenchSamplers& options) {
  if (!common.out.empty()) require_folder(common.out);
  std::vector<int> threads{1};
  if (omp_get_max_threads() > 1) threads.push_back(omp_get_max_threads());
  const std::vector<Method> all = methods();
  std::vector<StepRow> rows = step_rows(all, options.quick);
  std::vector<SampleRow> samples;
  Points out;
  const Index n = options.quick ? 100'000 : 1'000'000;
  for (int t : threads) samples.push_back(sample_row(n, t, options.quick, out));

  Results results;
  if (options.peers) {
    const TemporaryFolder folder;
    peer_cases(all, folder, out, options.quick);
    Json peers;
    for (SampleRow& row : samples) {
      Json measured = measure_peers(folder, row.threads);
      add_peers(measured, rows, row);
      peers[std::to_string(row.threads)] = std::move(measured);
    }
    results.put("peers", std::move(peers));
  }
  results.put("steps", rows_json(rows));
  results.put("samples", rows_json(samples));
  deliver(common, "bench samplers", parse_document("{}"), results, std::int64_t(n) * steps);
  if (!common.json) print(readable(rows, samples, options.peers));
  return 0;
}

}  // namespace lml
