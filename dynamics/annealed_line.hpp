// Laws on the line of the annealed dynamics (annealed.hpp): the SDEs by their time-dependent Fokker-Planck equation,
//
//   d q/d tau = -(b q)' + (g^2/2) e (D q)'',   b = -f x + (g^2/2)(a s + b D s + c D'),
//
// in y = (x - mean p_t)/deviation p_t, by spectral elements in y (Gauss-Lobatto nodes, weak form: mass is kept to
// rounding) and an L-stable diagonally implicit Runge-Kutta method of order 4 in u (Hairer and Wanner 1996, table 6.5);
// the ODEs by flow_map at the same nodes.
#pragma once
#include "dynamics/annealed.hpp"
#include "dynamics/line.hpp"

namespace lml {

/// A law at u_end by its density at quadrature nodes, and the two ends: p_t there.
class LineLaw {
 public:
  const Vec& x() const { return x_; }
  const Vec& weights() const { return w_; }
  const Vec& density() const { return density_; }
  double mass() const { return w_.dot(density_); }
  double mean() const { return w_.dot(density_.cwiseProduct(x_)); }
  double variance() const;
  /// From p_t at the end. chi2 is infinite where the integrand has not died out at the ends.
  Divergences divergences() const;
  /// Half the L1 distance from another law at the same nodes.
  double total_variation(const LineLaw& other) const;

 private:
  friend class AnnealedLine;
  double half_l1(const Vec& difference) const;
  Vec x_, w_, density_, log_p_;
  Index degree_ = 0;
};

struct LineResolution {
  int degree = 10;      // of an element
  double elements = 1;  // a deviation of the narrowest component at the end
  double steps = 16;    // a unit of u
  double reach = 12;    // half width of the domain at least, in deviations of p_t
};

class AnnealedLine {
 public:
  /// Throws BadInput unless d = 1, u_start > u_end. Where the metric must be positive is seen at the nodes only.
  AnnealedLine(AnnealedMetric metric, double u_start, double u_end, LineResolution resolution = {});
  /// Law at the end of an SDE or ODE started from p_T exactly. For an SDE throws BadInput ("/target") where the law
  /// does not fit the domain (density at its ends above 1e-13 of the largest).
  LineLaw law(const Equation& equation) const;
  /// The distribution function at the end of an ODE's law, at places x: that of p_T where their paths start. It owes
  /// nothing to densities or divergences.
  Vec distribution(const Equation& equation, const Vec& x) const;
  /// The distribution function of p_t.
  Vec distribution(double u, const Vec& x) const;

 private:
  Vec fokker_planck(const Equation& equation) const;
  double centre(double u) const;
  double deviation(double u) const;

  AnnealedMetric metric_;
  double u_start_, u_end_, mean_, variance_;  // of p_0
  LineResolution resolution_;
  Vec y_, w_;                 // nodes and weights, in y
  std::vector<double> half_;  // half the width of each element
  Vec reference_weights_;
  Mat derivative_;
};

}  // namespace lml
