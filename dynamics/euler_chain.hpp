// The Euler-Maruyama chain on the line without simulation:  x' ~ N(x + h a(x), 2 h D(x)),  a the Ito drift. Its
// transition density on a uniform grid is a Markov matrix, because the trapezoidal rule integrates a Gaussian whose
// deviation is s to exp(-2 pi^2 s^2/step^2) (Trefethen and Weideman 2014); its stationary law is found by the
// elimination of Grassmann, Taksar and Heyman (1985), which subtracts nothing.
#pragma once
#include "dynamics/langevin.hpp"

namespace lml {

struct ChainLaw {
  double mean, second_moment;
  double total_variation;  // from the target; its integrand has kinks: error O(step^2)
  double leak;             // probability a step loses at the ends of the grid, on average
  Index cells;
};

/// The unadjusted chain's stationary law; `fineness` = grid step over the least sqrt(2 h D)/max(1, |d(x + h a)/dx|), at
/// most about 0.6. Throws NoStep where D is not positive definite within 14 deviations of a component, BadInput unless
/// d = 1 and ("/step") where more than 6000 cells would be needed, as for a metric that vanishes.
ChainLaw euler_law(const Langevin& law, double h, double fineness);
/// How often the Metropolis-adjusted chain accepts once it has reached p:  int int min(p(x) q(y|x), p(y) q(x|y)) dx dy.
/// Error about 0.01 fineness^2.
double metropolis_acceptance(const Langevin& law, double h, double fineness);

}  // namespace lml
