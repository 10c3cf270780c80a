// The most awkward type that is still a State: no default constructor, no copies, sums and multiples that are
// expressions good for one conversion only, no `combine`; numbers of samples that are a type of their own, with no more
// arithmetic than StateTraits asks for. A state that was moved from, or died, answers with an exception.
#pragma once
#include <cmath>
#include <stdexcept>
#include <vector>

#include "samplers/eigen_state.hpp"

namespace lml {

/// One number a sample.
class Numbers {
 public:
  explicit Numbers(std::vector<double> v) : v_(std::move(v)) {}
  double operator[](Index i) const { return v_[std::size_t(i)]; }

  friend Numbers operator+(const Numbers& a, const Numbers& b) {
    return with(a, b, [](double x, double y) { return x + y; });
  }
  friend Numbers operator-(const Numbers& a, const Numbers& b) {
    return with(a, b, [](double x, double y) { return x - y; });
  }
  friend Numbers operator*(const Numbers& a, const Numbers& b) {
    return with(a, b, [](double x, double y) { return x * y; });
  }
  friend Numbers operator/(const Numbers& a, const Numbers& b) {
    return with(a, b, [](double x, double y) { return x / y; });
  }
  friend Numbers operator+(const Numbers& a, double c) {
    return each(a, [c](double x) { return x + c; });
  }
  friend Numbers operator*(const Numbers& a, double c) {
    return each(a, [c](double x) { return x * c; });
  }
  friend Numbers operator*(double c, const Numbers& a) { return a * c; }
  friend Numbers operator/(const Numbers& a, double c) {
    return each(a, [c](double x) { return x / c; });
  }
  friend Numbers operator-(const Numbers& a) {
    return each(a, [](double x) { return -x; });
  }
  friend Numbers sqrt(const Numbers& a) {
    return each(a, [](double x) { return std::sqrt(x); });
  }
  friend Numbers abs(const Numbers& a) {
    return each(a, [](double x) { return std::abs(x); });
  }

 private:
  template <class F>
  static Numbers each(const Numbers& a, const F& f) {
    std::vector<double> out;
    for (double x : a.v_) out.push_back(f(x));
    return Numbers(std::move(out));
  }
  template <class F>
  static Numbers with(const Numbers& a, const Numbers& b, const F& f) {
    std::vector<double> out;
    for (std::size_t i = 0; i < a.v_.size(); ++i) out.push_back(f(a.v_[i], b.v_.at(i)));
    return Numbers(std::move(out));
  }
  std::vector<double> v_;
};

class Archetype {
 public:
  struct Multiple {
    Multiple(double factor, const Archetype& of) : c(factor), x(&of) {}
    Multiple(Multiple&&) = delete;
    double c;
    const Archetype* x;
  };
  struct Sum {
    Sum(const Archetype& first, const Archetype& second) : x(&first), y(&second) {}
    Sum(Sum&&) = delete;
    const Archetype *x, *y;
  };

  explicit Archetype(Points x) : x_(std::move(x)), alive_(true) {}
  explicit Archetype(Multiple&& m) : Archetype(Points(m.c * m.x->values())) {}
  explicit Archetype(Sum&& s) : Archetype(Points(s.x->values() + s.y->values())) {}
  Archetype(const Archetype&) = delete;
  Archetype& operator=(const Archetype&) = delete;
  Archetype(Archetype&& other) noexcept : x_(std::move(other.x_)), alive_(other.alive_) { other.alive_ = false; }
  Archetype& operator=(Archetype&& other) noexcept {
    x_ = std::move(other.x_);
    alive_ = other.alive_;
    other.alive_ = false;
    return *this;
  }
  ~Archetype() { alive_ = false; }

  const Points& values() const {
    if (!alive_) throw std::logic_error("a state was used after it was moved from");
    return x_;
  }

  friend Multiple operator*(double c, const Archetype& x) { return {c, x}; }
  friend Sum operator+(const Archetype& x, const Archetype& y) { return {x, y}; }

 private:
  Points x_;
  bool alive_;
};

template <>
struct StateTraits<Archetype> {
  using PerSample = Numbers;
  using Wide = Numbers;
  using Rows = StateTraits<Points>;

  static Numbers inner(const Archetype& x, const Archetype& y) { return numbers(Rows::inner(x.values(), y.values())); }
  static Gram<Numbers> gram(const Archetype& q, const Archetype& p) {
    const auto g = Rows::gram(q.values(), p.values());
    return {numbers(g.qq), numbers(g.qd), numbers(g.dd)};
  }
  static Archetype extrapolate(const Numbers& a, const Archetype& q, const Numbers& b, const Archetype& p) {
    const Points& x = q.values();
    return Archetype(Rows::extrapolate(array(a, x.rows()), x, array(b, x.rows()), p.values()));
  }
  static Archetype multiply(const Numbers& a, const Archetype& q) {
    return Archetype(Rows::multiply(array(a, q.values().rows()), q.values()));
  }
  static Archetype dynamic_threshold(const Archetype& x, double quantile, double most) {
    return Archetype(Rows::dynamic_threshold(x.values(), quantile, most));
  }
  static Archetype clamped(const Archetype& x, double c) { return Archetype(Rows::clamped(x.values(), c)); }

 private:
  static Numbers numbers(const PerRow<double>& a) {
    std::vector<double> out;
    for (Index i = 0; i < a.size(); ++i) out.push_back(a[i]);
    return Numbers(std::move(out));
  }
  static PerRow<double> array(const Numbers& a, Index n) {
    PerRow<double> out(n);
    for (Index i = 0; i < n; ++i) out[i] = a[i];
    return out;
  }
};

static_assert(State<Archetype>);
static_assert(!std::default_initializable<Archetype> && !std::copy_constructible<Archetype>);

}  // namespace lml
