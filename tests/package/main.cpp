// The exact score of eight Gaussians on a circle, and ten steps of DDIM on it.
#include <cmath>
#include <cstdio>

#include "samplers/ensemble.hpp"
#include "theory/marginal.hpp"

int main() {
  const int modes = 8;
  lml::Points means(modes, 2);
  for (int k = 0; k < modes; ++k)
    means.row(k) << 2 * std::cos(2 * M_PI * k / modes), 2 * std::sin(2 * M_PI * k / modes);
  const lml::Target target = lml::Target::gaussian_mixture(lml::Vec::Ones(modes), means,
                                                           std::vector<lml::Covariance>(modes, 0.15 * 0.15));

  const lml::Marginal p_t(target, {0.8, 0.6});  // x_t = 0.8 x_0 + 0.6 z
  const lml::Vec score = p_t.at(lml::Vec::Constant(2, 0.4)).score();
  std::printf("score %.17g %.17g\n", score[0], score[1]);

  const int steps = 10, timesteps = 1000;
  const auto schedule = lml::DiscreteSchedule::linear(1e-4, 0.02, timesteps);
  const lml::Sampler ddim{lml::Ddim{}, lml::ddim_grid(schedule,
                                                      lml::ddim_timesteps(timesteps, steps, lml::Spacing::leading, 0),
                                                      timesteps / steps, lml::clean())};
  lml::ExactSource source(target);
  const lml::SamplePlan plan{.seed = 3};
  const lml::Points samples = lml::sample(ddim, source, lml::noise_starts(1, 5, 2, plan), plan).samples;
  for (int i = 0; i < samples.rows(); ++i) std::printf("sample %.17g %.17g\n", samples(i, 0), samples(i, 1));
}
