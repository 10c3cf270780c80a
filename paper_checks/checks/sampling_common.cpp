#include "paper_checks/checks/sampling_common.hpp"

#include "dynamics/draw.hpp"

namespace lml::checks::sampling {

Target ring8() {
  Points y(8, 2);
  for (Index k = 0; k < 8; ++k) y.row(k) << 1.5 * std::cos(M_PI_4 * double(k)), 1.5 * std::sin(M_PI_4 * double(k));
  return Target::gaussian_mixture(Vec::Ones(8), y, std::vector<Covariance>(8, 0.01));
}

Target anisotropic(Index d) {
  const Random random(1, 0x616e69);
  Points means = 0.5 * random.normals(0, 0, 4, d);
  std::vector<Covariance> spreads;
  for (Index k = 0; k < 4; ++k) {
    Vec variance(d);
    for (Index j = 0; j < d; ++j)
      variance[j] = std::pow(50.0, -2 * double((j + k * d / 4) % d) / double(std::max<Index>(d - 1, 1)));
    spreads.push_back(variance);
  }
  return Target::gaussian_mixture(Vec{{1, 2, 3, 4}}, means, spreads);
}

Target few_points(Index d) { return Target::points(Random(2, 0x706f696e).normals(0, 0, 4, d)); }

Target image_spectrum(Index d) {
  const Vec variances = Vec::LinSpaced(d, 1, double(d)).cwiseInverse();
  return Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, d), {Covariance(variances)});
}

Grid uniform_grid(Index steps) {
  const DiscreteSchedule s = DiscreteSchedule::linear(1e-4, 0.02, 1000);
  return chain(nodes_at(s, dpm_timesteps(1000, steps, Spacing::linspace, 0)), node_at(s, 0));
}

Points flow(const Target& target, const Node& from, const Node& to, const Points& x, int pieces) {
  const double start = -log_snr(from), h = (-log_snr(to) - start) / pieces;
  const auto node = [&](double l) { return node_of_level(l, std::exp(l)); };
  const auto slope = [&](const Points& y, double l) {
    const Node at = node(l);
    return Points(std::exp(l) * Marginal(target, {at.alpha, at.sigma}).epsilon(Points(at.alpha * y)));
  };
  Points y = x / from.alpha;
  for (int i = 0; i < pieces; ++i) {
    const double l = start + i * h;
    const Points a = slope(y, l), b = slope(y + h / 2 * a, l + h / 2), c = slope(y + h / 2 * b, l + h / 2),
                 e = slope(y + h * c, l + h);
    y += h / 6 * (a + 2 * b + 2 * c + e);
  }
  return to.alpha * y;
}

Ratio ratio_of_means(const Vec& over, const Vec& under) {
  const double r = over.sum() / under.sum();
  return {r, (over - r * under).norm() / std::abs(under.sum())};
}

Points draws(ExactSource& source, const Node& at, std::uint64_t seed, Index n) {
  return draw(source.law(at), Random(seed, 0x64726177), 0, n);
}

Vec distances(const Points& a, const Points& b) { return (a - b).rowwise().norm() / std::sqrt(double(a.cols())); }

Reference::Reference(Target target, Grid g, Index n, std::uint64_t seed)
    : source(std::move(target)), grid(std::move(g)) {
  start = draws(source, grid.front().from, seed, n);
  flow_end = flow(source.target(), grid.front().from, grid.back().to, start);
}

Points Reference::end(const Stepper& stepper, const Correction& correction) {
  return end_of(Sampler{stepper, grid, correction, {}}, source, start);
}

Points Reference::end_float32(const Stepper& stepper, const Correction& correction) {
  return end_of(Sampler{stepper, grid, correction, {}}, source, Rows<float>(start.cast<float>())).cast<double>();
}

Vec Reference::errors(const Stepper& stepper, const Correction& correction) {
  return distances(end(stepper, correction), flow_end);
}

}  // namespace lml::checks::sampling
