#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/output.hpp"
#include "experiments/point_query.hpp"
#include "theory/proposition.hpp"

namespace lml {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// The figures at one point; the errors are absent where u does not exist.
struct Row {
  std::optional<RankOneError> error;
  double relative = 0;
  double bound_paper = 0;
  std::vector<double> hessian;
};

// Reads one figure out of every row; null where u does not exist.
template <class F>
Json of_errors(const std::vector<Row>& rows, const F& f) {
  Json out = Json::array();
  for (const Row& r : rows) out.push_back(r.error ? Json(f(r)) : Json(nullptr));
  return out;
}

}  // namespace

int bound_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const PointQuery q = read_point_query(spec);
  const Target& law = q.marginal.target();
  const Time t = q.marginal.time();
  const Index n = q.at.rows(), d = q.at.cols();
  const double spread = law.is_points() ? diameter(law.means()).value : infinity;
  const double farthest = farthest_mean(law);
  const double corrected = bound_corrected(d, spread, t), optimal = bound_optimal(d, spread, t);

  std::vector<Row> rows(static_cast<std::size_t>(n));
  const std::int64_t evaluations = for_each_point(q, [&](Index i, const Local& local) {
    const Vec x = q.at.row(i).transpose();
    Row& row = rows[std::size_t(i)];
    row.bound_paper = bound_paper(x.norm(), 0, 0, spread, t);
    const auto u = noise_direction(local, x, t, farthest);
    if (!u && !q.hessian) return;
    const Mat fisher = local.fisher();
    if (!fisher.allFinite()) throw BadInput("", "has a Hessian beyond float64 at this sigma");
    if (q.hessian) {
      const Mat h = -fisher;
      row.hessian.assign(h.data(), h.data() + h.size());
    }
    if (!u) return;
    row.error = rank_one_error(fisher, *u, t.sigma);
    if (!std::isfinite(row.error->error_fisher)) throw BadInput("", "has an error beyond float64 at this sigma");
    const bool zero = row.error->fisher_norm <= 1e-14 * precision_trace(local, q.marginal);
    row.relative = zero ? infinity : row.error->relative();
  });

  const auto fisher = [&](const Row& r) { return r.error->error_fisher; };
  const auto jacobian = [&](const Row& r) { return t.sigma * r.error->error_fisher; };
  const auto remainder = [&](const Row& r) { return t.sigma * t.sigma * r.error->error_fisher; };
  const auto within_paper = [&](const auto& error) {
    return of_errors(rows, [&](const Row& r) { return holds(error(r), r.bound_paper, t.sigma); });
  };
  Json paper = Json::array();
  for (const Row& r : rows) paper.push_back(figure(r.bound_paper));
  Results results;
  results.put("relative_error", of_errors(rows, [](const Row& r) { return figure(r.relative); }));
  results.put("error_fisher", of_errors(rows, [&](const Row& r) { return figure(fisher(r)); }));
  results.put("error_jacobian", of_errors(rows, [&](const Row& r) { return figure(jacobian(r)); }));
  results.put("error_r_hess_r", of_errors(rows, [&](const Row& r) { return figure(remainder(r)); }));
  results.put("bound_paper", paper);
  results.put("bound_corrected", Json(std::size_t(n), figure(corrected)));
  results.put("bound_optimal", Json(std::size_t(n), figure(optimal)));
  results.put("holds_fisher", within_paper(fisher));
  results.put("holds_jacobian", within_paper(jacobian));
  results.put("holds_r_hess_r", within_paper(remainder));
  results.put("holds_corrected", of_errors(rows, [&](const Row& r) { return holds(fisher(r), corrected, t.sigma); }));
  results.put("holds_optimal", of_errors(rows, [&](const Row& r) { return holds(fisher(r), optimal, t.sigma); }));
  if (q.hessian) {
    Array h{{n, d, d}, {}};
    h.values.reserve(std::size_t(n) * std::size_t(d) * std::size_t(d));
    for (const Row& r : rows) h.values.insert(h.values.end(), r.hessian.begin(), r.hessian.end());
    results.put("hessian", std::move(h));
  }

  constexpr double none = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::vector<double>> lines_of_figures;
  for (const Row& r : rows)
    lines_of_figures.push_back(
        {r.error ? r.relative : none, r.error ? fisher(r) : none, r.bound_paper, corrected, optimal});
  const std::string figures =
      csv({"relative_error", "error_fisher", "bound_paper", "bound_corrected", "bound_optimal"}, lines_of_figures);

  std::string text;
  if (!common.json) {
    constexpr Index shown = 20;
    const auto mark = [&](double error, double bound) {
      return brief(error) + (holds(error, bound, t.sigma) ? " " : "!");
    };
    std::vector<std::vector<std::string>> lines{
        {"point", "rel. error", "||F-uu'/s2||", "x sigma", "x sigma^2", "paper", "corrected", "optimal"}};
    for (Index i = 0; i < std::min(shown, n); ++i) {
      const Row& r = rows[std::size_t(i)];
      std::vector<std::string> line{std::to_string(i)};
      if (r.error)
        line.insert(line.end(), {brief(r.relative), mark(fisher(r), r.bound_paper), mark(jacobian(r), r.bound_paper),
                                 mark(remainder(r), r.bound_paper)});
      else
        line.insert(line.end(), {"-", "- ", "- ", "- "});
      line.insert(line.end(), {brief(r.bound_paper), brief(corrected), brief(optimal)});
      lines.push_back(line);
    }
    text = q.title() + ", D_y " + brief(spread) + "\n\n" + table(lines);
    if (n > shown) text += "... and " + std::to_string(n - shown) + " more points\n";
    text +=
        "\n! larger than the paper's bound (Proposition 2, three readings of its error)\n"
        "- the noise prediction vanishes: u = eps/||eps|| does not exist\n";
  }
  deliver(common, "bound", spec, results, evaluations, {{"bound.csv", {figures}}});
  if (!common.json) print(text);
  return 0;
}

}  // namespace lml
