// The probability flow dx/dt of a target between two nodes, exactly or to 1e-13, and the grids on which orders are
// measured.
#pragma once
#include <boost/numeric/odeint.hpp>
#include <functional>

#include "samplers/exact_source.hpp"

namespace lml {

struct Flow {
  Target target;
  std::function<Points(const Node& from, const Node& to, const Points& x)> exact;
  Points start;
};

/// N(m, S), S anisotropic: along each axis of S, (x - alpha m)/sqrt(alpha^2 s + sigma^2) is constant.
inline Flow gaussian_flow() {
  const Vec mean{{0.7, -0.4, 0.2}}, variances{{1.6, 0.25, 0.02}};
  const Target target = Target::gaussian_mixture(Vec::Ones(1), mean.transpose(), {Covariance(variances)});
  const auto exact = [=](const Node& from, const Node& to, const Points& x) {
    Points out(x.rows(), x.cols());
    for (Index j = 0; j < x.cols(); ++j) {
      const auto deviation = [&](const Node& n) { return std::hypot(n.alpha * std::sqrt(variances[j]), n.sigma); };
      out.col(j) =
          (to.alpha * mean[j] + deviation(to) / deviation(from) * (x.col(j).array() - from.alpha * mean[j])).matrix();
    }
    return out;
  };
  return {target, exact, Points{{0.9, -1.1, 0.6}, {-0.3, 0.8, -1.4}}};
}

/// Two components in the plane: d(x/alpha)/d(log alpha/sigma) = -(sigma/alpha) eps by Runge-Kutta-Fehlberg 7(8), steps
/// controlled to 1e-14.
inline Flow mixture_flow() {
  const Target target = Target::gaussian_mixture(Vec{{0.35, 0.65}}, Points{{1.2, -0.5}, {-0.8, 0.4}},
                                                 {Covariance(0.3), Covariance(Mat{{0.5, 0.15}, {0.15, 0.2}})});
  const auto exact = [target](const Node& from, const Node& to, const Points& x) {
    using Numbers = std::vector<double>;
    namespace odeint = boost::numeric::odeint;
    const auto velocity = [&](const Numbers& y, Numbers& dy, double l) {
      const Node node = node_of_level(0, std::exp(-l));
      const Points at = node.alpha * Eigen::Map<const Points>(y.data(), x.rows(), x.cols());
      const Points eps = Marginal(target, {node.alpha, node.sigma}).epsilon(at);
      for (Index i = 0; i < eps.size(); ++i) dy[std::size_t(i)] = -std::exp(-l) * eps.data()[i];
    };
    Numbers y(x.data(), x.data() + x.size());
    for (double& v : y) v /= from.alpha;
    odeint::integrate_adaptive(odeint::make_controlled<odeint::runge_kutta_fehlberg78<Numbers>>(1e-14, 1e-14), velocity,
                               y, log_snr(from), log_snr(to), std::copysign(0.02, log_snr(to) - log_snr(from)));
    return Points(to.alpha * Eigen::Map<const Points>(y.data(), x.rows(), x.cols()));
  };
  return {target, exact, Points{{0.4, -0.9}, {-0.2, 0.3}, {1.1, 0.6}}};
}

/// The node of vp_sde, or of rectified_flow, where log(alpha/sigma) = l.
inline Node node_of_log_snr(const Schedule& schedule, double l) {
  if (std::holds_alternative<RectifiedFlow>(schedule)) return node_at(schedule, 1 / (1 + std::exp(l)));
  const VpSde vp = std::get<VpSde>(schedule);
  const double log_alpha = -0.5 * std::log1p(std::exp(-2 * l));
  const double half = vp.beta_min / 2, quarter = (vp.beta_max - vp.beta_min) / 4;
  const double t = -2 * log_alpha / (half + std::sqrt(half * half - 4 * quarter * log_alpha));
  return node_at(schedule, t);
}

/// n steps uniform in f(log(alpha/sigma)) from l = a to b; the inverse of f is given.
template <class F, class Inverse>
Grid uniform_grid(const Schedule& schedule, Index n, double a, double b, const F& f, const Inverse& inverse) {
  std::vector<Node> nodes;
  for (Index i = 0; i <= n; ++i)
    nodes.push_back(node_of_log_snr(schedule, inverse(f(a) + (f(b) - f(a)) * double(i) / double(n))));
  const Node end = nodes.back();
  nodes.pop_back();
  return chain(nodes, end);
}
// Where the flows bend; equal steps of sigma/alpha would be few there further on.
inline Grid log_snr_grid(Index n, const Schedule& schedule = VpSde{}) {
  const auto same = [](double l) { return l; };
  return uniform_grid(schedule, n, -1.5, 1.5, same, same);
}
inline Grid noise_level_grid(Index n, const Schedule& schedule = VpSde{}) {
  const auto level = [](double l) { return std::exp(-l); };
  const auto inverse = [](double s) { return -std::log(s); };
  return uniform_grid(schedule, n, -1.5, 0.5, level, inverse);
}

}  // namespace lml
