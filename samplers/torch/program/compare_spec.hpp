// What `compare` on a pretrained model is asked: runs of samplers, corrections and numbers of steps, and the finest
// solution that they are measured against.
#pragma once
#include <nlohmann/json.hpp>

#include "experiments/sampler_options.hpp"
#include "samplers/images.hpp"
#include "samplers/torch/model_spec.hpp"
#include "samplers/torch/program/command.hpp"

namespace lml {

/// Where the steps of every sampler lie, in place of its own grid: n steps from `from` to `to`.
struct SharedGrid {
  double from, to;
  std::optional<double> rho;  // t^(1/rho) is uniform; none: t is

  /// A discrete schedule: the n timesteps of the calls. Else: n + 1 times, the end included.
  Json timesteps(Index n, bool discrete) const;
};

/// A run to be made.
struct Entry {
  Json sampler, lml;  // as in the spec; lml is null where there is no correction
  SamplerChoice choice;
  Index steps;
  std::string pointer;
  at::ScalarType solver = at::kDouble;
  /// Noise of the size of this correction's changes in place of a correction.
  std::optional<SamplerChoice> noise_like = {};
};

struct Comparison {
  PretrainedModel model;
  std::vector<Entry> entries;
  std::optional<SharedGrid> grid;
  Index samples = 0, reference_steps = 0;
  Json schedule, reference_sampler;
  bool discrete = true;
  ImageShape shape() const { return {model.shape[0], model.shape[1], model.shape[2]}; }
};

/// Throws SpecError, what is wrong with one combination being named by the spec's pointer.
Comparison read_comparison(const TorchOptions& o, const Document& document);

/// A sampler with a number of steps, on the shared grid if there is one. What is wrong is named by the spec's pointer.
SamplerChoice choose(const Document& spec, const Comparison& q, const std::string& pointer, Json sampler,
                     const std::string& lml_pointer, const Json& lml, Index steps);

}  // namespace lml
