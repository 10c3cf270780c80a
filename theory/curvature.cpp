#include "theory/curvature.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "theory/proposition.hpp"

namespace lml {
namespace {

double ratio(double error, double norm) { return norm > 0 ? error / norm : std::numeric_limits<double>::infinity(); }

}  // namespace

ModelErrors model_errors(const Mat& fisher, const Vec& u, double sigma) {
  const Index d = fisher.rows();
  const auto distance_to_multiple = [&](double c) {
    return std::sqrt((fisher.diagonal().array() - c).square().sum() +
                     2 * fisher.triangularView<Eigen::StrictlyLower>().toDenseMatrix().squaredNorm());
  };
  const RankOneError rank_one = rank_one_error(fisher, u, sigma);
  const double norm = rank_one.fisher_norm;
  return {ratio(rank_one.error_fisher, norm), ratio(distance_to_multiple(1 / (sigma * sigma)), norm),
          ratio(distance_to_multiple(fisher.trace() / double(d)), norm),
          ratio(std::sqrt(2.0) * fisher.triangularView<Eigen::StrictlyLower>().toDenseMatrix().norm(), norm)};
}

double rank_k_error(const Vec& spectrum, double sigma, Index k) {
  if (k < 0) throw std::invalid_argument("a rank is not negative");
  // The largest eigenvalues of C belong to the smallest of F.
  const Index rest = std::max<Index>(0, spectrum.size() - k);
  return ratio((spectrum.tail(rest).array() - 1 / (sigma * sigma)).matrix().norm(), spectrum.norm());
}

double best_rank_one_error(const Vec& spectrum) {
  // The sum without its largest term, not a difference: nothing cancels.
  Index largest = 0;
  spectrum.cwiseAbs().maxCoeff(&largest);
  Vec rest = spectrum;
  rest[largest] = 0;
  return ratio(rest.norm(), spectrum.norm());
}

double stable_rank(const Vec& spectrum) { return spectrum.squaredNorm() / std::pow(spectrum.cwiseAbs().maxCoeff(), 2); }

}  // namespace lml
