#include "dynamics/euler_chain.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

namespace lml {
namespace {

struct Grid {
  double step;
  Vec x, mean, deviation, log_p;  // at the nodes: place, mean and deviation of the step from there, log p
  double density(Index i, Index j) const {
    const double z = (x[j] - mean[i]) / deviation[i];
    return std::exp(-0.5 * z * z) / (deviation[i] * std::sqrt(2 * M_PI));
  }
  /// Nodes within 9 deviations of where node i leads.
  std::pair<Index, Index> reached(Index i) const {
    const auto node = [&](double y) { return std::clamp((y - x[0]) / step, 0.0, double(x.size() - 1)); };
    return {Index(std::floor(node(mean[i] - 9 * deviation[i]))), Index(std::ceil(node(mean[i] + 9 * deviation[i])))};
  }
};

Grid grid(const Langevin& law, double h, double fineness) {
  const Marginal& p = law.target();
  if (p.dim() != 1) throw BadInput("/target", "must be one-dimensional here");
  if (!(std::isfinite(h) && h > 0)) throw BadInput("/step", "must be finite and > 0");
  double low = HUGE_VAL, high = -HUGE_VAL;
  for (Index k = 0; k < p.target().size(); ++k) {
    const double centre = p.time().alpha * p.target().means()(k, 0), deviation = 1 / std::sqrt(p.precision(k).p[0]);
    low = std::min(low, centre - 14 * deviation);
    high = std::max(high, centre + 14 * deviation);
  }
  const auto deviation = [&](const Coefficients& c) { return std::sqrt(h) * c.form.root_times(Vec::Ones(1))[0]; };
  // The integrand p(x) k(x, y) has, as a function of x, the width of a step over how fast its mean moves.
  constexpr int probes = 1024;
  double least = HUGE_VAL, before = 0;
  const double apart = (high - low) / probes;
  for (int i = 0; i <= probes; ++i) {
    const double x = low + apart * i;
    const Coefficients c = law.ito(Vec::Constant(1, x));
    const double mean = x + h * c.drift[0], slope = i > 0 ? (mean - before) / apart : 0;
    least = std::min(least, deviation(c) / std::max(1.0, std::abs(slope)));
    before = mean;
  }
  if (!((high - low) / (fineness * least) < 6000)) throw BadInput("/step", "needs a grid of more than 6000 cells");
  const Index n = Index((high - low) / (fineness * least)) + 2;
  Grid out{(high - low) / double(n - 1), Vec(n), Vec(n), Vec(n), Vec(n)};
  for (Index i = 0; i < n; ++i) {
    out.x[i] = low + out.step * double(i);
    const Coefficients c = law.ito(out.x.segment(i, 1));
    out.mean[i] = out.x[i] + h * c.drift[0];
    out.deviation[i] = deviation(c);
    out.log_p[i] = c.log_density;
  }
  return out;
}

/// The nodes from the middle outwards, left and right in turn. Eliminated in the opposite order, every node still has
/// somewhere to go: inwards.
std::vector<Index> from_the_middle(Index n) {
  std::vector<Index> out{n / 2};
  for (Index k = 1; Index(out.size()) < n; ++k) {
    if (n / 2 - k >= 0) out.push_back(n / 2 - k);
    if (n / 2 + k < n) out.push_back(n / 2 + k);
  }
  return out;
}

/// Stationary vector of the chain with transition probabilities k (its diagonal is not read), zero beyond the band.
/// Destroys k.
Vec stationary(Mat& k, Index band) {
  const Index n = k.rows();
  for (Index e = n - 1; e > 0; --e) {
    const Index from = std::max<Index>(0, e - band), count = e - from;
    k.col(e).segment(from, count) /= k.row(e).segment(from, count).sum();
    for (Index j = from; j < e; ++j) k.col(j).segment(from, count) += k(e, j) * k.col(e).segment(from, count);
  }
  Vec out(n);
  out[0] = 1;
  for (Index e = 1; e < n; ++e) {
    const Index from = std::max<Index>(0, e - band);
    out[e] = out.segment(from, e - from).dot(k.col(e).segment(from, e - from));
    if (out[e] > 1e200) out.head(e + 1) /= out[e];
  }
  return out / out.sum();
}

}  // namespace

ChainLaw euler_law(const Langevin& law, double h, double fineness) {
  const Grid g = grid(law, h, fineness);
  const Index n = g.x.size();
  const std::vector<Index> order = from_the_middle(n);
  std::vector<Index> place(order.size());
  for (Index i = 0; i < n; ++i) place[std::size_t(order[std::size_t(i)])] = i;
  Mat k = Mat::Zero(n, n);
  Vec lost(n);
  Index band = 1;
  for (Index i = 0; i < n; ++i) {
    const auto [from, to] = g.reached(i);
    const Index at = place[std::size_t(i)];
    double sum = 0;
    for (Index j = from; j <= to; ++j) {
      const Index next = place[std::size_t(j)];
      sum += k(at, next) = g.step * g.density(i, j);
      band = std::max(band, std::abs(next - at));
    }
    lost[i] = std::abs(1 - sum);
  }
  const Vec inside_out = stationary(k, band);
  Vec mass(n);
  for (Index i = 0; i < n; ++i) mass[i] = inside_out[place[std::size_t(i)]];
  ChainLaw out{mass.dot(g.x), mass.dot(g.x.cwiseAbs2()), 0, mass.dot(lost), n};
  out.total_variation = 0.5 * (mass - g.step * g.log_p.array().exp().matrix()).cwiseAbs().sum();
  return out;
}

double metropolis_acceptance(const Langevin& law, double h, double fineness) {
  const Grid g = grid(law, h, fineness);
  double sum = 0;
  for (Index i = 0; i < g.x.size(); ++i) {
    if (g.log_p[i] < -50) continue;
    const auto [from, to] = g.reached(i);
    const double p = std::exp(g.log_p[i]);
    for (Index j = from; j <= to; ++j) sum += std::min(p * g.density(i, j), std::exp(g.log_p[j]) * g.density(j, i));
  }
  return sum * g.step * g.step;
}

}  // namespace lml
