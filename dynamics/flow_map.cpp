#include "dynamics/flow_map.hpp"

#include <boost/numeric/odeint/algebra/range_algebra.hpp>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <boost/numeric/odeint/stepper/controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_runge_kutta_fehlberg78.hpp>
#include <boost/numeric/odeint/stepper/generation/make_controlled.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_fehlberg78.hpp>

#include "theory/parallel.hpp"

namespace lml {

FlowMap flow_map(const AnnealedMetric& metric, const Equation& equation, double u_start, double u_end,
                 const PointsRef& x, double tolerance) {
  namespace odeint = boost::numeric::odeint;
  using State = std::vector<double>;
  const Index n = x.rows(), d = x.cols();
  const double f = linear_drift(metric.process());
  const auto velocity = [&](const State& state, State& change, double u) {
    const MetricSlice slice = metric.at(u);
    const Marginal& marginal = slice.marginal();
    const double speed = marginal.time().sigma * marginal.time().sigma;  // dt/du
    constexpr Index block = 64;
    parallel_for((n + block - 1) / block, n > 64 * block, [&](Index b) {
      for (Index i = b * block; i < std::min(n, (b + 1) * block); ++i) {
        const Index at = i * (d + 1);
        const Eigen::Map<const Vec> point(state.data() + at, d);
        Eigen::Map<Vec> drift(change.data() + at, d);
        const Local local = marginal.at(point);
        drift = f * point - 0.5 * equation.score * local.score();
        double divergence = f * double(d);
        if (equation.score != 0) divergence += 0.5 * equation.score * local.fisher().trace();
        if (equation.damped_score != 0) {
          const DampedScore damped = slice.damped_score(local);
          drift -= 0.5 * equation.damped_score * damped.value;
          divergence -= 0.5 * equation.damped_score * damped.divergence;
        }
        drift *= speed;
        change[std::size_t(at + d)] = speed * divergence;
      }
    });
  };
  State state(std::size_t(n * (d + 1)), 0.0);
  for (Index i = 0; i < n; ++i)
    for (Index j = 0; j < d; ++j) state[std::size_t(i * (d + 1) + j)] = x(i, j);
  odeint::integrate_adaptive(odeint::make_controlled(tolerance, tolerance, odeint::runge_kutta_fehlberg78<State>()),
                             velocity, state, u_end, u_start, 0.1);
  FlowMap out{Points(n, d), Vec(n)};
  for (Index i = 0; i < n; ++i) {
    for (Index j = 0; j < d; ++j) out.start(i, j) = state[std::size_t(i * (d + 1) + j)];
    out.log_density[i] = state[std::size_t(i * (d + 1) + d)];
  }
  out.log_density += metric.marginal(u_start).log_density(out.start);
  return out;
}

}  // namespace lml
