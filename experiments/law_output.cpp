#include "experiments/law_output.hpp"

#include <algorithm>
#include <cmath>

#include "experiments/document.hpp"

namespace lml {

Array array(const Vec& v) { return {{v.size()}, {v.begin(), v.end()}}; }

Json moments(const Vec& mean, const Mat& covariance) {
  Json m = Json::array(), c = Json::array();
  for (Index i = 0; i < mean.size(); ++i) {
    m.push_back(figure(mean[i]));
    Json row = Json::array();
    for (Index j = 0; j < mean.size(); ++j) row.push_back(figure(covariance(i, j)));
    c.push_back(std::move(row));
  }
  return {{"mean", std::move(m)}, {"covariance", std::move(c)}};
}

namespace {

// Of x = alpha x_0 + sigma z.
Vec mean_of(const Marginal& target) { return target.time().alpha * target.target().mean(); }

Mat covariance_of(const Marginal& target) {
  const Time t = target.time();
  Mat out = t.alpha * t.alpha * target.target().covariance();
  out.diagonal().array() += t.sigma * t.sigma;
  return out;
}

}  // namespace

Json target_moments(const Marginal& target) { return moments(mean_of(target), covariance_of(target)); }

std::string moments_table(const Vec& mean, const Mat& covariance, const Marginal& target) {
  const Vec target_mean = mean_of(target);
  const Mat target_covariance = covariance_of(target);
  const Index most = 8, shown = std::min(most, mean.size());
  std::vector<std::vector<std::string>> rows{{"", "mean", "target", "variance", "target"}};
  for (Index i = 0; i < shown; ++i)
    rows.push_back({"x" + std::to_string(i + 1), brief(mean[i]), brief(target_mean[i]), brief(covariance(i, i)),
                    brief(target_covariance(i, i))});
  const std::string more = mean.size() > shown ? "and " + std::to_string(mean.size() - shown) + " more\n" : "";
  return table(rows) + more;
}

void put(Results& out, const Existence& e) {
  out.put("exists", Json(e.exists));
  out.put("unique", Json(e.unique));
  if (!e.why.empty()) out.put("why", Json(e.why));
}

void put(Results& out, const Divergences& d) {
  out.put("chi2", figure(d.chi2));
  out.put("kl", figure(d.kl));
  out.put("total_variation", figure(d.total_variation));
  out.put("hellinger", figure(d.hellinger));
}

std::string sentence(const Existence& e) {
  if (!e.exists) return "no such law: " + e.why + "\n";
  return e.unique ? "" : "not the only stationary law: " + e.why + "\n";
}

std::string sentence(const Divergences& d) {
  return "chi2 " + brief(d.chi2) + ", kl " + brief(d.kl) + ", total variation " + brief(d.total_variation) +
         ", hellinger " + brief(d.hellinger);
}

double distance(const Divergences& a, const Divergences& b) {
  // Both infinite is no difference.
  const auto apart = [](double x, double y) { return x == y ? 0 : std::abs(x - y); };
  return std::max({apart(a.chi2, b.chi2), apart(a.kl, b.kl), apart(a.total_variation, b.total_variation),
                   apart(a.hellinger, b.hellinger)});
}

int finish(const Common& common, const std::string& command, const Document& spec, const Results& results,
           const std::string& text) {
  if (common.json || !common.out.empty()) deliver(common, command, spec, results, 0);
  if (!common.json) print(text);
  return 0;
}

}  // namespace lml
