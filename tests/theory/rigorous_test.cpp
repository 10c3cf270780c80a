#include "theory/rigorous.hpp"

#include <gtest/gtest.h>

#include <boost/multiprecision/cpp_bin_float.hpp>
#include <boost/multiprecision/mpfi.hpp>

#include "dynamics/random.hpp"
#include "theory/proposition.hpp"

namespace lml {
namespace {

using Fifty = boost::multiprecision::cpp_bin_float_50;
using Interval = boost::multiprecision::mpfi_float_50;
using rigorous::PointCase;

PointCase<double> random_case(std::uint64_t draw, Index d, Index n) {
  const Random random(7, 0);
  PointCase<double> c;
  c.alpha = 0.8;
  c.sigma = 0.6;
  for (Index k = 0; k < n; ++k) {
    const Vec y = random.normal(draw, std::uint64_t(k), d);
    c.points.emplace_back(y.data(), y.data() + d);
    c.weights.push_back(1 + random.uniform(draw, 50, std::uint64_t(k)));
  }
  const Vec x = random.normal(draw, 99, d);
  c.x.assign(x.data(), x.data() + d);
  return c;
}

template <class Real>
PointCase<Real> lift(const PointCase<double>& c) {
  PointCase<Real> out;
  for (const auto& y : c.points) out.points.emplace_back(y.begin(), y.end());
  out.weights.assign(c.weights.begin(), c.weights.end());
  out.alpha = c.alpha;
  out.sigma = c.sigma;
  out.x.assign(c.x.begin(), c.x.end());
  return out;
}

Marginal marginal_of(const PointCase<double>& c) {
  Points y(Index(c.size()), Index(c.dim()));
  for (std::size_t k = 0; k < c.size(); ++k)
    for (std::size_t j = 0; j < c.dim(); ++j) y(Index(k), Index(j)) = c.points[k][j];
  return Marginal(Target::points(y, Eigen::Map<const Vec>(c.weights.data(), Index(c.size()))), {c.alpha, c.sigma});
}

TEST(Rigorous, FisherErrorIsTheLibrarys) {
  for (std::uint64_t draw = 0; draw < 20; ++draw) {
    const PointCase<double> c = random_case(draw, 1 + Index(draw) % 4, 4);
    const Marginal marginal = marginal_of(c);
    const Vec x = Eigen::Map<const Vec>(c.x.data(), Index(c.dim()));
    const Local local = marginal.at(x);
    const double library =
        rank_one_error(local.fisher(), noise_direction(local, x, marginal).value(), c.sigma).error_fisher;
    const auto p = rigorous::posterior(c);
    // About 50 operations on numbers of size at most 10: 1e-13.
    EXPECT_NEAR(rigorous::fisher_error(c, p, p.eps), library, 1e-12);
  }
}

TEST(Rigorous, IntervalsContainTheTruthAndAreNarrow) {
  using rigorous::Reading;
  for (std::uint64_t draw = 0; draw < 10; ++draw) {
    const PointCase<double> c = random_case(draw, 1 + Index(draw) % 3, 3);
    const auto fifty = lift<Fifty>(c);
    const auto interval = lift<Interval>(c);
    for (const Reading reading : {Reading::fisher, Reading::jacobian, Reading::remainder, Reading::true_r}) {
      const Fifty truth = rigorous::reading_error(reading, fifty, rigorous::posterior(fifty));
      const Interval enclosure = rigorous::reading_error(reading, interval, rigorous::posterior(interval));
      const Fifty low(boost::multiprecision::lower(enclosure).str(0, std::ios_base::scientific));
      const Fifty high(boost::multiprecision::upper(enclosure).str(0, std::ios_base::scientific));
      // The reference has 50 digits itself.
      EXPECT_LE(low, truth + Fifty("1e-44"));
      EXPECT_GE(high, truth - Fifty("1e-44"));
      EXPECT_LT(high - low, Fifty("1e-40"));
    }
  }
}

// Central differences of r itself, 50 digits, step 1e-12: error 1e-24 from the step, 1e-26 from rounding.
TEST(Rigorous, TheHessianOfRIsThatOfItsDefinition) {
  for (std::uint64_t draw = 0; draw < 6; ++draw) {
    const auto c = lift<Fifty>(random_case(draw, 1 + Index(draw) % 3, 3));
    const std::size_t d = c.dim();
    const Fifty h("1e-12");
    const auto r = [&](std::size_t a, int sa, std::size_t b, int sb) {
      auto moved = c;
      moved.x[a] += sa * h;
      moved.x[b] += sb * h;
      return Fifty(c.sigma * rigorous::norm(rigorous::posterior(moved).eps));
    };
    const auto exact = rigorous::r_hess_r(c, rigorous::posterior(c));
    const Fifty here = r(0, 0, 0, 0);
    for (std::size_t a = 0; a < d; ++a)
      for (std::size_t b = 0; b < d; ++b) {
        const Fifty second = (r(a, 1, b, 1) - r(a, 1, b, -1) - r(a, -1, b, 1) + r(a, -1, b, -1)) / (4 * h * h);
        EXPECT_LT(abs(Fifty(here * second - exact[a * d + b])), Fifty("1e-20"));
      }
  }
}

TEST(Rigorous, SquareOfAnIntervalAroundZeroIsNotNegative) {
  const Interval around(-1, 2);
  EXPECT_GE(boost::multiprecision::lower(rigorous::squared(around)), 0);
  EXPECT_LT(boost::multiprecision::lower(Interval(around * Interval(-1, 2))), 0);
}

// Two points that the weights make equally likely at an x on their line: the optimal bound is attained, for every d and
// D_y.
TEST(Rigorous, OptimalBoundIsAttained) {
  for (const std::size_t d : {1, 2, 5})
    for (const double diameter : {0.5, 2.0, 20.0}) {
      PointCase<double> c;
      c.alpha = 0.8;
      c.sigma = 0.6;
      c.x.assign(d, 0.0);
      c.x[0] = 0.3;
      for (const double sign : {1.0, -1.0}) {
        c.points.emplace_back(d, 0.0);
        c.points.back()[0] = sign * diameter / 2;
        c.weights.push_back(std::exp(-sign * 0.3 * c.alpha * diameter / (2 * c.sigma * c.sigma)));
      }
      const auto p = rigorous::posterior(c);
      EXPECT_NEAR(rigorous::fisher_error(c, p, p.eps) / bound_optimal(Index(d), diameter, {c.alpha, c.sigma}), 1,
                  1e-12);
    }
}

}  // namespace
}  // namespace lml
