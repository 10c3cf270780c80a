// Options of DDPM, DPM-Solver's variants, Euler, Heun and Langevin-Gibbs: what they mean, and what is refused.
#include "experiments/sampler_options.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"

namespace lml {
namespace {

const std::string scaled = R"({"name":"scaled_linear","beta_start":0.00085,"beta_end":0.012})";
const std::string edm = R"({"name":"edm"})", vp = R"({"name":"vp_sde"})", flow = R"({"name":"rectified_flow"})";

Sampler read(const std::string& sampler, const std::string& schedule = scaled, const std::string& lml = "") {
  const Document document = parse_document("{\"schedule\":" + schedule + ",\"sampler\":" + sampler +
                                           (lml.empty() ? "" : ",\"lml\":" + lml) + "}");
  return read_sampler(Reader(document).object({"schedule", "sampler", "lml"})).sampler;
}

std::string refusal(const std::string& sampler, const std::string& schedule = scaled, const std::string& lml = "") {
  try {
    read(sampler, schedule, lml);
  } catch (const SpecError& e) {
    return e.what();
  }
  return "accepted";
}

void expect_refusal(const std::string& what, const std::string& sampler, const std::string& schedule = scaled) {
  EXPECT_NE(refusal(sampler, schedule).find(what), std::string::npos) << sampler << ": " << refusal(sampler, schedule);
}

TEST(SamplerOptions, OfTheWrongMethodAreRefused) {
  expect_refusal("/sampler/eta: unknown key", R"({"name":"ddpm","steps":5,"eta":1})");
  expect_refusal("/sampler/variance_type: is not known", R"({"name":"ddpm","steps":5,"variance_type":"learned"})");
  expect_refusal("/sampler/final_sigmas_type: unknown key", R"({"name":"heun","steps":5,"final_sigmas_type":"zero"})");
  expect_refusal("/sampler/variant: unknown key", R"({"name":"sde-dpm_solver","steps":5,"variant":"multistep"})");
  expect_refusal("/sampler/solver_order: must be 1 or 2", R"({"name":"sde-dpm_solver","steps":5,"solver_order":3})");
  expect_refusal("/sampler/final_sigmas_type: must be sigma_min",
                 R"({"name":"sde-dpm_solver","steps":5,"final_sigmas_type":"zero"})");
  for (const char* key : {"timestep_spacing", "steps_offset", "euler_at_final", "use_lu_lambdas"})
    for (const char* name : {"dpm_solver", "dpm_solver++"})
      expect_refusal("/sampler/" + std::string(key) + ": is not an option of the variant singlestep",
                     "{\"name\":\"" + std::string(name) + "\",\"steps\":6,\"variant\":\"singlestep\",\"" + key + "\":" +
                         (key[0] == 't'   ? "\"linspace\""
                          : key[0] == 's' ? "0"
                                          : "false") +
                         "}");
}

TEST(SamplerOptions, OfTheFormsOfTheCorrection) {
  const std::string ddim = R"({"name":"ddim","steps":6})", heun = R"({"name":"heun","steps":6})";
  EXPECT_EQ(refusal(ddim, scaled, R"({"form":"adaptive"})"), "accepted");
  EXPECT_EQ(refusal(ddim, scaled, R"({"form":"exact_fisher","lambda":3})"), "accepted");
  EXPECT_NE(refusal(ddim, scaled, R"({"form":"adaptive","kappa":1})").find("/lml/kappa: unknown key"),
            std::string::npos);
  EXPECT_NE(refusal(heun, scaled, R"({"form":"adaptive"})").find("/lml/form: adaptive is for"), std::string::npos);
  EXPECT_NE(refusal(ddim, scaled, R"({"form":"exact_fisher"})").find("/lml/lambda: is missing"), std::string::npos);
  EXPECT_NE(refusal(ddim, scaled, R"({"form":"exact_fisher","lambda":0})").find("/lml/lambda: must be > 0"),
            std::string::npos);
  EXPECT_EQ(read(ddim, scaled, R"({"form":"exact_fisher","lambda":3})").fisher, 3.0);
}

TEST(SamplerOptions, TheIncrementFormIsOfMultistepOnly) {
  const std::string increment = R"({"form":"increment","kappa":0.1,"lambda":0.1})";
  for (const char* sampler :
       {R"({"name":"dpm_solver","steps":6,"variant":"singlestep"})",
        R"({"name":"dpm_solver++","steps":6,"variant":"singlestep"})", R"({"name":"sde-dpm_solver++","steps":6})",
        R"({"name":"ddpm","steps":6})", R"({"name":"euler","steps":6})", R"({"name":"heun","steps":6})",
        R"({"name":"dlg","denoiser":"ddim","steps":6})"})
    EXPECT_NE(refusal(sampler, scaled, increment).find("/lml/form: increment"), std::string::npos) << sampler;
  EXPECT_EQ(refusal(R"({"name":"dpm_solver","steps":6,"variant":"multistep"})", scaled, increment), "accepted");
}

TEST(SamplerOptions, OfNoiseLevelsBelongToKarrasGrids) {
  expect_refusal("/sampler/sigma_min: belongs to Karras's grid", R"({"name":"heun","steps":5,"sigma_min":1})");
  expect_refusal("/sampler/rho: belongs to Karras's grid", R"({"name":"euler","timesteps":[3,0],"rho":5})", edm);
  expect_refusal("/sampler/sigma_max: must be larger than sigma_min", R"({"name":"heun","steps":5,"sigma_max":0.001})",
                 edm);
  expect_refusal("/sampler/timestep_spacing: belongs to a discrete schedule",
                 R"({"name":"heun","steps":5,"timestep_spacing":"leading"})", edm);
  expect_refusal("/sampler/steps: is missing", R"({"name":"heun"})", edm);
  expect_refusal("/sampler/timesteps: is missing", R"({"name":"heun","steps":5})", vp);
  expect_refusal("/sampler/timesteps: is missing", R"({"name":"ddim","steps":5})", edm);
  expect_refusal("/sampler/final_sigmas_type: must be zero",
                 R"({"name":"euler","timesteps":[3,1],"final_sigmas_type":"sigma_min"})", edm);
}

TEST(SamplerOptions, EdmGoesFrom80To0002AndThenToZero) {
  const Grid grid = read(R"({"name":"heun","steps":18})", edm).grid;
  ASSERT_EQ(grid.size(), 18u);
  EXPECT_EQ(grid[0].from.sigma, 80);
  EXPECT_EQ(grid[17].from.sigma, 0.002);
  EXPECT_EQ(grid[17].to.sigma, 0);
  // Karras et al. 2022, Eq. 5, at i = 4 of n = 18; the two powers cost a few roundings times rho = 7.
  const double a = std::pow(80, 1.0 / 7), b = std::pow(0.002, 1.0 / 7);
  EXPECT_NEAR(grid[4].from.sigma, std::pow(a + 4.0 / 17 * (b - a), 7), 80 * 1e-14);
}

TEST(SamplerOptions, ChurnCallsTheModelAtARaisedLevelWithinItsBounds) {
  const Sampler sampler = read(R"({"name":"heun","steps":4,"s_churn":0.8,"s_tmin":0.1,"s_tmax":20})", edm);
  const Churn& churn = std::get<Heun>(sampler.stepper).churn;
  for (std::size_t i = 0; i < 4; ++i) {
    const double s = sampler.grid[i].from.sigma;
    EXPECT_NEAR(churn.raised[i].sigma, s >= 0.1 && s <= 20 ? 1.2 * s : s, 1e-14 * s);
  }
  // gamma is at most sqrt 2 - 1.
  const Sampler most = read(R"({"name":"euler","steps":4,"s_churn":1000})", edm);
  EXPECT_NEAR(std::get<Euler>(most.stepper).churn.raised[1].sigma, std::sqrt(2.0) * most.grid[1].from.sigma, 1e-13);
  expect_refusal("/sampler/s_churn: must lie in", R"({"name":"euler","steps":5,"s_churn":-1})");
  expect_refusal("/sampler/s_churn: is of noise levels", R"({"name":"euler","timesteps":[1,0],"s_churn":1})", flow);
}

// A raised node of vp_sde lies on the schedule: its t has the level that it was raised to.
TEST(SamplerOptions, ChurnOnVpSdeFindsTheTimeOfTheRaisedLevel) {
  const Sampler sampler = read(R"({"name":"euler","timesteps":[0.9,0.5,0.1],"s_churn":0.2})", vp);
  for (std::size_t i = 0; i < 2; ++i) {
    const Node& raised = std::get<Euler>(sampler.stepper).churn.raised[i];
    EXPECT_NEAR(noise_level(node_at(VpSde{}, raised.t)) / noise_level(raised), 1, 1e-13);
    EXPECT_NEAR(noise_level(raised) / noise_level(sampler.grid[i].from), 1.1, 1e-14);
  }
}

TEST(SamplerOptions, RectifiedFlowStartsAtTimeOneWithThoseThatCan) {
  EXPECT_TRUE(std::holds_alternative<FlowHeun>(read(R"({"name":"heun","timesteps":[1,0.5,0]})", flow).stepper));
  EXPECT_TRUE(std::holds_alternative<FlowEuler>(read(R"({"name":"euler","timesteps":[1,0.5,0]})", flow).stepper));
  EXPECT_EQ(refusal(R"({"name":"ddpm","timesteps":[1,0.5,0]})", flow), "accepted");
  const std::string stable = R"({"form":"stable","kappa":0.5,"lambda":1})",
                    fisher = R"({"form":"exact_fisher","lambda":9})";
  EXPECT_EQ(refusal(R"({"name":"heun","timesteps":[1,0.5,0]})", flow, stable), "accepted");
  EXPECT_NE(refusal(R"({"name":"ddpm","timesteps":[1,0.5,0]})", flow, stable).find("begins where alpha = 0"),
            std::string::npos);
  EXPECT_NE(refusal(R"({"name":"euler","timesteps":[1,0.5,0]})", flow, fisher).find("begins where alpha = 0"),
            std::string::npos);
  expect_refusal("/sampler/timesteps: must end at noise", R"({"name":"deis","timesteps":[0.9,0.5,0]})", flow);
  expect_refusal("/sampler/timesteps: begins where alpha = 0", R"({"name":"ddim","timesteps":[1,0.5,0]})", flow);
  expect_refusal("alpha > 0 as a denoiser", R"({"name":"dlg","timesteps":[1,0.5,0]})", flow);
}

TEST(SamplerOptions, LangevinGibbsTakesItsDenoiserByNameOrAsAnObject) {
  const Sampler beside =
      read(R"({"name":"dlg","denoiser":"dpm_solver++","steps":7,"solver_order":3,"langevin_steps":4})");
  const Sampler apart =
      read(R"({"name":"dlg","denoiser":{"name":"dpm_solver++","steps":7,"solver_order":3},"langevin_steps":4})");
  for (const Sampler& s : {beside, apart}) {
    EXPECT_EQ(std::get<DpmSolverPlusPlus>(s.stepper).order, 3);
    EXPECT_EQ(s.grid.size(), 7u);
    EXPECT_EQ(s.chain->steps, 4);
    EXPECT_EQ(s.steps(), 11);
  }
  EXPECT_TRUE(std::holds_alternative<Heun>(read(R"({"name":"dlg","steps":7})").stepper));
  expect_refusal("/sampler/denoiser: must be deterministic", R"({"name":"dlg","denoiser":"ddpm","steps":5})");
  expect_refusal("/sampler/denoiser: must be deterministic", R"({"name":"dlg","denoiser":"ddim","eta":1,"steps":5})");
  expect_refusal("/sampler/name: must be deterministic", R"({"name":"dlg","s_churn":1,"steps":5})");
  expect_refusal("/sampler/denoiser: must be another sampler", R"({"name":"dlg","denoiser":"dlg","steps":5})");
  expect_refusal("/sampler/denoiser: no sampler is called", R"({"name":"dlg","denoiser":"dim","steps":5})");
  expect_refusal("/sampler/eta: unknown key", R"({"name":"dlg","steps":5,"eta":0})");
  expect_refusal("/sampler/step: must lie in", R"({"name":"dlg","steps":5,"step":0})");
  expect_refusal("/sampler/steps: unknown key", R"({"name":"dlg","denoiser":{"name":"ddim","steps":5},"steps":4})");
  expect_refusal("/sampler/denoiser/steps: is missing", R"({"name":"dlg","denoiser":{"name":"ddim"}})");
  expect_refusal("/sampler/langevin_steps: must", R"({"name":"dlg","steps":5,"langevin_steps":-1})");
}

}  // namespace
}  // namespace lml
