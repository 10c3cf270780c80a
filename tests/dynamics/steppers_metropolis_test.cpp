#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "dynamics/steppers/baoab.hpp"
#include "dynamics/steppers/euler_maruyama.hpp"
#include "dynamics/steppers/mala.hpp"
#include "dynamics/steppers/metropolis.hpp"
#include "dynamics/steppers/newton_langevin.hpp"
#include "dynamics/steppers/platen.hpp"
#include "dynamics/steppers/stochastic_heun.hpp"
#include "dynamics/steppers/ula.hpp"

namespace lml {
namespace {

Marginal mixture(Index d) {
  return {Target::gaussian_mixture(Vec{{1.0, 0.7}}, 1.5 * Random(41, 0).normals(0, 0, 2, d),
                                   {0.3, Vec(Vec::LinSpaced(d, 0.2, 0.9))}),
          {0.8, 0.6}};
}

std::vector<Langevin> laws(Index d) {
  const Marginal p = mixture(d);
  std::vector<Langevin> out;
  for (Calculus c : {Calculus::ito, Calculus::corrected, Calculus::stratonovich}) {
    out.push_back({{p, {Curvature::identity}}, c});
    out.push_back({{p, {Curvature::exact, 8}}, c});
    out.push_back({{p, {Curvature::rank_one, 8}}, c});
    out.push_back({{p, {Curvature::rank_one_scaled, 8}}, c});
    out.push_back({{p, {Curvature::rank_k, 8}}, c});
  }
  return out;
}

// The accepted part of the transition density, k(x, y) = q(y|x) P(accept), x != y, out of the stepper itself: the
// normals that lead from x to y, and the uniform at which it stops accepting, by bisection.
template <class S>
double accepted_density(const Langevin& law, const MetricForm& noise, const Vec& mean, const Vec& x, const Vec& y,
                        double h) {
  // sqrt(2 D)^-1 = D^-1 sqrt(2 D)/2
  const Vec xi = 0.5 * noise.inverse_times(noise.root_times(y - mean)) / std::sqrt(h);
  const typename S::State state = S::init(law, x, {});
  double low = -690, high = 0;  // of its logarithm
  for (int i = 0; i < 70; ++i) {
    const double middle = 0.5 * (low + high);
    (S::step(law, state, h, {xi, std::exp(middle)}).accepted ? low : high) = middle;
  }
  const double log_q =
      -0.5 * xi.squaredNorm() - 0.5 * noise.log_det() - 0.5 * double(x.size()) * std::log(4 * M_PI * h);
  return std::exp(high + log_q);
}

// p(x) k(x, y) = p(y) k(y, x), which is invariance of p and more. 70 bisections leave 1e-16 of log u; rounding of the
// exponents, of up to several hundred, 1e-13 each.
TEST(Metropolis, IsInDetailedBalance) {
  const Random random(42, 0);
  for (Index d : {1, 2, 3})
    for (const Langevin& law : laws(d))
      for (std::uint64_t i = 0; i < 10; ++i) {
        SCOPED_TRACE(testing::Message() << d << " " << int(law.metric.spec().curvature) << " " << int(law.calculus));
        const double h = 0.4;
        const Vec x = random.normal(i, 0, d), y = x + 0.7 * random.normal(i, 1, d);
        const Coefficients at_x = law.ito(x), at_y = law.ito(y);
        const double forth = std::exp(at_x.log_density) *
                             accepted_density<Metropolis>(law, at_x.form, x + h * at_x.drift, x, y, h),
                     back = std::exp(at_y.log_density) *
                            accepted_density<Metropolis>(law, at_y.form, y + h * at_y.drift, y, x, h);
        EXPECT_NEAR(forth, back, 1e-10 * forth + 1e-290);  // e^-690 is the least uniform that is tried
        if (i > 2) continue;
        const Langevin plain{{law.target(), {}}, Calculus::ito};
        const Coefficients px = plain.ito(x), py = plain.ito(y);
        EXPECT_NEAR(std::exp(px.log_density) * accepted_density<Mala>(plain, px.form, x + h * px.drift, x, y, h),
                    std::exp(py.log_density) * accepted_density<Mala>(plain, py.form, y + h * py.drift, y, x, h),
                    1e-10);
      }
}

// Chains that start from p are still distributed as p after 12 steps. 6000 independent chains; mean and second moment
// within 4.5 standard errors (false alarm 3e-5 in all), while the same steps unadjusted are off by more than that.
TEST(Metropolis, KeepsAMixtureThatItsProposalsDoNot) {
  const Langevin law{{mixture(1), {Curvature::exact, 0.5}}, Calculus::ito};
  const Marginal& p = law.target();
  const Random start(43, 0), noise(43, 1);
  constexpr int chains = 6000;
  double adjusted[3] = {}, plain[3] = {};
  const auto add = [](double* to, double x) {
    to[0] += x;
    to[1] += x * x;
    to[2] += x * x * x * x;
  };
  for (std::uint64_t i = 0; i < chains; ++i) {
    const Index k = start.uniform(i, 0, 0) < 1 / 1.7 ? 0 : 1;
    const double deviation = std::sqrt(0.64 * (k == 0 ? 0.3 : 0.2) + 0.36);
    const Vec x0 = 0.8 * p.target().means().row(k).transpose() + deviation * start.normal(i, 1, 1);
    Metropolis::State state = Metropolis::init(law, x0, {});
    Vec x = x0;
    for (std::uint64_t step = 0; step < 12; ++step) {
      const Noise draw{noise.normal(i, step, 1), noise.uniform(i, step, 4)};
      state = Metropolis::step(law, state, 0.8, draw);
      x = EulerMaruyama::step(law, x, 0.8, draw);
    }
    add(adjusted, state.x[0]);
    add(plain, x[0]);
  }
  const double mean = p.time().alpha * p.target().mean()[0];
  const double second = 0.64 * p.target().covariance()(0, 0) + 0.36 + mean * mean;
  const auto error = [&](const double* sums) {
    return std::sqrt((sums[2] / chains - std::pow(sums[1] / chains, 2)) / chains);
  };
  EXPECT_NEAR(adjusted[0] / chains, mean, 4.5 * std::sqrt((second - mean * mean) / chains));
  EXPECT_NEAR(adjusted[1] / chains, second, 4.5 * error(adjusted));
  EXPECT_GT(std::abs(plain[1] / chains - second), 6 * error(plain));
}

TEST(Metropolis, RejectsWhereTheMetricIsNotPositive) {
  // Two points, lambda below the critical damping: D exists near the modes and not between them.
  const Langevin law{{Marginal(Target::points(Points{{1.0}, {-1.0}}), {0.8, 0.6}), {Curvature::exact, 1}},
                     Calculus::corrected};
  EXPECT_THROW(law.ito(Vec::Zero(1)), NoStep);
  const Metropolis::State state = Metropolis::init(law, Vec::Constant(1, 1.0), {});
  const double back = -(1.0 + 0.5 * state.at.drift[0]) / std::sqrt(0.5) / state.at.form.root_times(Vec::Ones(1))[0];
  const Metropolis::State next = Metropolis::step(law, state, 0.5, {Vec::Constant(1, back), 1e-300});
  EXPECT_FALSE(next.accepted);
  EXPECT_EQ(next.x, state.x);
}

template <class S>
class EveryStepper : public testing::Test {};
using Steppers = testing::Types<EulerMaruyama, StochasticHeun, Platen, Metropolis, Ula, Mala, Baoab>;
TYPED_TEST_SUITE(EveryStepper, Steppers);

TYPED_TEST(EveryStepper, ReturnsANewStateAndRepeatsItself) {
  const TypeParam stepper;
  const Langevin law{{mixture(3), {Curvature::exact, 2}}, Calculus::corrected};
  const Vec x{{0.3, -0.2, 0.5}};
  const Random random(44, 0);
  const auto start = stepper.init(law, x, {random.normal(0, 0, stepper.initial_normals(3))});
  const Noise noise{random.normal(0, 1, stepper.normals(3)), 1e-9};
  const auto once = stepper.step(law, start, 0.05, noise), again = stepper.step(law, start, 0.05, noise);
  EXPECT_EQ(TypeParam::position(start), x);
  EXPECT_EQ(TypeParam::position(once), TypeParam::position(again));
  EXPECT_NE(TypeParam::position(once), x);
  EXPECT_EQ(noise.normals, random.normal(0, 1, stepper.normals(3)));
}

TYPED_TEST(EveryStepper, DoesNotMoveInNoTime) {
  const TypeParam stepper;
  const Langevin law{{mixture(2), {Curvature::identity}}, Calculus::corrected};
  const Vec x{{0.3, -0.2}};
  const auto start = stepper.init(law, x, {Vec::Ones(stepper.initial_normals(2))});
  EXPECT_LE((TypeParam::position(stepper.step(law, start, 1e-300, {Vec::Ones(stepper.normals(2)), 0.3})) - x).norm(),
            1e-100);
}

TYPED_TEST(EveryStepper, StopsWhereTheNumbersEnd) {
  const TypeParam stepper;
  const Langevin law{{mixture(2), {Curvature::identity}}, Calculus::corrected};
  const Noise noise{Vec::Ones(stepper.initial_normals(2))};
  const Vec nan{{0.0, std::nan("")}}, far{{1e200, 0.0}};
  for (const Vec& x : {nan, far}) {
    const auto run = [&] { stepper.step(law, stepper.init(law, x, noise), 0.1, {Vec::Zero(stepper.normals(2))}); };
    EXPECT_THROW(run(), NoStep);
  }
}

TEST(Steppers, StayWhereTheMetricVanishes) {
  const Marginal p(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 3), {1.0}), {0.8, 0.6});
  const Langevin law{{p, {Curvature::rank_one_scaled, 1}}, Calculus::corrected};
  const Vec origin = Vec::Zero(3);
  const Noise noise{Vec::Ones(6), 0.5};
  const Noise three{Vec::Ones(3), 0.5};
  EXPECT_EQ(EulerMaruyama::step(law, origin, 0.1, three), origin);
  EXPECT_EQ(StochasticHeun::step(law, origin, 0.1, three), origin);
  EXPECT_EQ(Platen::step(law, origin, 0.1, noise), origin);
  EXPECT_EQ(Metropolis::step(law, Metropolis::init(law, origin, {}), 0.1, three).x, origin);
}

TEST(NewtonLangevin, HasNoStepWithThePrintedSignOnALogConcaveTarget) {
  const Marginal p(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 2), {1.0}), {0.8, 0.6});
  const Vec x{{0.3, 0.4}};
  EXPECT_THROW(EulerMaruyama::step(newton_langevin_printed_sign(p), x, 0.1, {Vec::Zero(2)}), NoStep);
  EXPECT_LE((EulerMaruyama::step(newton_langevin(p), x, 0.1, {Vec::Zero(2)}) - 0.9 * x).norm(), 1e-15);
}

}  // namespace
}  // namespace lml
