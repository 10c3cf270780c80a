// What `compare` on a pretrained model has done so far, a file a run in the folder of --out, so that it goes on after a
// kill; nowhere without.
#pragma once
#include <cmath>
#include <filesystem>
#include <optional>
#include <string>

#include "theory/types.hpp"

namespace lml {

/// One run of all images.
struct Outcome {
  Points images;
  Index nfe = 0;
  double network_seconds = 0, solver_seconds = 0;  // the sampler's own, the correction with it; of the last run of two
  double relative_change = std::nan("");           // of the network's answers by the correction, mean
  double evaluations = 0;                          // of an image, all together
};

/// Runs are known by their number. A run that did not end is made again from its beginning, with the same bits.
class CompareJournal {
 public:
  /// `identity`: all that the runs' numbers depend on.
  CompareJournal(const std::string& out, const std::string& identity);
  /// Nothing where that run has not ended. Throws UsageError where the file is another comparison's, SpecError where it
  /// is broken.
  std::optional<Outcome> read(std::size_t number) const;
  void write(std::size_t number, const Outcome& outcome) const;
  void remove() const;

 private:
  std::filesystem::path file(std::size_t number) const;
  std::filesystem::path folder_;
  std::int64_t digest_;
};

}  // namespace lml
