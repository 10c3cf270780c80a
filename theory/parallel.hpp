// A parallel loop out of which an exception may leave: OpenMP itself ends the program there.
#pragma once
#include <exception>
#include <vector>

#include "theory/types.hpp"

namespace lml {

/// body(i) for i in [0, n), on all threads if `wide`; each call must write to places of its own. Rethrows the exception
/// of the lowest i, so that what is reported does not depend on the threads.
template <class Body>
void parallel_for(Index n, bool wide, const Body& body) {
  std::vector<std::exception_ptr> thrown(static_cast<std::size_t>(n));
#pragma omp parallel for schedule(dynamic) if (wide)
  for (Index i = 0; i < n; ++i) {
    try {
      body(i);
    } catch (...) {
      thrown[std::size_t(i)] = std::current_exception();
    }
  }
  for (const std::exception_ptr& e : thrown)
    if (e) std::rethrow_exception(e);
}

}  // namespace lml
