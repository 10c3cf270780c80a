#include "samplers/grid.hpp"

#include <gtest/gtest.h>

namespace lml {
namespace {

using Times = std::vector<double>;

DiscreteSchedule schedule() { return DiscreteSchedule::linear(1e-4, 0.02, 1000); }

// Seven steps of 1000 do not divide: every rounding rule shows. Numbers of diffusers 0.42.1.
TEST(Timesteps, OfDdim) {
  EXPECT_EQ(ddim_timesteps(1000, 7, Spacing::linspace, 0), (Times{999, 832, 666, 500, 333, 166, 0}));
  EXPECT_EQ(ddim_timesteps(1000, 7, Spacing::leading, 0), (Times{852, 710, 568, 426, 284, 142, 0}));
  EXPECT_EQ(ddim_timesteps(1000, 7, Spacing::leading, 1), (Times{853, 711, 569, 427, 285, 143, 1}));
  EXPECT_EQ(ddim_timesteps(1000, 7, Spacing::trailing, 0), (Times{999, 856, 713, 570, 428, 285, 142}));
}
TEST(Timesteps, OfDpmSolver) {
  EXPECT_EQ(dpm_timesteps(1000, 7, Spacing::linspace, 0), (Times{999, 856, 714, 571, 428, 285, 143}));
  EXPECT_EQ(dpm_timesteps(1000, 7, Spacing::leading, 0), (Times{875, 750, 625, 500, 375, 250, 125}));
  EXPECT_EQ(dpm_timesteps(1000, 7, Spacing::leading, 1), (Times{876, 751, 626, 501, 376, 251, 126}));
  EXPECT_EQ(dpm_timesteps(1000, 7, Spacing::trailing, 0), (Times{999, 856, 713, 570, 428, 285, 142}));
}
TEST(Timesteps, OfEulerAreNotRoundedUnderLinspace) {
  EXPECT_EQ(k_timesteps(1000, 7, Spacing::linspace, 0), (Times{999, 832.5, 666, 499.5, 333, 166.5, 0}));
  EXPECT_EQ(k_timesteps(1000, 7, Spacing::leading, 1), ddim_timesteps(1000, 7, Spacing::leading, 1));
}
TEST(Timesteps, OfOneStep) {
  EXPECT_EQ(ddim_timesteps(1000, 1, Spacing::linspace, 0), Times{0});
  EXPECT_EQ(dpm_timesteps(1000, 1, Spacing::linspace, 0), Times{999});
  EXPECT_EQ(dpm_timesteps(1000, 1, Spacing::leading, 1), Times{501});
}
TEST(Timesteps, RefuseMoreStepsThanTheScheduleHas) {
  for (const Spacing spacing : {Spacing::linspace, Spacing::leading, Spacing::trailing}) {
    EXPECT_THROW(ddim_timesteps(10, 11, spacing, 0), BadInput);
    EXPECT_THROW(dpm_timesteps(10, 11, spacing, 0), BadInput);
    EXPECT_THROW(k_timesteps(10, 0, spacing, 0), BadInput);
  }
  EXPECT_THROW(dpm_timesteps(10, 10, Spacing::leading, 0), BadInput);   // stride 10//11 = 0
  EXPECT_THROW(ddim_timesteps(10, 10, Spacing::leading, 1), BadInput);  // would call the model at 10
}

// Eq. 5 of Karras et al. at sigma 80 to 0.002, rho 7, five levels.
TEST(Levels, OfKarras) {
  const std::vector<double> levels = karras_levels(0.002, 80, 5);
  ASSERT_EQ(levels.size(), 5u);
  EXPECT_NEAR(levels[0], 80, 80 * 1e-14);
  EXPECT_NEAR(levels[4], 0.002, 0.002 * 1e-12);
  for (std::size_t i = 0; i < 5; ++i) {
    const double root = std::pow(80, 1 / 7.) + double(i) / 4 * (std::pow(0.002, 1 / 7.) - std::pow(80, 1 / 7.));
    EXPECT_NEAR(std::pow(levels[i], 1 / 7.), root, 1e-14 * 2);
  }
}
TEST(Levels, UniformInTheirLogarithm) {
  const std::vector<double> levels = log_uniform_levels(0.01, 100, 5);
  for (std::size_t i = 0; i < 5; ++i) EXPECT_NEAR(std::log10(levels[i]), 2 - double(i), 1e-14);
}

TEST(Nodes, AtALevelHaveThatLevelAndUnitVariance) {
  for (double s : {1e-8, 0.3, 1.0, 157.0}) {
    const Node node = node_of_level(3, s);
    EXPECT_DOUBLE_EQ(noise_level(node), s);
    EXPECT_DOUBLE_EQ(node.alpha * node.alpha + node.sigma * node.sigma, 1);
    EXPECT_NEAR(log_snr(node), -std::log(s), 1e-15 * (1 + std::abs(std::log(s))));
  }
  EXPECT_EQ(log_snr(clean()), HUGE_VAL);
}

// Timesteps are the inverse of the levels; between them interpolation is linear in the logarithm.
TEST(Nodes, OfLevelsFindTheTimestepAgain) {
  const DiscreteSchedule s = schedule();
  const std::vector<double> levels{noise_level(node_at(s, 999)), noise_level(node_at(s, 500)),
                                   std::sqrt(noise_level(node_at(s, 7)) * noise_level(node_at(s, 8))),
                                   noise_level(node_at(s, 0))};
  const std::vector<Node> nodes = nodes_of_levels(s, levels, false);
  // 1e-13 in the logarithm over its least slope in t (log sigma/alpha rises by 0.004 a step at 500)
  EXPECT_NEAR(nodes[0].t, 999, 1e-10);
  EXPECT_NEAR(nodes[1].t, 500, 1e-10);
  EXPECT_NEAR(nodes[2].t, 7.5, 1e-10);
  EXPECT_NEAR(nodes[3].t, 0, 1e-10);
  EXPECT_EQ(nodes_of_levels(s, levels, true)[2].t, 8);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_DOUBLE_EQ(noise_level(nodes[i]), levels[i]);
}
TEST(Nodes, BetweenTimestepsInterpolateTheLevel) {
  const DiscreteSchedule s = schedule();
  const std::vector<Node> nodes = nodes_at(s, {500.25});
  EXPECT_DOUBLE_EQ(noise_level(nodes[0]), 0.75 * noise_level(node_at(s, 500)) + 0.25 * noise_level(node_at(s, 501)));
}

TEST(Chains, JoinTheirNodesAndRefuseNoiseThatDoesNotFall) {
  const DiscreteSchedule s = schedule();
  const Grid grid = chain(nodes_at(s, {900, 400, 10}), clean());
  ASSERT_EQ(grid.size(), 3u);
  EXPECT_EQ(grid[0].to.t, grid[1].from.t);
  EXPECT_EQ(grid[2].to.sigma, 0);
  const auto pointer = [&](const Times& times, const Node& end) {
    try {
      chain(nodes_at(s, times), end);
    } catch (const BadInput& e) {
      return e.pointer();
    }
    return std::string("none");
  };
  EXPECT_EQ(pointer({900, 400, 400}, clean()), "/timesteps/2");
  EXPECT_EQ(pointer({400, 900}, clean()), "/timesteps/1");
  EXPECT_EQ(pointer({900, 0}, node_at(s, 0)), "none");  // a last step of no length
  EXPECT_EQ(pointer({900, 0}, node_at(s, 1)), "/timesteps/1");
}

// Under `trailing` a step ends at t - 1000//7, one off the next one's beginning now and then.
TEST(DdimGrid, GoesDownByTheStride) {
  const DiscreteSchedule s = schedule();
  const Grid grid = ddim_grid(s, ddim_timesteps(1000, 7, Spacing::trailing, 0), 142, clean());
  EXPECT_EQ(grid[0].to.t, 857);
  EXPECT_EQ(grid[1].from.t, 856);
  EXPECT_EQ(grid[6].to.t, 0);
  EXPECT_GT(grid[6].to.sigma, 0);  // 142 - 142 is timestep 0, not clean data
}

}  // namespace
}  // namespace lml
