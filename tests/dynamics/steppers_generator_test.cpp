// Weak order where D depends on x: E f(x_h) of one step by Gauss-Hermite quadrature over its normals, against
// f + h L f + h^2/2 L^2 f,  L f = a . grad f + D : Hess f  the generator. No sampling; both sides of the order.
#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "dynamics/steppers/euler_maruyama.hpp"
#include "dynamics/steppers/platen.hpp"
#include "dynamics/steppers/stochastic_heun.hpp"
#include "theory/linalg.hpp"

namespace lml {
namespace {

Marginal mixture(Index d) {
  Points means(3, d);
  for (Index i = 0; i < d; ++i) means.col(i) = Vec{{0.9, -0.8 - 0.2 * double(i), 0.1 + 0.9 * double(i)}};
  return {Target::gaussian_mixture(Vec{{1.0, 0.8, 0.6}}, means, {0.5, 0.7, 0.6}), {0.8, 0.6}};
}

struct Rule {
  Vec nodes, weights;
};
/// Gauss-Hermite for N(0, 1) (Golub and Welsch 1969): exact for polynomials of degree 2 n - 1.
Rule gauss_hermite(Index n) {
  Mat jacobi = Mat::Zero(n, n);
  for (Index i = 1; i < n; ++i) jacobi(i, i - 1) = jacobi(i - 1, i) = std::sqrt(double(i));
  const Eigh e = eigh(jacobi);
  return {e.values, e.vectors.row(0).transpose().cwiseAbs2()};
}

/// f(x) = sin(g.x + 1/2) + (g.x)^2/2, which sees every direction.
Vec direction(Index d) { return Vec::LinSpaced(d, 1.0, 0.6); }
double f(const Vec& x) {
  const double u = direction(x.size()).dot(x);
  return std::sin(u + 0.5) + 0.5 * u * u;
}
double generator(const Langevin& law, const Vec& x) {
  const Coefficients c = law.ito(x);
  const Vec g = direction(x.size());
  const double u = g.dot(x);
  return c.drift.dot(g) * (std::cos(u + 0.5) + u) + g.dot(c.form.times(g)) * (1 - std::sin(u + 0.5));
}

/// L^2 f by sixth-order differences of L f, step 0.02: 1e-10 times its eighth derivatives, and rounding 1e-12.
double generator_squared(const Langevin& law, const Vec& x) {
  constexpr double step = 0.02;
  const Index d = x.size();
  const Coefficients c = law.ito(x);
  const Mat metric = c.form.dense();
  const auto g = [&](const Vec& y) { return generator(law, y); };
  const double first[] = {0.75, -0.15, 1.0 / 60}, second[] = {1.5, -0.15, 1.0 / 90};
  const auto along = [&](const Vec& e) {  // first and second derivative along e
    double one = 0, two = -49.0 / 18 * g(x);
    for (int k = 1; k <= 3; ++k) {
      const double up = g(x + k * step * e), down = g(x - k * step * e);
      one += first[k - 1] * (up - down) / step;
      two += second[k - 1] * (up + down);
    }
    return std::pair(one, two / (step * step));
  };
  double out = 0;
  for (Index i = 0; i < d; ++i) {
    const auto [one, two] = along(Vec::Unit(d, i));
    out += c.drift[i] * one + metric(i, i) * two;
    for (Index j = 0; j < i; ++j)  // d_i d_j by polarisation
      out += 0.5 * metric(i, j) *
             (along(Vec::Unit(d, i) + Vec::Unit(d, j)).second - along(Vec::Unit(d, i) - Vec::Unit(d, j)).second);
  }
  return out;
}

/// Over the increments with 12 nodes each (the integrand is smooth on the scale sqrt(h) << 1), over the signs exactly.
template <class S>
double expectation(const S& stepper, const Langevin& law, const Vec& x, double h) {
  const Index d = law.dim(), normals = stepper.normals(d);
  const Rule rule = gauss_hermite(12);
  std::vector<Index> at(std::size_t(normals), 0);
  double sum = 0;
  for (;;) {
    Noise noise{Vec(normals)};
    double weight = 1;
    for (Index i = 0; i < normals; ++i) {
      const Index k = at[std::size_t(i)];
      noise.normals[i] = i < d ? rule.nodes[k] : double(2 * k - 1);
      weight *= i < d ? rule.weights[k] : 0.5;
    }
    sum += weight * f(stepper.step(law, x, h, noise));
    Index i = 0;
    while (i < normals && ++at[std::size_t(i)] == (i < d ? 12 : 2)) at[std::size_t(i++)] = 0;
    if (i == normals) return sum;
  }
}

/// Order of the one-step error E f(x_h) - (f + h L f + h^2/2 L^2 f), root mean square over three points, between `step`
/// and half of it. The step is small enough for the next term of the error not to count, and large enough for the error
/// of L^2 f not to.
template <class S>
double local_order(const S& stepper, const Langevin& law, double step) {
  double squares[2] = {};
  for (double shift : {0.0, 0.6, 1.3}) {
    const Vec x = law.dim() == 1 ? Vec{{0.7 - shift}} : Vec{{0.7 - shift, -0.9 + 0.8 * shift}};
    const double value = f(x), once = generator(law, x), twice = generator_squared(law, x);
    for (int k = 0; k < 2; ++k) {
      const double h = k == 0 ? step : 0.5 * step;
      squares[k] += std::pow(expectation(stepper, law, x, h) - (value + h * once + 0.5 * h * h * twice), 2);
    }
  }
  return 0.5 * std::log2(squares[0] / squares[1]);
}

std::vector<Langevin> laws(Index d) {
  std::vector<Langevin> out;
  const Marginal p = mixture(d);
  for (Calculus c : {Calculus::ito, Calculus::half, Calculus::corrected, Calculus::stratonovich}) {
    out.push_back({{p, {Curvature::exact, 1.5}}, c});
    if (d > 1) out.push_back({{p, {Curvature::rank_one, 1.5}}, c});
    out.push_back({{p, {Curvature::rank_one_scaled, 1.5}}, c});
  }
  if (d > 1) {
    MetricSpec spec{Curvature::rank_k, 1.5};
    out.push_back({{p, spec}, Calculus::stratonovich});
  }
  return out;
}

/// Euler-Maruyama with Stratonovich's drift in place of Ito's, the classical mistake: order 0 in the law.
struct Sabotaged : EulerMaruyama {
  static Vec step(const Langevin& law, const VecRef& x, double h, const Noise& noise) {
    const Coefficients c = law.stratonovich(x);
    return x + h * c.drift + std::sqrt(h) * c.form.root_times(noise.normals);
  }
};

TEST(WeakOrder, OneStepIsOffByTheOrderPlusOne) {
  for (Index d : {1, 2})
    for (const Langevin& law : laws(d)) {
      SCOPED_TRACE(testing::Message() << d << " " << int(law.metric.spec().curvature) << " " << int(law.calculus));
      EXPECT_NEAR(local_order(EulerMaruyama{}, law, 1.0 / 2000), EulerMaruyama::weak_order + 1, 0.1);
      // Heun's method sees the Stratonovich drift: with Calculus::stratonovich that is D s, so this also tests div R.
      EXPECT_NEAR(local_order(StochasticHeun{}, law, 1.0 / 2000), StochasticHeun::weak_order + 1, 0.1);
      EXPECT_NEAR(local_order(Platen{}, law, 1.0 / 800), Platen::weak_order + 1, 0.1);
      EXPECT_NEAR(local_order(Sabotaged{}, law, 1.0 / 2000), 1, 0.1);
    }
}

// One nonlinear case by simulation: E[f(X^h) - f(X^{h/2})] at time 1 with the same path of B for both, of order h^p.
// The order from two such differences, +- 4.5 standard errors (false alarm 7e-6 each) and 0.2 for the next order of h.
template <class S>
void expect_simulated_order(const Langevin& law) {
  constexpr int paths = 6000;
  const Random random(31, 0);
  const auto run = [&](const Vec& b, int coarsen) {  // b: increments of 16 steps
    Vec x = Vec::Constant(1, 6.0);
    const int steps = 16 / coarsen;
    for (int i = 0; i < steps; ++i)
      x = S::step(law, x, 1.0 / steps, {Vec::Constant(1, b.segment(i * coarsen, coarsen).sum() / std::sqrt(coarsen))});
    return f(x);
  };
  double sum[2] = {}, square[2] = {}, cross = 0;
  for (int i = 0; i < paths; ++i) {
    const Vec b = random.normal(std::uint64_t(i), 0, 16);
    const double coarse = run(b, 4), middle = run(b, 2), fine = run(b, 1);
    const double d[2] = {coarse - middle, middle - fine};
    for (int k = 0; k < 2; ++k) {
      sum[k] += d[k];
      square[k] += d[k] * d[k];
    }
    cross += d[0] * d[1];
  }
  const double m0 = sum[0] / paths, m1 = sum[1] / paths;
  const double v0 = square[0] / paths - m0 * m0, v1 = square[1] / paths - m1 * m1, v01 = cross / paths - m0 * m1;
  const double error = std::sqrt((v0 / (m0 * m0) + v1 / (m1 * m1) - 2 * v01 / (m0 * m1)) / paths) / std::log(2.0);
  EXPECT_LE(4.5 * error, 0.5);  // or the test could not tell orders 1 and 2
  EXPECT_NEAR(std::log2(m0 / m1), S::weak_order, 0.2 + 4.5 * error);
}

TEST(WeakOrder, CoupledPathsShowIt) {
  // Constant D and a nonlinear drift, from far out: paths of step h and h/2 are then close and their means are not.
  const Langevin law{{mixture(1), {Curvature::identity}}, Calculus::corrected};
  expect_simulated_order<EulerMaruyama>(law);
  expect_simulated_order<Platen>(law);
}

}  // namespace
}  // namespace lml
