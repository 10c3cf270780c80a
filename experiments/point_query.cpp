#include "experiments/point_query.hpp"

#include "experiments/json.hpp"
#include "experiments/spec.hpp"

namespace lml {

std::string PointQuery::title() const {
  const Target& law = marginal.target();
  return target_name + ": d = " + std::to_string(law.dim()) + ", " + std::to_string(law.size()) +
         (law.is_points() ? " point" : " component") + (law.size() == 1 ? "" : "s") + "; alpha " +
         digits(marginal.time().alpha) + ", sigma " + digits(marginal.time().sigma);
}

void PointQuery::refuse(Index i, const std::string& message) const {
  if (where.is_string()) where.fail("point " + std::to_string(i) + " " + message);
  where.fail_below(child("", std::size_t(i)), message);
}

PointQuery read_point_query(const Document& document) {
  const Reader root(document);
  const Object o = root.object({"target", "alpha", "sigma", "schedule", "t", "at", "hessian"});
  const Reader target = o.at("target");
  const Time time = read_time(o);
  const Reader at = o.at("at");
  const auto hessian = o.find("hessian");
  const bool with_hessian = hessian && hessian->boolean();
  Target law = read_target(target);
  Points points = read_points(at, law.dim());
  Marginal marginal = within(root, [&] { return Marginal(std::move(law), time); });
  std::string name = target.is_string()              ? target.string()
                     : marginal.target().is_points() ? "points"
                                                     : "gaussian_mixture";
  return {std::move(marginal), std::move(points), with_hessian, at, std::move(name)};
}

}  // namespace lml
