// Networks on whose features images are compared: CIFAR-10 residual networks of 6 n + 2 layers (He et al. 2016, Sec.
// 4.2, shortcuts A) by the names of akamaster/pytorch_resnet_cifar10, and MobileNetV2 (Sandler et al. 2018) with batch
// norm folded. The features are what their last layer sees: means over all pixels, of width 64 and 1280.
#pragma once
#include <filesystem>
#include <functional>
#include <memory>

#include "samplers/images.hpp"
#include "samplers/torch/weights.hpp"

namespace lml {

class FeatureNetwork {
 public:
  virtual ~FeatureNetwork() = default;
  /// "ResNet56", "MobileNetV2".
  virtual std::string name() const = 0;
  /// Height and width of what it was trained on, or of what published statistics resize to.
  virtual Index side() const = 0;
  virtual Index width() const = 0;
  /// x [n, 3, side, side] in [0, 1], in the network's precision and on its device. [n, width].
  virtual at::Tensor features(const at::Tensor& x) const = 0;
  /// Of features [n, width]: [n, classes].
  virtual at::Tensor logits(const at::Tensor& features) const = 0;
  virtual at::TensorOptions options() const = 0;
};

/// By the names of the tensors. Throws SpecError where it is no such network.
std::unique_ptr<FeatureNetwork> make_features(const WeightFiles& files, at::ScalarType type, at::Device device);
/// `path` is a safetensors file, with or without its extension, or a folder that holds one. Throws NotHere where there
/// is none.
std::unique_ptr<FeatureNetwork> open_features(const std::filesystem::path& path, at::ScalarType type,
                                              at::Device device);

/// Images [n, C, H, W] with C = 1 (taken three times) or 3 in [0, 1], resized bilinearly where they have another size
/// (align_corners false; smoothed where they shrink). A row a image.
at::Tensor prepared(const FeatureNetwork& network, const at::Tensor& images);

/// The features of n images, `batch` at a time: `images(i, k)` are k of them from the i-th on, [k, C H W] in [0, 1].
Points features_of(const FeatureNetwork& network, const ImageShape& shape, Index n, Index batch,
                   const std::function<Points(Index, Index)>& images, const std::function<void(double)>& progress);

}  // namespace lml
