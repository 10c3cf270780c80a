// Eq. 8 in exact rational arithmetic, and its condition number.
#include <boost/multiprecision/cpp_int.hpp>
#include <cmath>

#include "dynamics/random.hpp"
#include "paper_checks/checks/damping.hpp"
#include "theory/damping.hpp"
#include "theory/linalg.hpp"

namespace lml::checks {
namespace {

using Q = boost::multiprecision::cpp_rational;
using QVec = std::vector<Q>;
using QMat = std::vector<QVec>;

Q dot(const QVec& a, const QVec& b) {
  Q out = 0;
  for (std::size_t j = 0; j < a.size(); ++j) out += a[j] * b[j];
  return out;
}

/// diagonal I + factor v v^T
QMat shifted_outer(const QVec& v, const Q& factor, const Q& diagonal) {
  QMat out(v.size(), QVec(v.size()));
  for (std::size_t i = 0; i < v.size(); ++i)
    for (std::size_t j = 0; j < v.size(); ++j) out[i][j] = factor * v[i] * v[j] + (i == j ? diagonal : Q(0));
  return out;
}

QMat product(const QMat& a, const QMat& b) {
  QMat out(a.size(), QVec(a.size(), Q(0)));
  for (std::size_t i = 0; i < a.size(); ++i)
    for (std::size_t k = 0; k < a.size(); ++k)
      for (std::size_t j = 0; j < a.size(); ++j) out[i][j] += a[i][k] * b[k][j];
  return out;
}

Q trace(const QMat& m) {
  Q out = 0;
  for (std::size_t i = 0; i < m.size(); ++i) out += m[i][i];
  return out;
}

/// max |m_ij - scale I_ij|, exact until the last conversion.
double distance_to_multiple(const QMat& m, const Q& scale) {
  Q worst = 0;
  for (std::size_t i = 0; i < m.size(); ++i)
    for (std::size_t j = 0; j < m.size(); ++j) {
      const Q gap = abs(Q(m[i][j] - (i == j ? scale : Q(0))));
      if (gap > worst) worst = gap;
    }
  return worst.convert_to<double>();
}

/// Gauss-Jordan; the determinant, and the inverse where it is not 0. Knows nothing of Sherman and Morrison.
std::pair<Q, QMat> determinant_and_inverse(QMat m) {
  const std::size_t d = m.size();
  QMat inverse(d, QVec(d, Q(0)));
  for (std::size_t i = 0; i < d; ++i) inverse[i][i] = 1;
  Q det = 1;
  for (std::size_t c = 0; c < d; ++c) {
    std::size_t pivot = c;
    while (pivot < d && m[pivot][c] == 0) ++pivot;
    if (pivot == d) return {0, {}};
    if (pivot != c) {
      std::swap(m[pivot], m[c]);
      std::swap(inverse[pivot], inverse[c]);
      det = -det;
    }
    const Q p = m[c][c];
    det *= p;
    for (std::size_t j = 0; j < d; ++j) m[c][j] /= p, inverse[c][j] /= p;
    for (std::size_t r = 0; r < d; ++r) {
      if (r == c || m[r][c] == 0) continue;
      const Q f = m[r][c];
      for (std::size_t j = 0; j < d; ++j) m[r][j] -= f * m[c][j], inverse[r][j] -= f * inverse[c][j];
    }
  }
  return {det, inverse};
}

struct Draw {
  QVec eps;
  Q sigma2, damping, norm2;  // damping = lambda'
  /// u u^T/sigma^2 + lambda I with lambda = lambda'/(sigma^2 ||eps||^2)
  QMat damped() const { return shifted_outer(eps, 1 / (sigma2 * norm2), damping / (sigma2 * norm2)); }
  QMat bracket(const Q& denominator) const { return shifted_outer(eps, -1 / denominator, 1); }
};

std::vector<Draw> draws(int count, std::size_t least_dimension) {
  const Random random(8, 1);
  std::vector<Draw> out;
  for (int i = 0; i < count; ++i) {
    std::uint64_t component = 0;
    const auto integer = [&](int from, int to) {
      return from + int(random.uniform(std::uint64_t(i), 0, component++) * (to - from + 1));
    };
    Draw draw;
    draw.eps.resize(least_dimension + std::size_t(integer(0, 4)));
    for (Q& e : draw.eps) e = Q(integer(-9, 9), integer(1, 5));
    if (dot(draw.eps, draw.eps) == 0) draw.eps[0] = 1;
    const Q sigma(integer(1, 9), integer(1, 9));
    draw.sigma2 = sigma * sigma;
    draw.damping = Q(integer(1, 9), integer(1, 2000));
    draw.norm2 = dot(draw.eps, draw.eps);
    out.push_back(draw);
  }
  return out;
}

constexpr int attacks = 200;

// Largest |D M - I| over the draws for a prefactor that is a function of the draw.
template <class Prefactor>
double worst_residual(const std::vector<Draw>& all, Prefactor prefactor) {
  double worst = 0;
  for (const Draw& c : all) {
    QMat d = c.bracket(c.damping + c.norm2);
    const Q scale = prefactor(c);
    for (QVec& row : d)
      for (Q& v : row) v *= scale;
    worst = std::max(worst, distance_to_multiple(product(c.damped(), d), 1));
  }
  return worst;
}

}  // namespace

Evidence eq8_inverse(const Context&) {
  const auto all = draws(attacks, 2);
  Evidence out;
  out.value = out.control = 0;
  double second = 0;
  for (const Draw& c : all) {
    const auto off = [&](const Q& denominator) {
      const QMat m = product(c.damped(), c.bracket(denominator));
      return distance_to_multiple(m, trace(m) / Q(m.size()));
    };
    out.value = std::max(out.value, off(c.damping + c.norm2));
    out.control = std::max(out.control, off(c.damping + 2 * c.norm2));
    QMat inverse = determinant_and_inverse(c.damped()).second;
    const QMat bracket = c.bracket(c.damping + c.norm2);
    const Q ratio = trace(bracket) / trace(inverse);
    for (std::size_t i = 0; i < inverse.size(); ++i)
      for (std::size_t j = 0; j < inverse.size(); ++j) {
        const Q gap = abs(Q(ratio * inverse[i][j] - bracket[i][j]));
        second = std::max(second, gap.convert_to<double>());
      }
  }
  out.second = second;
  out.certificate =
      "Exact algebra: with s = lambda sigma^2, (u u^T/sigma^2 + lambda I)(I - u u^T/(1 + s)) = lambda I + u u^T [(1 + "
      "s) - s - "
      "1]/(sigma^2 (1 + s)) = lambda I. Replayed without rounding on " +
      std::to_string(attacks) + " random rational cases.";
  return out;
}

Evidence eq8_prefactor(const Context&) {
  auto all = draws(attacks, 1);
  // The smallest case, found by hand and settled here with the rest: d = 1, eps = 1, sigma = 4/5, lambda' = 1.
  Draw smallest{{Q(1)}, Q(16, 25), Q(1), Q(1)};
  const auto printed = [](const Draw& c) { return Q(1 / (c.damping * c.sigma2 * c.norm2)); };
  const auto repaired = [](const Draw& c) { return Q(c.sigma2 * c.norm2 / c.damping); };
  Evidence out;
  out.value = worst_residual({smallest}, printed);
  out.control = std::max(worst_residual(all, repaired), worst_residual({smallest}, repaired));
  // Second way: the printed prefactor over the right one is 1/(sigma^2 ||eps||^2)^2, whatever lambda'.
  const Q ratio = 1 / (smallest.sigma2 * smallest.norm2 * smallest.sigma2 * smallest.norm2);
  out.second = Q(ratio - 1).convert_to<double>();
  out.second_tolerance = 1e-15;
  const Q right = determinant_and_inverse(smallest.damped()).second[0][0];
  const Q wrong = smallest.bracket(smallest.damping + smallest.norm2)[0][0] * printed(smallest);
  out.certificate = "Exact rational arithmetic: at d = 1, sigma = 4/5, eps = 1, lambda' = 1 the inverse is " +
                    right.str() + " and the printed form " + wrong.str() + ", a factor " + Q(wrong / right).str() +
                    "; the factor is 1/(sigma^2 ||eps||^2)^2 always.";
  Counterexample c;
  c.command = "score";
  c.points = Points::Zero(1, 1);
  c.time = {0.6, 0.8};
  c.x = Vec::Constant(1, 0.8);
  c.sentence =
      "One data point at 0, alpha 3/5, sigma 4/5, x = 4/5: eps = 1, and with lambda' = 1 the printed Eq. 8 gives " +
      wrong.str() + " where the inverse of 1/sigma^2 + lambda is " + right.str() + ".";
  out.smallest = c;
  out.repair =
      "D_LM = (sigma^2 ||eps||^2/lambda') [I - eps eps^T/(lambda' + ||eps||^2)]: the printed prefactor, turned over "
      "but for lambda'.";
  out.repair_attacks = attacks + 1;
  return out;
}

Evidence eq8_condition(const Context&) {
  // Undamped: |smallest|/|largest| eigenvalue, 0 for an infinite condition number. Damped: against 1 + 1/(lambda
  // sigma^2).
  const auto deviation = [](const Draw& c) {
    Vec eps(Index(c.eps.size()));
    for (Index j = 0; j < eps.size(); ++j) eps[j] = c.eps[std::size_t(j)].convert_to<double>();
    const double sigma2 = c.sigma2.convert_to<double>(), lambda_sigma2 = Q(c.damping / c.norm2).convert_to<double>();
    Mat m = eps * eps.transpose() / (sigma2 * eps.squaredNorm());
    const Vec plain = eigvalsh(m).cwiseAbs();
    m.diagonal().array() += lambda_sigma2 / sigma2;
    const Vec damped = eigvalsh(m);
    const double condition = damped[damped.size() - 1] / damped[0];
    return std::max(plain.minCoeff() / plain.maxCoeff(), std::abs(condition / (1 + 1 / lambda_sigma2) - 1));
  };
  Evidence out;
  out.value = 0;
  double second = 0;
  for (const Draw& c : draws(attacks, 2)) {
    out.value = std::max(out.value, deviation(c));
    // Without rounding: the outer product has determinant 0; eps and everything across it are eigenvectors of the
    // damped one.
    second = std::max(second, abs(determinant_and_inverse(shifted_outer(c.eps, 1, 0)).first).convert_to<double>());
    const QMat m = c.damped();
    std::size_t big = 0;
    while (c.eps[big] == 0) ++big;
    for (std::size_t j = 0; j < c.eps.size(); ++j) {
      QVec v = c.eps;
      Q factor = (1 + c.damping / c.norm2) / c.sigma2;
      if (j != big) {
        v.assign(c.eps.size(), Q(0));
        v[big] = -c.eps[j];
        v[j] = c.eps[big];
        factor = c.damping / (c.norm2 * c.sigma2);
      }
      for (std::size_t i = 0; i < v.size(); ++i)
        second = std::max(second, abs(Q(dot(m[i], v) - factor * v[i])).convert_to<double>());
    }
  }
  out.second = second;
  out.second_tolerance = 1e-9;
  out.control = deviation({{Q(1)}, Q(16, 25), Q(1), Q(1)});
  out.certificate =
      "Exact algebra: u u^T/sigma^2 has rank 1, so it is singular for d >= 2; damped, its eigenvalues are 1/sigma^2 + "
      "lambda "
      "(on u) and lambda (across), so the condition number is 1 + 1/(lambda sigma^2). Replayed without rounding on " +
      std::to_string(attacks) + " random rational cases.";
  return out;
}

Evidence eq8_condition_paper(const Context&) {
  constexpr Index d = 3072;
  const Random random(8, 2);
  const double alpha = 0.6, sigma = 0.8;
  const Points y = random.normals(0, 0, 8, d).cwiseMax(-1.0).cwiseMin(1.0);
  const Marginal marginal(Target::points(y), {alpha, sigma});
  const Vec x = alpha * y.row(0).transpose() + sigma * random.normal(0, 1, d);
  const Vec eps = marginal.at(x).epsilon();
  const Vec across = (Vec::Unit(d, 0) - eps * (eps[0] / eps.squaredNorm())).normalized();
  const auto measured = [&](double damping) {
    const DampedRankOne m = DampedRankOne::scaled(eps, sigma, damping);
    return m.times(across).norm() / m.times(eps / eps.norm()).norm();
  };
  Evidence out;
  Table table{
      "eq8-condition-paper",
      "Condition number of the damped outer product at d = 3072 (CIFAR-10) for lambda' of Tables 6 and 7, and the "
      "relative error of D_LM eps when Eq. 8 is evaluated as printed in float32",
      {"lambda'", "condition number", "float32 relative error"},
      {}};
  const Eigen::VectorXf e32 = eps.cast<float>();
  for (double damping : {5e-5, 1e-4, 3e-4, 5e-4, 8e-4, 1e-3, 4e-3, 6e-3, double(d) / 1000}) {
    const float n32 = e32.squaredNorm();
    const Eigen::VectorXf v32 = e32 - e32 * (n32 / (float(damping) + n32));
    const Vec exact = eps * (damping / (damping + eps.squaredNorm()));
    table.rows.push_back({damping, measured(damping), (v32.cast<double>() - exact).norm() / exact.norm()});
  }
  out.value = measured(6e-3);
  // D_LM eps cancels: ||eps||^2 (1 + 1/cond) against ||eps||^2, relative rounding cond times the unit roundoff, d
  // terms.
  out.uncertainty = out.value * 1e-9;
  out.second = 1 + eps.squaredNorm() / 6e-3;
  out.second_tolerance = out.value * 1e-8;
  out.control = measured(double(d) / 1000);
  out.certificate = "Closed form: 1 + ||eps||^2/lambda', and ||eps||^2 is close to d at typical points.";
  out.repair =
      "The condition number stays below 4096 if lambda' >= ||eps||^2/4095, about d/4095 (0.75 for CIFAR-10): lambda' "
      "has "
      "to grow with the dimension.";
  out.repair_attacks = 1;
  out.tables.push_back(table);
  return out;
}

}  // namespace lml::checks
