#include "theory/kernels/exp.hpp"

#include "theory/kernels/lanes.hpp"

namespace lml::kernels {

void exp_nonpositive(const double* x, double* out, std::size_t n) {
#pragma GCC unroll 4
  for (int i = 0; i < int(n) / lanes; ++i) exp_nonpositive(at(x, i), at(out, i));
}

}  // namespace lml::kernels
