#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/output.hpp"
#include "experiments/point_query.hpp"

namespace lml {
namespace {

Array points_array(const Points& p) { return {{p.rows(), p.cols()}, {p.data(), p.data() + p.size()}}; }
Array vector_array(const Vec& v) { return {{v.size()}, {v.begin(), v.end()}}; }

std::string vector_text(const Eigen::Ref<const Eigen::RowVectorXd>& v) {
  if (v.size() == 1) return brief(v[0]);
  return "(" + brief(v[0]) + ", " + brief(v[1]) + ")";
}

struct Answer {
  Vec log_density;
  Points score, posterior_mean;
  Array hessian;
};

std::string readable(const PointQuery& q, const Answer& a, const Points& epsilon) {
  constexpr Index shown = 20;
  const bool small = q.marginal.dim() <= 2;
  std::vector<std::vector<std::string>> rows;
  if (small)
    rows.push_back({"x", "log p_t", "score", "epsilon", "E[x_0|x]"});
  else
    rows.push_back({"point", "||x||", "log p_t", "||score||", "||epsilon||", "||E[x_0|x]||"});
  for (Index i = 0; i < std::min(shown, q.at.rows()); ++i) {
    if (small)
      rows.push_back({vector_text(q.at.row(i)), brief(a.log_density[i]), vector_text(a.score.row(i)),
                      vector_text(epsilon.row(i)), vector_text(a.posterior_mean.row(i))});
    else
      rows.push_back({std::to_string(i), brief(q.at.row(i).norm()), brief(a.log_density[i]),
                      brief(a.score.row(i).norm()), brief(epsilon.row(i).norm()),
                      brief(a.posterior_mean.row(i).norm())});
  }
  std::string out = q.title() + "\n\n" + table(rows);
  if (q.at.rows() > shown) out += "... and " + std::to_string(q.at.rows() - shown) + " more points\n";
  return out + "\n--json or --out DIR gives every number" + (q.hessian ? ", and the Hessians.\n" : ".\n");
}

}  // namespace

int score_command(const Common& common) {
  const Document spec = read_document(common.spec, common.set);
  const PointQuery q = read_point_query(spec);
  const Index n = q.at.rows(), d = q.at.cols();
  Answer a{Vec(n), Points(n, d), Points(n, d), {}};
  if (q.hessian) a.hessian = {{n, d, d}, std::vector<double>(std::size_t(n) * std::size_t(d) * std::size_t(d))};
  const std::int64_t evaluations = for_each_point(q, [&](Index i, const Local& local) {
    a.log_density[i] = local.log_density();
    a.score.row(i) = local.score().transpose();
    a.posterior_mean.row(i) = local.posterior_mean().transpose();
    bool finite = a.score.row(i).allFinite() && a.posterior_mean.row(i).allFinite();
    if (q.hessian) {
      const Mat h = local.hessian();
      finite = finite && h.allFinite();
      std::copy(h.data(), h.data() + h.size(), a.hessian.values.begin() + i * d * d);  // symmetric: either order
    }
    if (!finite) throw BadInput("", "has a score beyond float64 at this sigma");
  });
  const Points epsilon = -q.marginal.time().sigma * a.score;

  Results results;
  results.put("log_density", vector_array(a.log_density));
  results.put("score", points_array(a.score));
  results.put("epsilon", points_array(epsilon));
  results.put("posterior_mean", points_array(a.posterior_mean));
  if (!common.json && common.out.empty()) {
    print(readable(q, a, epsilon));
    return 0;
  }
  const std::string text = readable(q, a, epsilon);
  if (q.hessian) results.put("hessian", std::move(a.hessian));
  deliver(common, "score", spec, results, evaluations);
  if (!common.json) print(text);
  return 0;
}

}  // namespace lml
