// The feature networks against a few lines of torch (tests/parity/features.py made the fixture), and on the real
// weights where they are at hand.
#include "samplers/torch/features.hpp"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "experiments/arrays.hpp"
#include "experiments/errors.hpp"
#include "tests/torch/hashed.hpp"

namespace lml {
namespace {

// Written out a second time: what a file must hold is part of what is tested.
WeightShapes resnet_shapes(std::int64_t blocks) {
  WeightShapes out{{"conv1.weight", {16, 3, 3, 3}}, {"linear.weight", {10, 64}}, {"linear.bias", {10}}};
  std::map<std::string, std::int64_t> norms{{"bn1", 16}};
  std::int64_t width = 16;
  for (int layer = 1; layer <= 3; ++layer)
    for (std::int64_t i = 0; i < blocks; ++i) {
      const std::string block = "layer" + std::to_string(layer) + "." + std::to_string(i);
      const std::int64_t wide = 8 << layer;
      out[block + ".conv1.weight"] = {wide, width, 3, 3};
      out[block + ".conv2.weight"] = {wide, wide, 3, 3};
      norms[block + ".bn1"] = norms[block + ".bn2"] = width = wide;
    }
  for (const auto& [name, wide] : norms)
    for (const char* part : {".weight", ".bias", ".running_mean", ".running_var"}) out[name + part] = {wide};
  return out;
}

WeightShapes mobilenet_shapes() {
  WeightShapes out;
  const auto add = [&](const std::string& name, std::int64_t wide, std::int64_t in, std::int64_t side) {
    out[name + ".weight"] = {wide, in, side, side};
    out[name + ".bias"] = {wide};
  };
  const std::int64_t widths[] = {16, 24, 24, 32, 32, 32, 64, 64, 64, 64, 96, 96, 96, 160, 160, 160, 320};
  std::int64_t width = 32, i = 0;
  add("stem", width, 3, 3);
  for (const std::int64_t wide : widths) {
    const std::string block = "blocks." + std::to_string(i);
    const std::int64_t inner = i == 0 ? width : 6 * width;
    if (i++ > 0) add(block + ".expand", inner, width, 1);
    add(block + ".depthwise", inner, 1, 3);
    add(block + ".project", wide, inner, 1);
    width = wide;
  }
  add("head", 1280, width, 1);
  add("classifier", 1001, 1280, 1);
  return out;
}

// As features.py has them: a convolution's variance is 2 over its inputs.
WeightFiles hashed_weights(const WeightShapes& shapes) {
  WeightFiles out{"weights", {}};
  for (const auto& [name, shape] : shapes) {
    const at::Tensor u = test::hashed(name, shape);
    out.tensors[name] = shape.size() > 1 ? u * std::sqrt(6.0 / double(u.numel() / u.size(0)))
                        : name.ends_with("running_var") || name.ends_with(".weight") ? 1 + u / 2
                                                                                     : u / 2;
  }
  return out;
}

at::Tensor hashed_images(const std::vector<std::int64_t>& shape) { return (test::hashed("images", shape) + 1) / 2; }

std::unique_ptr<FeatureNetwork> hashed_network(const std::string& name) {
  return make_features(hashed_weights(name == "MobileNetV2" ? mobilenet_shapes() : resnet_shapes(2)), at::kDouble,
                       at::kCPU);
}

// The worst difference as a share of the largest number.
double error(const at::Tensor& got, const nlohmann::json& wanted, std::int64_t stride) {
  double worst = 0, largest = 0;
  for (std::int64_t i = 0; i < got.size(0); ++i)
    for (std::size_t k = 0; k < wanted[std::size_t(i)].size(); ++k) {
      const double w = wanted[std::size_t(i)][k].get<double>();
      worst = std::max(worst, std::abs(got[i][std::int64_t(k) * stride].item<double>() - w));
      largest = std::max(largest, std::abs(w));
    }
  return worst / largest;
}

// Two orders of summation of up to 960 products a layer, 53 layers: each adds up to some 1e-14 of its largest number;
// 1e-12 together, 100 times less than the number to reach.
TEST(Features, AreThoseOfAFewLinesOfTorch) {
  const c10::NoGradGuard no_grad;
  std::ifstream file(LML_TEST_DATA "/features.json");
  const nlohmann::json fixture = nlohmann::json::parse(file);
  ASSERT_EQ(fixture["cases"].size(), 4u);
  for (const auto& c : fixture["cases"]) {
    const std::string name = c["network"];
    const std::vector<std::int64_t> shape = c["shape"];
    SCOPED_TRACE(name + c["shape"].dump());
    const auto network = hashed_network(name);
    EXPECT_EQ(network->name(), name);
    const at::Tensor f = network->features(prepared(*network, hashed_images(shape)));
    ASSERT_EQ(f.sizes(), at::IntArrayRef({shape[0], network->width()}));
    const std::int64_t stride = name == "MobileNetV2" ? 20 : 1;
    EXPECT_LE(error(f, c["features"], stride), 1e-12);
    EXPECT_LE(error(network->logits(f), c["logits"], stride), 1e-12);
  }
}

TEST(Features, BatchesDoNotMix) {
  const auto network = hashed_network("ResNet14");
  const at::Tensor x = hashed_images({5, 3, 32, 32});
  const auto rows = [&](Index i, Index k) -> Points {
    return Eigen::Map<const Points>(x.const_data_ptr<double>() + i * 3072, k, 3072);
  };
  const auto by = [&](Index batch) { return features_of(*network, {3, 32, 32}, 5, batch, rows, [](double) {}); };
  const Points one = by(1), two = by(2), all = by(5);
  // Another order of summation, as above.
  EXPECT_LE((one - all).cwiseAbs().maxCoeff(), 1e-12 * all.cwiseAbs().maxCoeff());
  EXPECT_LE((two - all).cwiseAbs().maxCoeff(), 1e-12 * all.cwiseAbs().maxCoeff());
  EXPECT_GT((all.row(0) - all.row(1)).cwiseAbs().maxCoeff(), 0.01);
}

std::string refusal(const WeightFiles& files) {
  try {
    make_features(files, at::kFloat, at::kCPU);
    return "accepted";
  } catch (const SpecError& e) {
    return e.what();
  }
}

TEST(Features, EveryWrongTensorIsNamedAtOnce) {
  WeightFiles files = hashed_weights(resnet_shapes(2));
  EXPECT_EQ(refusal(files), "accepted");
  files.tensors.erase("bn1.bias");
  files.tensors["linear.bias"] = at::zeros({100}, at::kDouble);
  files.tensors["layer4.0.conv1.weight"] = at::zeros({1}, at::kDouble);
  EXPECT_EQ(refusal(files),
            "weights: /: missing tensors: bn1.bias; tensors that the network does not have: layer4.0.conv1.weight; "
            "tensors of another shape or kind: linear.bias is [100] and must be [10]");
  WeightFiles mobile = hashed_weights(mobilenet_shapes());
  mobile.tensors.erase("blocks.16.project.bias");
  EXPECT_EQ(refusal(mobile), "weights: /: missing tensors: blocks.16.project.bias");
  EXPECT_EQ(refusal({"weights", {{"x", at::zeros({1})}}}),
            "weights: /: is no feature network: it is neither a CIFAR-10 ResNet nor a MobileNetV2");
}

TEST(Features, AFolderWithoutANetworkIsNotHere) {
  EXPECT_THROW(open_features("/no/such/folder", at::kFloat, at::kCPU), NotHere);
}

// 93.4% of the whole test set (10,000 images, lml-torch evaluate shows it); of the first 256 at least 219, which a
// network of that accuracy misses with a chance of 3e-6. Untrained: 26.
TEST(ResNet56, KnowsCifar10) {
  const char* folder = std::getenv("LML_DATA");
  const std::filesystem::path data = folder ? folder : "";
  const auto weights = data / "features/resnet56_cifar10.safetensors", batch = data / "cifar10/test_batch.bin";
  if (!std::filesystem::exists(weights) || !std::filesystem::exists(batch))
    GTEST_SKIP() << "LML_DATA names no folder with features/resnet56_cifar10 and cifar10/";
  const auto network = open_features(weights, at::kFloat, at::kCPU);
  EXPECT_EQ(network->name(), "ResNet56");
  constexpr Index n = 256;
  std::string records(std::size_t(n * 3073), '\0');
  std::ifstream(batch, std::ios::binary).read(records.data(), std::streamsize(records.size()));
  const Points x = read_array(batch, {{{0, 1}}, n});
  const Points f = features_of(
      *network, {3, 32, 32}, n, 64, [&](Index i, Index k) { return x.middleRows(i, k); }, [](double) {});
  const at::Tensor features = at::from_blob(const_cast<double*>(f.data()), {n, f.cols()}, at::kDouble);
  const at::Tensor classes = network->logits(features.to(at::kFloat)).argmax(1);
  int right = 0;
  for (Index i = 0; i < n; ++i) right += classes[i].item<std::int64_t>() == records[std::size_t(i * 3073)];
  EXPECT_GE(right, 219);
}

}  // namespace
}  // namespace lml
