// Tensors of LibTorch as states: n samples along the first axis, any axes behind it, any device, float64 or float32.
// Nothing is read back to the host: numbers a sample are tensors [n] on the same device.
#pragma once
#include <ATen/ATen.h>

#include "samplers/state.hpp"

namespace lml {

template <>
struct StateTraits<at::Tensor> {
  using Tensor = at::Tensor;
  using PerSample = at::Tensor;
  using Wide = at::Tensor;

  template <class... Rest>
  static Tensor combine(double c, const Tensor& x, const Rest&... rest) {
    Tensor out = x * c;
    add_to(out, rest...);
    return out;
  }
  static PerSample inner(const Tensor& x, const Tensor& y) { return (x * y).flatten(1).sum(1); }
  static Gram<Wide> gram(const Tensor& q, const Tensor& p) {
    const Tensor a = q.flatten(1).to(at::kDouble), d = p.flatten(1).to(at::kDouble) - a;
    return {(a * a).sum(1), (a * d).sum(1), (d * d).sum(1)};
  }
  static Tensor extrapolate(const Wide& a, const Tensor& q, const Wide& b, const Tensor& p) {
    return along(a, q) * q + along(b, q) * (p - q);
  }
  static Tensor multiply(const PerSample& a, const Tensor& q) { return along(a, q) * q; }
  static Tensor dynamic_threshold(const Tensor& x, double quantile, double most) {
    const Tensor s = along(at::quantile(x.flatten(1).abs(), quantile, 1).clamp(1, most), x);
    return at::minimum(at::maximum(x, -s), s) / s;
  }
  static Tensor clamped(const Tensor& x, double c) { return x.clamp(-c, c); }

 private:
  static void add_to(Tensor&) {}
  template <class... Rest>
  static void add_to(Tensor& out, double c, const Tensor& x, const Rest&... rest) {
    out.add_(x, c);
    add_to(out, rest...);
  }
  // [n] over the axes of q, in its precision.
  static Tensor along(const Tensor& a, const Tensor& q) {
    std::vector<std::int64_t> shape(std::size_t(q.dim()), 1);
    shape[0] = q.size(0);
    return a.to(q.scalar_type()).view(shape);
  }
};

static_assert(State<at::Tensor>);

}  // namespace lml
