#include "samplers/torch/open_model.hpp"

#include "experiments/errors.hpp"
#include "samplers/torch/bias_free_cnn.hpp"
#include "samplers/torch/scheduler_config.hpp"
#include "samplers/torch/unet2d.hpp"
#include "samplers/torch/weights.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

// Before diffusers 0.16 the parts of an attention had other names; they are renamed there in the same way.
Weights renamed(Weights weights, const fs::path& file) {
  static const std::pair<std::string, std::string> parts[] = {
      {".query.", ".to_q."}, {".key.", ".to_k."}, {".value.", ".to_v."}, {".proj_attn.", ".to_out.0."}};
  Weights out;
  for (auto& [name, tensor] : weights) {
    std::string present = name;
    if (name.find(".attentions.") != std::string::npos)
      for (const auto& [old, now] : parts)
        if (const auto at = name.rfind(old); at != std::string::npos) present.replace(at, old.size(), now);
    if (!out.emplace(present, std::move(tensor)).second)
      throw SpecError(file, "", "holds " + present + " under two names");
  }
  return out;
}

Parameterisation prediction_of(const std::string& name) {
  return name == "sample"         ? Parameterisation::sample
         : name == "v_prediction" ? Parameterisation::v
                                  : Parameterisation::epsilon;
}

/// What model_index.json says of a part, or nothing.
void require_plain_pipeline(const fs::path& file) {
  const Document index = read_document(file);
  const Reader root(index);
  if (!index.root->is_object()) root.fail("must be an object");
  for (const auto& [key, value] : index.root->items()) {
    if (key.starts_with("_")) continue;
    const std::string place = child("", key);
    if (value.is_null()) continue;
    if (key != "unet" && key != "scheduler")
      root.fail_below(place, "is a part that no model here has: a pipeline is a unet and a scheduler");
    if (!value.is_array() || value.size() != 2 || !value[1].is_string())
      root.fail_below(place, "must be a library and a class");
    if (key == "unet" && value[1] != "UNet2DModel")
      root.fail_below(place + "/1", "must be UNet2DModel, is " + dump(value[1]));
  }
}

PretrainedModel open_unet(const ModelChoice& choice, const fs::path& folder, const Document& document) {
  const Reader config(document);
  const UNet2dConfig c = read_unet2d(config);
  if (c.in_channels != c.out_channels)
    config.fail_below("/out_channels", "must be in_channels (" + std::to_string(c.in_channels) +
                                           "): a learned variance is not implemented");
  if (c.sample_size == 0) config.fail_below("/sample_size", "is missing");
  PretrainedModel out;
  out.folder = choice.folder;
  out.shape = {c.in_channels, c.sample_size, c.sample_size};
  fs::path scheduler = choice.folder / "scheduler" / "scheduler_config.json";
  if (!fs::exists(scheduler)) scheduler = choice.folder / "scheduler_config.json";
  if (fs::exists(scheduler)) {
    const Document s = read_diffusers_config(scheduler);
    SchedulerConfig noise = read_scheduler(Reader(s));
    out.prediction = prediction_of(noise.prediction_type);
    out.schedule = std::move(noise.schedule);
    out.sampler = std::move(noise.shared);
    out.own = std::move(noise.own);
    if (noise.sigma_data) {
      out.asked = Asked::preconditioned;
      out.sigma_data = *noise.sigma_data;
    }
  }
  WeightFiles files = find_weights(folder);
  files.tensors = renamed(std::move(files.tensors), files.file);
  out.network = make_unet2d(c, fitted(files, unet2d_shapes(c), choice.type, choice.device));
  return out;
}

PretrainedModel open_bias_free(const ModelChoice& choice, const Document& document, bool stage) {
  const Object o = Reader(document).object({"_class_name", "forward_process", "sigma_max", "sigma_min", "initial_mean",
                                            "sample_size", "channels", "prediction", "time_conditioned"});
  o.at("forward_process").one_of({"ve"});
  if (const auto v = o.find("time_conditioned"); v && v->boolean()) v->fail("must be false");
  if (const auto v = o.find("prediction")) v->one_of({"residual (sigma * eps)"});
  const auto positive = [&](const char* key) {
    const double v = o.at(key).number();
    if (!(v > 0)) o.at(key).fail("must be > 0, is " + digits(v));
    return v;
  };
  const double most = positive("sigma_max"), least = positive("sigma_min");
  if (!(least < most)) o.at("sigma_min").fail("must be smaller than sigma_max");
  const Index channels = o.at("channels").integer(1, 1 << 16), side = o.at("sample_size").integer(1, 1 << 16);

  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(choice.folder))
    if (entry.path().extension() == ".safetensors") names.push_back(entry.path().stem());
  std::sort(names.begin(), names.end());
  if (names.empty()) throw SpecError(choice.folder, "", "holds no file of weights (*.safetensors)");
  if (!choice.network && names.size() > 1)
    throw BadInput("/network", "is missing: the model folder holds " + listed(names));
  const std::string name = choice.network ? *choice.network : names[0];
  if (std::find(names.begin(), names.end(), name) == names.end())
    throw BadInput("/network", "the model folder holds no \"" + name + "\", but " + listed(names));

  WeightFiles files;
  files.file = choice.folder / (name + ".safetensors");
  files.tensors = read_weights(files.file);
  const BiasFreeConfig c = guess_bias_free(files.tensors);
  Weights weights = fitted(files, bias_free_shapes(c), choice.type, choice.device);
  if (!stage && (c.in_channels != channels || c.out_channels != channels))
    throw BadInput("/network", "\"" + name + "\" makes " + std::to_string(c.out_channels) + " channels out of " +
                                   std::to_string(c.in_channels) +
                                   ": a stage of a cascade, which makes no image by itself");
  if (stage && (c.in_channels != 4 * channels || c.out_channels != 3 * channels))
    throw BadInput("/network", "\"" + name + "\" is no stage of a cascade");
  PretrainedModel out;
  out.folder = choice.folder;
  out.network = make_bias_free(c, std::move(weights));
  out.asked = Asked::blind;
  out.shape = {channels, side, side};
  const double mean = o.at("initial_mean").number();
  if (!stage) out.initial_mean = mean;  // details have mean 0
  out.lowest = 0;
  out.schedule = {{"name", "edm"}};
  out.sampler = {{"sigma_max", most}, {"sigma_min", least}};
  return out;
}

}  // namespace

namespace {

/// config.json of the folder or of its unet, by whose class the network is known.
struct Part {
  fs::path folder;
  Document config;
  std::string kind;
};

Part open_part(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw NotHere("no model folder " + one_line(folder.string()) +
                  ": download one in diffusers' layout (unet/config.json, its weights, "
                  "scheduler/scheduler_config.json), and give its path as model");
  if (fs::exists(folder / "model_index.json")) require_plain_pipeline(folder / "model_index.json");
  const fs::path part = fs::exists(folder / "unet" / "config.json") ? folder / "unet" : folder;
  if (!fs::exists(part / "config.json"))
    throw SpecError(folder, "", "is no model folder: it holds neither unet/config.json nor config.json");
  Part out{part, read_diffusers_config(part / "config.json"), "UNet2DModel"};
  const Json& root = *out.config.root;
  if (!root.is_object()) Reader(out.config).fail("must be an object");
  if (root.contains("_class_name"))
    out.kind = root["_class_name"].is_string() ? root["_class_name"].get<std::string>() : "";
  if (out.kind != "UNet2DModel" && out.kind != "BiasFreeCNN")
    Reader(out.config).fail_below("/_class_name", "is no network known here: UNet2DModel or BiasFreeCNN");
  return out;
}

}  // namespace

PretrainedModel open_model(const ModelChoice& choice) {
  const Part part = open_part(choice.folder);
  if (part.kind == "BiasFreeCNN") return open_bias_free(choice, part.config, false);
  if (!choice.network) return open_unet(choice, part.folder, part.config);
  const fs::path chosen = choice.folder / *choice.network;
  if (choice.network->find_first_of("/\\") != std::string::npos || !fs::exists(chosen / "config.json"))
    throw BadInput("/network", "the model folder has no network of that name");
  return open_unet(choice, chosen, read_diffusers_config(chosen / "config.json"));
}

PretrainedModel open_conditional(const ModelChoice& choice) {
  const Part part = open_part(choice.folder);
  if (part.kind != "BiasFreeCNN") throw BadInput("/network", "the model folder is no cascade");
  return open_bias_free(choice, part.config, true);
}

}  // namespace lml
