// A run's state in a file. Written beside its place, flushed and renamed: at every moment the file is whole, and holds
// one state of one run. Layout, little-endian: "LMLRUN01", digest of the run, round, step, three sizes, the numbers,
// and a CRC-64 of all that.
#pragma once
#include <string>

#include "dynamics/ensemble.hpp"

namespace lml {

/// The file is not what it should be; what() names it and says how: truncated, altered, of another run.
class BadCheckpoint : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Of text that says everything that the run's numbers depend on.
std::uint64_t digest(const std::string& text);

/// Throws BadCheckpoint where it cannot be written.
void write_checkpoint(const std::string& path, std::uint64_t digest, const EnsembleState& state);

/// Nothing where there is no such file. Throws BadCheckpoint.
std::optional<EnsembleState> read_checkpoint(const std::string& path, std::uint64_t digest);

}  // namespace lml
