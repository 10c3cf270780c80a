#include "paper_checks/checks/derivation.hpp"

#include <fmt/format.h>

#include <boost/math/quadrature/gauss_kronrod.hpp>
#include <boost/multiprecision/mpfi.hpp>
#include <cmath>
#include <functional>
#include <utility>

#include "dynamics/random.hpp"
#include "paper_checks/checks/data_set.hpp"
#include "paper_checks/checks/differences.hpp"
#include "theory/marginal.hpp"

namespace lml::checks {
namespace {

namespace mp = boost::multiprecision;
using Interval = mp::number<mp::mpfi_float_backend<50>, mp::et_off>;

// ---- Cases
// -----------------------------------------------------------------------------------------------------------

const Time three_four{0.6, 0.8}, four_three{0.8, 0.6};  // alpha^2 + sigma^2 = 1

// Data sets of n points N(0, I), x drawn from p_t, at noise from low to high on the variance-preserving circle.
std::vector<Case> clouds(const std::vector<Index>& counts, const std::vector<Index>& dimensions, std::uint64_t stream) {
  const Random random(13, stream);
  std::vector<Case> out;
  std::uint64_t sample = 0;
  for (const Index d : dimensions)
    for (const Index n : counts)
      for (const double sigma : {0.1, 0.3, 0.6, 0.8, 0.95, 0.995}) {
        const Time time{std::sqrt(1 - sigma * sigma), sigma};
        const Points y = random.normals(1000 * sample, 0, n, d);
        const Index k = Index(random.uniform(sample, 1, 0) * double(n));
        out.push_back({y, time, time.alpha * y.row(k).transpose() + sigma * random.normal(sample, 2, d)});
        ++sample;
      }
  return out;
}

Case one_point(Index d) { return {Points::Zero(1, d), three_four, Vec::Unit(d, 0)}; }

Counterexample replay(const std::string& command, const Points& y, Time time, const Vec& x,
                      const std::string& sentence) {
  Counterexample out;
  out.command = command;
  out.points = y;
  out.time = time;
  out.x = x;
  out.sentence = sentence;
  return out;
}

std::string enclosure(const Interval& v) {  // rounded outwards
  const double low = std::floor(double(lower(v)) * 1e8 - 0.001) / 1e8,
               high = std::ceil(double(upper(v)) * 1e8 + 0.001) / 1e8;
  return fmt::format("[{:.8f}, {:.8f}]", low, high);
}

Interval fraction(int a, int b) { return Interval(a) / Interval(b); }

Data<Interval> two_points_interval() { return {{{Interval(0)}, {Interval(1)}}, fraction(3, 5), fraction(4, 5)}; }

Points two_points() {
  Points y(2, 1);
  y << 0, 1;
  return y;
}

double integral(const std::function<double(double)>& f, double from, double to, double* error) {
  double e = 0;
  const double out = boost::math::quadrature::gauss_kronrod<double, 61>::integrate(f, from, to, 10, 1e-13, &e);
  if (error) *error = e;
  return out;
}

// ---- Eq. 3
// -----------------------------------------------------------------------------------------------------------

// Relative distance of scale * eps, and of the posterior mean it implies, from the slope of the density.
double tweedie_error(const Case& c, double scale) {
  const Marginal marginal(Target::points(c.y), c.time);
  const Local local = marginal.at(c.x);
  const Vec wanted = -c.time.sigma * differences(c).score,
            eps = scale * (c.x - c.time.alpha * local.posterior_mean()) / c.time.sigma;
  return std::max((eps - wanted).norm(), (scale * local.epsilon() - wanted).norm()) / wanted.norm();
}

// First-order optimality of scale * eps in denoising score matching, L(e) = E (z - e(alpha x_0 + sigma z))^2, by
// quadrature in one dimension: the largest slope of L along a direction h, divided by the sizes of h and eps.
double dsm_slope(const Points& y, Time time, double scale, Table* table) {
  const Marginal marginal(Target::points(y), time);
  const auto eps = [&](double x) { return marginal.at(Vec::Constant(1, x)).epsilon()[0]; };
  const auto mean = [&](const std::function<double(double, double)>& f) {  // E f(z, x_t)
    double sum = 0;
    for (Index k = 0; k < y.rows(); ++k)
      sum += integral(
          [&](double z) {
            return std::exp(-z * z / 2) / std::sqrt(2 * M_PI) * f(z, time.alpha * y(k, 0) + time.sigma * z);
          },
          -12, 12, nullptr);
    return sum / double(y.rows());
  };
  const double size = std::sqrt(mean([&](double, double x) { return eps(x) * eps(x); }));
  const std::vector<std::function<double(double)>> directions{
      eps, [](double) { return 1.0; }, [](double x) { return x; }, [](double x) { return std::sin(3 * x); }};
  double worst = 0;
  for (std::size_t i = 0; i < directions.size(); ++i) {
    const auto& h = directions[i];
    const double square = mean([&](double, double x) { return h(x) * h(x); });
    const double slope = mean([&](double z, double x) { return (z - scale * eps(x)) * h(x); });
    worst = std::max(worst, std::abs(slope) / (size * std::sqrt(square)));
    if (!table) continue;
    const auto loss = [&](double c) {
      return mean([&](double z, double x) { return std::pow(z - scale * eps(x) - c * h(x), 2); });
    };
    const double at_zero = loss(0);
    for (const double c : {-0.5, 0.25}) table->rows.push_back({double(i), c, loss(c) - at_zero, c * c * square});
  }
  return worst;
}

}  // namespace

Evidence tweedie(const Context&) {
  Evidence out;
  out.value = out.control = 0;
  out.control = std::numeric_limits<double>::infinity();
  for (const Case& c : clouds({1, 2, 5}, {1, 2, 8}, 3)) {
    out.value = std::max(out.value, tweedie_error(c, 1));
    out.control = std::min(out.control, tweedie_error(c, 0.9));
  }
  Points y(3, 1);
  y << -1, 0.5, 2;
  Table parabola{
      "eq3_excess_loss",
      "Denoising score matching around eps: excess loss of eps + c h (quadrature) and c^2 E h^2. h: 0 eps, 1 one, "
      "2 x, 3 sin 3x",
      {"h", "c", "excess_loss", "c2_Eh2"},
      {}};
  out.second = dsm_slope(y, three_four, 1, &parabola);
  out.second_tolerance = 1e-10;
  out.tables.push_back(parabola);
  return out;
}

// ---- Eq. 5-6
// ---------------------------------------------------------------------------------------------------------

namespace {

// Levenberg-Marquardt reads f as a sum of squared residuals and takes 2 J^T J for its Hessian. Both readings have
// f = r^2/(2 sigma^2); the Hessian is that of f itself, so that Eq. 13 is granted.
struct GaussNewton {
  double scalar,
      vector;  // relative error of 2 J^T J with the residual r/(sigma sqrt 2) or (x - alpha y)/(sigma sqrt 2)
  double scalar_fisher, vector_fisher;  // the same against F
  double outer;                         // of u u^T/sigma^2 against 2 J^T J of the scalar residual
  double vector_formula;                // of 2 J^T J of the vector residual against sigma^2 F^2, the repair
};

GaussNewton gauss_newton(const Case& c) {
  const Differences at = differences(c);
  const double s2 = c.time.sigma * c.time.sigma;
  const Mat exact = at.hess_half_square / s2;
  const Mat scalar = at.grad_r * at.grad_r.transpose() / s2, vector = at.jacobian_noise.transpose() * at.jacobian_noise;
  const Mat fisher = Marginal(Target::points(c.y), c.time).at(c.x).fisher();
  return {(scalar - exact).norm() / exact.norm(),
          (vector - exact).norm() / exact.norm(),
          (scalar - fisher).norm() / fisher.norm(),
          (vector - fisher).norm() / fisher.norm(),
          (at.u * at.u.transpose() / s2 - scalar).norm() / scalar.norm(),
          (vector - s2 * fisher * fisher).norm() / (s2 * fisher * fisher).norm()};
}

}  // namespace

Evidence levenberg_marquardt(const Context&) {
  Evidence out;
  // One data point: the least-squares problem is linear, the case for which Gauss-Newton is exact.
  const GaussNewton smallest = gauss_newton(one_point(2));
  out.value = smallest.scalar;
  out.control = smallest.vector;
  out.uncertainty = 1e-14;  // the rounding of a 2 x 2 matrix to double
  out.second = std::sqrt(0.5);
  out.second_tolerance = 1e-12;
  out.certificate =
      "exact algebra: for one data point r = ||x - alpha y||, f = r^2/(2 sigma^2) has the Hessian I/sigma^2, the "
      "scalar "
      "residual gives u u^T/sigma^2, the vector residual I/sigma^2; the norms of I - u u^T and I are sqrt(d-1) and "
      "sqrt(d)";
  const Case c = one_point(2);
  out.smallest = replay(
      "bound", c.y, c.time, c.x,
      "One data point at the origin of the plane, alpha 3/5, sigma 4/5, x = (1, 0): -log p_t is a linear "
      "least-squares problem with Hessian (25/16) I, and the outer product (25/16) diag(1, 0) misses 1/sqrt 2 of it.");
  Table table{
      "eq6_gauss_newton",
      "Relative error of Gauss-Newton matrices against the Hessian of f = r^2/(2 sigma^2) and against F; scalar "
      "residual r (rank one) and vector residual x - alpha y; and of u u^T/sigma^2 against the scalar one",
      {"points", "d", "sigma", "scalar_f", "vector_f", "scalar_fisher", "vector_fisher", "outer_scalar"},
      {}};
  double worst = 0;
  for (const Case& k : clouds({1, 2, 5}, {1, 2, 3, 6}, 6)) {
    const GaussNewton g = gauss_newton(k);
    table.rows.push_back({double(k.y.rows()), double(k.y.cols()), k.time.sigma, g.scalar, g.vector, g.scalar_fisher,
                          g.vector_fisher, g.outer});
    worst = std::max(worst, g.vector_formula);
    ++out.repair_attacks;
  }
  out.repair = fmt::format(
      "with the vector residual (x - alpha y)/(sigma sqrt 2) Gauss-Newton gives sigma^2 F^2 for every data set "
      "(largest "
      "relative difference {:.0e}), which for one data point is the exact curvature I/sigma^2; the outer product is "
      "the "
      "Gauss-Newton matrix of the single number r, for one data point",
      worst);
  if (worst > 1e-9) out.repair.clear();
  out.tables.push_back(table);
  return out;
}

// ---- Eq. 13
// ----------------------------------------------------------------------------------------------------------

namespace {

// Mass in R^d of exp(-r^2/(width sigma^2))/(2 pi sigma^2)^(power/2) for one data point, by radial quadrature.
double mass(Index d, double sigma, double width, double power, double* error) {
  const double sphere = 2 * std::pow(M_PI, 0.5 * double(d)) / std::tgamma(0.5 * double(d));
  const double scale = sphere * std::pow(2 * M_PI * sigma * sigma, -0.5 * power);
  const double out =
      scale *
      integral([&](double r) { return std::pow(r, double(d - 1)) * std::exp(-r * r / (width * sigma * sigma)); }, 0,
               (12 + std::sqrt(2.0 * double(d))) * sigma, error);
  if (error) *error *= scale;
  return out;
}

}  // namespace

Evidence gaussian_mass(const Context&) {
  Evidence out;
  const double sigma = 0.8;
  double error = 0, control_error = 0;
  out.value = std::abs(mass(1, sigma, 1, 1, &error) - 1);
  out.control = std::abs(mass(1, sigma, 2, 1, &control_error) - 1);
  out.uncertainty = std::max(error, control_error) + 1e-14;
  out.second = 1 - std::sqrt(0.5);
  out.second_tolerance = 1e-12;
  Table table{
      "eq13_mass",
      "Mass of Eq. 13 as printed, with exponent r^2/(2 sigma^2) only, and with the d-dimensional normaliser too",
      {"d", "sigma", "printed", "exponent_mended", "both_mended"},
      {}};
  for (const Index d : {1, 2, 3, 8, 32})
    for (const double s : {0.1, 0.8}) {
      table.rows.push_back(
          {double(d), s, mass(d, s, 1, 1, nullptr), mass(d, s, 2, 1, nullptr), mass(d, s, 2, double(d), nullptr)});
      out.control = std::max(out.control, std::abs(table.rows.back().back() - 1));
      ++out.repair_attacks;
    }
  const Interval root = sqrt(fraction(1, 2));
  out.certificate = "exact algebra: the mass in one dimension is sqrt(pi sigma^2)/sqrt(2 pi sigma^2) = 1/sqrt 2, in " +
                    enclosure(root) + " for every sigma";
  out.smallest = replay("score", Points::Zero(1, 1), three_four, Vec::Unit(1, 0),
                        "One data point in one dimension: the printed density has mass 1/sqrt 2 = 0.7071, not 1.");
  out.repair = "exp(-r^2/(2 sigma^2))/(2 pi sigma^2)^(d/2) has mass 1 for one data point in every dimension";
  out.tables.push_back(table);
  return out;
}

Evidence gaussian_exponent(const Context&) {
  Evidence out;
  // Relative error of -sigma grad log of exp(-r^2/(width sigma^2)) against eps, one data point.
  const auto error = [](Index d, Time time, const Vec& x, double width) {
    const Case c{Points::Zero(1, d), time, x};
    const Vec slope = -2 / (width * time.sigma * time.sigma) * differences(c).grad_half_square;
    const Marginal marginal(Target::points(c.y), time);
    const Vec eps = marginal.at(x).epsilon();
    return (-time.sigma * slope - eps).norm() / eps.norm();
  };
  out.value = error(1, three_four, Vec::Unit(1, 0), 1);
  out.uncertainty = 1e-14;
  out.control = 0;
  const Random random(13, 4);
  for (const Index d : {1, 2, 8})
    for (const double sigma : {0.1, 0.6, 0.99}) {
      const Vec x = random.normal(std::uint64_t(out.repair_attacks), 0, d);
      out.control = std::max(out.control, error(d, {std::sqrt(1 - sigma * sigma), sigma}, x, 2));
      ++out.repair_attacks;
    }
  out.second = 1;
  out.second_tolerance = 1e-12;
  out.certificate =
      "exact algebra: grad(r^2/sigma^2) = 2 r u/sigma^2 and eps/sigma = r u/sigma^2, so the slope is twice the score, "
      "whatever "
      "the data point, the dimension and sigma";
  out.smallest = replay(
      "score", Points::Zero(1, 1), three_four, Vec::Unit(1, 0),
      "One data point at 0 on the line, sigma 4/5, x = 1: the printed exponent has slope -25/8, the score is -25/16.");
  out.repair = "exp(-r^2/(2 sigma^2)), whose slope is the score for one data point";
  return out;
}

namespace {

// Total variation between p_t and the normalised exp(-r^2/(2 sigma^2)), in one dimension. Midpoint rule, which for a
// smooth integrand on the whole line converges faster than any power; the kinks of |.| leave an error of the step
// squared.
double shape_distance(const Points& y, Time time, int cells) {
  const Marginal marginal(Target::points(y), time);
  const double low = time.alpha * y.minCoeff() - 10 * time.sigma, high = time.alpha * y.maxCoeff() + 10 * time.sigma;
  const double h = (high - low) / cells;
  std::vector<std::pair<double, double>> values;
  double mass_p = 0, mass_q = 0;
  for (int i = 0; i < cells; ++i) {
    const Local local = marginal.at(Vec::Constant(1, low + (i + 0.5) * h));
    values.emplace_back(std::exp(local.log_density()), std::exp(-0.5 * local.epsilon().squaredNorm()));
    mass_p += values.back().first;
    mass_q += values.back().second;
  }
  double sum = 0;
  for (const auto& [p, q] : values) sum += std::abs(p / mass_p - q / mass_q);
  return sum / 2;
}

}  // namespace

Evidence gaussian_shape(const Context&) {
  Evidence out;
  out.value = shape_distance(two_points(), three_four, 8000);
  out.uncertainty = 4 * std::abs(out.value - shape_distance(two_points(), three_four, 4000));
  out.control = shape_distance(Points::Constant(1, 1, 1.0), three_four, 4000);
  // Quadrature on the pieces between the kinks is not needed to agree at this tolerance.
  const Marginal marginal(Target::points(two_points()), three_four);
  const auto p = [&](double x) { return std::exp(marginal.at(Vec::Constant(1, x)).log_density()); };
  const auto q = [&](double x) { return std::exp(-0.5 * marginal.at(Vec::Constant(1, x)).epsilon().squaredNorm()); };
  const double norm = integral(q, -8, 9, nullptr);
  out.second = 0.5 * integral([&](double x) { return std::abs(p(x) - q(x) / norm); }, -8, 9, nullptr);
  out.second_tolerance = 1e-5;
  // Proportional densities have log-ratios that do not depend on x.
  const Data<Interval> data = two_points_interval();
  const auto log_ratio = [&](const Interval& x) {
    const Interval r = radius(data, {x});
    return Interval(-r * r / (2 * data.sigma * data.sigma) - log_density(data, {x}));
  };
  const Interval change = log_ratio(fraction(3, 10)) - log_ratio(Interval(0));
  if (lower(change) > 0 || upper(change) < 0)
    out.certificate = "interval arithmetic: log of the ratio changes between x = 0 and x = 3/10 by " +
                      enclosure(change) + ", and by 0 if the two were proportional";
  out.smallest = replay(
      "score", two_points(), three_four, Vec::Zero(1),
      fmt::format("Two data points 0 and 1 on the line, alpha 3/5, sigma 4/5: the normalised exp(-r^2/(2 sigma^2)) is "
                  "{:.4f} away from p_t in total variation; with one data point it is p_t.",
                  out.value));
  Table table{"eq13_shape",
              "Total variation between p_t and the normalised exp(-r^2/(2 sigma^2)), points 0 and 1 on the line",
              {"alpha", "sigma", "total_variation"},
              {}};
  for (const double sigma : {0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 0.95, 0.995}) {
    const Time time{std::sqrt(1 - sigma * sigma), sigma};
    table.rows.push_back({time.alpha, sigma, shape_distance(two_points(), time, 4000)});
    out.control = std::max(out.control, shape_distance(Points::Constant(1, 1, 1.0), time, 4000));
    ++out.repair_attacks;
  }
  out.repair = "p_t has the shape exp(-r^2/(2 sigma^2)) for one data point, at every noise level";
  out.tables.push_back(table);
  return out;
}

// ---- Eq. 14
// ----------------------------------------------------------------------------------------------------------

namespace {

struct Slope {
  double against_u;       // ||grad r - u||
  double against_fisher;  // ||grad r - sigma^2 F u||, the repaired statement
  double formula;         // ||sigma^2 F u - u||, from the posterior covariance, no differences
};

Slope slope_of_r(const Case& c) {
  const Differences at = differences(c);
  const Marginal marginal(Target::points(c.y), c.time);
  const Local local = marginal.at(c.x);
  const Vec exact = c.time.sigma * c.time.sigma * local.fisher_times(at.u);
  const double ratio = std::pow(c.time.alpha / c.time.sigma, 2);
  return {(at.grad_r - at.u).norm(), (at.grad_r - exact).norm(), ratio * local.posterior_covariance_times(at.u).norm()};
}

}  // namespace

Evidence gradient_of_r(const Context&) {
  Evidence out;
  const Case smallest{two_points(), three_four, Vec::Zero(1)};
  const Slope s = slope_of_r(smallest);
  out.value = s.against_u;
  out.uncertainty = 1e-14;
  out.control = s.against_fisher;
  out.second = s.formula;
  out.second_tolerance = 1e-12;
  Table table{
      "eq14_gradient",
      "||grad r - u|| (0 if Eq. 14 held; grad r by differences in 100 digits) and the error of grad r = sigma^2 F u",
      {"points", "d", "sigma", "grad_r_minus_u", "grad_r_minus_sigma2Fu"},
      {}};
  for (const Case& c : clouds({1, 2, 5, 12}, {1, 2, 3, 8}, 14)) {
    const Slope k = slope_of_r(c);
    table.rows.push_back({double(c.y.rows()), double(c.y.cols()), c.time.sigma, k.against_u, k.against_fisher});
    out.control = std::max(out.control, k.against_fisher / std::max(1.0, k.against_u));  // grad r may be large
    ++out.repair_attacks;
  }
  // If grad r = u on [-1, 0], where u = -1 throughout, r falls by exactly 1: no formula for a derivative is needed.
  const Data<Interval> data = two_points_interval();
  const Interval fall = radius(data, {Interval(-1)}) - radius(data, {Interval(0)});
  const Interval w =
      likelihood(data, 1, {Interval(0)}) / (likelihood(data, 0, {Interval(0)}) + likelihood(data, 1, {Interval(0)}));
  const Interval along = Interval(1) - fraction(9, 16) * w * (1 - w);
  if (upper(fall) < 1 && upper(along) < 1)
    out.certificate = "interval arithmetic: r(-1) - r(0) lies in " + enclosure(fall) +
                      ", and would be 1 if grad r = u on [-1, 0]; u . grad r at x = 0 lies in " + enclosure(along);
  out.smallest =
      replay("score", smallest.y, smallest.time, smallest.x,
             fmt::format("Two data points 0 and 1 on the line, alpha 3/5, sigma 4/5, x = 0: grad r is {:.4f} u, not u.",
                         1 - s.formula));
  out.repair = "grad r = (I - (alpha^2/sigma^2) C) u = sigma^2 F u; it is u exactly where C u = 0";
  out.tables.push_back(table);
  return out;
}

// ---- Eq. 15-16
// -------------------------------------------------------------------------------------------------------

namespace {

struct Steps {
  Mat half_square;  // Jacobian of (r/sigma) grad r, as Hess r^2/(2 sigma), by second differences
  Mat kept;         // grad r grad r^T/sigma
  Mat dropped;      // r Hess r/sigma
  Mat noise;        // d eps/dx
  Mat exact;        // (u grad r^T + r du/dx)/sigma
};

Steps steps(const Case& c) {
  const Differences at = differences(c);
  const double sigma = c.time.sigma;
  return {at.hess_half_square / sigma, at.grad_r * at.grad_r.transpose() / sigma, at.r * at.hess_r / sigma,
          at.jacobian_noise, (at.u * at.grad_r.transpose() + at.r * at.jacobian_u) / sigma};
}

double relative(const Mat& a, const Mat& b) { return (a - b).norm() / b.norm(); }

}  // namespace

Evidence jacobian_product_rule(const Context&) {
  Evidence out;
  out.value = 0;
  out.control = std::numeric_limits<double>::infinity();
  double second = 0;
  for (const Case& c : clouds({1, 2, 5}, {2, 3, 6}, 15)) {
    const Steps s = steps(c);
    out.value = std::max(out.value, relative(s.kept + s.dropped, s.half_square));
    out.control = std::min(out.control, relative(s.kept, s.half_square));
    // Hess r^2/2 = sigma^4 F^2 - sigma^3 T[eps], T the third derivative of log p_t, from the exact mixture in float64.
    const Marginal marginal(Target::points(c.y), c.time);
    const Local local = marginal.at(c.x);
    const Mat fisher = local.fisher();
    Mat formula = std::pow(c.time.sigma, 3) * fisher * fisher;
    for (Index j = 0; j < c.x.size(); ++j)
      formula.col(j) -= c.time.sigma * c.time.sigma * local.third(Vec::Unit(c.x.size(), j), local.epsilon());
    second = std::max(second, relative(s.kept + s.dropped, formula));
  }
  out.second = second;
  out.second_tolerance = 1e-10;
  return out;
}

Evidence jacobian_identity(const Context&) {
  Evidence out;
  const Case smallest{two_points(), three_four, Vec::Zero(1)};
  const Steps s = steps(smallest);
  out.value = relative(s.kept + s.dropped, s.noise);
  out.uncertainty = 1e-13;
  out.control = relative(s.exact, s.noise);
  // In closed form: d(r grad r)/dx with grad r = sigma^2 F u, through the third derivative of log p_t.
  const Marginal marginal(Target::points(smallest.y), smallest.time);
  const Local local = marginal.at(smallest.x);
  const double sigma = smallest.time.sigma, f = local.fisher()(0, 0), eps = local.epsilon()[0];
  const double third = local.third(Vec::Ones(1), Vec::Ones(1))[0];
  out.second = std::abs(std::pow(sigma, 3) * f * f - sigma * sigma * eps * third - sigma * f) / (sigma * f);
  out.second_tolerance = 1e-10;
  Table table{
      "eq15_steps",
      "d eps/dx of Eq. 15 step by step, relative errors: (grad r grad r^T + r Hess r)/sigma against d eps/dx; the "
      "repaired (u grad r^T + r du/dx)/sigma; and the size of the dropped r Hess r over the kept grad r grad r^T",
      {"points", "d", "sigma", "eq15", "repaired", "dropped_over_kept"},
      {}};
  for (const Case& c : clouds({1, 2, 5}, {1, 2, 3, 8}, 16)) {
    const Steps k = steps(c);
    table.rows.push_back({double(c.y.rows()), double(c.y.cols()), c.time.sigma, relative(k.kept + k.dropped, k.noise),
                          relative(k.exact, k.noise), k.dropped.norm() / k.kept.norm()});
    out.control = std::max(out.control, table.rows.back()[4]);
    ++out.repair_attacks;
  }
  // Both sides are second derivatives, of r^2/(2 sigma) and of -sigma log p_t: if they agreed on [-1, 1], the sum below
  // would be affine there. No derivative is needed.
  const Data<Interval> data = two_points_interval();
  const auto sum = [&](int x) {
    const Interval r = radius(data, {Interval(x)});
    return Interval(r * r / (2 * data.sigma * data.sigma) + log_density(data, {Interval(x)}));
  };
  const Interval bend = sum(-1) - 2 * sum(0) + sum(1);
  if (lower(bend) > 0 || upper(bend) < 0)
    out.certificate =
        "interval arithmetic: r^2/(2 sigma^2) + log p_t would be affine on [-1, 1]; its second difference over "
        "-1, 0, 1 lies in " +
        enclosure(bend);
  out.smallest =
      replay("score", smallest.y, smallest.time, smallest.x,
             fmt::format("Two data points 0 and 1 on the line, alpha 3/5, sigma 4/5, x = 0: (grad r grad r^T + r Hess "
                         "r)/sigma misses d eps/dx by {:.4f} of it.",
                         out.value));
  out.repair = "d eps/dx = (u grad r^T + r du/dx)/sigma = sigma F; Eq. 15 is exact for one data point";
  out.tables.push_back(table);
  return out;
}

Evidence jacobian_dropped_term(const Context&) {
  Evidence out;
  const Case plane = one_point(2);
  const auto ratio = [](const Case& c) {
    const Steps s = steps(c);
    return s.dropped.norm() / s.kept.norm();
  };
  out.value = ratio(plane);
  out.uncertainty = 1e-13;
  out.control = ratio(one_point(1));
  out.second = 1;  // sqrt(d - 1)
  out.second_tolerance = 1e-12;
  out.certificate =
      "exact algebra: for one data point Hess r = (I - u u^T)/r, so r Hess r has norm sqrt(d-1) and grad r grad r^T "
      "norm 1";
  out.smallest = replay(
      "bound", plane.y, plane.time, plane.x,
      "One data point at the origin of the plane, alpha 3/5, sigma 4/5, x = (1, 0): r Hess r = diag(0, 1) is dropped, "
      "as large as the kept diag(1, 0).");
  Table table{"eq15_dropped",
              "||r Hess r|| over ||grad r grad r^T||: what Eq. 16 drops over what it keeps; one data point, where it "
              "is sqrt(d-1)",
              {"d", "ratio", "sqrt_d_minus_1"},
              {}};
  for (const Index d : {1, 2, 3, 4, 8, 16})
    table.rows.push_back({double(d), ratio(one_point(d)), std::sqrt(double(d - 1))});
  // The repair: in one dimension nothing is dropped for one data point; with more data points something is.
  out.repair =
      "for one data point the dropped term is sqrt(d-1) times what is kept: nothing in one dimension, as much in two";
  for (const auto& row : table.rows) {
    if (std::abs(row[1] - row[2]) > 1e-12 * std::max(1.0, row[2])) out.repair.clear();
    ++out.repair_attacks;
  }
  out.tables.push_back(table);
  return out;
}

}  // namespace lml::checks
