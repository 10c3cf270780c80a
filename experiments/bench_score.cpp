#include "experiments/bench_score.hpp"

#include <dlfcn.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "dynamics/random.hpp"
#include "experiments/arrays.hpp"
#include "experiments/bench_tools.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/temporary_folder.hpp"
#include "theory/kernels/exp.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

struct Aligned {
  explicit Aligned(std::size_t n, double value) : data(static_cast<double*>(std::aligned_alloc(64, n * 8))) {
    if (!data) throw std::bad_alloc();
    std::fill_n(data, n, value);
  }
  ~Aligned() { std::free(data); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  double* data;
};

// What the machine can do at best, with so many threads: the yardsticks of every case.
struct Machine {
  double exponentials;                                  // a second, vectorised, from the first cache
  double flops;                                         // a second, the fastest of the matrix products below
  double flops_eigen, flops_openblas, flops_numpy = 0;  // 0 where not measured
};

double exponentials_per_second(int threads) {
  constexpr std::size_t n = 1024, repeats = 2000;
  const WithThreads with(threads);
  const Seconds s = measure(0.3, [&] {
#pragma omp parallel
    {
      Aligned x(n, -0.5), y(n, 0);
      for (std::size_t i = 0; i < n; ++i) x.data[i] = -0.03 * double(i);
      for (std::size_t r = 0; r < repeats; ++r) kernels::exp_nonpositive(x.data, y.data, n);
    }
  });
  return double(threads) * n * repeats / s.best;
}

double eigen_flops(int threads) {
  constexpr Index n = 768;
  const WithThreads with(threads);
  const Mat a = Mat::Constant(n, n, 0.5), b = Mat::Constant(n, n, 0.25);
  std::vector<Mat> out(std::size_t(threads), Mat::Zero(n, n));
  const Seconds s = measure(0.5, [&] {
#pragma omp parallel
    out[std::size_t(omp_get_thread_num())].noalias() = a * b;
  });
  return double(threads) * 2.0 * double(n * n * n) / s.best;
}

// OpenBLAS is no part of the build; where the machine has it, it is the more demanding yardstick.
double openblas_flops(int threads) {
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (!library) return 0;
  using Dgemm = void (*)(const char*, const char*, const int*, const int*, const int*, const double*, const double*,
                         const int*, const double*, const int*, const double*, double*, const int*);
  const auto dgemm = reinterpret_cast<Dgemm>(dlsym(library, "dgemm_"));
  const auto set_threads = reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"));
  if (!dgemm || !set_threads) return 0;
  set_threads(threads);
  const int n = 1536;
  const double one = 1, zero = 0;
  const Mat a = Mat::Constant(n, n, 0.5), b = Mat::Constant(n, n, 0.25);
  Mat out = Mat::Zero(n, n);
  const Seconds s =
      measure(0.5, [&] { dgemm("N", "N", &n, &n, &n, &one, a.data(), &n, b.data(), &n, &zero, out.data(), &n); });
  return 2.0 * n * n * double(n) / s.best;
}

// Bytes a second that a copy of so many bytes in and out reads and writes.
double bandwidth(int threads, double bytes_in, double bytes_out) {
  const WithThreads with(threads);
  const std::size_t in = std::max<std::size_t>(1, std::size_t(bytes_in / 64)) * 8;
  const std::size_t out = std::max<std::size_t>(1, std::size_t(bytes_out / 64)) * 8;
  Aligned a(in, 1.0), b(out, 0.0);
  double sink = 0;
  const Seconds s = measure(0.1, [&] {
    const std::ptrdiff_t both = std::ptrdiff_t(std::min(in, out)) / 512,
                         whole = std::ptrdiff_t(std::max(in, out)) / 512;
#pragma omp parallel reduction(+ : sink)
    {
#pragma omp for schedule(static) nowait
      for (std::ptrdiff_t i = 0; i < both; ++i) std::memcpy(b.data + 512 * i, a.data + 512 * i, 4096);
#pragma omp for schedule(static)
      for (std::ptrdiff_t i = both; i < whole; ++i) {
        if (in > out)
          sink += Eigen::Map<const Vec, Eigen::Aligned64>(a.data + 512 * i, 512).sum();
        else
          std::memset(b.data + 512 * i, 0, 4096);
      }
    }
  });
  if (sink == 1) std::fputs("", stderr);  // keeps the reads
  return double(in + out) * 8 / s.best;
}

Machine machine_limits(int threads) {
  Machine m{exponentials_per_second(threads), 0, eigen_flops(threads), openblas_flops(threads)};
  m.flops = std::max(m.flops_eigen, m.flops_openblas);
  return m;
}

struct Case {
  std::string name, title;
  Target target;
  Time time;
  Points x;
  Index hessians = 0;  // how many points for the Hessian; 0: none
  bool peers = true;
  double flops_score = 0;  // per point
};

Target mixture(Index d, Index n, bool equal, bool full) {
  const Random random(11, std::uint64_t(d));
  Vec weights(n);
  std::vector<Covariance> covariances;
  for (Index k = 0; k < n; ++k) {
    weights[k] = 1 + double(k % 3);
    const double variance = equal ? 0.25 : 0.1 + 0.05 * double(k % 7);
    if (full) {
      const Points a = random.normals(std::uint64_t(k * d), 5, d, d);
      covariances.push_back(Mat(variance * (Mat::Identity(d, d) + a.transpose() * a / double(d))));
    } else {
      covariances.push_back(variance);
    }
  }
  return Target::gaussian_mixture(weights, random.normals(0, 0, n, d), covariances);
}

// x_t = alpha x_0 + sigma z, x_0 near the means
Points queries(const Target& target, Time time, Index n) {
  const Random random(12, 1);
  Points x = time.sigma * random.normals(0, 0, n, target.dim());
  for (Index i = 0; i < n; ++i) x.row(i) += time.alpha * target.means().row(i * 7919 % target.size());
  return x;
}

Case mixture_case(Index d, Index n, Index points, bool equal = false, bool full = false) {
  const std::string size = std::to_string(d) + "," + std::to_string(n);
  const std::string kind = full ? " full" : equal ? " equal" : "";
  const Time time{0.8, 0.6};
  Target target = mixture(d, n, equal, full);
  Points x = queries(target, time, points);
  Case out{std::to_string(d) + "_" + std::to_string(n) +
               (full    ? "_full"
                : equal ? "_equal"
                        : ""),
           "(" + size + ")" + kind,
           std::move(target),
           time,
           std::move(x),
           0,
           !full};
  out.hessians = std::max<Index>(256, std::min<Index>(points / 4, (1 << 21) / (d * d)));
  out.flops_score = 4.0 * double(n) * double(d) * (full ? double(d) : 1.0);
  return out;
}

constexpr const char* fashion_mnist = "/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz";

Case fashion_case(Index points) {
  ArrayOptions options;
  options.scale = std::pair(-1.0, 1.0);
  Target target = Target::points(read_array(fashion_mnist, options));
  const Time time{0.6, 0.8};  // every component has a weight that counts: no work can be skipped
  Points x = queries(target, time, points);
  Case out{"fashion_mnist", "Fashion-MNIST", std::move(target), time, std::move(x), 0, true};
  out.flops_score = 4.0 * double(out.target.size()) * double(out.target.dim());
  return out;
}

// What one point costs, and the bandwidth that a copy of the case's own size reached.
struct Work {
  double exponentials, flops, bytes, bandwidth;
};

struct Limit {
  double seconds;  // per point
  const char* what;
};

Limit limit_of(const Work& w, const Machine& m) {
  const Limit all[] = {
      {w.exponentials / m.exponentials, "exp"}, {w.flops / m.flops, "flops"}, {w.bytes / w.bandwidth, "memory"}};
  return *std::max_element(std::begin(all), std::end(all),
                           [](const Limit& a, const Limit& b) { return a.seconds < b.seconds; });
}

struct Row {
  std::string name, title, what;  // what: score or Hessian
  int threads;
  Index points;
  Seconds seconds;  // per point
  Work work;
  Limit limit{};
  std::optional<double> numpy{}, torch{}, jax{};  // seconds per point
  std::optional<double> numpy_whole{};            // without blocks of points
};

double status_bytes(const char* field) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);)
    if (line.rfind(field, 0) == 0) return 1024 * std::strtod(line.c_str() + std::strlen(field) + 1, nullptr);
  return 0;
}

void forget_peak_memory() { std::ofstream("/proc/self/clear_refs") << "5"; }

// Scores and Hessians with so many threads; the limits of memory at the case's own size.
std::vector<Row> run_case(const Case& c, const std::vector<int>& threads, bool quick) {
  const Marginal p(c.target, c.time);
  const double n = double(c.x.rows()), d = double(c.target.dim()), size = double(c.target.size());
  const double budget = quick ? 0.2 : 1.0;
  std::vector<Row> out;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const WithThreads with(threads[i]);
    Points s;
    const Seconds total = measure(budget, [&] { s = p.score(c.x); });
    const double bytes_in = n * d * 8 + (size * d * 8 > 1e8 ? size * d * 8 : 0), bytes_out = n * d * 8;
    // The data of a large target is not copied a second time to measure memory: a part stands for it.
    const double speed = bandwidth(threads[i], std::min(bytes_in, 6.4e7), bytes_out);
    out.push_back({c.name,
                   c.title,
                   "score",
                   threads[i],
                   c.x.rows(),
                   {total.best / n, total.median / n},
                   {size, c.flops_score, (bytes_in + bytes_out) / n, speed}});
    if (c.hessians == 0) continue;
    const Points x = c.x.topRows(c.hessians);
    const double m = double(c.hessians);
    Points h;
    const Seconds hessian = measure(budget, [&] { h = p.hessian(x); });
    // Symmetric sum of K outer products beside the score's own work.
    const double flops =
        c.flops_score + size * d * (d + 1) * (c.target.spreads()[0].kind == Spread::Kind::full ? 2 : 1);
    out.push_back({c.name,
                   c.title,
                   "Hessian",
                   threads[i],
                   c.hessians,
                   {hessian.best / m, hessian.median / m},
                   {size, flops, 8 * d * (d + 1), bandwidth(threads[i], m * d * 8, m * d * d * 8)}});
  }
  return out;
}

// --- peers -----------------------------------------------------------------------------------------------------------

void write_npy(const fs::path& path, const std::vector<Index>& shape, const double* values, Index count) {
  std::ofstream file(path, std::ios::binary);
  const std::string header = npy_header(shape);
  file.write(header.data(), std::streamsize(header.size()));
  file.write(reinterpret_cast<const char*>(values), std::streamsize(sizeof(double)) * count);
  if (!file.flush()) throw UsageError(path.string() + ": cannot be written");
}

Json write_peer_case(const fs::path& folder, const Case& c, bool quick) {
  const Marginal p(c.target, c.time);
  const Points score = p.score(c.x);
  Vec precisions(Index(p.precisions().size()));
  for (Index k = 0; k < precisions.size(); ++k) precisions[k] = p.precision(k).p[0];
  const auto name = [&](const char* what) { return c.name + "." + what + ".npy"; };
  write_npy(folder / name("x"), {c.x.rows(), c.x.cols()}, c.x.data(), c.x.size());
  write_npy(folder / name("score"), {score.rows(), score.cols()}, score.data(), score.size());
  write_npy(folder / name("means"), {c.target.size(), c.target.dim()}, c.target.means().data(),
            c.target.means().size());
  write_npy(folder / name("log_weights"), {c.target.size()}, c.target.log_weights().data(), c.target.size());
  write_npy(folder / name("precisions"), {precisions.size()}, precisions.data(), precisions.size());
  return {{"name", c.name},
          {"x", name("x")},
          {"score", name("score")},
          {"means", name("means")},
          {"log_weights", name("log_weights")},
          {"precisions", name("precisions")},
          {"alpha", c.time.alpha},
          {"hessians", c.hessians},
          {"budget", quick ? 0.1 : 0.5}};
}

// One process a thread count: the libraries fix their threads at the start.
Json measure_peers(const fs::path& folder, const Json& cases, int threads) {
  std::ofstream(folder / "cases.json") << dump(cases);
  return parse_json(run_peers("peers", "score_peers.py", {folder.string(), std::to_string(threads)},
                              folder / ("peers-" + std::to_string(threads) + ".json")),
                    "peers");
}

void add_peers(const Json& peers, std::vector<Row>& rows, int threads) {
  for (Row& row : rows) {
    if (row.threads != threads || !peers["cases"].contains(row.name)) continue;
    const Json& c = peers["cases"][row.name];
    const std::string key = row.what == "score" ? "score" : "hessian";
    const auto seconds = [&](const char* who, const std::string& which) -> std::optional<double> {
      if (!c[who].contains(which)) return std::nullopt;
      return c[who][which].get<double>() / double(row.points);
    };
    row.numpy = seconds("numpy", key), row.torch = seconds("torch", key), row.jax = seconds("jax", key);
    row.numpy_whole = seconds("numpy", key + "_whole");
  }
}

// --- report ----------------------------------------------------------------------------------------------------------

std::string nanoseconds(double seconds) { return seconds < 1e-5 ? fixed(seconds * 1e9, 1) : brief(seconds * 1e9); }

std::string readable(const std::vector<Row>& rows, const std::vector<int>& threads,
                     const std::vector<Machine>& machines, double peak_memory, double data_memory, bool peers) {
  std::vector<std::vector<std::string>> cells{{"(d,K)", "", "thr", "points/s", "ns/point", "limit", "by"}};
  if (peers)
    for (const char* who : {"numpy", "torch", "jax"}) cells[0].push_back(who);
  for (const Row& r : rows) {
    cells.push_back({r.title, r.what, std::to_string(r.threads), brief(1 / r.seconds.best), nanoseconds(r.seconds.best),
                     fixed(100 * r.limit.seconds / r.seconds.best, 0) + "%", r.limit.what});
    if (!peers) continue;
    for (const auto& peer : {r.numpy, r.torch, r.jax})
      cells.back().push_back(peer ? fixed(*peer / r.seconds.best, 1) + "x" : "-");
  }
  std::string out = "Score and Hessian in float64, best of several repeats\n\n" + table(cells, "llrrrrlr") + "\n";
  out +=
      "limit: the share of this machine's speed at what binds: exp, vectorised\n"
      "exponentials; flops, matrix products; memory, a copy of the same size.\n";
  if (peers) out += "numpy, torch, jax: how many times faster lml is than each.\n";
  for (std::size_t i = 0; i < threads.size(); ++i) {
    const Machine& m = machines[i];
    out += "\n" + std::to_string(threads[i]) + (threads[i] == 1 ? " thread:  " : " threads: ") +
           fixed(m.exponentials / 1e9, 2) + "e9 exp/s, matrix product " + fixed(m.flops / 1e9, 1) + " Gflop/s (Eigen " +
           fixed(m.flops_eigen / 1e9, 1) +
           (m.flops_openblas > 0 ? ", OpenBLAS " + fixed(m.flops_openblas / 1e9, 1) : "") +
           (m.flops_numpy > 0 ? ", numpy's " + fixed(m.flops_numpy / 1e9, 1) : "") + ")";
  }
  out += "\n";
  if (data_memory > 0)
    out += "Fashion-MNIST: peak memory " + fixed(peak_memory / data_memory, 2) + " times the data's " +
           fixed(data_memory / 1e6, 0) + " MB\n";
  return out;
}

Json rows_json(const std::vector<Row>& rows) {
  Json out = Json::array();
  for (const Row& r : rows) {
    Json row{{"case", r.name},
             {"quantity", r.what},
             {"threads", r.threads},
             {"points", r.points},
             {"points_per_second", 1 / r.seconds.best},
             {"seconds_per_point", r.seconds.best},
             {"seconds_per_point_median", r.seconds.median},
             {"limit_seconds_per_point", r.limit.seconds},
             {"limit", r.limit.what},
             {"fraction_of_limit", r.limit.seconds / r.seconds.best}};
    const std::pair<const char*, std::optional<double>> peers[] = {
        {"numpy", r.numpy}, {"numpy_whole", r.numpy_whole}, {"torch", r.torch}, {"jax", r.jax}};
    for (const auto& [name, seconds] : peers)
      if (seconds) row["peers"][name] = {{"points_per_second", 1 / *seconds}, {"ratio", *seconds / r.seconds.best}};
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

int bench_score_command(const Common& common, const BenchScore& options) {
  if (!common.out.empty()) require_folder(common.out);
  std::vector<int> threads{1};
  if (omp_get_max_threads() > 1) threads.push_back(omp_get_max_threads());
  std::vector<Machine> machines;
  for (int n : threads) machines.push_back(machine_limits(n));

  const Index scale = options.quick ? 8 : 1;
  std::vector<Row> rows;
  Json peer_cases = Json::array();
  const std::optional<TemporaryFolder> folder =
      options.peers ? std::optional<TemporaryFolder>(std::in_place) : std::nullopt;
  const auto add = [&](const Case& c) {
    const std::vector<Row> more = run_case(c, threads, options.quick);
    rows.insert(rows.end(), more.begin(), more.end());
    if (folder && c.peers) peer_cases.push_back(write_peer_case(folder->path(), c, options.quick));
  };
  add(mixture_case(2, 8, (1 << 18) / scale));
  add(mixture_case(16, 8, (1 << 15) / scale));
  add(mixture_case(64, 64, (1 << 13) / scale));
  add(mixture_case(64, 64, (1 << 13) / scale, true));
  add(mixture_case(16, 8, (1 << 13) / scale, false, true));
  double peak_memory = 0, data_memory = 0;
  if (fs::exists(fashion_mnist)) {
    forget_peak_memory();
    const Case c = fashion_case(options.quick ? 128 : 512);
    Marginal(c.target, c.time).score(c.x);
    peak_memory = status_bytes("VmHWM:");
    data_memory = double(c.target.means().size()) * 8;
    add(c);
  }

  Json versions, differences = Json::object();
  if (folder)
    for (std::size_t i = 0; i < threads.size(); ++i) {
      const Json peers = measure_peers(folder->path(), peer_cases, threads[i]);
      add_peers(peers, rows, threads[i]);
      machines[i].flops_numpy = peers["matrix_product"].get<double>();
      machines[i].flops = std::max(machines[i].flops, machines[i].flops_numpy);
      versions = peers["versions"];
      for (const auto& [name, c] : peers["cases"].items())
        for (const char* who : {"numpy", "torch", "jax"}) differences[name][who] = c[who]["difference"];
    }

  for (Row& r : rows)
    r.limit =
        limit_of(r.work, machines[std::size_t(std::find(threads.begin(), threads.end(), r.threads) - threads.begin())]);
  const std::string text = readable(rows, threads, machines, peak_memory, data_memory, options.peers);
  Results results;
  results.put("rows", rows_json(rows));
  Json limits = Json::array();
  for (std::size_t i = 0; i < threads.size(); ++i)
    limits.push_back({{"threads", threads[i]},
                      {"exponentials_per_second", machines[i].exponentials},
                      {"flops_per_second", machines[i].flops},
                      {"flops_per_second_eigen", machines[i].flops_eigen},
                      {"flops_per_second_openblas", machines[i].flops_openblas},
                      {"flops_per_second_numpy", machines[i].flops_numpy}});
  results.put("machine", limits);
  if (data_memory > 0)
    results.put("fashion_mnist_peak_memory", Json{{"bytes", peak_memory}, {"data_bytes", data_memory}});
  if (folder) results.put("peers", Json{{"versions", versions}, {"difference", differences}});
  std::int64_t evaluations = 0;
  for (const Row& r : rows) evaluations += r.points;
  deliver(common, "bench score", parse_document("{}"), results, evaluations);
  if (!common.json) print(text);
  return 0;
}

}  // namespace lml
