// `stationary`, `gap`, `converge` on the line: every figure at two degrees of the discretisation, their difference its
// error estimate.
#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "dynamics/line.hpp"
#include "experiments/command.hpp"
#include "experiments/errors.hpp"
#include "experiments/law_query.hpp"
#include "experiments/output.hpp"

namespace lml {
namespace {

constexpr int coarse_degree = 20, fine_degree = 24;
constexpr const char* on_the_line = "spectral elements on the line, two degrees";

void require_line(const Metric& metric, const Object& spec) {
  if (metric.marginal().dim() != 1) spec.at("target").fail("must be one-dimensional in this version");
}

Json moments(double mean, double variance) { return {{"mean", {figure(mean)}}, {"covariance", {{figure(variance)}}}}; }

void put_existence(Results& out, const Existence& e) {
  out.put("exists", Json(e.exists));
  out.put("unique", Json(e.unique));
  if (!e.why.empty()) out.put("why", Json(e.why));
}

std::string sentence(const Existence& e) {
  if (!e.exists) return "no such law: " + e.why + "\n";
  return e.unique ? "" : "not the only stationary law: " + e.why + "\n";
}

double gap_between(const Divergences& a, const Divergences& b) {
  return std::max({std::abs(a.chi2 - b.chi2), std::abs(a.kl - b.kl), std::abs(a.total_variation - b.total_variation),
                   std::abs(a.hellinger - b.hellinger)});
}

int finish(const Common& common, const std::string& command, const Document& spec, const Results& results,
           const std::string& text) {
  if (common.json || !common.out.empty()) deliver(common, command, spec, results, 0);
  if (!common.json) print(text);
  return 0;
}

}  // namespace

int stationary_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const Object o = Reader(spec).object({LML_LAW_KEYS, "calculus", "method"});
  const Metric metric = read_metric(o);
  require_line(metric, o);
  const double theta = read_calculus(o.at("calculus"));
  if (const auto method = o.find("method")) method->one_of({"quadrature"});

  const auto [coarse, fine] = within(
      o.reader(), [&] { return std::pair(Line(metric, theta, coarse_degree), Line(metric, theta, fine_degree)); });
  // x = alpha x_0 + sigma z
  const Time t = metric.marginal().time();
  const double mean = t.alpha * metric.marginal().target().mean()[0];
  const double variance = t.alpha * t.alpha * metric.marginal().target().covariance()(0, 0) + t.sigma * t.sigma;
  Results out;
  put_existence(out, fine.existence());
  out.put("method", Json("quadrature"));
  out.put("target_moments", moments(mean, variance));
  std::string text = sentence(fine.existence());
  if (fine.existence().exists) {
    const Divergences d = fine.divergences();
    const double error = std::max({gap_between(d, coarse.divergences()), std::abs(fine.mean() - coarse.mean()),
                                   std::abs(fine.variance() - coarse.variance())});
    out.put("moments", moments(fine.mean(), fine.variance()));
    for (const auto& [name, v] :
         {std::pair{"chi2", d.chi2}, {"kl", d.kl}, {"total_variation", d.total_variation}, {"hellinger", d.hellinger}})
      out.put(name, figure(v));
    out.put("error_estimate", figure(error));
    text += table({{"", "mean", "variance"},
                   {"law", brief(fine.mean()), brief(fine.variance())},
                   {"target", brief(mean), brief(variance)}}) +
            "chi2 " + brief(d.chi2) + ", kl " + brief(d.kl) + ", total variation " + brief(d.total_variation) +
            ", hellinger " + brief(d.hellinger) + " (errors below " + brief(error) + ")\n";
  }
  return finish(common, "stationary", spec, out, text);
}

int gap_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const Object o = Reader(spec).object({LML_LAW_KEYS});
  const Metric metric = read_metric(o);
  require_line(metric, o);
  const auto [coarse, fine] =
      within(o.reader(), [&] { return std::pair(Line(metric, 1, coarse_degree), Line(metric, 1, fine_degree)); });
  Results out;
  put_existence(out, fine.existence());
  out.put("method", Json(on_the_line));
  std::string text = sentence(fine.existence());
  if (fine.existence().exists) {
    // Where no path crosses a zero of D, each side keeps a mass of its own: the gap is 0.
    const double gap = fine.existence().unique ? within(o.reader(), [&] { return std::max(0.0, fine.rates()[1]); }) : 0;
    const double error = fine.existence().unique ? std::abs(gap - coarse.rates()[1]) : 0;
    out.put("gap", figure(gap));
    out.put("poincare_constant", figure(1 / gap));
    out.put("error_estimate", figure(error));
    text += "gap " + brief(gap) + " (error below " + brief(error) + "), Poincare constant " + brief(1 / gap) + "\n";
  }
  return finish(common, "gap", spec, out, text);
}

int converge_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const Object o = Reader(spec).object({LML_LAW_KEYS, "calculus", "initial", "times"});
  const Metric metric = read_metric(o);
  require_line(metric, o);
  const double theta = read_calculus(o.at("calculus"));
  const Marginal initial = read_law(o.at("initial"));
  if (initial.dim() != 1) o.at("initial").fail("must be one-dimensional like the target");
  const Vec times = o.at("times").numbers();
  for (Index i = 0; i < times.size(); ++i)
    if (!(times[i] >= 0)) o.at("times").fail_below("/" + std::to_string(i), "must be >= 0");

  const auto [coarse, fine] = within(o.reader(), [&] {
    return std::pair(Line(metric, theta, coarse_degree, &initial), Line(metric, theta, fine_degree, &initial));
  });
  Results out;
  put_existence(out, fine.existence());
  out.put("method", Json(on_the_line));
  std::string text = sentence(fine.existence());
  if (fine.existence().exists) {
    if (!fine.existence().unique)
      o.at("metric").fail("vanishes where eps = 0: the flow there is not computed in this version");
    const std::vector<double> when(times.begin(), times.end());
    const std::vector<Divergences> flow = fine.flow(initial, when), check = coarse.flow(initial, when);
    const bool infinite = chi2_is_infinite(initial, metric.marginal());
    // Proposition 4 is about the corrected dynamics: its rate is the gap of that one.
    const double gap = theta == 1 ? fine.rates()[1] : Line(metric, 1, fine_degree).rates()[1];
    const double start = infinite ? HUGE_VAL : fine.flow(initial, {0.0})[0].chi2;
    const std::size_t n = when.size();
    Array chi2{{Index(n)}, {}}, kl = chi2, tv = chi2, hellinger = chi2, bound = chi2;
    double error = 0;
    std::vector<std::vector<std::string>> rows{{"time", "chi2", "bound", "kl", "tv", "hellinger"}};
    for (std::size_t i = 0; i < n; ++i) {
      const bool unbounded = infinite && when[i] == 0;
      chi2.values.push_back(unbounded ? HUGE_VAL : flow[i].chi2);
      kl.values.push_back(flow[i].kl);
      tv.values.push_back(flow[i].total_variation);
      hellinger.values.push_back(flow[i].hellinger);
      bound.values.push_back(start * std::exp(-2 * gap * when[i]));
      if (!unbounded) error = std::max(error, gap_between(flow[i], check[i]));
      rows.push_back({brief(when[i]), brief(chi2.values[i]), brief(bound.values[i]), brief(kl.values[i]),
                      brief(tv.values[i]), brief(hellinger.values[i])});
    }
    out.put("chi2", std::move(chi2));
    out.put("kl", std::move(kl));
    out.put("total_variation", std::move(tv));
    out.put("hellinger", std::move(hellinger));
    out.put("chi2_bound", std::move(bound));
    out.put("error_estimate", figure(error));
    text += table(rows);
  }
  return finish(common, "converge", spec, out, text);
}

}  // namespace lml
