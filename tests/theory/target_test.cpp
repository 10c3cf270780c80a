#include "theory/target.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "dynamics/random.hpp"

namespace lml {
namespace {

std::string pointer_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const BadInput& e) {
    return e.pointer();
  }
  return "accepted";
}

TEST(Target, RefusalsNameTheCulprit) {
  const Points two{{0.0, 0.0}, {1.0, 1.0}};
  const std::vector<Covariance> fine{1.0, 1.0};
  EXPECT_EQ(pointer_of([&] { Target::gaussian_mixture(Vec{{1.0, -3.0}}, two, fine); }), "/weights/1");
  EXPECT_EQ(pointer_of([&] { Target::gaussian_mixture(Vec{{0.0, 0.0}}, two, fine); }), "/weights");
  EXPECT_EQ(pointer_of([&] { Target::gaussian_mixture(Vec{{1.0}}, two, fine); }), "/weights");
  EXPECT_EQ(pointer_of([&] { Target::gaussian_mixture(Vec{{1.0, 1.0}}, two, {1.0, -1.0}); }), "/covariances/1");
  EXPECT_EQ(pointer_of([&] {
              Target::gaussian_mixture(Vec{{1.0, 1.0}}, two, {Vec{{1.0, -1.0}}, 1.0});
            }),
            "/covariances/0/1");
  EXPECT_EQ(pointer_of([&] {
              Target::gaussian_mixture(Vec{{1.0, 1.0}}, two, {Mat{{1.0, 0.1}, {0.2, 1.0}}, 1.0});
            }),
            "/covariances/0");
  EXPECT_EQ(pointer_of([&] {
              Target::gaussian_mixture(Vec{{1.0, 1.0}}, two, {Mat{{1.0, 2.0}, {2.0, 1.0}}, 1.0});
            }),
            "/covariances/0");
  EXPECT_EQ(pointer_of([&] { Target::points(Points{{0.0, NAN}}); }), "/points/0/1");
  EXPECT_EQ(pointer_of([&] { Target::points(Points(0, 2)); }), "/points");
}

TEST(Target, WeightsAreRelativeEvenWhereTheirSumOverflows) {
  const Target t = Target::points(Points{{0.0}, {1.0}}, Vec{{1e308, 1.5e308}});
  EXPECT_NEAR(std::exp(t.log_weights()[0]), 0.4, 1e-15);
  EXPECT_NEAR(std::exp(t.log_weights()[1]), 0.6, 1e-15);
}

TEST(Target, ComponentsOfWeightZeroAreDropped) {
  const Target t = Target::points(Points{{0.0}, {100.0}, {1.0}}, Vec{{1.0, 0.0, 1.0}});
  EXPECT_EQ(t.size(), 2);
  EXPECT_EQ(diameter(t.means()).value, 1.0);
}

TEST(Target, AMixtureWithoutSpreadIsAPointSet) {
  EXPECT_TRUE(Target::gaussian_mixture(Vec{{1.0}}, Points{{0.0}}, {0.0}).is_points());
  EXPECT_FALSE(Target::gaussian_mixture(Vec{{1.0}}, Points{{0.0}}, {1e-300}).is_points());
}

TEST(Target, MomentsAreThoseOfTheMixture) {
  const Target t =
      Target::gaussian_mixture(Vec{{1.0, 3.0}}, Points{{1.0, 0.0}, {-1.0, 0.0}}, {0.5, Mat{{2.0, 1.0}, {1.0, 2.0}}});
  EXPECT_NEAR(t.mean()[0], -0.5, 1e-15);
  EXPECT_NEAR(t.covariance()(0, 0), 0.25 * 0.5 + 0.75 * 2 + 0.75, 1e-14);
  EXPECT_NEAR(t.covariance()(0, 1), 0.75, 1e-14);
}

TEST(Target, PrunedDiameterIsTheDiameter) {
  for (std::uint64_t i = 0; i < 30; ++i) {
    const Points y = Random(3, 0).normals(100 * i, 0, 40, 1 + Index(i % 5));
    double largest = 0;
    for (Index a = 0; a < y.rows(); ++a)
      for (Index b = 0; b < a; ++b) largest = std::max(largest, (y.row(a) - y.row(b)).norm());
    const Diameter d = diameter(y);
    EXPECT_EQ(d.value, largest);
    EXPECT_EQ((y.row(d.pair.first) - y.row(d.pair.second)).norm(), largest);
  }
  EXPECT_EQ(diameter(Points{{1.0, 2.0}}).value, 0);
}

}  // namespace
}  // namespace lml
