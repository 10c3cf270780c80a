#include "paper_checks/shrink.hpp"

#include <algorithm>
#include <boost/multiprecision/mpfi.hpp>
#include <cmath>
#include <cstdio>
#include <numeric>

namespace lml::checks {
namespace {

using rigorous::PointCase;
using Exact = boost::multiprecision::mpfi_float_50;

// alpha and sigma with alpha^2 + sigma^2 = 1, simplest first
struct Circle {
  Fraction alpha, sigma;
};
std::vector<Circle> pythagorean(long largest) {
  std::vector<Circle> out;
  for (long m = 2; m * m < largest; ++m)
    for (long n = 1 + m % 2; n < m && m * m + n * n <= largest; n += 2) {
      if (std::gcd(m, n) != 1) continue;
      const long a = m * m - n * n, b = 2 * m * n, c = m * m + n * n;
      out.push_back({{a, c}, {b, c}});
      out.push_back({{b, c}, {a, c}});
    }
  std::stable_sort(out.begin(), out.end(), [](const Circle& l, const Circle& r) {
    return l.alpha.denominator != r.alpha.denominator ? l.alpha.denominator < r.alpha.denominator
                                                      : l.alpha.numerator > r.alpha.numerator;
  });
  return out;
}

bool simpler(const Fraction& a, const Fraction& b) {
  if (a.denominator != b.denominator) return a.denominator < b.denominator;
  return std::abs(a.numerator) < std::abs(b.numerator);
}

Fraction reduced(long p, long q) {
  const long g = std::gcd(p, q);
  return g == 0 ? Fraction{0, 1} : Fraction{p / g, q / g};
}

// Close enough to be the same case: 30 bits.
Fraction nearest(double v) {
  if (v == 0) return {};
  const int bits = std::clamp(30 - std::ilogb(v), 0, 60);
  return reduced(std::lround(std::ldexp(v, bits)), 1L << bits);
}

class Simplifier {
 public:
  Simplifier(RationalCase c, const Refutes& refutes) : case_(std::move(c)), refutes_(refutes) {}

  RationalCase run() {
    bool changed = true;
    while (changed) {
      changed = drop_points() | drop_coordinates() | equal_weights() | move_x_to_origin() | scale() | numbers();
    }
    return case_;
  }

 private:
  bool accept(const RationalCase& candidate) {
    if (!refutes_(candidate.rounded())) return false;
    case_ = candidate;
    return true;
  }

  bool drop_points() {
    for (std::size_t k = 0; case_.points.size() > 1 && k < case_.points.size(); ++k) {
      RationalCase c = case_;
      c.points.erase(c.points.begin() + long(k));
      c.weights.erase(c.weights.begin() + long(k));
      if (accept(c)) return true;
    }
    return false;
  }
  bool drop_coordinates() {
    for (std::size_t j = 0; case_.x.size() > 1 && j < case_.x.size(); ++j) {
      RationalCase c = case_;
      c.x.erase(c.x.begin() + long(j));
      for (auto& y : c.points) y.erase(y.begin() + long(j));
      if (accept(c)) return true;
    }
    return false;
  }
  bool equal_weights() {
    RationalCase c = case_;
    bool equal = true;
    for (Fraction& w : c.weights) {
      equal = equal && w.numerator == 1 && w.denominator == 1;
      w = {1, 1};
    }
    return !equal && accept(c);
  }
  // The error depends on x - alpha y_k alone.
  bool move_x_to_origin() {
    RationalCase c = case_;
    bool there = true;
    for (std::size_t j = 0; j < c.x.size(); ++j) {
      if (c.x[j].numerator == 0) continue;
      there = false;
      for (auto& y : c.points) y[j] = nearest(y[j].value() - c.x[j].value() / c.alpha.value());
      c.x[j] = {};
    }
    return !there && accept(c);
  }
  // The largest coordinate to 1, the rest in proportion: once, while the numbers are still arbitrary.
  bool scale() {
    double largest = 0;
    for (const auto& y : case_.points)
      for (const Fraction& v : y) largest = std::max(largest, std::abs(v.value()));
    if (scaled_ || largest == 0) return false;
    scaled_ = true;
    RationalCase c = case_;
    for (auto& y : c.points)
      for (Fraction& v : y) v = nearest(v.value() / largest);
    for (Fraction& v : c.x) v = nearest(v.value() / largest);
    return accept(c);
  }
  bool numbers() {
    bool changed = false;
    for (std::size_t j = 0; j < case_.x.size(); ++j)
      changed |= number([j](RationalCase& c) -> Fraction& { return c.x[j]; });
    for (std::size_t k = 0; k < case_.points.size(); ++k)
      for (std::size_t j = 0; j < case_.x.size(); ++j)
        changed |= number([k, j](RationalCase& c) -> Fraction& { return c.points[k][j]; });
    for (std::size_t k = 0; k < case_.weights.size(); ++k)
      changed |= number([k](RationalCase& c) -> Fraction& { return c.weights[k]; }, 1);
    return changed;
  }
  template <class Place>
  bool number(Place place, long least = std::numeric_limits<long>::min()) {
    const Fraction now = place(case_);
    const double v = now.value();
    for (long q = 1; q <= 2000; q = q < 20 ? q + 1 : q < 100 ? q + 5 : 2 * q) {
      const long p = long(std::floor(v * double(q)));
      std::vector<long> tries{p, p + 1};
      if (q == 1) tries = {0, 1, -1, p, p + 1};
      std::sort(tries.begin(), tries.end(), [](long a, long b) { return std::abs(a) < std::abs(b); });
      for (const long t : tries) {
        if (t < least) continue;
        const Fraction f = reduced(t, q);
        if (!simpler(f, now)) continue;
        RationalCase c = case_;
        place(c) = f;
        if (accept(c)) return true;
      }
    }
    return false;
  }

  RationalCase case_;
  const Refutes& refutes_;
  bool scaled_ = false;
};

// The exact fraction and the double nearest to it lie in one interval, so one proof serves both.
Exact enclosing(const Fraction& f) {
  return boost::multiprecision::hull(Exact(Exact(f.numerator) / Exact(f.denominator)), Exact(f.value()));
}
std::vector<Exact> enclosing(const std::vector<Fraction>& v) {
  std::vector<Exact> out;
  for (const Fraction& f : v) out.push_back(enclosing(f));
  return out;
}
PointCase<Exact> enclosing(const RationalCase& c) {
  PointCase<Exact> out;
  for (const auto& y : c.points) out.points.push_back(enclosing(y));
  out.weights = enclosing(c.weights);
  out.alpha = enclosing(c.alpha);
  out.sigma = enclosing(c.sigma);
  out.x = enclosing(c.x);
  return out;
}

Exact largest(const Exact& a, const Exact& b) {
  using boost::multiprecision::lower;
  using boost::multiprecision::upper;
  return Exact(std::max(lower(a), lower(b)), std::max(upper(a), upper(b)));
}

Interval outward(const Exact& v) {
  const double low = boost::multiprecision::lower(v).convert_to<double>();
  const double high = boost::multiprecision::upper(v).convert_to<double>();
  // An exact 0 stays 0: norms are not negative.
  return {low == 0 ? 0 : std::nextafter(low, -HUGE_VAL), high == 0 ? 0 : std::nextafter(high, HUGE_VAL)};
}

std::string listed(const std::vector<Fraction>& v) {
  std::string out = "(";
  for (std::size_t j = 0; j < v.size(); ++j) out += (j ? ", " : "") + v[j].text();
  return out + ")";
}

std::string listed(const Interval& i) {
  char buffer[80];
  std::snprintf(buffer, sizeof buffer, "[%.15g, %.15g]", i.low, i.high);
  return buffer;
}

}  // namespace

std::string Fraction::text() const {
  return denominator == 1 ? std::to_string(numerator) : std::to_string(numerator) + "/" + std::to_string(denominator);
}

PointCase<double> RationalCase::rounded() const {
  PointCase<double> out;
  for (const auto& y : points) {
    out.points.emplace_back();
    for (const Fraction& v : y) out.points.back().push_back(v.value());
  }
  for (const Fraction& w : weights) out.weights.push_back(w.value());
  out.alpha = alpha.value();
  out.sigma = sigma.value();
  for (const Fraction& v : x) out.x.push_back(v.value());
  return out;
}

std::string RationalCase::text() const {
  std::string out = points.size() == 1 ? "point " : "points ";
  for (std::size_t k = 0; k < points.size(); ++k) out += (k ? ", " : "") + listed(points[k]);
  if (std::any_of(weights.begin(), weights.end(),
                  [](const Fraction& w) { return w.numerator != 1 || w.denominator != 1; }))
    out += " with weights " + listed(weights);
  return out + "; alpha " + alpha.text() + ", sigma " + sigma.text() + "; x = " + listed(x);
}

Counterexample RationalCase::counterexample(std::string sentence) const {
  Counterexample out;
  const PointCase<double> c = rounded();
  out.points.resize(Index(c.size()), Index(c.dim()));
  out.x.resize(Index(c.dim()));
  for (std::size_t j = 0; j < c.dim(); ++j) {
    out.x[Index(j)] = c.x[j];
    for (std::size_t k = 0; k < c.size(); ++k) out.points(Index(k), Index(j)) = c.points[k][j];
  }
  if (std::any_of(c.weights.begin(), c.weights.end(), [&](double w) { return w != c.weights[0]; }))
    out.weights = Eigen::Map<const Vec>(c.weights.data(), Index(c.size()));
  out.time = {c.alpha, c.sigma};
  out.sentence = std::move(sentence);
  return out;
}

std::optional<RationalCase> simplify(const PointCase<double>& start, const Refutes& refutes) {
  for (const Circle& time : pythagorean(10000)) {
    // In units of sigma/alpha and of sigma the geometry of the case stays the same.
    const double stretch = (time.sigma.value() / time.alpha.value()) / (start.sigma / start.alpha);
    RationalCase c;
    c.alpha = time.alpha;
    c.sigma = time.sigma;
    for (const auto& y : start.points) {
      c.points.emplace_back();
      for (double v : y) c.points.back().push_back(nearest(stretch * v));
    }
    for (double v : start.x) c.x.push_back(nearest(v * time.sigma.value() / start.sigma));
    for (double w : start.weights) c.weights.push_back(nearest(w));
    if (refutes(c.rounded())) return Simplifier(c, refutes).run();
  }
  return std::nullopt;
}

std::optional<Shrunk> shrink(const LogRatio& log_ratio, double margin, std::size_t max_d, std::size_t max_size,
                             const Effort& effort, double sigma_low) {
  long attacks = 0;
  const Refutes refutes = [&](const PointCase<double>& c) { return log_ratio(c) > margin; };
  for (std::size_t d = 1; d <= max_d; ++d)
    for (std::size_t size = 1; size <= max_size; ++size) {
      const FoundCase found = attack(log_ratio, {d, size, sigma_low, false}, effort);
      attacks += found.attacks;
      if (!(found.value > margin)) continue;
      if (auto simplest = simplify(found.worst, refutes)) return Shrunk{*simplest, attacks};
    }
  return std::nullopt;
}

std::string Enclosure::text() const {
  return "interval arithmetic (MPFI, 50 digits), valid for the exact fractions and for their doubles: error in " +
         listed(error) + ", bound in " + listed(bound);
}

Enclosure enclose(rigorous::Reading reading, const RationalCase& rational) {
  const PointCase<Exact> c = enclosing(rational);
  const rigorous::Posterior<Exact> p = rigorous::posterior(c);
  const Exact error = rigorous::reading_error(reading, c, p);
  const Exact delta_1 = rigorous::norm(c.x), zero = 0, d2 = rigorous::diameter_squared(c, largest);
  return {outward(error), outward(rigorous::printed_bound(c, delta_1, zero, zero, d2))};
}

Enclosure enclose_learned(const RationalCase& rational, const std::vector<Fraction>& e, Fraction delta_2,
                          Fraction delta_3) {
  const PointCase<Exact> c = enclosing(rational);
  const rigorous::Posterior<Exact> p = rigorous::posterior(c);
  std::vector<Exact> direction = enclosing(e);
  for (std::size_t j = 0; j < direction.size(); ++j) direction[j] += p.eps[j];
  const Exact error = c.sigma * c.sigma * rigorous::fisher_error(c, p, direction);
  const Exact delta_1 = rigorous::norm(c.x), d2 = rigorous::diameter_squared(c, largest);
  return {outward(error), outward(rigorous::printed_bound(c, delta_1, enclosing(delta_2), enclosing(delta_3), d2))};
}

}  // namespace lml::checks
