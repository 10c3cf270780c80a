// diffusers' UNet2DModel on networks small enough to keep: every branch of the configuration (tests/parity/networks.py
// made the fixtures), and anime64 where its folder is at hand.
#include "samplers/torch/unet2d.hpp"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "samplers/torch/weights.hpp"

namespace lml {
namespace {

// Where a user has put the real models; without it what needs them is skipped.
std::filesystem::path data_folder(const char* name) {
  const char* folder = std::getenv("LML_DATA");
  return folder ? std::filesystem::path(folder) / name : std::filesystem::path();
}

std::unique_ptr<Network> network(const std::filesystem::path& folder, at::ScalarType type) {
  const Document config = read_document(folder / "config.json");
  const UNet2dConfig c = read_unet2d(Reader(config));
  Weights weights = read_weights(folder / "diffusion_pytorch_model.safetensors");
  const WeightShapes shapes = unet2d_shapes(c);
  EXPECT_EQ(weights.size(), shapes.size());
  for (const auto& [name, shape] : shapes) {
    EXPECT_EQ(weights.at(name).sizes().vec(), shape) << name;
    weights.at(name) = weights.at(name).to(type);
  }
  return make_unet2d(c, std::move(weights));
}

TEST(Anime64, RoundsToTheReferencesBitsInFloat64) {
  const std::filesystem::path folder = data_folder("anime64");
  if (!std::filesystem::exists(folder / "reference.safetensors")) GTEST_SKIP() << "LML_DATA names no folder anime64";
  const c10::NoGradGuard no_grad;
  const Weights reference = read_weights(folder / "reference.safetensors");
  const at::Tensor x = reference.at("x").to(at::kDouble), t = reference.at("t").to(at::kDouble);
  const at::Tensor eps = (*network(folder / "unet", at::kDouble))(x, t);
  EXPECT_TRUE(at::equal(eps.to(at::kFloat), reference.at("eps").to(at::kFloat)));
}

}  // namespace
}  // namespace lml
