#include "samplers/exact_flow.hpp"

#include <algorithm>
#include <boost/numeric/odeint/algebra/range_algebra.hpp>
#include <boost/numeric/odeint/integrate/integrate_adaptive.hpp>
#include <boost/numeric/odeint/stepper/controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_controlled_runge_kutta.hpp>
#include <boost/numeric/odeint/stepper/generation/generation_runge_kutta_fehlberg78.hpp>
#include <boost/numeric/odeint/stepper/generation/make_controlled.hpp>
#include <boost/numeric/odeint/stepper/runge_kutta_fehlberg78.hpp>
#include <cmath>

#include "theory/marginal.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

namespace odeint = boost::numeric::odeint;
using State = std::vector<double>;

constexpr Index block = 64;  // points that share their steps
// No step is longer than a part of the way: where the flow is a mere quadrature (a Gaussian of the noise's own width)
// Fehlberg's two formulas agree whatever the step, and their difference says nothing.
constexpr int parts = 16;
constexpr double nearly_clean = 1e-7;
constexpr double little_data = 0.01;  // alpha below which x_0 out of x - sigma eps would cancel

double angle(const Node& node) { return std::atan2(node.sigma, node.alpha); }
double scale(const Node& node) { return std::hypot(node.alpha, node.sigma); }

Points posterior_mean(const Marginal& law, const PointsRef& x, const Points& eps) {
  const Time t = law.time();
  if (t.alpha >= little_data) return (x - t.sigma * eps) / t.alpha;
  Points out(x.rows(), x.cols());
  for (Index i = 0; i < x.rows(); ++i) out.row(i) = law.at(x.row(i).transpose()).posterior_mean().transpose();
  return out;
}

}  // namespace

Points exact_flow(const Target& target, const Node& from, const Node& to, const Points& x, double tolerance) {
  const Index d = x.cols();
  const double first = angle(from), last = std::max(angle(to), nearly_clean);
  Points out(x.rows(), d);
  parallel_for((x.rows() + block - 1) / block, true, [&](Index b) {
    const Index begin = b * block, n = std::min(block, x.rows() - begin);
    const auto velocity = [&](const State& state, State& change, double a) {
      const Marginal law(target, Time{std::max(0.0, std::cos(a)), std::sin(a)});
      const Eigen::Map<const Points> at(state.data(), n, d);
      const Points eps = law.epsilon(at);
      Eigen::Map<Points>(change.data(), n, d) = std::cos(a) * eps - std::sin(a) * posterior_mean(law, at, eps);
    };
    State state(std::size_t(n * d));
    Eigen::Map<Points>(state.data(), n, d) = x.middleRows(begin, n) / scale(from);
    const auto at_part = [&](int k) { return k == parts ? last : first + k * (last - first) / parts; };
    for (int k = 0; k < parts && first > last; ++k)
      odeint::integrate_adaptive(odeint::make_controlled(tolerance, tolerance, odeint::runge_kutta_fehlberg78<State>()),
                                 velocity, state, at_part(k), at_part(k + 1), (last - first) / parts);
    Points end = Eigen::Map<const Points>(state.data(), n, d);
    if (to.sigma == 0) {
      const Marginal law(target, Time{std::cos(last), std::sin(last)});
      end = posterior_mean(law, end, law.epsilon(end));
    }
    out.middleRows(begin, n) = scale(to) * end;
  });
  return out;
}

}  // namespace lml
