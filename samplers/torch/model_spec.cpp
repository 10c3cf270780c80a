#include "samplers/torch/model_spec.hpp"

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/sampler_options.hpp"

namespace lml {
namespace {

// They place the steps, so they have no say beside an explicit list of timesteps.
bool places_steps(const std::string& key) {
  static const std::set<std::string> keys{
      "timestep_spacing", "steps_offset", "use_karras_sigmas", "use_lu_lambdas", "sigma_min", "sigma_max", "rho"};
  return keys.contains(key);
}

std::filesystem::path folder_of(const Reader& model) {
  const std::filesystem::path own = std::filesystem::path(LML_MODELS) / model.string();
  if (model.string() == "fashion28") return own;
  const std::filesystem::path folder = model.path();
  std::error_code none;
  if (const char* data = std::getenv("LML_DATA"); data && !std::filesystem::exists(folder, none))
    if (const auto there = std::filesystem::path(data) / model.string(); std::filesystem::exists(there, none))
      return there;
  return folder;
}

bool is_a_level(const std::string& key) { return key == "sigma_min" || key == "sigma_max" || key == "rho"; }

// Options of the multistep solvers that their singlestep variant does not have.
bool is_multisteps_own(const std::string& key) {
  return key == "timestep_spacing" || key == "steps_offset" || key == "euler_at_final" || key == "use_lu_lambdas";
}

}  // namespace

namespace {

ModelChoice choice_of(const Object& spec, at::ScalarType type, const std::string& device) {
  return {folder_of(spec.at("model")), std::nullopt, type, at::Device(device)};
}

PretrainedModel opened(const Object& spec, const ModelChoice& choice) {
  PretrainedModel model = within(spec.reader(), [&] { return open_model(choice); });
  const Json& root = *spec.reader().document().root;
  if (const auto sampler = root.find("sampler"); sampler != root.end() && sampler->is_object())
    if (const auto said = sampler->find("prediction_type"); said != sampler->end() && said->is_string()) {
      if (*said == "epsilon") model.prediction = Parameterisation::epsilon;
      if (*said == "sample") model.prediction = Parameterisation::sample;
      if (*said == "v_prediction") model.prediction = Parameterisation::v;
      if (*said == "velocity" || *said == "flow_prediction") model.prediction = Parameterisation::velocity;
    }
  return model;
}

}  // namespace

PretrainedModel read_model(const Object& spec, at::ScalarType type, const std::string& device) {
  ModelChoice choice = choice_of(spec, type, device);
  if (const auto network = spec.find("network")) choice.network = network->string();
  return opened(spec, choice);
}

Cascade read_cascade(const Object& spec, at::ScalarType type, const std::string& device) {
  const auto network = spec.find("network");
  if (!network || network->is_string()) return {read_model(spec, type, device), {}};
  if (!network->value().is_array()) network->fail("must be the name of a network, or a list of them");
  std::vector<ModelChoice> choices;
  for (const Reader& name : network->items()) {
    choices.push_back(choice_of(spec, type, device));
    choices.back().network = name.string();
  }
  if (choices.empty()) network->fail("must name a network");
  Cascade out{opened(spec, choices[0]), {choices.begin() + 1, choices.end()}};
  for (const ModelChoice& stage : out.stages) within(spec.reader(), [&] { return open_conditional(stage); });
  return out;
}

Document with_the_folders_own(const Document& spec, const PretrainedModel& model) {
  Json root = *spec.root;
  if (!root.contains("schedule") && !model.schedule.is_null()) root["schedule"] = model.schedule;
  if (root.contains("sampler") && root["sampler"].is_object()) {
    Json& sampler = root["sampler"];
    const std::string name =
        sampler.contains("name") && sampler["name"].is_string() ? sampler["name"].get<std::string>() : "";
    const bool placed = sampler.contains("timesteps"), singlestep = sampler.value("variant", Json()) == "singlestep";
    // Karras's levels are those of the folder's own schedule.
    const bool own_levels = root["schedule"] == model.schedule;
    const auto add = [&](const Json& more) {
      for (const auto& [key, value] : more.items())
        if (key != "name" && !sampler.contains(key) && has_option(name, key) && !(placed && places_steps(key)) &&
            !(singlestep && is_multisteps_own(key)) && (own_levels || !is_a_level(key)))
          sampler[key] = value;
    };
    if (model.sampler.is_object()) add(model.sampler);
    if (model.own.is_object() && model.own.value("name", "") == name) add(model.own);
  }
  return {spec.name, spec.folder, std::make_shared<const Json>(std::move(root))};
}

}  // namespace lml
