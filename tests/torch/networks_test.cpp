// Networks beside diffusers' own, in float64: tests/parity/networks.py made the fixtures. Each model is written into a
// folder and opened from there, so that reading is compared too.
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <fstream>
#include <sstream>

#include "experiments/json.hpp"
#include "samplers/torch/bias_free_cnn.hpp"
#include "samplers/torch/open_model.hpp"
#include "samplers/torch/unet2d.hpp"
#include "samplers/torch/weights.hpp"
#include "tests/experiments/files.hpp"
#include "tests/torch/hashed.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

Json fixtures(const char* kind) {
  std::ifstream file(fs::path(LML_TEST_DATA) / "networks.json");
  std::stringstream text;
  text << file.rdbuf();
  return parse_json(text.str(), "networks.json").at(kind);
}

struct Error {
  double largest, scale;
};
Error error(const at::Tensor& got, const Json& fixture) {
  const auto values = fixture.at("output").get<std::vector<double>>();
  const at::Tensor expected = at::tensor(values, at::kDouble);
  if (got.numel() != expected.numel()) return {HUGE_VAL, 1};
  return {(got.to(at::kDouble).flatten() - expected).abs().max().item<double>(), expected.abs().max().item<double>()};
}

// Both sides round each of some tens of layers' sums of at most 100 terms: 1e-10 and 1e-5 are asked of networks of any
// size, and are far above what these can lose (10^4 roundings: 1e-12, 6e-4 of which a random sign leaves 6e-6).
struct Precision {
  at::ScalarType type;
  double relative;
};
constexpr Precision precisions[] = {{at::kDouble, 1e-10}, {at::kFloat, 1e-5}};

// Threads wait longer for each other than networks this small take.
class OneThread {
 public:
  OneThread() { at::set_num_threads(1); }
  ~OneThread() { at::set_num_threads(before_); }

 private:
  int before_ = at::get_num_threads();
};

std::string old_attention_name(std::string name) {
  static const std::pair<std::string, std::string> parts[] = {
      {".to_q.", ".query."}, {".to_k.", ".key."}, {".to_v.", ".value."}, {".to_out.0.", ".proj_attn."}};
  for (const auto& [now, old] : parts)
    if (const auto at = name.find(now); at != std::string::npos) name.replace(at, now.size(), old);
  return name;
}

TEST(Networks, UNet2DModelIsDiffusers) {
  const c10::NoGradGuard no_grad;
  const OneThread alone;
  const Json all = fixtures("unet2d");
  ASSERT_GE(all.size(), 20u);
  for (const Json& fixture : all) {
    const auto name = fixture.at("name").get<std::string>();
    const test::Folder folder;
    folder.write("config.json", dump(fixture.at("config")));
    const Document config = read_document(folder.path() / "config.json");
    WeightShapes shapes;
    for (const auto& [tensor, shape] : unet2d_shapes(read_unet2d(Reader(config))))
      shapes[fixture.at("old_attention_names") == true ? old_attention_name(tensor) : tensor] = shape;
    write_weights(test::hashed_weights(shapes), folder.path() / "diffusion_pytorch_model.safetensors");
    const auto shape = fixture.at("shape").get<std::vector<std::int64_t>>();
    const at::Tensor x = test::hashed("x", shape),
                     t = at::tensor(fixture.at("t").get<std::vector<double>>(), at::kDouble);
    for (const auto& [type, relative] : precisions) {
      const PretrainedModel model = open_model({folder.path(), {}, type, at::kCPU});
      const Error e = error((*model.network)(x.to(type), t), fixture);
      EXPECT_LE(e.largest, relative * e.scale) << name << " in " << type;
      EXPECT_GT(e.scale, 0.1) << name << ": too small to say anything";
    }
  }
}

TEST(Networks, BiasFreeCnnIsTorchs) {
  const c10::NoGradGuard no_grad;
  const OneThread alone;
  for (const Json& fixture : fixtures("bias_free")) {
    const Json& config = fixture.at("config");
    const BiasFreeConfig c{config.at("in_channels"), config.at("out_channels"), config.at("width"),
                           config.at("layers")};
    for (const auto& [type, relative] : precisions) {
      Weights weights = test::hashed_weights(bias_free_shapes(c));
      const BiasFreeConfig guessed = guess_bias_free(weights);
      EXPECT_EQ(bias_free_shapes(guessed), bias_free_shapes(c));
      for (auto& [name, tensor] : weights) tensor = tensor.to(type);
      const at::Tensor x = test::hashed("x", fixture.at("shape").get<std::vector<std::int64_t>>());
      const Error e = error((*make_bias_free(c, std::move(weights)))(x.to(type), at::Tensor()), fixture);
      EXPECT_LE(e.largest, relative * e.scale) << fixture.at("name") << " in " << type;
    }
  }
}

}  // namespace
}  // namespace lml
