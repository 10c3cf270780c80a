// A sample is the same, bit for bit, alone and in any batch, on any number of threads.
#include "samplers/ensemble.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include "reference_flow.hpp"

namespace lml {
namespace {

std::vector<Sampler> samplers() {
  const Grid grid = log_snr_grid(6);
  const LmlParameters l{0.1, 0.3};
  return {{DpmSolverPlusPlus{{3}}, grid, LmlStable{l}},
          {Ipndm{}, grid, LmlPrinted{l}},
          {UniPc{3}, grid, LmlStable{l}, Clipping{0, 0.9, 2}},
          {DpmSolverIncrement{{{3}}, l}, grid},
          {Ddim{0.5}, grid, LmlStable{l}}};
}

TEST(Ensemble, GivesEverySampleTheSameBitsAloneAndInAnyBatch) {
  const Flow flow = mixture_flow();
  ExactSource source(flow.target);
  const Index n = block_rows(flow.target) + 37;  // two blocks, the second of no round size
  const Points start = noise_starts(1, n, 2, {3});
  for (const Sampler& sampler : samplers()) {
    const Points together = sample(sampler, source, start, {3}).samples;
    for (Index i : {Index(0), Index(1), Index(36), n - 38, n - 37, n - 3, n - 1}) {
      const Points alone = sample(sampler, source, start.row(i), {3, std::uint64_t(i)}).samples;
      EXPECT_EQ(alone, Points(together.row(i))) << "sample " << i << ", stepper " << sampler.stepper.index();
    }
    const Points part = sample(sampler, source, start.middleRows(100, 1001), {3, 100}).samples;
    EXPECT_EQ(part, Points(together.middleRows(100, 1001))) << "stepper " << sampler.stepper.index();
  }
}

TEST(Ensemble, DoesNotDependOnTheNumberOfThreads) {
  const Flow flow = mixture_flow();
  ExactSource source(flow.target);
  const Points start = noise_starts(1, 3 * block_rows(flow.target) + 5, 2, {4});
  const int threads = omp_get_max_threads();
  for (const Sampler& sampler : samplers()) {
    omp_set_num_threads(1);
    const Points one = sample(sampler, source, start, {4}).samples;
    omp_set_num_threads(5);
    EXPECT_EQ(sample(sampler, source, start, {4}).samples, one) << "stepper " << sampler.stepper.index();
  }
  omp_set_num_threads(threads);
}

}  // namespace
}  // namespace lml
