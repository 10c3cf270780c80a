// Folders of pretrained models: what is read out of them, and how what is wrong with them is named.
#include "samplers/torch/open_model.hpp"

#include <c10/core/GradMode.h>

#include "experiments/errors.hpp"
#include "samplers/torch/bias_free_cnn.hpp"
#include "samplers/torch/unet2d.hpp"
#include "samplers/torch/weights.hpp"
#include "tests/experiments/files.hpp"
#include "tests/torch/hashed.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;
using test::hashed;

const char* const small_unet =
    R"({"_class_name":"UNet2DModel","sample_size":8,"in_channels":1,"out_channels":1,"block_out_channels":[4,8],
        "down_block_types":["DownBlock2D","AttnDownBlock2D"],"up_block_types":["AttnUpBlock2D","UpBlock2D"],
        "layers_per_block":1,"norm_num_groups":2,"attention_head_dim":4})";

Weights small_weights() { return test::hashed_weights(unet2d_shapes(read_unet2d(Reader(parse_document(small_unet))))); }

/// A model folder that is right, but for what a test does to it.
class Model {
 public:
  Model() {
    fs::create_directories(path() / "unet");
    fs::create_directories(path() / "scheduler");
    write("unet/config.json", small_unet);
    write("scheduler/scheduler_config.json", R"({"_class_name":"DDPMScheduler"})");
    weights(small_weights());
  }
  const fs::path& path() const { return folder_.path(); }
  void write(const std::string& name, const std::string& bytes) const { folder_.write(name, bytes); }
  void weights(const Weights& w, const std::string& name = "unet/diffusion_pytorch_model.safetensors") const {
    write_weights(w, path() / name);
  }
  PretrainedModel open(at::ScalarType type = at::kDouble) const { return open_model({path(), {}, type, at::kCPU}); }
  /// What open() says, the folder's path left out.
  std::string complaint() const {
    try {
      open();
    } catch (const SpecError& e) {
      std::string what = e.what();
      if (const auto at = what.find(path().string()); at == 0) what.erase(0, path().string().size() + 1);
      return what;
    }
    return "";
  }

 private:
  test::Folder folder_;
};

TEST(OpenModel, TakesAllFromTheFolder) {
  const c10::NoGradGuard no_grad;
  const Model folder;
  const PretrainedModel model = folder.open();
  EXPECT_EQ(model.asked, Asked::at_timestep);
  EXPECT_EQ(model.shape, (std::vector<std::int64_t>{1, 8, 8}));
  EXPECT_EQ(dump(model.schedule),
            R"({"name":"linear","beta_start":0.0001,"beta_end":0.02,"num_train_timesteps":1000})");
  EXPECT_EQ(dump(model.own), R"({"name":"ddpm"})");
  const at::Tensor x = hashed("x", {2, 1, 8, 8}), t = at::full({2}, 7.0, at::kDouble);
  const auto direct = make_unet2d(read_unet2d(Reader(parse_document(small_unet))), small_weights());
  EXPECT_TRUE(at::equal((*model.network)(x, t), (*direct)(x, t)));
}

TEST(OpenModel, ConvertsWeightsAndLaysThemChannelsLast) {
  const Model folder;
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16, at::kHalf}) {
    const PretrainedModel model = folder.open(type);
    const at::Tensor& w = model.network->weights().at("conv_in.weight");
    EXPECT_EQ(w.scalar_type(), type);
    const at::Tensor& inner = model.network->weights().at("down_blocks.0.resnets.0.conv1.weight");
    EXPECT_EQ(inner.is_contiguous(at::MemoryFormat::ChannelsLast), type != at::kDouble);
  }
}

TEST(OpenModel, NamesAllThatIsWrongWithTheTensorsAtOnce) {
  const Model folder;
  Weights w = small_weights();
  w.erase("conv_in.bias");
  w.erase("mid_block.resnets.0.norm1.weight");
  w.emplace("class_embedding.weight", at::zeros({3}));
  w["conv_out.bias"] = at::zeros({2});
  w["conv_norm_out.bias"] = at::zeros({4}, at::kLong);
  folder.weights(w);
  EXPECT_EQ(
      folder.complaint(),
      "unet/diffusion_pytorch_model.safetensors: /: missing tensors: conv_in.bias, "
      "mid_block.resnets.0.norm1.weight; tensors that the network does not have: class_embedding.weight; "
      "tensors of another shape or kind: conv_norm_out.bias is of integers, conv_out.bias is [2] and must be [1]");
  folder.weights({{"x", at::zeros({1})}});
  EXPECT_NE(folder.complaint().find(" more; "), std::string::npos) << folder.complaint();
}

// Where a user has put the real models; without it what needs them is skipped.
fs::path data_folder(const char* name) {
  const char* folder = std::getenv("LML_DATA");
  return folder ? fs::path(folder) / name : fs::path();
}

TEST(Anime64, FolderSaysItsSchedule) {
  const fs::path folder = data_folder("anime64");
  if (!fs::exists(folder / "unet")) GTEST_SKIP() << "LML_DATA names no folder anime64";
  const PretrainedModel model = open_model({folder, {}, at::kFloat, at::kCPU});
  EXPECT_EQ(model.shape, (std::vector<std::int64_t>{3, 64, 64}));
  EXPECT_EQ(model.schedule["name"], "trained_betas");
  EXPECT_EQ(model.schedule["betas"].size(), 300u);
  EXPECT_EQ(dump(model.sampler), R"({"prediction_type":"epsilon"})");
}

TEST(Celeba40, FolderHoldsSeveralNetworks) {
  const fs::path folder = data_folder("celeba40");
  if (!fs::exists(folder)) GTEST_SKIP() << "LML_DATA names no folder celeba40";
  const PretrainedModel model = open_model({folder, "low", at::kFloat, at::kCPU});
  EXPECT_EQ(model.asked, Asked::blind);
  EXPECT_EQ(model.shape, (std::vector<std::int64_t>{1, 40, 40}));
  EXPECT_EQ(model.initial_mean, 0.5);
  EXPECT_EQ(dump(model.schedule), R"({"name":"edm"})");
  EXPECT_EQ(dump(model.sampler), R"({"sigma_max":1.0,"sigma_min":0.01})");
  const auto refused = [&](const ModelChoice& choice) {
    try {
      open_model(choice);
      return std::string();
    } catch (const BadInput& e) {
      return e.pointer() + ": " + e.what();
    }
  };
  EXPECT_EQ(refused({folder, {}, at::kFloat, at::kCPU}),
            "/network: is missing: the model folder holds low, scale0, scale1");
  EXPECT_EQ(refused({folder, "high", at::kFloat, at::kCPU}),
            "/network: the model folder holds no \"high\", but low, scale0, scale1");
  EXPECT_EQ(refused({folder, "scale1", at::kFloat, at::kCPU}),
            "/network: \"scale1\" makes 3 channels out of 4: a stage of a cascade, which makes no image by itself");
}

}  // namespace
}  // namespace lml
