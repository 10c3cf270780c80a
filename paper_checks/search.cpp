#include "paper_checks/search.hpp"

#include <cmath>
#include <limits>

#include "dynamics/random.hpp"

namespace lml::checks {
namespace {

double comparable(double v) { return std::isnan(v) ? -std::numeric_limits<double>::infinity() : v; }

// A wide but bounded range for a scale: e^[-4, 4], flat near its ends so that the search can rest there.
double scale(double parameter) { return std::exp(4 * std::tanh(parameter / 2)); }

}  // namespace

Found maximise(const Objective& objective, Index dimension, const Effort& effort) {
  Found best{Vec::Zero(dimension), -std::numeric_limits<double>::infinity(), 0};
  for (int restart = 0; restart < effort.restarts; ++restart) {
    const Random random(effort.seed, std::uint64_t(restart));
    Vec at = random.normal(0, 0, dimension);
    double value = comparable(objective(at)), step = 1;
    for (int i = 1; i <= effort.steps; ++i) {
      const Vec z = random.normal(0, std::uint64_t(i), dimension);
      const double share = random.uniform(1, std::uint64_t(i), 0);  // of the coordinates that move
      Vec candidate = at;
      bool moved = false;
      for (Index j = 0; j < dimension; ++j)
        if (random.uniform(2, std::uint64_t(i), std::uint64_t(j)) < share) {
          candidate[j] += step * z[j];
          moved = true;
        }
      if (!moved) candidate[i % dimension] += step * z[i % dimension];
      const double there = comparable(objective(candidate));
      // 1/5 rule: e^(1/3) per success, e^(-1/12) per failure balance at one success in five.
      if (there > value) {
        at = candidate;
        value = there;
        step *= std::exp(1.0 / 3);
      } else {
        step = std::max(step * std::exp(-1.0 / 12), 1e-7);
      }
    }
    best.attacks += effort.steps + 1;
    if (value > best.value) {
      best.value = value;
      best.at = at;
    }
  }
  return best;
}

Index CaseSpace::dimension() const { return Index(3 + d + size * d + (free_weights ? size - 1 : 0)); }

rigorous::PointCase<double> CaseSpace::decode(const Vec& p) const {
  rigorous::PointCase<double> c;
  Index next = 0;
  // sigma log-uniform in its range
  const double fraction = 0.5 + 0.5 * std::tanh(p[next++]);
  c.sigma = std::exp(std::log(sigma_low) * (1 - fraction) + std::log(0.999) * fraction);
  c.alpha = std::sqrt((1 - c.sigma) * (1 + c.sigma));
  const double spread = c.sigma / c.alpha * scale(p[next++]), reach = c.sigma * scale(p[next++]);
  c.x.resize(d);
  for (double& v : c.x) v = reach * p[next++];
  c.points.assign(size, std::vector<double>(d));
  for (auto& y : c.points)
    for (double& v : y) v = spread * p[next++];
  c.weights.assign(size, 1.0);
  if (free_weights)
    for (std::size_t k = 1; k < size; ++k) c.weights[k] = std::exp(3 * p[next++]);
  return c;
}

FoundCase attack(const LogRatio& log_ratio, const CaseSpace& space, const Effort& effort) {
  const Found found = maximise([&](const Vec& p) { return log_ratio(space.decode(p)); }, space.dimension(), effort);
  return {space.decode(found.at), found.value, found.attacks};
}

}  // namespace lml::checks
