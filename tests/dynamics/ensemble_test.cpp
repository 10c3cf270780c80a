#include "dynamics/ensemble.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <cmath>
#include <thread>

#include "dynamics/draw.hpp"
#include "tests/actors.hpp"

namespace lml {
namespace {

enum class Shape { isotropic, diagonal, full, points };

Marginal mixture(Shape shape, Index d, Index n) {
  const Random random(61, std::uint64_t(d));
  const Points means = random.normals(0, 0, n, d);
  if (shape == Shape::points) return {Target::points(means), {0.8, 0.6}};
  std::vector<Covariance> covariances;
  for (Index k = 0; k < n; ++k) {
    const Mat a = random.normals(std::uint64_t(100 * k), 1, d, d);
    if (shape == Shape::isotropic) covariances.push_back(0.1 + 0.1 * double(k % 4));
    if (shape == Shape::diagonal) covariances.push_back(Vec(a.row(0).transpose().array().square() * 0.2));
    if (shape == Shape::full) covariances.push_back(Mat(0.2 * a * a.transpose() / double(d)));
  }
  return {Target::gaussian_mixture(Vec::LinSpaced(n, 1, 2), means, covariances), {0.8, 0.6}};
}

Marginal gaussian(double v) {
  return {Target::gaussian_mixture(Vec{{1.0}}, Points::Constant(1, 1, 0.5), {v}), {0.8, 0.6}};
}

// |x' - x| of two programs for one step differs by some (K + d) u (|x| + |h D s| + |h div D|) ~ 1e-14; 20 steps of a
// map whose Jacobian has a norm below 1.5 (h F < 0.5, and h dD below that) multiply that by at most 1.5^20 = 3e3, along
// directions that all particles would have to share. 1e-11 allows it.
void expect_same(const Langevin& law, double h, Index particles) {
  const auto fast = vectorised_euler_maruyama(law, h, 5), reference = stepwise("euler_maruyama", law, h, 5);
  ASSERT_TRUE(fast);
  const Index d = law.dim();
  const Segment segment{0, 20, 4, 12, 2};
  Points a = draw(law.target(), Random(1, 1), 0, particles), b = a;
  Points records_a = Points::Zero(particles, record_size(d)), records_b = records_a;
  const Vec centre = Vec::Constant(d, 0.1);
  fast->run(7, segment, centre, a, records_a);
  reference->run(7, segment, centre, b, records_b);
  EXPECT_LE((a - b).cwiseAbs().maxCoeff(), 1e-11 * (1 + b.cwiseAbs().maxCoeff()));
  EXPECT_LE((records_a - records_b).cwiseAbs().maxCoeff(), 1e-10 * (1 + records_b.cwiseAbs().maxCoeff()));
}

TEST(Ensemble, TheVectorisedStepIsTheStepper) {
  const MetricSpec identity{}, rank_one{Curvature::rank_one, 1.5};
  for (const Shape shape : {Shape::isotropic, Shape::diagonal, Shape::full, Shape::points})
    for (const auto& [d, n] : {std::pair<Index, Index>{1, 3}, {2, 8}, {5, 70}, {16, 8}}) {
      const Marginal p = mixture(shape, d, n);
      const MetricSpec scaled{Curvature::rank_one_scaled, 3.0 * double(d)};
      for (const Index particles : {32, 13}) {
        expect_same({Metric(p, identity), Calculus::ito}, 0.02, particles);
        expect_same({Metric(p, rank_one), Calculus::ito}, 0.02, particles);
        if (d > 1) expect_same({Metric(p, scaled), Calculus::ito}, 0.002, particles);
      }
    }
}

TEST(Ensemble, TheVectorisedStepWithDivergenceIsTheStepper) {
  for (const Shape shape : {Shape::isotropic, Shape::points})
    for (const auto& [d, n] : {std::pair<Index, Index>{2, 1}, {2, 8}, {7, 11}, {64, 64}}) {
      const Marginal p = mixture(shape, d, n);
      for (const Calculus calculus : {Calculus::half, Calculus::corrected}) {
        expect_same({Metric(p, {Curvature::rank_one, 1.5}), calculus}, 0.02, 32);
        expect_same({Metric(p, {Curvature::rank_one_scaled, 3.0 * double(d)}), calculus}, 0.002, 32);
      }
    }
}

TEST(Ensemble, WhatTheVectorisedStepDoesNotCoverIsLeftToTheStepper) {
  const Marginal p = mixture(Shape::diagonal, 2, 3);
  EXPECT_FALSE(vectorised_euler_maruyama({Metric(p, {Curvature::exact, 5}), Calculus::ito}, 0.1, 0));
  EXPECT_FALSE(vectorised_euler_maruyama({Metric(p, {Curvature::rank_one, 1}), Calculus::corrected}, 0.1, 0));
  EXPECT_FALSE(vectorised_euler_maruyama({Metric(p, {Curvature::rank_one, 1}), Calculus::stratonovich}, 0.1, 0));
}

// Draws of p_t itself: mean and covariance within 4.5 standard errors of the known ones, 9 + 3 figures.
TEST(Ensemble, DrawsHaveTheMomentsOfTheLaw) {
  for (const Shape shape : {Shape::isotropic, Shape::diagonal, Shape::full, Shape::points}) {
    const Marginal p = mixture(shape, 3, 4);
    const Points x = draw(p, Random(62, 0), 0, 20000);
    MomentSums sums(3);
    for (Index i = 0; i < x.rows(); ++i) {
      const Vec v = x.row(i);
      const Vec second{{v[0] * v[0], v[1] * v[0], v[1] * v[1], v[2] * v[0], v[2] * v[1], v[2] * v[2]}};
      sums.add(v.data(), second.data());
    }
    const Moments m = sums.moments(Vec::Zero(3));
    const Mat covariance = 0.64 * p.target().covariance() + 0.36 * Mat::Identity(3, 3);
    EXPECT_LE(((m.mean - 0.8 * p.target().mean()).array() / m.mean_error.array()).abs().maxCoeff(), 4.5);
    EXPECT_LE(((m.covariance - covariance).array() / m.covariance_error.array()).abs().maxCoeff(), 4.5);
  }
}

// ULA on N(m, v) has the invariant law N(m, v/(1 - h/(2 v))). Over 20 seeds the deviations in standard errors have mean
// 0 and variance 1: none above 4.5 (40 figures: 3e-4), their squares' mean within 1 +- 4.5 sqrt(2/20) (1e-4, and the
// estimated errors of 512 particles add 0.4%).
TEST(Ensemble, UlaOnAGaussianHasItsKnownLawOverTwentySeeds) {
  const double h = 0.2, v = 0.64 * 0.25 + 0.36, exact = v / (1 - h / (2 * v));
  double squares_mean = 0, squares_variance = 0;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    const auto chain = propagator("ula", {Metric(gaussian(0.25), {}), Calculus::ito}, h, seed);
    const EnsembleResult r = *run_ensemble(*chain, {512, h, 40, 60, seed});
    const double mean = (r.moments.mean[0] - 0.4) / r.moments.mean_error[0];
    const double variance = (r.moments.covariance(0, 0) - exact) / r.moments.covariance_error(0, 0);
    EXPECT_LE(std::abs(mean), 4.5);
    EXPECT_LE(std::abs(variance), 4.5);
    squares_mean += mean * mean / 20;
    squares_variance += variance * variance / 20;
    // AR(1) with phi = 1 - h/v: the variance of an average of 60 is known; 512 particles estimate it to sqrt(2/512).
    const double phi = 1 - h / v,
                 inflation = (1 + phi) / (1 - phi) - 2 * phi * (1 - std::pow(phi, 60)) / (60 * (1 - phi) * (1 - phi));
    EXPECT_LE(std::abs(r.effective_samples[0] * inflation / (512 * 60) - 1), 4.5 * std::sqrt(2.0 / 512));
    EXPECT_LE(r.r_hat[0], 1.01);
  }
  EXPECT_LE(std::abs(squares_mean - 1), 4.5 * std::sqrt(2.0 / 20));
  EXPECT_LE(std::abs(squares_variance - 1), 4.5 * std::sqrt(2.0 / 20));
}

// At a step at which ULA is 30% off, the Metropolis chain has p's own moments; false alarm 1e-5.
TEST(Ensemble, MetropolisHasTheTargetsMomentsAtALargeStep) {
  for (const char* name : {"metropolis", "mala"}) {
    const auto chain = propagator(name, {Metric(gaussian(0.25), {}), Calculus::ito}, 0.4, 3);
    const EnsembleResult r = *run_ensemble(*chain, {300, 0.4, 20, 40, 3});
    EXPECT_LE(std::abs(r.moments.covariance(0, 0) - 0.52), 4.5 * r.moments.covariance_error(0, 0));
    EXPECT_GT(r.acceptance, 0.5);
    EXPECT_LT(r.acceptance, 0.99);
  }
}

Vec numbers_of(const EnsembleResult& r) {
  Vec out(r.moments.mean.size() * 4 + 2 * r.moments.covariance.size());
  out << r.moments.mean, r.moments.mean_error, r.moments.covariance.reshaped(), r.moments.covariance_error.reshaped(),
      r.r_hat, r.effective_samples;
  return out;
}

const char* const integrators[] = {"euler_maruyama", "metropolis", "baoab"};

TEST(Ensemble, ThreadsChangeNoBit) {
  const Metric metric(mixture(Shape::isotropic, 2, 4), {});
  const int threads = omp_get_max_threads();
  for (const char* name : integrators) {
    const auto chain = propagator(name, {metric, Calculus::ito}, 0.1, 4);
    omp_set_num_threads(1);
    const Vec one = numbers_of(*run_ensemble(*chain, {150, 0.1, 5, 20, 4}));
    omp_set_num_threads(3);
    const Vec three = numbers_of(*run_ensemble(*chain, {150, 0.1, 5, 20, 4}));
    omp_set_num_threads(threads);
    EXPECT_EQ(one, three) << name;
  }
}

TEST(Ensemble, ARunThatIsStoppedAndResumedHasTheSameBits) {
  const Metric metric(mixture(Shape::isotropic, 2, 4), {});
  for (const char* name : integrators) {
    const auto chain = propagator(name, {metric, Calculus::ito}, 0.1, 4);
    const EnsemblePlan plan{name == integrators[0] ? 5000 : 100, 0.1, 30, 170, 4};  // 5000: two rounds
    const Vec whole = numbers_of(*run_ensemble(*chain, plan));
    std::vector<EnsembleState> seen;
    EnsembleWatch watch;
    watch.save_seconds = 0;
    watch.save = [&](const EnsembleState& s) { seen.push_back(s); };
    EXPECT_EQ(numbers_of(*run_ensemble(*chain, plan, watch)), whole);
    ASSERT_GE(seen.size(), 2u);
    for (const EnsembleState& state : {seen.front(), seen[seen.size() / 2], seen.back()}) {
      EnsembleWatch resumed;
      resumed.resume = state;
      EXPECT_EQ(numbers_of(*run_ensemble(*chain, plan, resumed)), whole) << name;
    }
  }
}

TEST(Ensemble, ProcessesChangeNoBitAndASavedStateFitsAnyNumberOfThem) {
  const auto chain = propagator("ula", {Metric(mixture(Shape::isotropic, 2, 4), {}), Calculus::ito}, 0.1, 4);
  const EnsemblePlan plan{4500, 0.1, 30, 170, 4};
  const Vec alone = numbers_of(*run_ensemble(*chain, plan));
  for (const int count : {2, 3}) {
    test::Meeting meeting(count);
    std::vector<std::optional<EnsembleResult>> results(static_cast<std::size_t>(count));
    std::vector<EnsembleState> seen;
    EnsembleWatch watch;
    watch.save_seconds = 0;
    watch.save = [&](const EnsembleState& s) { seen.push_back(s); };
    std::vector<std::thread> actors;
    for (int rank = 0; rank < count; ++rank)
      actors.emplace_back(
          [&, rank] { results[std::size_t(rank)] = run_ensemble(*chain, plan, watch, test::Actor(meeting, rank)); });
    for (std::thread& t : actors) t.join();
    ASSERT_TRUE(results[0]);
    EXPECT_EQ(numbers_of(*results[0]), alone);
    EXPECT_FALSE(results[1]);
    EnsembleWatch resumed;
    resumed.resume = seen.at(seen.size() / 2);
    EXPECT_EQ(numbers_of(*run_ensemble(*chain, plan, resumed)), alone);
  }
}

TEST(Ensemble, AForeignStateIsRefused) {
  const auto chain = propagator("ula", {Metric(mixture(Shape::isotropic, 2, 4), {}), Calculus::ito}, 0.1, 4);
  EnsembleWatch watch;
  watch.resume = EnsembleState{};
  EXPECT_THROW(run_ensemble(*chain, {100, 0.1, 1, 10, 4}, watch), BadInput);
  EXPECT_THROW(run_ensemble(*chain, {1, 0.1, 1, 10, 4}), BadInput);
  EXPECT_THROW(run_ensemble(*chain, {10, 0.1, 1, 1, 4}), BadInput);
}

// Beyond h = 2 v the chain x' = (1 - h/v) x + ... leaves the finite numbers. Both programs name the same particle and
// step, whatever the threads, and the state before was finite.
TEST(Ensemble, ADivergingParticleIsNamed) {
  const Langevin law{Metric(gaussian(0.25), {}), Calculus::ito};
  const EnsemblePlan plan{200, 20, 500, 500, 9};
  const auto failure = [&](const Propagator& chain) {
    try {
      run_ensemble(chain, plan);
    } catch (const Diverged& e) {
      return e;
    }
    throw std::logic_error("did not diverge");
  };
  const Diverged a = failure(*vectorised_euler_maruyama(law, 20, 9)), b = failure(*stepwise("ula", law, 20, 9));
  omp_set_num_threads(1);
  const Diverged c = failure(*vectorised_euler_maruyama(law, 20, 9));
  omp_set_num_threads(omp_get_num_procs());
  EXPECT_TRUE(a.last.allFinite());
  EXPECT_EQ(a.seed, 9u);
  EXPECT_EQ(a.cause, Diverged::Cause::not_finite);
  EXPECT_EQ(a.sample, c.sample);
  EXPECT_EQ(a.step, c.step);
  EXPECT_EQ(a.last, c.last);
  // (1 - 20/0.52)^n reaches 1e154, where the log density overflows, and 1e308 after 98 and 196 steps.
  EXPECT_GE(b.step, 90);
  EXPECT_LE(a.step, 200);
  EXPECT_LE(b.step, a.step);
}

TEST(Ensemble, AMetricThatStopsBeingPositiveIsNamed) {
  const Marginal p(Target::gaussian_mixture(Vec{{1.0, 1.0}}, Points{{-2.0}, {2.0}}, {0.1, 0.1}), {0.8, 0.6});
  const auto chain = propagator("euler_maruyama", {Metric(p, {Curvature::exact, 0.5}), Calculus::ito}, 0.1, 1);
  try {
    run_ensemble(*chain, {100, 0.1, 50, 50, 1});
    FAIL();
  } catch (const Diverged& e) {
    EXPECT_EQ(e.cause, Diverged::Cause::no_metric);
    EXPECT_NE(std::string(e.what()).find("not positive definite"), std::string::npos);
  }
}

}  // namespace
}  // namespace lml
