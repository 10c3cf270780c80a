#include "samplers/langevin_gibbs.hpp"

#include <cmath>

namespace lml {
namespace {

// Uniform on [0, 1], a function of a sample's own normals.
double uniform(const Points& z, Index i) { return 0.5 * std::erfc(-z(i, 0) / std::sqrt(2.0)); }

// log p_k(y), of the law of y = x/alpha.
Vec log_density(const Node& at, ExactSource& source, const Points& y) {
  return source.law(at).log_density(at.alpha * y).array() + double(y.cols()) * std::log(at.alpha);
}

struct Slope {
  Points score;     // grad log p_k(y), each chain at its level
  Vec log_density;  // empty unless asked for
};

Slope slope(const std::vector<Node>& levels, ExactSource& source, const Points& y, const std::vector<Index>& level,
            bool densities) {
  Slope out{Points(y.rows(), y.cols()), Vec(densities ? y.rows() : 0)};
  const std::vector<std::vector<Index>> at_level = rows_by_level(level, levels.size());
  for (std::size_t k = 0; k < levels.size(); ++k) {
    const std::vector<Index>& rows = at_level[k];
    if (rows.empty()) continue;
    const Points mine = y(rows, Eigen::all);
    out.score(rows, Eigen::all) = source.epsilon(Points(levels[k].alpha * mine), levels[k]) / -noise_level(levels[k]);
    if (densities) out.log_density(rows) = log_density(levels[k], source, mine);
  }
  return out;
}

}  // namespace

std::vector<std::vector<Index>> rows_by_level(const std::vector<Index>& level, std::size_t levels) {
  std::vector<std::vector<Index>> out(levels);
  for (std::size_t i = 0; i < level.size(); ++i) out[std::size_t(level[i])].push_back(Index(i));
  return out;
}

Points level_probabilities(const std::vector<Node>& levels, ExactSource& source, const Points& y) {
  Points out(y.rows(), Index(levels.size()));
  for (std::size_t k = 0; k < levels.size(); ++k) out.col(Index(k)) = log_density(levels[k], source, y);
  for (Index i = 0; i < out.rows(); ++i) {
    out.row(i) = (out.row(i).array() - out.row(i).maxCoeff()).exp();
    out.row(i) /= out.row(i).sum();
  }
  return out;
}

Chains langevin_gibbs_step(const LangevinGibbs& method, const std::vector<Node>& levels, ExactSource& source,
                           const Chains& chains, const StageNoise& noise) {
  const Index n = chains.y.rows();
  Vec eta(n);
  for (Index i = 0; i < n; ++i) {
    const double s = noise_level(levels[std::size_t(chains.level[std::size_t(i)])]);
    eta[i] = method.step * s * s;
  }
  const auto drifted = [&](const Points& y, const Points& score) -> Points {
    return y + ((eta / 2).asDiagonal() * score).eval();
  };
  const Slope here = slope(levels, source, chains.y, chains.level, method.metropolis);
  const Points mean = drifted(chains.y, here.score), z = noise(0);
  Chains out{mean + eta.cwiseSqrt().asDiagonal() * z, chains.level};
  if (method.metropolis) {
    const Slope there = slope(levels, source, out.y, chains.level, true);
    const Points back = chains.y - drifted(out.y, there.score), u = noise(1);
    for (Index i = 0; i < n; ++i) {
      const double log_ratio = there.log_density[i] - here.log_density[i] - back.row(i).squaredNorm() / (2 * eta[i]) +
                               z.row(i).squaredNorm() / 2;
      if (!(std::log(uniform(u, i)) < log_ratio)) out.y.row(i) = chains.y.row(i);
    }
  }
  const Points p = level_probabilities(levels, source, out.y), u = noise(2);
  for (Index i = 0; i < n; ++i) {
    double left = uniform(u, i);
    Index k = 0;
    while (k + 1 < p.cols() && left >= p(i, k)) left -= p(i, k++);
    out.level[std::size_t(i)] = k;
  }
  return out;
}

}  // namespace lml
