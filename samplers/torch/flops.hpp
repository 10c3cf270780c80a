// The floating-point operations of matrix products and convolutions, two a multiply-add, counted as LibTorch runs them.
#pragma once
#include <functional>

namespace lml {

/// Of this thread while `work` runs. Norms, activations and other passes over arrays are not counted: they are bound by
/// memory, not by arithmetic.
double product_flops(const std::function<void()>& work);

}  // namespace lml
