// Splits of all samples of two sets into two parts of the same sizes: what is seen between those is what two sets of
// one law show.
#pragma once
#include <vector>

#include "dynamics/random.hpp"

namespace lml {

/// For each split whether a sample of all n + m is in the first part: n of them are, each such set equally likely.
inline std::vector<std::vector<char>> random_splits(Index n, Index m, Index splits, const Random& random) {
  std::vector<std::vector<char>> out;
  for (Index s = 0; s < splits; ++s) {
    std::vector<char> first(std::size_t(n + m), 0);
    // Selection sampling (Knuth, TAOCP 2, 3.4.2 S).
    for (Index i = 0, left = n; i < n + m; ++i)
      if (random.uniform(std::uint64_t(s), std::uint64_t(i), 0) * double(n + m - i) < double(left)) {
        first[std::size_t(i)] = 1;
        --left;
      }
    out.push_back(std::move(first));
  }
  return out;
}

}  // namespace lml
