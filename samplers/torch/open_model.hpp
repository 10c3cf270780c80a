// Folders of pretrained models: networks in diffusers' layout, and the bias-free CNN's.
#pragma once
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "experiments/json.hpp"
#include "samplers/parameterisation.hpp"
#include "samplers/torch/network.hpp"

namespace lml {

/// How a network is asked at a node (t, alpha, sigma) with x = alpha x_0 + sigma z, and what its answer is.
enum class Asked {
  at_timestep,     // network(x; t), with the schedule it was trained on
  preconditioned,  // Karras et al. 2022, Table 1 (EDM): at any alpha, sigma
  blind,  // network(x/alpha), which is (sigma/alpha) eps (to be trained on data in [0, 1]): at any alpha, sigma
};
struct PretrainedModel {
  std::filesystem::path folder;
  std::unique_ptr<Network> network;
  Asked asked = Asked::at_timestep;
  Parameterisation prediction = Parameterisation::epsilon;  // of at_timestep: epsilon, sample or v
  double sigma_data = 0.5;                                  // of preconditioned
  std::vector<std::int64_t> shape;                          // of a sample: channels, height, width
  double initial_mean = 0;                                  // of the data, which a start is drawn around
  double lowest = -1, highest = 1;                          // the range of its images
  /// What the folder says for a spec that does not. `schedule` is null where it says nothing. `sampler` are keys that
  /// hold for every sampler that has them, `own` those of the folder's own sampler alone, named first by `name`
  /// (scheduler_config.hpp; not clip_sample). Those that place the steps (timestep_spacing, steps_offset, sigma_min
  /// ...) yield to `timesteps`, and `prediction_type` of a spec is to be put into `prediction` too.
  Json schedule, sampler, own;
};

struct ModelChoice {
  std::filesystem::path folder;
  std::optional<std::string> network;  // of a folder that holds several
  at::ScalarType type = at::kFloat;    // float64, float32, bfloat16 or float16
  at::Device device = at::kCPU;
};

/// A folder holds `unet/config.json` or `config.json`, weights beside it, and perhaps model_index.json and
/// scheduler/scheduler_config.json; or it is one of bias-free CNNs: config.json and a file of weights for each network.
/// Weights are checked tensor by tensor, and 4-d ones lie channels-last but in float64.
///
/// Throws NotHere where there is no such folder, BadInput ("/network") where the choice in it is wrong, and SpecError,
/// naming the file, where what it holds is not a model that is known here.
PretrainedModel open_model(const ModelChoice& choice);

/// The same for a stage of a cascade (cascade.hpp), whose network takes an image and its three details, and answers for
/// the details. Throws BadInput ("/network") for any other network.
PretrainedModel open_conditional(const ModelChoice& choice);

}  // namespace lml
