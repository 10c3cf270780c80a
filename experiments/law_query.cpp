#include "experiments/law_query.hpp"

#include <algorithm>
#include <cmath>

#include "experiments/spec.hpp"

namespace lml {

Metric read_metric(const Object& spec) {
  const Reader where = spec.at("metric");
  const Object o = where.object({"curvature", "damping", "sign", "prefactor", "rank", "matrix"});
  MetricSpec m;
  const std::string curvature =
      o.at("curvature").one_of({"exact", "rank_one", "rank_one_scaled", "identity", "rank_k", "constant"});
  if (curvature == "exact") m.curvature = Curvature::exact;
  if (curvature == "rank_one") m.curvature = Curvature::rank_one;
  if (curvature == "rank_one_scaled") m.curvature = Curvature::rank_one_scaled;
  if (curvature == "rank_k") m.curvature = Curvature::rank_k;
  if (curvature == "constant") m.curvature = Curvature::constant;
  if (m.curvature == Curvature::identity || m.curvature == Curvature::constant) {
    if (const auto damping = o.find("damping")) damping->fail("is none of the curvature " + curvature);
  } else {
    m.damping = o.at("damping").number();
  }
  if (m.curvature == Curvature::rank_k)
    m.rank = o.at("rank").integer(1, 1000000);
  else if (const auto rank = o.find("rank"))
    rank->fail("is for the curvature rank_k only");
  if (m.curvature == Curvature::constant)
    m.matrix = o.at("matrix").matrix();
  else if (const auto matrix = o.find("matrix"))
    matrix->fail("is for the curvature constant only");
  if (const auto sign = o.find("sign")) {
    m.printed_sign = sign->one_of({"corrected", "printed"}) == "printed";
    if (m.printed_sign && m.curvature != Curvature::exact) sign->fail("matters for the curvature exact only");
  }
  if (const auto prefactor = o.find("prefactor")) {
    m.printed_prefactor = prefactor->one_of({"corrected", "printed"}) == "printed";
    if (m.printed_prefactor && m.curvature != Curvature::rank_one_scaled)
      prefactor->fail("is a matter of the curvature rank_one_scaled only");
  }
  const Time time = read_time(spec);
  Target target = read_target(spec.at("target"));
  Marginal marginal = within(spec.reader(), [&] { return Marginal(std::move(target), time); });
  return within(where, [&] { return Metric(std::move(marginal), m); });
}

Calculus read_calculus(const Reader& calculus) {
  const std::string name = calculus.one_of({"ito", "half", "corrected", "stratonovich"});
  if (name == "ito") return Calculus::ito;
  if (name == "half") return Calculus::half;
  return name == "corrected" ? Calculus::corrected : Calculus::stratonovich;
}

Marginal read_law(const Reader& mixture) {
  Target law = read_target(mixture);
  double least = law.is_points() ? 0 : HUGE_VAL;
  for (const Spread& s : law.spreads()) least = std::min(least, s.variances.minCoeff());
  if (!(least > 0)) mixture.fail("must have a density: every covariance positive definite");
  // x = x_0 + sigma z with sigma^2 below the rounding of every variance.
  return {std::move(law), {1, 1e-9 * std::sqrt(least)}};
}

}  // namespace lml
