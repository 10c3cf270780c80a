// The correction of Algorithm 1 against its formula in 100-digit arithmetic.
#include "samplers/correction.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <boost/multiprecision/mpfr.hpp>

#include "dynamics/random.hpp"
#include "samplers/ensemble.hpp"

namespace lml {
namespace {

using Real =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<100, boost::multiprecision::allocate_stack>,
                                  boost::multiprecision::et_off>;
using Reals = std::vector<Real>;

Reals reals(const Vec& v) { return {v.begin(), v.end()}; }
Real dot(const Reals& a, const Reals& b) {
  Real sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

Reals formula(const Reals& q, const Reals& p, LmlParameters l) {
  Reals m = q, v = q;
  for (std::size_t i = 0; i < q.size(); ++i) m[i] = Real(l.kappa) * p[i] + (1 - Real(l.kappa)) * q[i];
  const Real share = dot(m, q) / (Real(l.lambda) + dot(m, m));
  for (std::size_t i = 0; i < q.size(); ++i) v[i] = q[i] - m[i] * share;
  const Real scale = sqrt(dot(q, q) / dot(v, v));
  for (Real& e : v) e *= scale;
  return v;
}

struct Case {
  Points q, p;  // 1 x d
  LmlParameters l;
  double size() const { return q.norm(); }
  /// ||computed - formula||/||q||
  double error(const Points& computed) const {
    const Reals exact = formula(reals(q.row(0).transpose()), reals(p.row(0).transpose()), l);
    Real sum = 0;
    for (Index i = 0; i < q.cols(); ++i) {
      const Real off = Real(computed(0, i)) - exact[std::size_t(i)];
      sum += off * off;
    }
    return double(sqrt(sum)) / size();
  }
  /// beta ||d||/||q|| (1 + kappa ||d||/||q||), beta = kappa ||q||^2/lambda', d = p - q
  double turn() const {
    const double relative = (p - q).norm() / size();
    return l.kappa * size() * size() / l.lambda * relative * (1 + l.kappa * relative);
  }
  /// What the header adds for the length: min(turn^2, ||d||^2/||e||^2), e the part of d orthogonal to q.
  double cancellation() const {
    const Points d = p - q, e = d - (d.cwiseProduct(q).sum() / q.squaredNorm()) * q;
    return std::min(turn() * turn(), d.squaredNorm() / (e.squaredNorm() + 1e-300));
  }
  double roundings() const { return (double(q.cols()) / 8 + 16) * 1.2e-16; }
};

std::vector<Case> cases() {
  std::vector<Case> out;
  const Random random(7, 0);
  for (Index d : {1, 2, 3, 17, 300})
    for (double kappa : {1e-8, 1e-3, 0.3, 1.0})
      for (double lambda : {1e-9, 1e-3, 1.0, 1e4})
        for (double apart : {1e-9, 1e-2, 1.0, 30.0})
          for (double length : {1.0, 3.0}) {  // p = length q + apart z; nearly parallel where apart is small
            const Points q = random.normals(out.size(), 0, 1, d);
            out.push_back({q, length * q + apart * random.normals(out.size(), 1, 1, d), {kappa, lambda}});
          }
  return out;
}

// The header's bound, times 8 for the handful of operations that count once each.
TEST(StableCorrection, EqualsTheFormulaWithinItsBound) {
  for (const Case& c : cases())
    EXPECT_LE(c.error(lml_stable(c.q, &c.p, c.l)), 8 * c.roundings() * (1 + c.turn() + c.cancellation()))
        << "d " << c.q.cols() << " kappa " << c.l.kappa << " lambda " << c.l.lambda << " |d|/|q| "
        << (c.p - c.q).norm() / c.size() << " turn " << c.turn() << " cancellation " << c.cancellation();
}

// All vectors of the line are parallel, so that the correction has nothing to turn: L(q; p) = q, however large beta is.
TEST(StableCorrection, IsTheIdentityInOneDimension) {
  for (const Case& c : cases()) {
    if (c.q.cols() > 1) continue;
    EXPECT_LE(std::abs(lml_stable(c.q, &c.p, c.l)(0, 0) / c.q(0, 0) - 1), 8 * c.roundings() * (1 + c.turn()));
  }
}

// The subtraction leaves lambda'/(lambda' + ||m||^2) of q, so that roundings grow by the inverse.
TEST(PrintedCorrection, EqualsTheFormulaWithinItsCancellation) {
  for (const Case& c : cases()) {
    const Points m = c.l.kappa * c.p + (1 - c.l.kappa) * c.q;
    const double bound = 8 * c.roundings() * (1 + m.squaredNorm() / c.l.lambda);
    if (bound < 0.1) {
      EXPECT_LE(c.error(lml_printed(c.q, &c.p, c.l)), bound);
    }
  }
}

// That bound is no pessimism: at kappa = 0 the formula is the identity, and what comes out is off by roundings times
// ||q||^2/lambda'.
TEST(PrintedCorrection, LosesDigitsWhereTheFormulaIsTheIdentity) {
  const Points q = Random(3, 0).normals(0, 0, 1, 3072);
  const Rows<float> single = q.cast<float>();
  const LmlParameters l{0, 1e-3};
  const double off = (lml_printed(single, &single, l) - single).norm() / single.norm();
  EXPECT_GT(off, 1e-3);
  EXPECT_LT(off, 10 * 6e-8 * q.squaredNorm() / l.lambda);
}

TEST(StableCorrection, IsTheIdentityToTheBitWhereKappaIsZeroOrNothingIsRemembered) {
  for (Case& c : cases()) {
    EXPECT_EQ(lml_stable<Points>(c.q, nullptr, c.l), c.q);
    EXPECT_EQ(lml_stable(c.q, &c.p, {0, c.l.lambda}), c.q);
  }
}

TEST(BothForms, AreOddToTheBit) {
  for (const Case& c : cases()) {
    const Points q = -c.q, p = -c.p;
    EXPECT_EQ(lml_stable(q, &p, c.l), -lml_stable(c.q, &c.p, c.l));
    const Points printed = lml_printed(c.q, &c.p, c.l);
    if (printed.allFinite()) {
      EXPECT_EQ(lml_printed(q, &p, c.l), -printed);
    }
  }
}

TEST(BothForms, KeepTheLengthOfEverySample) {
  for (const Case& c : cases()) {
    EXPECT_NEAR(lml_stable(c.q, &c.p, c.l).norm() / c.size(), 1, 8 * c.roundings() * (1 + c.turn() + c.cancellation()));
    const Points printed = lml_printed(c.q, &c.p, c.l);
    if (printed.allFinite()) {
      EXPECT_NEAR(printed.norm() / c.size(), 1, 8 * c.roundings());
    }
  }
}

// What a norm over the batch in place of one a sample would break.
TEST(BothForms, TreatEverySampleByItself) {
  const Points q = 3 * Random(11, 0).normals(0, 0, 37, 19), p = Random(11, 0).normals(0, 1, 37, 19);
  const LmlParameters l{0.2, 0.01};
  const Points stable = lml_stable(q, &p, l), printed = lml_printed(q, &p, l);
  for (Index i = 0; i < q.rows(); ++i) {
    const Points one = q.row(i), before = p.row(i);
    EXPECT_EQ(lml_stable(one, &before, l), stable.row(i));
    EXPECT_EQ(lml_printed(one, &before, l), printed.row(i));
  }
}

}  // namespace
}  // namespace lml
