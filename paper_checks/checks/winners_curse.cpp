#include "paper_checks/checks/winners_curse.hpp"

#include <algorithm>
#include <array>

#include "dynamics/random.hpp"
#include "paper_checks/checks/sampling_common.hpp"

namespace lml::checks {

using namespace sampling;
namespace {

// MMD^2 (U-statistic) of samples against the ring of 8 itself, kernel exp(-|x - y|^2/(2 h^2)), d = 2: the expectations
// over the mixture (weights 1/8, variance v) in closed form.
double mmd_squared(const Points& x, const Target& target) {
  const double h2 = 0.25, v = 0.01;
  const Points& m = target.means();
  const Index n = x.rows();
  double among = 0, across = 0, own = 0;
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < i; ++j) among += 2 * std::exp(-(x.row(i) - x.row(j)).squaredNorm() / (2 * h2));
  for (Index i = 0; i < n; ++i)
    for (Index k = 0; k < m.rows(); ++k)
      across += h2 / (h2 + v) * std::exp(-(x.row(i) - m.row(k)).squaredNorm() / (2 * (h2 + v)));
  for (Index k = 0; k < m.rows(); ++k)
    for (Index l = 0; l < m.rows(); ++l)
      own += h2 / (h2 + 2 * v) * std::exp(-(m.row(k) - m.row(l)).squaredNorm() / (2 * (h2 + 2 * v)));
  const double a = double(n), c = double(m.rows());
  return among / (a * (a - 1)) - 2 * across / (a * c) + own / (c * c);
}

constexpr std::array<double, 5> searched{5e-4, 8e-4, 1e-3, 2e-3, 3e-3};  // lambda', as in Tables 6 and 7
enum class Seeds { one_each, shared };

// What the search of one table's entry gains by the metric it looks at, over the mean of the five values; and what the
// value so chosen gains on fresh seeds, where all five are run from the same starts.
struct Gains {
  Vec apparent, kept, spread;  // [trials]; spread: one value's metric, whose deviation is that between seeds
};

Gains search(double kappa, Seeds seeds, Index trials) {
  constexpr Index n = 150;
  ExactSource source(ring8());
  const Grid grid = uniform_grid(10);
  const auto metric = [&](double lambda, std::uint64_t seed) {
    const Points start = Random(seed, 0x63757273).normals(0, 0, n, 2);
    return mmd_squared(end_of(Sampler{Ddim{}, grid, LmlStable{{kappa, lambda}}, {}}, source, start), source.target());
  };
  Gains out{Vec(trials), Vec(trials), Vec(trials)};
  for (Index t = 0; t < trials; ++t) {
    const auto seed = [&](std::size_t k) { return std::uint64_t(16 * t) + (seeds == Seeds::one_each ? k : 0); };
    std::array<double, 5> found{}, fresh{};
    for (std::size_t k = 0; k < searched.size(); ++k) {
      found[k] = metric(searched[k], seed(k));
      fresh[k] = metric(searched[k], std::uint64_t(16 * t) + 9);
    }
    const auto mean = [](const std::array<double, 5>& a) { return (a[0] + a[1] + a[2] + a[3] + a[4]) / 5; };
    const auto best = std::size_t(std::min_element(found.begin(), found.end()) - found.begin());
    out.apparent[t] = mean(found) - found[best];
    out.kept[t] = mean(fresh) - fresh[best];
    out.spread[t] = found[0];
  }
  return out;
}

double deviation(const Vec& v) { return std::sqrt((v.array() - v.mean()).square().sum() / double(v.size() - 1)); }

Index trials(const Context& ctx) { return ctx.full ? 2000 : 300; }

}  // namespace

Evidence winners_curse(const Context& ctx) {
  Table table{
      "secB2-winners-curse",
      "Ring of 8, DDIM, 10 evaluations, MMD^2 of 150 samples against the data: gain of the best of five lambda' "
      "over their mean by the searched figures, and of the same value on fresh seeds, in standard deviations of the "
      "figure between seeds",
      {"kappa and seeds", "searched", "error", "fresh", "error"},
      {}};
  Evidence out;
  for (const auto& [kappa, label] :
       {std::pair{1e-8, "kappa = 1e-8, a seed for each"}, std::pair{1e-8, "kappa = 1e-8, one seed for all"},
        std::pair{1e-3, "kappa = 0.001, a seed for each"}, std::pair{1e-3, "kappa = 0.001, one seed for all"}}) {
    const Seeds seeds = table.rows.size() % 2 == 0 ? Seeds::one_each : Seeds::shared;
    const Gains g = search(kappa, seeds, trials(ctx));
    const double sd = deviation(g.spread), root = std::sqrt(double(g.kept.size()));
    table.labels.emplace_back(label);
    table.rows.push_back(
        {g.apparent.mean() / sd, deviation(g.apparent) / root / sd, g.kept.mean() / sd, deviation(g.kept) / root / sd});
    const Ratio kept = ratio_of_means(g.kept, g.apparent);
    if (table.rows.size() == 1) {
      out.value = kept.value;
      out.uncertainty = 4 * kept.error;
    }
    if (table.rows.size() == 4) out.control = kept.value;
  }
  out.repair =
      "Five values searched from one seed, and the figure reported from another. The gain to expect of the search "
      "alone "
      "is 1.163 standard deviations of the figure between seeds, which the paper does not give.";
  out.repair_attacks = 2;
  out.tables = {table};
  return out;
}

Evidence winners_curse_size(const Context& ctx) {
  const Gains g = search(1e-8, Seeds::one_each, trials(ctx)), shared = search(1e-8, Seeds::shared, trials(ctx));
  const auto in_deviations = [](const Gains& a) {
    const double sd = deviation(a.spread), n = double(a.apparent.size());
    const double relative = std::hypot(deviation(a.apparent) / a.apparent.mean() / std::sqrt(n), 1 / std::sqrt(n));
    return Ratio{a.apparent.mean() / sd, relative * a.apparent.mean() / sd};
  };
  Evidence out;
  const Ratio r = in_deviations(g);
  out.value = r.value;
  out.uncertainty = 4 * r.error;
  // The expected largest of five normals, 1.16296; the figure here is skew, not normal.
  out.second = 5 / (4 * std::sqrt(M_PI)) * (1 + 6 / M_PI * std::asin(1.0 / 3));
  out.second_tolerance = out.uncertainty + 0.15;
  out.control = in_deviations(shared).value;
  return out;
}

}  // namespace lml::checks
