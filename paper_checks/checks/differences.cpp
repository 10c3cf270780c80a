#include "paper_checks/checks/differences.hpp"

#include <boost/multiprecision/mpfr.hpp>
#include <functional>

#include "paper_checks/checks/data_set.hpp"

namespace lml::checks {
namespace {

namespace mp = boost::multiprecision;
using Real = mp::number<mp::mpfr_float_backend<100, mp::allocate_stack>, mp::et_off>;
using Function = std::function<Real(const Reals<Real>&)>;
using Field = std::function<Reals<Real>(const Reals<Real>&)>;
const char* const step = "1e-28";

Reals<Real> moved(Reals<Real> x, Index i, const Real& h) {
  x[std::size_t(i)] += h;
  return x;
}

Vec gradient(const Function& f, const Reals<Real>& x) {
  const Real h(step);
  Vec out(Index(x.size()));
  for (Index i = 0; i < out.size(); ++i) out[i] = double(Real((f(moved(x, i, h)) - f(moved(x, i, -h))) / (2 * h)));
  return out;
}

Mat hessian(const Function& f, const Reals<Real>& x) {
  const Real h(step);
  const Index d = Index(x.size());
  Mat out(d, d);
  const Real centre = f(x);
  for (Index i = 0; i < d; ++i) {
    out(i, i) = double(Real((f(moved(x, i, h)) - 2 * centre + f(moved(x, i, -h))) / (h * h)));
    for (Index j = 0; j < i; ++j) {
      const Real crossed = f(moved(moved(x, i, h), j, h)) - f(moved(moved(x, i, h), j, -h)) -
                           f(moved(moved(x, i, -h), j, h)) + f(moved(moved(x, i, -h), j, -h));
      out(i, j) = out(j, i) = double(Real(crossed / (4 * h * h)));
    }
  }
  return out;
}

// Jacobian of a vector field: row a, column i holds d f_a / d x_i
Mat jacobian(const Field& f, const Reals<Real>& x) {
  const Real h(step);
  const Index d = Index(x.size());
  Mat out(d, d);
  for (Index i = 0; i < d; ++i) {
    const Reals<Real> up = f(moved(x, i, h)), down = f(moved(x, i, -h));
    for (Index a = 0; a < d; ++a) out(a, i) = double(Real((up[std::size_t(a)] - down[std::size_t(a)]) / (2 * h)));
  }
  return out;
}

Reals<Real> direction(const Data<Real>& data, const Reals<Real>& x) {
  Reals<Real> out = noise(data, x);
  Real q = 0;
  for (const Real& e : out) q += e * e;
  for (Real& e : out) e /= sqrt(q);
  return out;
}

Vec rounded(const Reals<Real>& x) {
  Vec out(Index(x.size()));
  for (Index i = 0; i < out.size(); ++i) out[i] = double(x[std::size_t(i)]);
  return out;
}

}  // namespace

Differences differences(const Case& c) {
  const Data<Real> data = lift<Real>(c.y, c.time);
  const Reals<Real> x = lift<Real>(c.x);
  const Function radius_at = [&](const Reals<Real>& at) { return radius(data, at); };
  const Function half_square = [&](const Reals<Real>& at) {
    const Real r = radius(data, at);
    return Real(r * r / 2);
  };
  return {double(radius(data, x)),
          rounded(direction(data, x)),
          gradient([&](const Reals<Real>& at) { return log_density(data, at); }, x),
          gradient(radius_at, x),
          gradient(half_square, x),
          hessian(radius_at, x),
          hessian(half_square, x),
          jacobian([&](const Reals<Real>& at) { return noise(data, at); }, x),
          jacobian([&](const Reals<Real>& at) { return direction(data, at); }, x)};
}

}  // namespace lml::checks
