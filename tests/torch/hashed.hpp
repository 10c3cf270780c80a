// Numbers that need not be stored: tests/parity/networks.py makes the same ones. Number i of `name` is
// 2 (s >> 11) 2^-53 - 1 in [-1, 1), s the splitmix64 of (64-bit FNV-1a of name) + (i + 1) 0x9E3779B97F4A7C15.
#pragma once
#include <cmath>
#include <string_view>

#include "samplers/torch/network.hpp"

namespace lml::test {

inline at::Tensor hashed(std::string_view name, const std::vector<std::int64_t>& shape) {
  std::uint64_t start = 0xCBF29CE484222325;
  for (const char c : name) start = (start ^ std::uint64_t(static_cast<unsigned char>(c))) * 0x100000001B3;
  at::Tensor out = at::empty(shape, at::kDouble);
  double* p = out.data_ptr<double>();
  for (std::int64_t i = 0; i < out.numel(); ++i) {
    std::uint64_t z = start + std::uint64_t(i + 1) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    p[i] = 2 * (double(z >> 11) * 0x1p-53) - 1;
  }
  return out;
}

/// A tensor of a network: what keeps its activations near 1. Weights of variance 1/(numbers that are summed);
/// factors 1 + u/2, gammas 2 u, biases u/2.
inline at::Tensor hashed_weight(std::string_view name, const std::vector<std::int64_t>& shape) {
  const at::Tensor u = hashed(name, shape);
  if (name.ends_with("gammas")) return 2 * u;
  if (name.ends_with("running_sd") || (name.ends_with("weight") && shape.size() == 1)) return 1 + u / 2;
  if (shape.size() == 1) return u / 2;
  double summed = 1;
  for (std::size_t i = 1; i < shape.size(); ++i) summed *= double(shape[i]);
  return u * std::sqrt(3 / summed);
}

inline Weights hashed_weights(const WeightShapes& shapes) {
  Weights out;
  for (const auto& [name, shape] : shapes) out.emplace(name, hashed_weight(name, shape));
  return out;
}

}  // namespace lml::test
