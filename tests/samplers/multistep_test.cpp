// What orders do not show: evaluations, diffusers' own schedule of iPNDM, and which methods are one.
#include <gtest/gtest.h>

#include "reference_flow.hpp"
#include "samplers/sampler.hpp"

namespace lml {
namespace {

template <class Stepper>
Index calls(const Stepper& stepper, Index steps) {
  const Flow flow = gaussian_flow();
  ExactSource source(flow.target);
  Model<Points> model(source);
  NoNoise<Points> noise;
  sample(log_snr_grid(steps), stepper, model, noise, flow.start);
  return model.calls();
}

TEST(Evaluations, AreOneAStepButForTheWarmUpOfPndm) {
  const Node any = node_of_level(0, 1);
  Pndm warmed_up;
  warmed_up.middles.assign(3, {any, any});
  for (Index steps : {4, 20}) {
    EXPECT_EQ(calls(warmed_up, steps), steps + 9);
    EXPECT_EQ(calls(Pndm{}, steps), steps + 1);
    EXPECT_EQ(calls(Ipndm{}, steps), steps);
    EXPECT_EQ(calls(Deis{{3}}, steps), steps);
    EXPECT_EQ(calls(UniPc{3}, steps), steps);
  }
  EXPECT_EQ(calls(Pndm{}, 1), 1);
}

// diffusers' IPNDMScheduler has alpha and sigma of its own: sigma = sin(pi (1 - i/8)/2)^2, alpha = sqrt(1 - sigma^2).
// Its eight steps from the second node on (alpha = 0 at the first), in float64, noise prediction of N((0.5, -0.3),
// diag(0.4, 1.5)): diffusers 0.42.1. Tolerance: seven steps of some ten roundings each.
TEST(Ipndm, IsThatOfDiffusersOnItsNodes) {
  std::vector<Node> nodes;
  for (int i = 1; i <= 8; ++i) {
    const double s = std::pow(std::sin(M_PI / 2 * (1 - i / 8.)), 2);
    nodes.push_back(i == 8 ? clean() : Node{0, std::sqrt(1 - s * s), s});
  }
  nodes.pop_back();
  const Grid grid = chain(nodes, clean());
  ExactSource source(Target::gaussian_mixture(Vec::Ones(1), Points{{0.5, -0.3}}, {Covariance(Vec{{0.4, 1.5}})}));
  Model<Points> model(source);
  NoNoise<Points> noise;
  std::vector<Points> states;
  lml::Run<Points> run{Points{{0.7, -1.2}, {-0.4, 0.9}}};
  advance(grid, Ipndm{}, model, noise, run, [&](const lml::Run<Points>& r) { states.push_back(r.x); });
  const std::vector<Points> expected{
      Points{{0.7783506636223505, -1.271399262702893}, {-0.2327673641944498, 0.8231087588285133}},
      Points{{0.8291276351636854, -1.399463873277456}, {-0.0843941114076101, 0.8220331771791285}},
      Points{{0.850805473435245, -1.4942312278597598}, {0.03504906218277115, 0.8244088944121348}},
      Points{{0.8589779586988068, -1.5598777933544712}, {0.11039142405906481, 0.8340871806882642}},
      Points{{0.8605916385483585, -1.586908135425048}, {0.14599706127116308, 0.8363899067034406}},
      Points{{0.8616408848789491, -1.5949400397496314}, {0.15481582715152978, 0.8377774724292179}},
      Points{{0.8616460731158132, -1.5956119665695232}, {0.1555182440992121, 0.8379593554785271}}};
  ASSERT_EQ(states.size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    EXPECT_LT((states[i] - expected[i]).cwiseAbs().maxCoeff(), 1e-14) << "after step " << i;
}

double largest(const DpmWeights& a, const DpmWeights& b) {
  double out = std::abs(a.keep - b.keep);
  for (std::size_t j = 0; j < 3; ++j) out = std::max(out, std::abs(a.m[j] - b.m[j]));
  return out;
}

TEST(Deis, OfOrderOneAndTwoIsDpmSolver) {
  const Grid grid = noise_level_grid(8);  // steps of different lengths in log(alpha/sigma)
  for (Index i = 2; i < 8; ++i) {
    for (int order : {1, 2})
      EXPECT_EQ(largest(multistep_weights(deis_terms, grid, i, order, SolverType::heun),
                        dpm_weights(grid, i, order, SolverType::heun)),
                0);
    EXPECT_GT(
        largest(multistep_weights(deis_terms, grid, i, 3, SolverType::heun), dpm_weights(grid, i, 3, SolverType::heun)),
        1e-4);
  }
}

double largest(const UniPcWeights& a, const UniPcWeights& b) {
  double out = std::abs(a.keep - b.keep);
  for (std::size_t j = 0; j < 4; ++j) out = std::max(out, std::abs(a.m[j] - b.m[j]));
  return out;
}

TEST(UniPc, KindsOfBDifferOnlyWhereRhoIsOneHalf) {
  const Grid grid = noise_level_grid(8);
  for (const bool of_data : {true, false})
    for (const bool corrector : {false, true})
      for (int p : {1, 2, 3}) {
        const double apart = largest(unipc_weights(grid, 5, p, UniPcType::bh1, of_data, corrector),
                                     unipc_weights(grid, 5, p, UniPcType::bh2, of_data, corrector));
        if (p == (corrector ? 1 : 2))
          EXPECT_GT(apart, 1e-4);
        else
          EXPECT_EQ(apart, 0);
      }
}

// Without that simplification the predictor is that of exponential integrators: of eps, order 3, it is DEIS.
TEST(UniPc, PredictorOfEpsOfOrderThreeIsDeis) {
  const Grid grid = noise_level_grid(8);
  for (Index i = 2; i < 8; ++i) {
    const UniPcWeights a = unipc_weights(grid, i, 3, UniPcType::bh2, false, false);
    const DpmWeights b = multistep_weights(deis_terms, grid, i, 3, SolverType::heun);
    EXPECT_LT(largest({a.keep, {a.m[0], a.m[1], a.m[2]}}, b), 1e-14);  // weights up to 3, some ten operations
  }
}

}  // namespace
}  // namespace lml
