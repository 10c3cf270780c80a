// What a folder's scheduler_config.json says: the noise, and what a sampler takes from it.
#include "samplers/torch/scheduler_config.hpp"

#include <fstream>

#include "experiments/errors.hpp"
#include "experiments/sampler_options.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

SchedulerConfig read(const std::string& config) {
  const test::Folder folder;
  return read_scheduler(Reader(read_diffusers_config(folder.write("scheduler_config.json", config))));
}
std::string complaint(const std::string& config) {
  try {
    read(config);
  } catch (const SpecError& e) {
    const std::string what = e.what();
    return what.substr(what.find("config.json: ") + 13);
  }
  return "nothing";
}
// The rest of a configuration of this class.
std::string of(const std::string& name, const std::string& rest) {
  return R"({"_class_name":")" + name + "\"" + (rest.empty() ? "" : ",") + rest + "}";
}
std::string ddpm(const std::string& rest) { return of("DDPMScheduler", rest); }

// As diffusers saves them (tests/parity/networks.py): every key of every class is known, and makes a sampler.
TEST(SchedulerConfig, AllOfDiffusersAreReadAndMakeSamplers) {
  std::ifstream file(std::string(LML_TEST_DATA) + "/schedulers.jsonl");
  std::vector<std::string> names;
  for (std::string line; std::getline(file, line);) {
    const SchedulerConfig c = read(line);
    names.push_back(c.own["name"].get<std::string>());
    Json sampler = c.own;
    sampler.update(c.shared);
    sampler["steps"] = 10;
    const Document spec = parse_document(dump({{"schedule", c.schedule}, {"sampler", sampler}}));
    EXPECT_EQ(read_sampler(Reader(spec).object({"schedule", "sampler", "lml"})).name, names.back()) << line;
  }
  EXPECT_EQ(names, (std::vector<std::string>{"ddpm", "ddim", "pndm", "dpm_solver++", "dpm_solver++", "unipc", "deis",
                                             "euler", "heun", "euler"}));
}

TEST(SchedulerConfig, SaysTheSchedule) {
  EXPECT_EQ(dump(read(ddpm("")).schedule),
            R"({"name":"linear","beta_start":0.0001,"beta_end":0.02,"num_train_timesteps":1000})");
  EXPECT_EQ(dump(read(of("HeunDiscreteScheduler", "")).schedule),
            R"({"name":"linear","beta_start":0.00085,"beta_end":0.012,"num_train_timesteps":1000})");
  EXPECT_EQ(dump(read(ddpm(R"("beta_schedule":"scaled_linear","beta_end":0.5,"num_train_timesteps":7)")).schedule),
            R"({"name":"scaled_linear","beta_start":0.0001,"beta_end":0.5,"num_train_timesteps":7})");
  EXPECT_EQ(dump(read(ddpm(R"("beta_schedule":"squaredcos_cap_v2","num_train_timesteps":9)")).schedule),
            R"({"name":"squaredcos_cap_v2","num_train_timesteps":9})");
  EXPECT_EQ(dump(read(ddpm(R"("trained_betas":[0.1,0.25],"num_train_timesteps":2)")).schedule),
            R"({"name":"trained_betas","betas":[0.1,0.25]})");
}

TEST(SchedulerConfig, SaysWhatGoesWithTheNetworkAndWhatWithItsSampler) {
  const auto both = [](const std::string& config) {
    const SchedulerConfig c = read(config);
    return dump(c.shared) + " " + dump(c.own);
  };
  EXPECT_EQ(
      both(ddpm(R"("clip_sample":true,"variance_type":"fixed_large","timestep_spacing":"trailing")")),
      R"({"prediction_type":"epsilon","timestep_spacing":"trailing"} {"name":"ddpm","variance_type":"fixed_large"})");
  EXPECT_EQ(both(of("DDIMScheduler", R"("prediction_type":"v_prediction","set_alpha_to_one":false,"steps_offset":1)")),
            R"({"prediction_type":"v_prediction","steps_offset":1,"set_alpha_to_one":false} {"name":"ddim"})");
  EXPECT_EQ(both(of("DDIMScheduler", R"("prediction_type":"sample","thresholding":true,"sample_max_value":2.5)")),
            R"({"prediction_type":"sample","thresholding":true,"sample_max_value":2.5} {"name":"ddim"})");
  EXPECT_EQ(both(of("DPMSolverMultistepScheduler",
                    R"("algorithm_type":"sde-dpmsolver++","solver_order":3,"lambda_min_clipped":-Infinity)")),
            R"({"prediction_type":"epsilon"} {"name":"sde-dpm_solver++","solver_order":3})");
  EXPECT_EQ(both(of("UniPCMultistepScheduler", R"("disable_corrector":[0,2],"solver_type":"bh1")")),
            R"({"prediction_type":"epsilon"} {"name":"unipc","solver_type":"bh1","disable_corrector":[0,2]})");
  // Of another scheduler: without meaning, as in diffusers.
  EXPECT_EQ(both(of("PNDMScheduler", R"("skip_prk_steps":true,"clip_sample":false,"solver_order":2)")),
            R"({"prediction_type":"epsilon"} {"name":"pndm","skip_prk_steps":true})");
  EXPECT_EQ(both(of("EulerDiscreteScheduler", R"("use_karras_sigmas":true,"sigma_max":14)")),
            R"({"prediction_type":"epsilon"} {"name":"euler","use_karras_sigmas":true,"sigma_max":14.0})");
  const SchedulerConfig edm = read(of("EDMEulerScheduler", R"("sigma_data":0.25,"rho":5)"));
  EXPECT_EQ(edm.sigma_data, 0.25);
  EXPECT_EQ(dump(edm.schedule), R"({"name":"edm"})");
  EXPECT_EQ(dump(edm.shared), R"({"rho":5.0})");
}

TEST(SchedulerConfig, WhatIsNotImplementedIsRefusedByName) {
  const std::pair<std::string, std::string> cases[] = {
      {"{",
       "/: parse error at line 1, column 2: syntax error while parsing object key - unexpected end of input; "
       "expected string literal"},
      {"{}", "/_class_name: is missing"},
      {of("FlowMatchEulerDiscreteScheduler", ""), "/_class_name: "},
      {ddpm(R"("betas":[0.1])"), "/betas: unknown key"},
      {ddpm(R"("beta_schedule":"sigmoid")"), "/beta_schedule: "},
      {ddpm(R"("beta_start":0)"), "/beta_start: must lie between 0 and 1"},
      {ddpm(R"("beta_end":1)"), "/beta_end: must lie between 0 and 1"},
      {ddpm(R"("beta_end":Infinity)"), "/beta_end: "},
      {ddpm(R"("beta_end":-Infinity)"), "/beta_end: "},
      {ddpm(R"("num_train_timesteps":1e9)"), "/num_train_timesteps: "},
      {ddpm(R"("num_train_timesteps":10.5)"), "/num_train_timesteps: "},
      {ddpm(R"("trained_betas":[0.1,1.5])"), "/trained_betas/1: must lie between 0 and 1, is 1.5"},
      {ddpm(R"("trained_betas":[0.1,0.2],"num_train_timesteps":3)"),
       "/trained_betas: has 2 entries, and num_train_timesteps is 3"},
      {ddpm(R"("variance_type":"learned_range")"), "/variance_type: "},
      {ddpm(R"("prediction_type":"flow_prediction")"), "/prediction_type: "},
      {ddpm(R"("thresholding":1)"), "/thresholding: "},
      {ddpm(R"("rescale_betas_zero_snr":true)"), "/rescale_betas_zero_snr: is not implemented; must be false"},
      {of("DPMSolverMultistepScheduler", R"("variance_type":"learned")"),
       "/variance_type: is not implemented; must be null"},
      {of("DPMSolverMultistepScheduler", R"("lambda_min_clipped":-5.1)"),
       "/lambda_min_clipped: is not implemented; must be -Infinity"},
      {of("DPMSolverMultistepScheduler", R"("use_flow_sigmas":true)"), "/use_flow_sigmas: is not implemented"},
      {of("DPMSolverMultistepScheduler", R"("algorithm_type":"deis")"), "/algorithm_type: "},
      {of("DPMSolverMultistepScheduler", R"("solver_order":4)"), "/solver_order: "},
      {of("UniPCMultistepScheduler", R"("solver_p":{})"), "/solver_p: is not implemented; must be null"},
      {of("UniPCMultistepScheduler", R"("sigma_min":0.1)"), "/sigma_min: is not implemented; must be null"},
      {of("EulerDiscreteScheduler", R"("interpolation_type":"log_linear")"), "/interpolation_type: "},
      {of("EulerDiscreteScheduler", R"("timestep_type":"continuous")"), "/timestep_type: "},
      {of("EDMEulerScheduler", R"("sigma_schedule":"exponential")"), "/sigma_schedule: "},
      {of("EDMEulerScheduler", R"("sigma_data":0)"), "/sigma_data: must be > 0, is 0"},
      {of("EDMEulerScheduler", R"("prediction_type":"v_prediction")"), "/prediction_type: "},
  };
  for (const auto& [config, what] : cases)
    EXPECT_TRUE(complaint(config).starts_with(what)) << config << "\n" << complaint(config);
}

}  // namespace
}  // namespace lml
