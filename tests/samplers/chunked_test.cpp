#include "samplers/chunked.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include <thread>

#include "tests/actors.hpp"

namespace lml {
namespace {

const Schedule schedule = DiscreteSchedule::linear(1e-4, 0.02, 1000);

Target ring() {
  Points means(3, 2);
  means << 1, 0, -0.5, 0.8, -0.5, -0.8;
  return Target::gaussian_mixture(Vec::Ones(3), means, {Covariance(0.02), Covariance(0.02), Covariance(0.02)});
}

// DDIM with noise and the correction: everything that a sample depends on.
Sampler sampler() {
  const auto& discrete = std::get<DiscreteSchedule>(schedule);
  return {Ddim{0.5}, ddim_grid(discrete, ddim_timesteps(1000, 8, Spacing::leading, 0), 125, clean()),
          LmlStable{{1e-3, 1e-2}}};
}

constexpr Index samples = 9001;  // no multiple of a block, of a chunk or of the lanes

struct RunResult {
  SampleSet set;
  std::vector<ChunkState> saved;
};

RunResult run(ChunkWatch watch, bool trajectory = true, const Processes& processes = Processes()) {
  ExactSource source(ring());
  RunResult out;
  watch.save_seconds = 0;
  if (!watch.save) watch.save = [&](const ChunkState& s) { out.saved.push_back(s); };
  const Starts starts = [](Index first, Index n) { return noise_starts(1, n, 2, {7, std::uint64_t(first)}); };
  out.set = sample_in_chunks(sampler(), source, starts, samples, {7, 0, trajectory}, watch, processes);
  return out;
}

void expect_same(const SampleSet& a, const SampleSet& b) {
  EXPECT_TRUE(a.samples == b.samples);
  EXPECT_TRUE(a.trajectory == b.trajectory);
  EXPECT_EQ(a.calls_a_sample, b.calls_a_sample);
  ASSERT_EQ(a.calls.size(), b.calls.size());
  for (std::size_t i = 0; i < a.calls.size(); ++i) EXPECT_EQ(a.calls[i].t, b.calls[i].t);
}

TEST(Chunked, NeitherChunksNorThreadsChangeABit) {
  ExactSource source(ring());
  const SampleSet whole = sample(sampler(), source, noise_starts(1, samples, 2, {7}), {7, 0, true});
  const int threads = omp_get_max_threads();
  for (const Index chunk : {0, 1000, 4097}) {
    ChunkWatch watch;
    watch.first_chunk = chunk;
    for (const int n : {1, 2, 3}) {
      omp_set_num_threads(n);
      expect_same(run(watch).set, whole);
    }
  }
  omp_set_num_threads(threads);
}

// A kill between two chunks leaves the last saved state.
TEST(Chunked, AnInterruptedRunGoesOnWithTheSameBits) {
  ChunkWatch watch;
  watch.first_chunk = 1000;
  for (const bool trajectory : {false, true}) {
    const RunResult whole = run(watch, trajectory);
    ASSERT_EQ(whole.saved.size(), 9u);
    for (const std::size_t at : {0, 4, 8}) {
      ChunkWatch resumed = watch;
      resumed.resume = whole.saved[at];
      EXPECT_EQ(resumed.resume->done, Index(1000 * (at + 1)));
      const RunResult rest = run(resumed, trajectory);
      expect_same(rest.set, whole.set);
      EXPECT_EQ(rest.saved.size(), 8 - at);
    }
  }
}

TEST(Chunked, AForeignStateIsRefused) {
  ChunkWatch watch;
  watch.resume = ChunkState{5, Points::Zero(5, 2), {}};  // of a run without trajectory
  EXPECT_THROW(run(watch), BadInput);
  watch.resume = ChunkState{samples + 1, Points::Zero(samples + 1, 2), {}};
  EXPECT_THROW(run(watch, false), BadInput);
}

TEST(Chunked, ProcessesChangeNoBit) {
  const SampleSet alone = run({}).set;
  for (const int count : {2, 3})
    for (const Index chunk : {1000, 9000}) {
      test::Meeting meeting(count);
      std::vector<SampleSet> sets(static_cast<std::size_t>(count));
      std::vector<std::thread> actors;
      for (int rank = 0; rank < count; ++rank)
        actors.emplace_back([&, rank] {
          ChunkWatch watch;
          watch.first_chunk = chunk;
          sets[std::size_t(rank)] = run(watch, true, test::Actor(meeting, rank)).set;
        });
      for (std::thread& t : actors) t.join();
      expect_same(sets[0], alone);
      EXPECT_EQ(sets[1].samples.size(), 0);
    }
}

// Sample 5003 starts beyond what can be squared; all processes end, and the first says which sample it was.
TEST(Chunked, ASampleThatFailsIsNamedAndEndsAllProcesses) {
  const Starts starts = [](Index first, Index n) {
    Points out = noise_starts(1, n, 2, {7, std::uint64_t(first)});
    if (first <= 5003 && 5003 < first + n) out(5003 - first, 1) = 1e300;
    return out;
  };
  for (const int count : {1, 2}) {
    test::Meeting meeting(count);
    std::vector<std::string> what(static_cast<std::size_t>(count));
    std::vector<std::thread> actors;
    for (int rank = 0; rank < count; ++rank)
      actors.emplace_back([&, rank] {
        ExactSource source(ring());
        try {
          sample_in_chunks(sampler(), source, starts, samples, {7}, {}, test::Actor(meeting, rank));
        } catch (const NotFinite& e) {
          what[std::size_t(rank)] = e.what();
        }
      });
    for (std::thread& t : actors) t.join();
    EXPECT_NE(what[0].find("sample 5003 "), std::string::npos) << what[0];
    EXPECT_NE(what[0].find("step 0 "), std::string::npos) << what[0];
  }
}

}  // namespace
}  // namespace lml
