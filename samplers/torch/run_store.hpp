// Where a long run with a network keeps its state: a safetensors file in the folder of --out; nowhere without.
#pragma once
#include <string>

#include "samplers/torch/network_run.hpp"

namespace lml {

struct SavedRun {
  Points samples;                  // of the batches that are done
  std::vector<Points> trajectory;  // rows of those and of the batch at hand; empty unless asked for
  std::optional<BatchState> batch;
};

class RunStore {
 public:
  /// `identity`: all that the run's numbers depend on.
  RunStore(const std::string& out, const std::string& identity);
  bool kept() const { return !path_.empty(); }
  /// Nothing where there is none. Throws UsageError where the file is another run's, SpecError where it is broken.
  std::optional<SavedRun> read(const PretrainedModel& model, at::ScalarType solver) const;
  void write(const SavedRun& state) const;
  void remove() const;

 private:
  std::string path_;
  std::int64_t digest_;
};

/// Names, shapes and sums of weights.
std::string weights_identity(const Weights& weights);

}  // namespace lml
