// `evaluate` but for the feature network, which is lml-torch's.
#pragma once
#include <functional>
#include <string>

#include "experiments/command.hpp"
#include "experiments/reader.hpp"
#include "samplers/images.hpp"

namespace lml {

struct FeatureMap {
  std::string name;  // "ResNet56"
  /// A row of features a image; `images(i, k)` are k of the n images from the i-th on, [k, C H W] in [0, 1].
  std::function<Points(const ImageShape& shape, Index n, const std::function<Points(Index, Index)>& images,
                       const std::function<void(double)>& progress)>
      features;
};
/// Of the spec's key `features`.
using OpenFeatures = std::function<FeatureMap(const Reader& network)>;

/// Whether a spec asks for a feature network.
bool wants_features(const Document& document);
/// `open` may be empty where wants_features is false.
int evaluate(const Common& common, const Document& document, const OpenFeatures& open);

}  // namespace lml
