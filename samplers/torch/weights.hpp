// Files of weights: safetensors, as they lie on the disk.
#pragma once
#include <filesystem>

#include "samplers/torch/network.hpp"

namespace lml {

/// Every tensor of a safetensors file, mapped from it (copy on write) in its own precision. Throws SpecError.
Weights read_weights(const std::filesystem::path& file);

struct WeightFiles {
  std::filesystem::path file;  // the one that speaks for all of them
  Weights tensors;
};
/// The weights of a folder in diffusers' layout: diffusers' own file, or the shards that its index names, or the only
/// file of weights there is; safetensors before state dicts (.bin). Throws SpecError.
WeightFiles find_weights(const std::filesystem::path& folder);

/// Exactly the tensors of `shapes`, in that precision and there. Throws SpecError, which names all that are missing, of
/// another shape or unknown.
Weights fitted(const WeightFiles& files, const WeightShapes& shapes, at::ScalarType type, at::Device device);
/// The first few, and how many more.
std::string listed(const std::vector<std::string>& names);

/// The same names, sorted, on the CPU, in one file; written beside and renamed. Throws UsageError.
void write_weights(const Weights& weights, const std::filesystem::path& file);

}  // namespace lml
