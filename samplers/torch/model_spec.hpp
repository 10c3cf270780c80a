// The keys of a spec that name a pretrained model, and what its folder says where the spec is silent.
#pragma once
#include "experiments/document.hpp"
#include "experiments/reader.hpp"
#include "samplers/torch/open_model.hpp"

namespace lml {

/// `model` (a folder, here or in $LML_DATA, or the name of this project's own: fashion28), `network` and, for what the
/// network's answers are, `sampler/prediction_type` of a spec. Throws what open_model throws, the pointer put before.
PretrainedModel read_model(const Object& spec, at::ScalarType type, const std::string& device);

/// A model whose images the `stages` refine one after another (cascade.hpp): `network` is a list of names, coarsest
/// first, or one as above. Throws the same.
struct Cascade {
  PretrainedModel model;
  std::vector<ModelChoice> stages;
};
Cascade read_cascade(const Object& spec, at::ScalarType type, const std::string& device);

/// The spec with the folder's schedule and the options of its scheduler file, each where the spec does not say it.
Document with_the_folders_own(const Document& spec, const PretrainedModel& model);

}  // namespace lml
