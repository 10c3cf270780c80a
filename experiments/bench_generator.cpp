#include "experiments/bench_generator.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "dynamics/grid.hpp"
#include "dynamics/grid_assembly.hpp"
#include "experiments/bench_tools.hpp"
#include "experiments/temporary_folder.hpp"

namespace lml {
namespace {

constexpr Time time_{0.8, 0.6};

class Clock {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

Marginal three_modes() {
  return {Target::gaussian_mixture(Vec{{1.0, 2.0, 1.0}}, Points{{-1.5, 0}, {1.25, 0.5}, {0, -1.5}}, {0.2, 0.3, 0.25}),
          time_};
}

struct Timing {
  double generator, stationary, error;
};

// Best of three runs: the chain, and its null vector by elimination as if p were not known.
Timing null_vector_of(const Metric& metric, const Mesh& mesh) {
  Timing best{1e300, 1e300, 0};
  for (int i = 0; i < 3; ++i) {
    const Clock generator;
    const Assembly a = assemble(metric, Calculus::corrected, mesh, stencil_reach(2));
    best.generator = std::min(best.generator, generator.seconds());
    const Clock stationary;
    const Dissection order(a.chain, 2, mesh.n, a.mode);
    const Vec q = Elimination(a.chain, order, 0).null_vector();
    best.stationary = std::min(best.stationary, stationary.seconds());
    Vec p = a.log_p.array().exp();
    p /= p.sum();
    best.error = (q - p).cwiseAbs().sum();
  }
  return best;
}

constexpr double low = -6, high = 6;

Mesh square(int n) { return {Mat::Identity(2, 2), Vec::Constant(2, low), Vec::Constant(2, high), n}; }

}  // namespace

Json bench_generator(bool quick) {
  const int n = quick ? 128 : 512;
  const Metric metric(three_modes(), {Curvature::exact, 6});
  const Clock whole;
  const Grid grid(metric, Calculus::corrected, n);
  const double generator = whole.seconds();
  const double gap = grid.gap(), with_gap = whole.seconds();
  const Timing own = null_vector_of(metric, square(n));
  const Clock ito;
  const double chi2 = Grid(metric, Calculus::ito, n).divergences().chi2;
  return {{"grid",
           {{"cells", {n, n}},
            {"gap", gap},
            {"generator_seconds", generator},
            {"gap_seconds", with_gap - generator},
            {"stationary_seconds", own.stationary},
            {"stationary_error", own.error},
            {"seconds", with_gap + own.stationary},
            {"ito_chi2", chi2},
            {"ito_seconds", ito.seconds()}}}};
}

Json bench_generator_with_peers(bool quick) {
  Json out = bench_generator(quick);
  const int n = quick ? 100 : 400;
  const Marginal p = three_modes();
  Json means = Json::array(), weights = Json::array(), variances = Json::array();
  for (Index k = 0; k < p.target().size(); ++k) {
    const Vec m = time_.alpha * p.target().means().row(k);
    means.push_back({m[0], m[1]});
    weights.push_back(std::exp(p.target().log_weights()[k]));
    variances.push_back(1 / p.precision(k).p[0]);
  }
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "generator.json") << dump({{"weights", weights},
                                                           {"means", means},
                                                           {"variances", variances},
                                                           {"low", low},
                                                           {"high", high},
                                                           {"cells", n},
                                                           {"repeats", 3}});
  const WithThreads with(1);  // as many as fplanck uses
  const Timing own = null_vector_of({p, {Curvature::identity}}, square(n));
  const Json peer = parse_json(run_peers("peers-generator", "generator_peers.py", {folder.path().string()},
                                         folder.path() / "generator-peers.json"),
                               "peers");
  const double theirs = peer["generator_seconds"].get<double>() + peer["stationary_seconds"].get<double>();
  out["fplanck"] = {{"cells", {n, n}},
                    {"generator_seconds", own.generator},
                    {"stationary_seconds", own.stationary},
                    {"error", own.error},
                    {"peer", peer},
                    {"ratio", theirs / (own.generator + own.stationary)}};
  return out;
}

}  // namespace lml
