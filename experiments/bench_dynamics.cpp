#include "experiments/bench_dynamics.hpp"

#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "dynamics/draw.hpp"
#include "dynamics/ensemble.hpp"
#include "dynamics/normal_stream.hpp"
#include "experiments/bench_generator.hpp"
#include "experiments/bench_tools.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/subprocess.hpp"
#include "experiments/temporary_folder.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

constexpr double step = 0.05;

struct Case {
  std::string name;
  Marginal target;
};

Case mixture_case(Index d, Index n) {
  const Random random(11, std::uint64_t(d));
  Vec weights(n);
  std::vector<Covariance> covariances;
  for (Index k = 0; k < n; ++k) {
    weights[k] = 1 + double(k % 3);
    covariances.push_back(0.1 + 0.05 * double(k % 7));
  }
  return {"(" + std::to_string(d) + "," + std::to_string(n) + ")",
          Marginal(Target::gaussian_mixture(weights, random.normals(0, 0, n, d), covariances), {0.8, 0.6})};
}

// Seconds a step and particle, with so many threads.
struct Row {
  std::string name;
  int threads;
  double score, normals, ula, rank_one, rank_one_corrected;
  std::optional<double> jax{}, blackjax{};
  double limit() const { return score + normals; }
};

double seconds_per_step(const Langevin& law, Index blocks, double budget) {
  const auto chain = propagator("euler_maruyama", law, step, 1);
  const Index d = law.dim(), steps = std::max<Index>(16, 40000 / (d * d));
  const Points start = draw(law.target(), Random(1, 1), 0, blocks * block_particles);
  const Segment segment{0, steps, steps, steps, 1};  // nothing is recorded
  const Vec centre = Vec::Zero(d);
  const Seconds s = measure(budget, [&] {
    parallel_for(blocks, true, [&](Index b) {
      Points x = start.middleRows(b * block_particles, block_particles);
      Points records = Points::Zero(block_particles, record_size(d));
      chain->run(std::uint64_t(b * block_particles), segment, centre, x, records);
    });
  });
  return s.best / double(blocks * block_particles * steps);
}

double seconds_per_score(const Marginal& p, Index points, double budget) {
  const Points x = draw(p, Random(1, 1), 0, points);
  Points s;
  return measure(budget, [&] { s = p.score(x); }).best / double(points);
}

struct Free {
  void operator()(double* p) const { std::free(p); }
};

double seconds_per_normals(Index d, Index blocks, double budget) {
  const NormalStream stream(1, 2);
  const Index steps = std::max<Index>(16, 20000 / d);
  const Seconds s = measure(budget, [&] {
    parallel_for(blocks, true, [&](Index b) {
      const std::size_t bytes = std::size_t(d + 1) * block_particles * sizeof(double);
      const std::unique_ptr<double[], Free> z(static_cast<double*>(std::aligned_alloc(64, bytes)));
      for (Index i = 0; i < steps; ++i)
        stream.normals(std::uint64_t(b * block_particles), std::uint64_t(i), d, z.get());
    });
  });
  return s.best / double(blocks * block_particles * steps);
}

Row run_case(const Case& c, int threads, bool quick) {
  const WithThreads with(threads);
  const Index blocks = 16 * threads, d = c.target.dim();
  const double budget = quick ? 0.1 : 0.6;
  const auto cost = [&](MetricSpec metric, Calculus calculus) {
    return seconds_per_step({Metric(c.target, std::move(metric)), calculus}, blocks, budget);
  };
  return {c.name,
          threads,
          seconds_per_score(c.target, std::max<Index>(1024, (1 << 16) / d) * threads, budget),
          seconds_per_normals(d, blocks, budget),
          cost({}, Calculus::ito),
          cost({Curvature::rank_one, 1.0}, Calculus::ito),
          cost({Curvature::rank_one, 1.0}, Calculus::corrected)};
}

Json list(const double* values, Index n) { return std::vector<double>(values, values + n); }

Json peer_case(const Case& c, bool quick) {
  const Marginal& p = c.target;
  const Points x = draw(p, Random(1, 1), 0, 64), score = p.score(x);
  Vec precisions(p.target().size());
  for (Index k = 0; k < precisions.size(); ++k) precisions[k] = p.precision(k).p[0];
  const Points centres = p.time().alpha * p.target().means();
  return {{"name", c.name},
          {"dimension", p.dim()},
          {"centres", list(centres.data(), centres.size())},
          {"precisions", list(precisions.data(), precisions.size())},
          {"log_weights", list(p.target().log_weights().data(), precisions.size())},
          {"x", list(x.data(), x.size())},
          {"score", list(score.data(), score.size())},
          {"step", step},
          {"budget", quick ? 0.2 : 1.0}};
}

Json measure_peers(const std::vector<Case>& cases, int threads, bool quick) {
  const TemporaryFolder folder;
  Json description = Json::array();
  for (const Case& c : cases) description.push_back(peer_case(c, quick));
  std::ofstream(folder.path() / "cases.json") << dump(description);
  return parse_json(run_peers("peers-dynamics", "dynamics_peers.py", {folder.path().string(), std::to_string(threads)},
                              folder.path() / "peers.json"),
                    "peers");
}

// Wall seconds of the same simulation by so many processes of one thread; nothing where there is no mpirun.
std::optional<double> seconds_of_processes(int count, bool quick) {
  const std::string particles = quick ? "100000" : "400000";
  const std::string command =
      "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 exec mpirun -n " + std::to_string(count) +
      " --bind-to none \"$0\" stationary --threads 1 --set target=ring8 --set alpha=0.8 --set sigma=0.6 "
      "--set 'metric={\"curvature\":\"identity\"}' --set calculus=ito --set method=simulation --set step=0.05 "
      "--set time=25 --set particles=" +
      particles + " >/dev/null 2>&1";
  try {
    const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
    return measure(0, [&] { run_program({"sh", "-c", command, self}); }).best;
  } catch (const std::runtime_error&) {
    return std::nullopt;
  }
}

std::string nanoseconds(double seconds) { return fixed(seconds * 1e9, 1); }

std::string readable(const std::vector<Row>& rows, bool peers) {
  std::vector<std::vector<std::string>> cells{
      {"(d,K)", "thr", "score", "normals", "ULA", "limit", "rank one", "+ div D"}};
  if (peers) cells[0].insert(cells[0].end(), {"jax", "blackjax"});
  for (const Row& r : rows) {
    cells.push_back({r.name, std::to_string(r.threads), nanoseconds(r.score), nanoseconds(r.normals),
                     nanoseconds(r.ula), fixed(100 * r.limit() / r.ula, 0) + "%", fixed(r.rank_one / r.ula, 2) + "x",
                     fixed(r.rank_one_corrected / r.ula, 2) + "x"});
    if (!peers) continue;
    for (const auto& peer : {r.jax, r.blackjax}) cells.back().push_back(peer ? fixed(*peer / r.ula, 1) + "x" : "-");
  }
  std::string out = "Euler-Maruyama in float64: ns a step and particle, best of several repeats\n\n" + table(cells);
  out +=
      "\nlimit: (score alone + normals alone)/ULA; above 100% where the state stays in\n"
      "SIMD lanes between steps. rank one: the cost of its step in Ito form, and with\n"
      "div D, over ULA's.\n";
  if (peers) out += "jax, blackjax: how many times faster lml's ULA is than each.\n";
  return out;
}

std::string readable(const Json& generator) {
  const Json& grid = generator["grid"];
  std::string out = "\nGenerator of " + std::to_string(grid["cells"][0].get<int>()) +
                    "^2 cells, its gap and its stationary vector: " + fixed(grid["seconds"].get<double>(), 1) + " s\n";
  if (generator.contains("fplanck"))
    out += "generator and stationary vector of 400^2 cells: " + fixed(generator["fplanck"]["ratio"].get<double>(), 1) +
           " times faster than fplanck\n";
  return out;
}

Json rows_json(const std::vector<Row>& rows) {
  Json out = Json::array();
  for (const Row& r : rows) {
    Json row{{"case", r.name},
             {"threads", r.threads},
             {"score_seconds", r.score},
             {"normals_seconds", r.normals},
             {"ula_seconds", r.ula},
             {"fraction_of_limit", r.limit() / r.ula},
             {"rank_one_seconds", r.rank_one},
             {"rank_one_corrected_seconds", r.rank_one_corrected},
             {"rank_one_over_ula", r.rank_one / r.ula},
             {"rank_one_corrected_over_ula", r.rank_one_corrected / r.ula}};
    if (r.jax) row["peers"]["jax"] = {{"seconds", *r.jax}, {"ratio", *r.jax / r.ula}};
    if (r.blackjax) row["peers"]["blackjax"] = {{"seconds", *r.blackjax}, {"ratio", *r.blackjax / r.ula}};
    out.push_back(std::move(row));
  }
  return out;
}

}  // namespace

int bench_dynamics_command(const Common& common, const BenchDynamics& options) {
  std::vector<int> threads{1};
  if (omp_get_max_threads() > 1) threads.push_back(omp_get_max_threads());
  const std::vector<Case> cases{mixture_case(2, 8), mixture_case(16, 8), mixture_case(64, 64)};
  std::vector<Row> rows;
  for (const Case& c : cases)
    for (const int n : threads) rows.push_back(run_case(c, n, options.quick));

  Json peers;
  if (options.peers)
    for (const int n : threads) {
      const Json measured = measure_peers(cases, n, options.quick);
      for (Row& r : rows)
        if (r.threads == n) {
          r.jax = measured["cases"][r.name]["jax"]["seconds"].get<double>();
          r.blackjax = measured["cases"][r.name]["blackjax"]["seconds"].get<double>();
        }
      peers[std::to_string(n)] = measured;
    }

  Results results;
  results.put("rows", rows_json(rows));
  std::string text = readable(rows, options.peers);
  const std::optional<double> one = seconds_of_processes(1, options.quick),
                              two = one ? seconds_of_processes(2, options.quick) : std::nullopt;
  if (one && two) {
    results.put("processes", Json{{"one_seconds", *one}, {"two_seconds", *two}, {"ratio", *one / *two}});
    text += "\nTwo processes are " + fixed(*one / *two, 2) + " times as fast as one (" + fixed(*one, 1) + " s and " +
            fixed(*two, 1) + " s with start-up, a thread each)\n";
  }
  const Json generator = options.peers ? bench_generator_with_peers(options.quick) : bench_generator(options.quick);
  text += readable(generator);
  for (const auto& [name, section] : generator.items()) results.put(name, section);
  if (options.peers) results.put("peers", std::move(peers));
  deliver(common, "bench dynamics", parse_document("{}"), results, 0);
  if (!common.json) print(text);
  return 0;
}

}  // namespace lml
