// The processes that share a run. One process is the base class; MPI is behind it in another (experiments), so that no
// header of this room knows about it.
#pragma once
#include <vector>

#include "theory/types.hpp"

namespace lml {

class Processes {
 public:
  virtual ~Processes() = default;
  virtual int rank() const { return 0; }
  virtual int count() const { return 1; }
  /// On the first process: everybody's numbers in the order of the ranks. Elsewhere: nothing.
  virtual std::vector<double> gather(const std::vector<double>& mine) const { return mine; }
  /// The first process's numbers, everywhere.
  virtual std::vector<double> broadcast(const std::vector<double>& first) const { return first; }
};

}  // namespace lml
