#include "samplers/exponential.hpp"

#include <gtest/gtest.h>

#include <boost/multiprecision/mpfr.hpp>

namespace lml {
namespace {

using Real =
    boost::multiprecision::number<boost::multiprecision::mpfr_float_backend<100, boost::multiprecision::allocate_stack>,
                                  boost::multiprecision::et_off>;

// The recurrence in 100 digits: it cancels at most z^4/24, so that at |z| >= 1e-12 50 digits are right.
Real exact(int k, double z) {
  Real out = expm1(Real(z)) / z, factorial = 1;
  for (int j = 2; j <= k; ++j) {
    out = (out - 1 / factorial) / z;
    factorial *= j;
  }
  return out;
}

// From |z| = 1 on each step of the recurrence loses at most a factor 5 (phi_3(-1) = 0.132 from 1/2 - 0.368, phi_4(1) =
// 0.0516 from 0.218 - 0.167), so that 2 u grows to 2 u (1 + 2.4 + 2.4 3.3 + ..) < 64 u; the series has only 20 terms.
TEST(Phi, IsRightToAFewRoundingsEverywhere) {
  const double u = 0x1p-53;
  for (int k = 1; k <= 4; ++k)
    for (double size = 1e-12; size < 700; size *= 1.1)
      for (double z : {size, -size})
        EXPECT_LE(abs(Real(phi(k, z)) / exact(k, z) - 1), 64 * u) << "phi_" << k << "(" << z << ")";
}

TEST(Phi, HasItsLimits) {
  const double factorial[] = {1, 1, 2, 6, 24};
  for (int k = 1; k <= 4; ++k) {
    EXPECT_EQ(phi(k, 0), 1 / factorial[k]);
    EXPECT_EQ(phi(k, -HUGE_VAL), 0);
    EXPECT_EQ(phi(k, HUGE_VAL), HUGE_VAL);
  }
}

}  // namespace
}  // namespace lml
