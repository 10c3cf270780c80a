#include "samplers/torch/features.hpp"

#include <c10/core/GradMode.h>

#include "experiments/errors.hpp"

namespace lml {
namespace {

using at::Tensor;

std::string at_place(const char* name, Index i) { return std::string(name) + "." + std::to_string(i); }

class Named {
 public:
  explicit Named(Weights w) : weights_(std::move(w)) {}
  const Tensor& operator[](const std::string& name) const { return weights_.find(name)->second; }
  const Weights& all() const { return weights_; }

 private:
  Weights weights_;
};

// ---- The residual networks of CIFAR-10

class CifarResNet : public FeatureNetwork {
 public:
  static constexpr Index first = 16;
  CifarResNet(const Weights& w, Index blocks) : w_(folded(w)), blocks_(blocks) {}

  static bool is(const Weights& w) { return w.contains("conv1.weight") && w.contains("linear.weight"); }
  // Of each of the three layers, as far as the names go on without a gap.
  static Index blocks(const Weights& w) {
    Index n = 0;
    while (w.contains(at_place("layer1", n) + ".conv1.weight")) ++n;
    return std::max<Index>(n, 1);
  }
  static WeightShapes shapes(Index blocks) {
    WeightShapes out;
    const auto norm = [&](const std::string& name, Index width) {
      for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) out[name + part] = {width};
    };
    out["conv1.weight"] = {first, 3, 3, 3};
    norm("bn1", first);
    Index width = first;
    for (Index layer = 0; layer < 3; ++layer)
      for (Index i = 0; i < blocks; ++i) {
        const std::string block = at_place(("layer" + std::to_string(layer + 1)).c_str(), i);
        const Index wide = first << layer;
        out[block + ".conv1.weight"] = {wide, width, 3, 3};
        out[block + ".conv2.weight"] = {wide, wide, 3, 3};
        norm(block + ".bn1", wide);
        norm(block + ".bn2", wide);
        width = wide;
      }
    out["linear.weight"] = {10, width};
    out["linear.bias"] = {10};
    return out;
  }

  std::string name() const override { return "ResNet" + std::to_string(6 * blocks_ + 2); }
  Index side() const override { return 32; }
  Index width() const override { return first << 2; }
  at::TensorOptions options() const override { return w_.all().begin()->second.options(); }
  Tensor logits(const Tensor& f) const override { return at::linear(f, w_["linear.weight"], w_["linear.bias"]); }
  Tensor features(const Tensor& images) const override {
    const Tensor mean = at::tensor({0.485, 0.456, 0.406}, at::kDouble).to(images.options()).view({1, 3, 1, 1});
    const Tensor deviation = at::tensor({0.229, 0.224, 0.225}, at::kDouble).to(images.options()).view({1, 3, 1, 1});
    Tensor x = convolution("conv1", (images - mean) / deviation, 1).relu_();
    for (Index layer = 1; layer <= 3; ++layer)
      for (Index i = 0; i < blocks_; ++i) {
        const std::string block = at_place(("layer" + std::to_string(layer)).c_str(), i);
        const Index stride = layer > 1 && i == 0 ? 2 : 1;
        Tensor h = convolution(block + ".conv1", x, stride).relu_();
        h = convolution(block + ".conv2", h, 1);
        if (stride == 2) {
          // Shortcut A: every other pixel, the new channels 0, half of them on each side.
          const Index fresh = (h.size(1) - x.size(1)) / 2;
          x = at::constant_pad_nd(x.slice(2, 0, x.size(2), 2).slice(3, 0, x.size(3), 2), {0, 0, 0, 0, fresh, fresh}, 0);
        }
        x = h.add_(x).relu_();
      }
    return x.mean({2, 3});
  }

 private:
  // Every convolution is followed by a batch norm, a scale and a shift by now.
  static Weights folded(const Weights& w) {
    Weights out{{"linear.weight", w.at("linear.weight")}, {"linear.bias", w.at("linear.bias")}};
    for (const auto& [name, tensor] : w) {
      const std::size_t place = name.find("conv");
      if (place == std::string::npos) continue;
      const std::string conv = name.substr(0, place + 5), norm = name.substr(0, place) + "bn" + name[place + 4];
      const Tensor scale = w.at(norm + ".weight") / (w.at(norm + ".running_var") + 1e-5).sqrt();
      out[conv + ".weight"] = tensor * scale.view({-1, 1, 1, 1});
      out[conv + ".bias"] = w.at(norm + ".bias") - w.at(norm + ".running_mean") * scale;
    }
    return out;
  }
  Tensor convolution(const std::string& name, const Tensor& x, Index stride) const {
    return at::conv2d(x, w_[name + ".weight"], w_[name + ".bias"], stride, 1);
  }
  Named w_;
  Index blocks_;
};

// ---- MobileNetV2

class MobileNetV2 : public FeatureNetwork {
 public:
  struct Block {
    Index expansion, width, stride;
  };
  // Sandler et al. 2018, Table 2.
  static constexpr Block blocks[] = {{1, 16, 1}, {6, 24, 2},  {6, 24, 1},  {6, 32, 2},  {6, 32, 1}, {6, 32, 1},
                                     {6, 64, 2}, {6, 64, 1},  {6, 64, 1},  {6, 64, 1},  {6, 96, 1}, {6, 96, 1},
                                     {6, 96, 1}, {6, 160, 2}, {6, 160, 1}, {6, 160, 1}, {6, 320, 1}};
  static constexpr Index first = 32, last = 1280, classes = 1001;

  explicit MobileNetV2(Weights w) : w_(std::move(w)) {}
  static bool is(const Weights& w) { return w.contains("stem.weight") && w.contains("head.weight"); }
  static WeightShapes shapes() {
    WeightShapes out;
    const auto convolution = [&](const std::string& name, Index wide, Index in, Index side) {
      out[name + ".weight"] = {wide, in, side, side};
      out[name + ".bias"] = {wide};
    };
    convolution("stem", first, 3, 3);
    Index width = first, i = 0;
    for (const Block& b : blocks) {
      const std::string block = at_place("blocks", i++);
      const Index inner = b.expansion * width;
      if (b.expansion > 1) convolution(block + ".expand", inner, width, 1);
      convolution(block + ".depthwise", inner, 1, 3);
      convolution(block + ".project", b.width, inner, 1);
      width = b.width;
    }
    convolution("head", last, width, 1);
    convolution("classifier", classes, last, 1);
    return out;
  }

  std::string name() const override { return "MobileNetV2"; }
  Index side() const override { return 128; }
  Index width() const override { return last; }
  at::TensorOptions options() const override { return w_.all().begin()->second.options(); }
  Tensor logits(const Tensor& f) const override {
    return at::linear(f, w_["classifier.weight"].flatten(1), w_["classifier.bias"]);
  }
  Tensor features(const Tensor& images) const override {
    Tensor x = active(convolution("stem", 2 * images - 1, 2, 1));
    Index i = 0;
    for (const Block& b : blocks) {
      const std::string block = at_place("blocks", i++);
      Tensor h = b.expansion > 1 ? active(convolution(block + ".expand", x, 1, 1)) : x;
      h = active(convolution(block + ".depthwise", h, b.stride, h.size(1)));
      h = convolution(block + ".project", h, 1, 1);
      x = b.stride == 1 && h.size(1) == x.size(1) ? x + h : h;
    }
    return active(convolution("head", x, 1, 1)).mean({2, 3});
  }

 private:
  static Tensor active(Tensor x) { return x.clamp_(0, 6); }
  // TensorFlow's padding SAME: as many outputs as strides begin inside, the odd zero at the bottom and right.
  Tensor convolution(const std::string& name, const Tensor& x, Index stride, Index groups) const {
    const Tensor& weight = w_[name + ".weight"];
    const auto padding = [&](Index n) { return std::max<Index>((n - 1) / stride * stride + weight.size(2) - n, 0); };
    const Index down = padding(x.size(2)), right = padding(x.size(3));
    const Tensor padded =
        down + right == 0 ? x : at::constant_pad_nd(x, {right / 2, right - right / 2, down / 2, down - down / 2}, 0);
    return at::conv2d(padded, weight, w_[name + ".bias"], stride, at::IntArrayRef({0, 0}), 1, groups);
  }
  Named w_;
};

}  // namespace

std::unique_ptr<FeatureNetwork> make_features(const WeightFiles& files, at::ScalarType type, at::Device device) {
  if (CifarResNet::is(files.tensors)) {
    const Index blocks = CifarResNet::blocks(files.tensors);
    return std::make_unique<CifarResNet>(fitted(files, CifarResNet::shapes(blocks), type, device), blocks);
  }
  if (MobileNetV2::is(files.tensors))
    return std::make_unique<MobileNetV2>(fitted(files, MobileNetV2::shapes(), type, device));
  throw SpecError(files.file, "", "is no feature network: it is neither a CIFAR-10 ResNet nor a MobileNetV2");
}

std::unique_ptr<FeatureNetwork> open_features(const std::filesystem::path& path, at::ScalarType type,
                                              at::Device device) {
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) return make_features(find_weights(path), type, device);
  for (const std::filesystem::path& file : {path, std::filesystem::path(path.string() + ".safetensors")})
    if (std::filesystem::exists(file, none)) return make_features({file, read_weights(file)}, type, device);
  throw NotHere("lml: " + one_line(path.string()) +
                ": no feature network is there; it is a safetensors file of ResNet56 or MobileNetV2");
}

Tensor prepared(const FeatureNetwork& network, const Tensor& images) {
  Tensor x = images.to(network.options()).contiguous(at::MemoryFormat::ChannelsLast);
  if (x.size(1) == 1) x = x.expand({-1, 3, -1, -1});
  const Index side = network.side();
  if (x.size(2) == side && x.size(3) == side) return x;
  const bool shrinks = x.size(2) > side || x.size(3) > side;
  return shrinks ? at::_upsample_bilinear2d_aa(x, {side, side}, false)
                 : at::upsample_bilinear2d(x, {side, side}, false);
}

Points features_of(const FeatureNetwork& network, const ImageShape& shape, Index n, Index batch,
                   const std::function<Points(Index, Index)>& images, const std::function<void(double)>& progress) {
  const c10::InferenceMode no_derivatives;
  Points out(n, network.width());
  for (Index i = 0; i < n; i += batch) {
    const Index k = std::min(batch, n - i);
    Points x = images(i, k);
    const Tensor part = at::from_blob(x.data(), {k, shape.channels, shape.height, shape.width}, at::kDouble);
    const Tensor f = network.features(prepared(network, part)).to(at::kCPU, at::kDouble).contiguous();
    if (!f.isfinite().all().item<bool>())
      throw BadInput("", "the features of an image among " + std::to_string(i) + " to " + std::to_string(i + k - 1) +
                             " are not finite");
    out.middleRows(i, k) = Eigen::Map<const Points>(f.const_data_ptr<double>(), k, network.width());
    progress(double(i + k) / double(n));
  }
  return out;
}

}  // namespace lml
