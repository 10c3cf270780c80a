#include "dynamics/euler_chain.hpp"

#include <gtest/gtest.h>

#include "dynamics/line.hpp"
#include "dynamics/random.hpp"
#include "dynamics/steppers/euler_maruyama.hpp"
#include "dynamics/steppers/metropolis.hpp"

namespace lml {
namespace {

Marginal gaussian() { return {Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 1), {1.0}), {0.8, 0.6}}; }
Langevin damped(Calculus calculus) {
  return {{Marginal(Target::points(Points{{1.0}, {-1.0}}), {0.8, 0.6}), {Curvature::exact, 3.0}}, calculus};
}

TEST(EulerChain, HasTheClosedFormOfAGaussian) {
  const Langevin law{{gaussian(), {}}, Calculus::ito};
  for (double h : {0.01, 0.1, 0.5}) {
    const ChainLaw chain = euler_law(law, h, 0.5);  // exp(-2 pi^2/0.25) is below rounding
    EXPECT_NEAR(chain.second_moment, 1 / (1 - h / 2), 1e-11);
    EXPECT_NEAR(chain.mean, 0, 1e-11);
    EXPECT_LE(chain.leak, 1e-12);
    // y = (1-h) x + sqrt(2h) xi and accept with prob. min(1, exp(h (x^2-y^2)/4)); twice P(|y| < |x|), by the
    // eigenvalues (h^2 +- sqrt(h^4 + 8h))/2 of y^2 - x^2 and the Cauchy law of a ratio of normals.
    const double s = std::sqrt(h * h * h * h + 8 * h), ratio = (s - h * h) / (s + h * h);
    EXPECT_NEAR(metropolis_acceptance(law, h, 0.1), 4 / M_PI * std::atan(std::sqrt(ratio)), 2e-4);
  }
}

TEST(EulerChain, TendsToTheLawOfTheEquation) {
  for (const auto& [calculus, theta] : {std::pair{Calculus::ito, 0.0}, {Calculus::half, 0.5}}) {
    const Langevin law = damped(calculus);
    const auto at = [&](double h) { return euler_law(law, h, 0.5).second_moment; };
    // Second order after extrapolation in h; the next term is (h/0.01)^2 times the change, which is below 1e-3.
    const Line line(law.metric, theta, 20);
    EXPECT_NEAR(2 * at(0.005) - at(0.01), line.variance() + line.mean() * line.mean(), 2e-4);
  }
}

// 4000 independent chains, 60 steps of 0.4 from the modes (x^2 is even: it does not wait for crossings): 4.5 standard
// errors, false alarm 1e-5 each.
TEST(EulerChain, IsTheLawOfTheSimulatedChain) {
  const Langevin law = damped(Calculus::ito);
  const Random random(51, 0);
  constexpr int chains = 4000;
  double sum = 0, square = 0;
  for (std::uint64_t i = 0; i < chains; ++i) {
    Vec x = Vec::Constant(1, i % 2 ? 0.8 : -0.8);
    for (std::uint64_t step = 0; step < 60; ++step) x = EulerMaruyama::step(law, x, 0.4, {random.normal(i, step, 1)});
    sum += x[0] * x[0];
    square += std::pow(x[0], 4);
  }
  const double mean = sum / chains, error = std::sqrt((square / chains - mean * mean) / chains);
  EXPECT_NEAR(mean, euler_law(law, 0.4, 0.5).second_moment, 4.5 * error);
}

TEST(EulerChain, AcceptanceIsThatOfTheStepper) {
  const Langevin law = damped(Calculus::corrected);
  const Random random(52, 0);
  constexpr int trials = 20000;
  int accepted = 0;
  for (std::uint64_t i = 0; i < trials; ++i) {  // from p itself
    const Vec x = Vec::Constant(1, i % 2 ? 0.8 : -0.8) + 0.6 * random.normal(i, 0, 1);
    const Noise noise{random.normal(i, 1, 1), random.uniform(i, 2, 0)};
    accepted += Metropolis::step(law, Metropolis::init(law, x, {}), 0.4, noise).accepted;
  }
  const double rate = metropolis_acceptance(law, 0.4, 0.1);
  EXPECT_NEAR(accepted / double(trials), rate, 4.5 * std::sqrt(rate * (1 - rate) / trials) + 2e-4);
}

// Steps so long that the tails jump over the middle: the far tails can then hardly be reached from anywhere.
TEST(EulerChain, HoldsForOvershootingSteps) {
  const Langevin law{{damped(Calculus::ito).target(), {Curvature::identity}}, Calculus::ito};
  for (double h : {0.4, 0.6}) {  // 0.72 is the stability limit of the tails
    const ChainLaw chain = euler_law(law, h, 0.4), coarse = euler_law(law, h, 0.5);
    // The mean of a step bends within a grid cell, so that k(x, y) is not quite a Gaussian in x: 1e-6 in place of
    // 1e-15.
    EXPECT_NEAR(chain.second_moment, coarse.second_moment, 2e-6);
    EXPECT_LE(chain.leak, 1e-8);
  }
}

TEST(EulerChain, RefusesWhatItCannotResolve) {
  const Langevin vanishing{{gaussian(), {Curvature::rank_one_scaled, 1}}, Calculus::corrected};
  EXPECT_THROW(euler_law(vanishing, 0.1, 0.5), BadInput);
  const Langevin indefinite{{damped(Calculus::ito).target(), {Curvature::exact, 2.0}}, Calculus::ito};
  EXPECT_THROW(euler_law(indefinite, 0.1, 0.5), NoStep);
}

}  // namespace
}  // namespace lml
