// The wavelet cascade: Haar's coefficients as the published networks were trained on, and details by any stepper.
#include "samplers/torch/cascade.hpp"

#include <c10/core/GradMode.h>

#include <cstdlib>

#include "experiments/sampler_options.hpp"
#include "samplers/torch/bias_free_cnn.hpp"
#include "samplers/torch/network_run.hpp"
#include "samplers/torch/weights.hpp"
#include "tests/experiments/files.hpp"
#include "tests/torch/hashed.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;
using test::hashed;

// pywt.dwt2([[1, 2], [3, 5]], "db1") is 5.5, (-2.5, -1.5, 0.5).
TEST(Haar, IsPyWaveletsOverTwo) {
  const at::Tensor image = at::tensor({1.0, 2.0, 3.0, 5.0}, at::kDouble).view({1, 1, 2, 2});
  const at::Tensor expected = at::tensor({5.5, -2.5, -1.5, 0.5}, at::kDouble).view({1, 4, 1, 1}) / 2;
  EXPECT_TRUE(at::equal(haar(image), expected));
}

TEST(Haar, IsInverted) {
  const at::Tensor x = hashed("x", {2, 1, 6, 10});
  EXPECT_LE((inverse_haar(haar(x)) - x).abs().max().item<double>(), 1e-15);  // sums of four below 1
  const at::Tensor k = hashed("k", {2, 4, 3, 5});
  EXPECT_LE((haar(inverse_haar(k)) - k).abs().max().item<double>(), 1e-15);
}

TEST(Cascade, DetailsAreDrawnOverTheCoarseImageByAnyStepper) {
  const c10::NoGradGuard no_grad;
  const test::Folder folder;
  folder.write("config.json", R"json({"_class_name":"BiasFreeCNN","forward_process":"ve","sigma_max":1,
    "sigma_min":0.01,"initial_mean":0.5,"sample_size":6,"channels":1,"prediction":"residual (sigma * eps)"})json");
  Weights weights = test::hashed_weights(bias_free_shapes({4, 3, 3, 4}));
  write_weights(weights, folder.path() / "scale0.safetensors");
  const at::Tensor coarse = hashed("coarse", {2, 1, 6, 6});
  const PretrainedModel stage = open_stage({folder.path(), "scale0", at::kDouble, at::kCPU}, coarse);
  EXPECT_EQ(stage.shape, (std::vector<std::int64_t>{3, 6, 6}));
  EXPECT_EQ(stage.initial_mean, 0);
  const at::Tensor x = hashed("x", {2, 3, 6, 6});
  const auto alone = make_bias_free({4, 3, 3, 4}, std::move(weights));
  EXPECT_TRUE(at::equal((*stage.network)(x, {}), (*alone)(at::cat({coarse, x}, 1), {})));
  for (const char* sampler :
       {R"({"name":"heun","steps":3,"sigma_max":1,"sigma_min":0.1})", R"({"name":"ddim","timesteps":[1,0.3,0.1,0]})"}) {
    const Document spec = parse_document(std::string(R"({"schedule":{"name":"edm"},"sampler":)") + sampler + "}");
    const SamplerChoice choice = read_sampler(Reader(spec).object({"schedule", "sampler", "lml"}));
    BatchState state = begin_batch(stage, network_starts(stage, choice.sampler.grid.front().from, 1, 2, {7}), {7});
    NetworkSource source(stage);
    finish_batch(choice.sampler, source, {7}, state);
    const at::Tensor image = refined(coarse, state.run.x);
    EXPECT_EQ(image.sizes().vec(), (std::vector<std::int64_t>{2, 1, 12, 12}));
    // What it is averaged to is the coarse image.
    EXPECT_LE((at::avg_pool2d(image, 2) - coarse).abs().max().item<double>(),
              1e-15 * std::max(1.0, image.abs().max().item<double>()));
  }
}

// ---- The published networks.

fs::path data_folder(const char* name) {
  const char* folder = std::getenv("LML_DATA");
  return folder ? fs::path(folder) / name : fs::path();
}

// Grey pictures in [0, 1], [n, 1, 64, 64].
at::Tensor pictures(std::int64_t n) {
  const Weights w = read_weights(data_folder("anime64") / "images_2048.safetensors");
  return w.at("images").slice(0, 0, n).to(at::kFloat).mean(1, true) / 255;
}
double gain(const at::Tensor& noise, const at::Tensor& residual) {
  return 10 * std::log10((noise.square().mean() / (noise - residual).square().mean()).item<double>());
}

// For a posterior mean the residual r = E[noise | y] and what remains of the noise are uncorrelated, so that
// mean r^2 = (1 - 10^(-gain/10)) sigma^2. A network with a ReLU too many answers half as much; these drawings are not
// the faces that it knows, for which a tenth is left.
TEST(Celeba40, ResidualIsTheExpectedNoise) {
  if (!fs::exists(data_folder("celeba40")) || !fs::exists(data_folder("anime64")))
    GTEST_SKIP() << "LML_DATA names no folders celeba40 and anime64";
  const c10::NoGradGuard no_grad;
  const at::Tensor x = at::adaptive_avg_pool2d(pictures(8), {40, 40});
  const PretrainedModel model = open_model({data_folder("celeba40"), "low", at::kFloat, at::kCPU});
  for (const auto& [sigma, least_gain] : {std::pair{1.0, 10.0}, {0.4, 7.0}, {0.1, 3.0}}) {
    const at::Tensor noise = sigma * hashed("noise", {8, 1, 40, 40}).to(at::kFloat) * std::sqrt(3.0);
    const at::Tensor r = (*model.network)(x + noise, {});
    const double won = gain(noise, r), share = (r.square().mean() / noise.square().mean()).item<double>();
    EXPECT_GT(won, least_gain) << sigma;
    EXPECT_NEAR(share, 1 - std::pow(10, -won / 10), 0.1) << sigma << ", gain " << won;
    RecordProperty("gain at " + std::to_string(sigma), std::to_string(won));
  }
}

// Any other order or sign of the details would be another picture to the network: it would take less of the noise away.
// 64 x 64 drawings are not the faces it knows, but edges are edges.
TEST(Celeba40, DetailsAreInTheOrderOfTheStages) {
  if (!fs::exists(data_folder("celeba40")) || !fs::exists(data_folder("anime64")))
    GTEST_SKIP() << "LML_DATA names no folders celeba40 and anime64";
  const c10::NoGradGuard no_grad;
  const at::Tensor k = haar(pictures(8));
  const at::Tensor noise = 0.05 * hashed("noise", {8, 3, 32, 32}).to(at::kFloat) * std::sqrt(3.0);
  const at::Tensor coarse = k.slice(1, 0, 1), right = k.slice(1, 1);
  const std::vector<at::Tensor> d = right.split(1, 1);
  for (const char* name : {"scale1", "scale0"}) {
    const PretrainedModel stage = open_stage({data_folder("celeba40"), name, at::kFloat, at::kCPU}, coarse);
    const auto of = [&](const at::Tensor& details) { return gain(noise, (*stage.network)(details + noise, {})); };
    const double best = of(right);
    for (const at::Tensor& wrong :
         {at::cat({d[1], d[0], d[2]}, 1), at::cat({-d[0], d[1], d[2]}, 1), at::cat({d[0], -d[1], d[2]}, 1), 2 * right})
      EXPECT_GT(best, of(wrong) + 1) << name;
    EXPECT_GT(best, 5) << name;
  }
}

}  // namespace
}  // namespace lml
