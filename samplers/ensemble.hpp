// Many samples of an exact target: blocks of samples through the whole grid, a block a task, so that the states stay in
// the caches. Neither the size of a block nor the number of threads changes a bit of a sample.
#pragma once
#include <cstdint>
#include <functional>

#include "samplers/exact_source.hpp"
#include "samplers/sampler.hpp"

namespace lml {

/// A sample whose numbers stopped being finite, or that the target cannot be evaluated at: what() names the sample and
/// the step.
class NotFinite : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct SampleSet {
  Points samples;                  // n x d
  std::vector<Points> trajectory;  // [steps + 1], the start first; empty unless asked for
  std::vector<Node> calls;  // where the model was called, one entry a call of a whole batch; t = NaN: each at its level
  double calls_a_sample = 0;  // on average; fewer than `calls` where a chain left samples at lower levels
};

struct SamplePlan {
  std::uint64_t seed = 0;
  std::uint64_t first = 0;  // number of the first sample, which addresses its noise
  bool trajectory = false;
};

/// How many samples go through the grid together.
Index block_rows(const Target& target);

/// From `start` [n, d], in the scale x = alpha x_0 + sigma z of the grid's first node. Throws NotFinite,
/// and NotPositive of fisher_source.hpp.
SampleSet sample(const Sampler& sampler, ExactSource& source, const Points& start, const SamplePlan& plan);

/// deviation times N(0, I), n x d, addressed by (seed, number of the sample).
Points noise_starts(double deviation, Index n, Index d, const SamplePlan& plan);
/// N(0, I), n x d, that a step draws in its `stage`, addressed by (seed, number of the sample, step, stage).
Points step_noise(Index step, int stage, Index n, Index d, const SamplePlan& plan);

}  // namespace lml
