// scheduler_config.json of diffusers (0.42): what a folder says of the noise its network was trained on, and how it
// would be sampled.
#pragma once
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/json.hpp"
#include "experiments/reader.hpp"

namespace lml {

struct SchedulerConfig {
  Json schedule;  // as a spec has it
  /// epsilon, sample or v_prediction.
  std::string prediction_type = "epsilon";
  /// Of EDMEulerScheduler, and then there is no prediction_type: the network is preconditioned (Karras et al. 2022,
  /// Table 1).
  std::optional<double> sigma_data;
  /// Keys of a spec's `sampler`. `shared` go with the network whatever the sampler, where that sampler has them (as
  /// diffusers' from_config hands them on); `own` with the folder's sampler alone, whose `name` comes first.
  Json shared, own;
};

/// Throws SpecError: schedulers and keys that diffusers does not have, and values that are not implemented. Keys of
/// another scheduler are without meaning in diffusers too, and left alone once their values are known.
///
/// `clip_sample` is read and not handed on: a spec that does not ask for it runs without (interface of `lml sample`),
/// for clipping would be of some samplers and not of others, and hides what they do.
SchedulerConfig read_scheduler(const Reader& config);

/// A configuration as Python writes it: JSON, in which -Infinity stands bare (here the string). Throws SpecError.
Document read_diffusers_config(const std::filesystem::path& file);

}  // namespace lml
