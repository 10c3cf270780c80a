// Weak order by the exact one-step moment map: where p is Gaussian and D constant, a step is affine in the state and in
// the normals, so the mean and covariance of the chain are known without sampling.
#include <gtest/gtest.h>

#include "dynamics/steppers/baoab.hpp"
#include "dynamics/steppers/euler_maruyama.hpp"
#include "dynamics/steppers/mala.hpp"
#include "dynamics/steppers/metropolis.hpp"
#include "dynamics/steppers/newton_langevin.hpp"
#include "dynamics/steppers/platen.hpp"
#include "dynamics/steppers/stochastic_heun.hpp"
#include "dynamics/steppers/ula.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

static_assert(Stepper<EulerMaruyama> && Stepper<StochasticHeun> && Stepper<Platen> && Stepper<Metropolis> &&
              Stepper<Ula> && Stepper<Mala> && Stepper<Baoab>);

Marginal gaussian() {
  Points mean(1, 2);
  mean << 0.5, -0.25;
  return {Target::gaussian_mixture(Vec::Ones(1), mean, {Covariance(Mat{{1.0, 0.4}, {0.4, 0.6}})}), {0.8, 0.6}};
}
Mat covariance() { return 0.64 * Mat{{1.0, 0.4}, {0.4, 0.6}} + 0.36 * Mat::Identity(2, 2); }
Vec mean() { return Vec{{0.4, -0.2}}; }

Langevin constant_metric() {
  MetricSpec spec{Curvature::constant};
  spec.matrix = Mat{{0.7, 0.2}, {0.2, 0.5}};
  return {{gaussian(), spec}, Calculus::ito};
}

/// z -> A z + c + B xi
struct Affine {
  Mat a, b;
  Vec c;
};

template <class Advance>
Affine probe(Index states, Index normals, const Advance& advance) {
  Affine out{Mat(states, states), Mat(states, normals), advance(Vec::Zero(states), Vec::Zero(normals))};
  for (Index i = 0; i < states; ++i) out.a.col(i) = advance(Vec::Unit(states, i), Vec::Zero(normals)) - out.c;
  for (Index i = 0; i < normals; ++i) out.b.col(i) = advance(Vec::Zero(states), Vec::Unit(normals, i)) - out.c;
  return out;
}

template <class S>
Affine affine(const S& stepper, const Langevin& law, double h) {
  // No normal but the first d enters where D is constant.
  return probe(law.dim(), stepper.normals(law.dim()),
               [&](const Vec& x, const Vec& xi) { return stepper.step(law, x, h, {xi}); });
}
Affine affine(const Baoab& stepper, const Langevin& law, double h) {
  const Index d = law.dim();
  return probe(2 * d, d, [&](const Vec& z, const Vec& xi) -> Vec {
    const Baoab::State next = stepper.step(law, stepper.init(law, z.head(d), {z.tail(d)}), h, {xi});
    Vec out(2 * d);
    out << next.x, next.v;
    return out;
  });
}

struct Moments {
  Vec mean;
  Mat covariance;
};

Moments after(const Affine& m, Vec mean, int steps) {
  Mat s = Mat::Zero(mean.size(), mean.size());
  for (int i = 0; i < steps; ++i) {
    mean = (m.a * mean + m.c).eval();
    s = (m.a * s * m.a.transpose() + m.b * m.b.transpose()).eval();
  }
  return {mean, s};
}

Mat exponential(const Mat& m) {  // Taylor with scaling by 2^10 and squaring: 1e-12
  Mat term = Mat::Identity(m.rows(), m.cols()), out = term;
  for (int k = 1; k < 30; ++k) out += term = (term * m / (1024.0 * k)).eval();
  for (int k = 0; k < 10; ++k) out = (out * out).eval();
  return out;
}

/// dz = a (z - centre) dt + sqrt(q) dB from z = 0 for a time t (Van Loan 1978).
Moments exact(const Mat& a, const Mat& q, const Vec& centre, double t) {
  const Index n = a.rows();
  Mat block = Mat::Zero(2 * n, 2 * n);
  block << -a, q, Mat::Zero(n, n), a.transpose();
  const Mat e = exponential(t * block);
  const Mat forward = e.bottomRightCorner(n, n).transpose();
  return {centre - forward * centre, forward * e.topRightCorner(n, n)};
}

Moments exact(const Langevin& law, double t) {
  const Mat d = law.form(mean()).dense();
  return exact(-d * inverse_spd(covariance()), 2 * d, mean(), t);
}

double distance(const Moments& a, const Moments& b) {
  return std::hypot((a.mean - b.mean).norm(), (a.covariance - b.covariance).norm());
}

/// Order of the error of mean and covariance at time 1, between 32 and 64 steps: the next term of the error is a
/// fraction h of the first, so the order is off by about h log2(e)/2 < 0.03.
template <class S>
double order(const S& stepper, const Langevin& law) {
  const Moments truth = exact(law, 1);
  const auto error = [&](int steps) {
    return distance(after(affine(stepper, law, 1.0 / steps), Vec::Zero(law.dim()), steps), truth);
  };
  return std::log2(error(32) / error(64));
}

/// Heun's method with the noise left out of the predictor: consistent, and of order 1 only.
struct Sabotaged : StochasticHeun {
  static Vec step(const Langevin& law, const VecRef& x, double h, const Noise& noise) {
    const Coefficients here = law.stratonovich(x);
    const Coefficients there = law.stratonovich(x + h * here.drift);
    return x + (0.5 * h) * (here.drift + there.drift) + std::sqrt(h) * here.form.root_times(noise.normals);
  }
};

TEST(GaussianMoments, EveryStepperHasItsOrderAndNoMore) {
  const Langevin langevin{{gaussian(), {Curvature::identity}}, Calculus::corrected};
  const Langevin damped{{gaussian(), {Curvature::exact, 0.5}}, Calculus::ito};
  for (const Langevin& law : {langevin, damped, constant_metric(), newton_langevin(gaussian())}) {
    EXPECT_NEAR(order(EulerMaruyama{}, law), EulerMaruyama::weak_order, 0.1);
    EXPECT_NEAR(order(Platen{}, law), Platen::weak_order, 0.1);
    EXPECT_NEAR(order(StochasticHeun{}, law), 2, 0.1);  // constant D
    EXPECT_NEAR(order(Sabotaged{}, law), 1, 0.1);       // and so would fail the line above
  }
  EXPECT_NEAR(order(Ula{}, langevin), Ula::weak_order, 0.1);
}

TEST(GaussianMoments, BaoabHasOrderTwo) {
  const Langevin law{{gaussian(), {}}, Calculus::ito};
  const Baoab stepper{1.5};
  Mat a = Mat::Zero(4, 4), q = Mat::Zero(4, 4);
  a.topRightCorner(2, 2).setIdentity();
  a.bottomLeftCorner(2, 2) = -inverse_spd(covariance());
  a.bottomRightCorner(2, 2).diagonal().setConstant(-1.5);
  q.bottomRightCorner(2, 2).diagonal().setConstant(3);
  Vec centre = Vec::Zero(4);
  centre.head(2) = mean();
  const Moments truth = exact(a, q, centre, 1);
  const auto error = [&](int steps) {
    return distance(after(affine(stepper, law, 1.0 / steps), Vec::Zero(4), steps), truth);
  };
  EXPECT_NEAR(std::log2(error(32) / error(64)), Baoab::weak_order, 0.1);
}

// The covariance S = A S A^T + B B^T, by doubling.
Mat stationary(const Affine& m) {
  Mat a = m.a, s = m.b * m.b.transpose();
  for (int i = 0; i < 30; ++i) {
    s = (s + a * s * a.transpose()).eval();
    a = (a * a).eval();
  }
  return s;
}

TEST(GaussianMoments, StationaryCovarianceIsOffByTheOrder) {
  const auto order_of = [](const auto& stepper, const Langevin& law) {
    const auto error = [&](double h) { return (stationary(affine(stepper, law, h)) - covariance()).norm(); };
    return std::log2(error(1.0 / 32) / error(1.0 / 64));
  };
  const Langevin law = constant_metric();
  EXPECT_NEAR(order_of(EulerMaruyama{}, law), 1, 0.1);
  EXPECT_NEAR(order_of(Platen{}, law), 2, 0.1);
  EXPECT_NEAR(order_of(StochasticHeun{}, law), 2, 0.1);
  EXPECT_NEAR(order_of(Sabotaged{}, law), 1, 0.1);
  // BAOAB's marginal in x is exact on a Gaussian, at any stable step.
  EXPECT_LE((stationary(affine(Baoab{1.5}, law, 0.7)).topLeftCorner(2, 2) - covariance()).norm(), 1e-12);
}

TEST(GaussianMoments, UlaHasItsClosedForm) {
  const Marginal p(Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 1), {1.0}), {0.8, 0.6});
  const Langevin law{{p, {}}, Calculus::ito};
  for (double h : {0.1, 0.5, 1.5}) EXPECT_NEAR(stationary(affine(Ula{}, law, h))(0, 0), 1 / (1 - h / 2), 1e-12);
}

// Newton-Langevin of a Gaussian forgets at rate 1 in every direction, whatever its covariance.
TEST(GaussianMoments, NewtonLangevinIsPreconditioned) {
  const Affine m = affine(EulerMaruyama{}, newton_langevin(gaussian()), 0.1);
  EXPECT_LE((m.a - 0.9 * Mat::Identity(2, 2)).norm(), 1e-13);
}

}  // namespace
}  // namespace lml
