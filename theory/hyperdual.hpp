// Hyper-dual numbers (Fike & Alonso 2011): v + a e1 + b e2 + ab e1 e2 with e1^2 = e2^2 = 0 carries a value, two first
// derivatives and the mixed second one through any arithmetic, exactly. Over double, or over intervals.
#pragma once
#include <cmath>

namespace lml {

template <class Real>
struct HyperDual {
  Real v, a = 0, b = 0, ab = 0;
  HyperDual(Real value = 0) : v(value) {}
  HyperDual(Real value, Real da, Real db, Real dab) : v(value), a(da), b(db), ab(dab) {}

  HyperDual& operator+=(const HyperDual& o) {
    v += o.v, a += o.a, b += o.b, ab += o.ab;
    return *this;
  }
  HyperDual& operator-=(const HyperDual& o) {
    v -= o.v, a -= o.a, b -= o.b, ab -= o.ab;
    return *this;
  }
  friend HyperDual operator+(HyperDual x, const HyperDual& y) { return x += y; }
  friend HyperDual operator-(HyperDual x, const HyperDual& y) { return x -= y; }
  friend HyperDual operator-(const HyperDual& x) { return {-x.v, -x.a, -x.b, -x.ab}; }
  friend HyperDual operator*(const HyperDual& x, const HyperDual& y) {
    return {x.v * y.v, x.a * y.v + x.v * y.a, x.b * y.v + x.v * y.b, x.ab * y.v + x.a * y.b + x.b * y.a + x.v * y.ab};
  }
  friend HyperDual operator/(const HyperDual& x, const HyperDual& y) {
    const Real r = Real(1) / y.v, r2 = r * r;
    return x * y.chain(r, -r2, 2 * r2 * r);
  }
  friend HyperDual exp(const HyperDual& x) {
    using std::exp;
    const Real e = exp(x.v);
    return x.chain(e, e, e);
  }
  friend HyperDual sqrt(const HyperDual& x) {
    using std::sqrt;
    const Real r = sqrt(x.v), first = Real(0.5) / r;
    return x.chain(r, first, -first / (2 * x.v));
  }
  /// f of this, from f, f', f'' at v.
  HyperDual chain(const Real& f, const Real& f1, const Real& f2) const {
    return {f, f1 * a, f1 * b, f1 * ab + f2 * a * b};
  }
};

}  // namespace lml
