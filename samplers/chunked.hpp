// Long runs: chunks of samples one after the other, with a state between two chunks that can be saved, and each chunk
// shared by processes. A sample depends on its number alone, so neither chunks nor processes can change a bit.
#pragma once
#include <optional>

#include "dynamics/processes.hpp"
#include "samplers/ensemble.hpp"

namespace lml {

/// The samples before `done`: their numbers [done, d], with a trajectory [done, (steps + 2) d] (the sample, then all
/// states from the start on), where the model was called (SampleSet), and how often for all of them together.
struct ChunkState {
  Index done = 0;
  Points rows;
  std::vector<Node> calls;
  double total_calls = 0;
};

struct ChunkWatch {
  /// The share of the run that is done.
  std::function<void(double)> progress = nullptr;
  /// Called at least `save_seconds` apart with what `resume` takes; on the first process only.
  std::function<void(const ChunkState&)> save = nullptr;
  double save_seconds = 30;
  std::optional<ChunkState> resume = std::nullopt;
  Index first_chunk = 0;  // samples; 0: by the number of threads. Later chunks follow the clock
};

/// Starts of samples first, ..., first + count - 1, [count, d].
using Starts = std::function<Points(Index first, Index count)>;

/// n samples as `sample` makes them. Only the first process has the result; the others get an empty one. Throws what
/// `sample` throws, and what `save` throws.
SampleSet sample_in_chunks(const Sampler& sampler, ExactSource& source, const Starts& starts, Index n,
                           const SamplePlan& plan, const ChunkWatch& watch = {},
                           const Processes& processes = Processes());

}  // namespace lml
