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

TEST(OpenModel, TakesOldNamesOfAttentionButNotBoth) {
  const Model folder;
  Weights w = small_weights();
  const std::string block = "mid_block.attentions.0.";
  w[block + "query.weight"] = w[block + "to_q.weight"];
  folder.weights(w);
  EXPECT_EQ(folder.complaint(),
            "unet/diffusion_pytorch_model.safetensors: /: holds " + block + "to_q.weight under two names");
  w.erase(block + "to_q.weight");
  folder.weights(w);
  EXPECT_EQ(folder.complaint(), "");
}

TEST(OpenModel, EveryKindOfFileGivesTheSameNetwork) {
  Model folder;
  const Weights w = small_weights();
  fs::remove(folder.path() / "unet/diffusion_pytorch_model.safetensors");
  Weights first, second;
  Json map = Json::object();
  for (const auto& [name, tensor] : w) {
    const bool one = name < "mid";
    (one ? first : second).emplace(name, tensor);
    map[name] = one ? "1.safetensors" : "2.safetensors";
  }
  folder.weights(first, "unet/1.safetensors");
  folder.weights(second, "unet/2.safetensors");
  folder.write("unet/diffusion_pytorch_model.safetensors.index.json",
               dump({{"metadata", nullptr}, {"weight_map", map}}));
  const PretrainedModel model = folder.open();
  for (const auto& [name, tensor] : model.network->weights()) EXPECT_TRUE(at::equal(tensor, w.at(name))) << name;
}

TEST(OpenModel, ScaleOfNoiseOfAPreconditionedNetwork) {
  const Model folder;
  folder.write("scheduler/scheduler_config.json", R"({"_class_name":"EDMEulerScheduler","sigma_data":0.3})");
  const PretrainedModel model = folder.open();
  EXPECT_EQ(model.asked, Asked::preconditioned);
  EXPECT_EQ(model.sigma_data, 0.3);
  EXPECT_EQ(dump(model.schedule), R"({"name":"edm"})");
}

TEST(OpenModel, ASchedulerMayBeLeftToTheSpec) {
  const Model folder;
  fs::remove_all(folder.path() / "scheduler");
  EXPECT_TRUE(folder.open().schedule.is_null());
}

TEST(OpenModel, WhatIsNoModelHereIsRefusedByName) {
  const auto said = [](const std::string& file, const std::string& bytes) {
    const Model folder;
    folder.write(file, bytes);
    return folder.complaint();
  };
  const auto config = [&](const std::string& key, const std::string& value) {
    Json c = parse_json(small_unet, "-");
    if (value.empty())
      c.erase(key);
    else
      c[key] = parse_json(value, "-");
    return said("unet/config.json", dump(c));
  };
  const std::string unet = "unet/config.json: ";
  const std::pair<std::string, std::string> cases[] = {
      {said("unet/config.json", "[]"), unet + "/: must be an object"},
      {said("unet/config.json", "{"), unet + "/: parse error"},
      {config("_class_name", R"("UNet2DConditionModel")"),
       unet + "/_class_name: is no network known here: UNet2DModel or BiasFreeCNN"},
      {config("_class_name", "3"), unet + "/_class_name: is no network known here: UNet2DModel or BiasFreeCNN"},
      {config("cross_attention_dim", "768"), unet + "/cross_attention_dim: unknown key"},
      {config("down_block_types", R"(["DownBlock2D","CrossAttnDownBlock2D"])"), unet + "/down_block_types/1: "},
      {config("time_embedding_type", R"("fourier")"), unet + "/time_embedding_type: "},
      {config("num_class_embeds", "10"), unet + "/num_class_embeds: is not implemented; must be null"},
      {config("block_out_channels", "[4,8,8]"),
       unet + "/block_out_channels: has 3 entries, down_block_types has 2, up_block_types has 2"},
      {config("norm_num_groups", "3"), unet + "/norm_num_groups: 4 channels do not split into 3 groups"},
      {config("attention_head_dim", "16"), unet + "/attention_head_dim: is wider than a block of 8 channels"},
      {config("layers_per_block", "1000000"), unet + "/layers_per_block: "},
      {config("sample_size", "7"), unet + "/sample_size: must be a multiple of 2, which the levels halve to 1; is 7"},
      {config("sample_size", ""), unet + "/sample_size: is missing"},
      {config("out_channels", "2"),
       unet + "/out_channels: must be in_channels (1): a learned variance is not implemented"},
      {said("scheduler/scheduler_config.json", R"({"_class_name":"DDPM"})"),
       "scheduler/scheduler_config.json: /_class_name: "},
      {said("model_index.json", R"({"unet":["diffusers","UNet2DConditionModel"]})"),
       "model_index.json: /unet/1: must be UNet2DModel, is \"UNet2DConditionModel\""},
      {said("model_index.json", R"({"vqvae":["diffusers","VQModel"]})"),
       "model_index.json: /vqvae: is a part that no model here has: a pipeline is a unet and a scheduler"},
      {said("model_index.json", R"({"unet":3})"), "model_index.json: /unet: must be a library and a class"},
  };
  for (const auto& [got, what] : cases) EXPECT_TRUE(got.starts_with(what)) << got << "\n" << what;
}

TEST(OpenModel, AFolderThatIsNotThereSaysHowToGetOne) {
  EXPECT_THROW(open_model({"/nowhere/at/all", {}, at::kFloat, at::kCPU}), NotHere);
  const test::Folder empty;
  EXPECT_THROW(open_model({empty.path(), {}, at::kFloat, at::kCPU}), SpecError);
}

TEST(OpenModel, ChoosesAmongBiasFreeNetworks) {
  const test::Folder folder;
  folder.write("config.json", R"json({"_class_name":"BiasFreeCNN","forward_process":"ve","sigma_max":1,
    "sigma_min":0.01,"initial_mean":0.5,"sample_size":6,"channels":1,"prediction":"residual (sigma * eps)",
    "time_conditioned":false})json");
  write_weights(test::hashed_weights(bias_free_shapes({1, 1, 3, 4})), folder.path() / "low.safetensors");
  write_weights(test::hashed_weights(bias_free_shapes({4, 3, 3, 4})), folder.path() / "scale0.safetensors");
  const auto with = [&](const std::optional<std::string>& name) {
    try {
      return dump(open_model({folder.path(), name, at::kFloat, at::kCPU}).shape);
    } catch (const BadInput& e) {
      return e.pointer() + ": " + e.what();
    }
  };
  EXPECT_EQ(with("low"), "[1,6,6]");
  EXPECT_EQ(with({}), "/network: is missing: the model folder holds low, scale0");
  EXPECT_EQ(with("high"), "/network: the model folder holds no \"high\", but low, scale0");
  EXPECT_EQ(with("scale0"),
            "/network: \"scale0\" makes 3 channels out of 4: a stage of a cascade, which makes no image by itself");
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
