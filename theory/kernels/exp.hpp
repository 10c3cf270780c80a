// The vectorised exponential of the batch score as a function of its own, for tests and for the benchmark's limit.
#pragma once
#include <cstddef>

namespace lml::kernels {

/// out[i] = e^(x[i]) for x[i] <= 0; n a multiple of 8, both arrays aligned to 64 bytes. See lanes.hpp for its error.
void exp_nonpositive(const double* x, double* out, std::size_t n);

}  // namespace lml::kernels
