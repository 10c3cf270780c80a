// Where a spec is silent, the model's folder speaks; where it is not, the folder keeps silent.
#include "samplers/torch/model_spec.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace lml {
namespace {

PretrainedModel folder() {
  PretrainedModel out;
  out.schedule = Json{{"name", "linear"}, {"beta_start", 1e-4}, {"beta_end", 0.02}};
  out.sampler = Json{{"prediction_type", "epsilon"}, {"timestep_spacing", "trailing"}, {"steps_offset", 1}};
  out.own = Json{{"name", "ddim"}, {"set_alpha_to_one", false}};
  return out;
}

Json sampler_of(const char* spec) {
  const Document whole = with_the_folders_own(parse_document(spec), folder());
  return (*whole.root)["sampler"];
}

TEST(ModelSpec, TheFoldersScheduleIsForSpecsWithoutOne) {
  const Document silent = with_the_folders_own(parse_document(R"({"samples":1})"), folder());
  EXPECT_EQ((*silent.root)["schedule"]["name"], "linear");
  const Document own = with_the_folders_own(parse_document(R"({"schedule":{"name":"edm"}})"), folder());
  EXPECT_EQ((*own.root)["schedule"]["name"], "edm");
}

TEST(ModelSpec, OptionsGoToTheSamplersThatHaveThem) {
  const Json ddim = sampler_of(R"({"sampler":{"name":"ddim","steps":5,"steps_offset":0}})");
  EXPECT_EQ(ddim["timestep_spacing"], "trailing");
  EXPECT_EQ(ddim["steps_offset"], 0);
  EXPECT_EQ(ddim["set_alpha_to_one"], false);
  const Json dpm = sampler_of(R"({"sampler":{"name":"dpm_solver","steps":5}})");
  EXPECT_EQ(dpm["timestep_spacing"], "trailing");
  EXPECT_FALSE(dpm.contains("set_alpha_to_one"));  // which is DDIM's in this folder
}

TEST(ModelSpec, WhatPlacesTheStepsYieldsToAListOfThem) {
  const Json ddim = sampler_of(R"({"sampler":{"name":"ddim","timesteps":[9,5]}})");
  EXPECT_FALSE(ddim.contains("timestep_spacing") || ddim.contains("steps_offset"));
  EXPECT_EQ(ddim["prediction_type"], "epsilon");
}

TEST(ModelSpec, TheSinglestepVariantIsGivenNoOptionThatItRefuses) {
  const Json dpm = sampler_of(R"({"sampler":{"name":"dpm_solver","steps":5,"variant":"singlestep"}})");
  EXPECT_FALSE(dpm.contains("timestep_spacing") || dpm.contains("steps_offset"));
}

}  // namespace
}  // namespace lml
