#include "samplers/exact_flow.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace lml {
namespace {

// Of N(m, v I) the flow keeps (x - alpha m)/sqrt(alpha^2 v + sigma^2).
Points closed_form(const Vec& m, double v, const Node& from, const Node& to, const Points& x) {
  const auto deviation = [&](const Node& n) { return std::sqrt(n.alpha * n.alpha * v + n.sigma * n.sigma); };
  const Points z = (x.rowwise() - from.alpha * m.transpose()) / deviation(from);
  return (deviation(to) * z).rowwise() + to.alpha * m.transpose();
}

// Tolerance 1e-12 a step, below two hundred steps; the last of the way to clean data adds 1e-14 |score|/2.
TEST(ExactFlow, OfAGaussianIsItsClosedForm) {
  Vec m(3);
  m << 1, -2, 0.5;
  const Points x = Points::Random(130, 3) * 2;
  for (const double v : {0.01, 1.0, 4.0}) {
    const Target target = Target::gaussian_mixture(Vec::Ones(1), m.transpose(), {Covariance(v)});
    const std::pair<Node, Node> ways[] = {{{0, 0.006, std::sqrt(1 - 36e-6)}, {0, std::sqrt(0.9999), 0.01}},
                                          {{0, 0.1, std::sqrt(0.99)}, clean()},
                                          {{0, 1, 80}, {0, 1, 0.002}},   // edm
                                          {{0, 0, 1}, {0, 0.75, 0.25}},  // rectified flow, from pure noise
                                          {{0, 0.5, 0.5}, {0, 0.5, 0.5}}};
    for (const auto& [from, to] : ways) {
      const Points start = std::hypot(from.alpha, from.sigma) * x;
      const Points wanted = closed_form(m, v, from, to, start), got = exact_flow(target, from, to, start);
      EXPECT_LT((got - wanted).cwiseAbs().maxCoeff(), 2e-10) << v << ' ' << from.alpha << ' ' << to.alpha;
    }
  }
}

// Two points: there is no closed form, but the flow there and on must be the flow all the way; and near the end each
// path reaches one of the points.
TEST(ExactFlow, ComposesAndEndsAtTheData) {
  Points y(2, 2);
  y << 1, 0, -1, 0.5;
  const Target target = Target::points(y);
  const Points x = Points::Random(70, 2);
  const Node a{0, 0.1, std::sqrt(0.99)}, b{0, 0.6, 0.8}, c{0, 0.999, std::sqrt(1 - 0.999 * 0.999)};
  const Points once = exact_flow(target, a, c, x), twice = exact_flow(target, b, c, exact_flow(target, a, b, x));
  // A start near the border between the two points is carried away from it a few hundred times.
  EXPECT_LT((once - twice).cwiseAbs().maxCoeff(), 1e-9);
  const Points end = exact_flow(target, a, clean(), x);
  for (Index i = 0; i < end.rows(); ++i) EXPECT_LT((y.rowwise() - end.row(i)).rowwise().norm().minCoeff(), 1e-12);
}

}  // namespace
}  // namespace lml
