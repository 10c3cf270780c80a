// The U-net of Ho, Jain, Abbeel 2020 as diffusers' UNet2DModel (0.42) computes it: residual blocks told the noise by a
// sinusoidal embedding, attention in some resolutions, skips from the way down to the way up.
//
// Two keys beyond diffusers': `time_embedding_channels`, the number of sinusoids (diffusers: the first width), and
// `attention_residual`, "input" (diffusers) or "normalized": what attention is added to.
#pragma once
#include <memory>
#include <optional>

#include "experiments/reader.hpp"
#include "samplers/torch/network.hpp"

namespace lml {

/// Defaults are diffusers'.
struct UNet2dConfig {
  Index sample_size = 0;  // height and width of what it was trained on; 0: not said
  Index in_channels = 3, out_channels = 3;
  bool center_input_sample = false;  // 2x - 1 first
  Index time_embedding_channels = 0;
  Index time_embedding_dim = 0;
  double freq_shift = 0;
  bool flip_sin_to_cos = true;
  std::vector<bool> down_attention{false, true, true, true}, up_attention{true, true, true, false};
  bool middle = true, middle_attention = true;
  std::vector<Index> widths{224, 448, 672, 896};
  Index layers = 2;
  double middle_scale = 1;
  Index downsample_padding = 1;         // 0: one row and column of zeros at the bottom and right
  std::optional<Index> head_width = 8;  // of attention; none: one head of full width
  Index groups = 32;
  std::optional<Index> middle_attention_groups;  // none: `groups`, or under scale_shift no norm
  double eps = 1e-5;
  bool scale_shift = false;          // time scales and shifts the second norm; else it is added before
  bool normalized_residual = false;  // attention is added to its normalised input
};

/// Throws SpecError: keys that are unknown, and values that are not implemented or contradict each other.
UNet2dConfig read_unet2d(const Reader& config);
/// The names are diffusers' present ones (to_q, not query).
WeightShapes unet2d_shapes(const UNet2dConfig& config);
/// `weights` must have those names and shapes; precision and device are theirs. They are used where they are.
std::unique_ptr<Network> make_unet2d(const UNet2dConfig& config, Weights weights);

}  // namespace lml
