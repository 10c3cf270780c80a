// The wavelet cascade of Kadkhodaie, Guth, Mallat, Simoncelli 2023 (arXiv 2303.02984): an image is drawn at the
// coarsest scale; then, scale by scale, the details that double it are drawn by a network that sees the coarse image
// beside them.
//
// With the pixels a b over c d of a square, Haar's coefficients in the scale and order of the published networks
// (PyWavelets' db1, divided by 2, so that a low-pass image keeps the range of its pixels):
//   low (a+b+c+d)/4   horizontal (a+b-c-d)/4   vertical (a-b+c-d)/4   diagonal (a-b-c+d)/4
#pragma once
#include "samplers/torch/open_model.hpp"

namespace lml {

/// [n, 1, 2h, 2w] -> [n, 4, h, w], and back.
at::Tensor haar(const at::Tensor& image);
at::Tensor inverse_haar(const at::Tensor& coefficients);

/// The stage `choice.network` as a model of the three details over `coarse`, [n, 1, h, w]: its samples are [n, 3, h,
/// w], in the same order. Throws as open_model.
PretrainedModel open_stage(const ModelChoice& choice, const at::Tensor& coarse);

/// The image of twice the size whose low-pass is `coarse`.
at::Tensor refined(const at::Tensor& coarse, const at::Tensor& details);

}  // namespace lml
