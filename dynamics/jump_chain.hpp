// A continuous-time Markov chain on the cells of a grid, and direct solves with its generator
//
//   (L mu)_x = sum_y (k(y,x) mu_y - k(x,y) mu_x),   (shift I - L) mu = f,   L mu = 0
//
// by a multifrontal elimination (Duff and Reid 1983) in the order of a nested dissection of the grid (George 1973).
// -L is a singular M-matrix with columns of sum 0, so no pivoting is needed, and every pivot is had as minus the sum of
// the entries below it (Grassmann, Taksar and Heyman 1985): nothing is subtracted, and each entry of the stationary
// vector is accurate to a small multiple of rounding, however weakly parts of the chain are coupled.
#pragma once
#include <array>
#include <vector>

#include "theory/types.hpp"

namespace lml {

/// Rates as rows of neighbours; the pattern is symmetric.
struct JumpChain {
  std::vector<Index> first;    // [n + 1]
  std::vector<int> neighbour;  // ascending in each row
  std::vector<double> out;     // k(x, neighbour)
  std::vector<double> in;      // k(neighbour, x)
  Index size() const { return Index(first.size()) - 1; }
  /// L mu
  Vec times(const Vec& mu) const;
};

/// The order of elimination of a chain on a grid of n^d cells, first axis fastest, and the pattern of the factors.
/// `last` is eliminated last, where shift 0 leaves a solution free: for accuracy a cell that holds much of the law.
class Dissection {
 public:
  Dissection(const JumpChain& chain, int dim, int cells_per_axis, Index last);

 private:
  friend class Elimination;
  struct Front {
    int begin, end;             // positions that are eliminated here
    std::vector<int> border;    // later positions that they touch, ascending
    std::vector<int> children;  // fronts
  };
  class Builder;
  std::vector<Front> fronts_;               // children before parents
  std::vector<int> cell_, position_;        // of the n-th eliminated; its inverse
  std::vector<std::vector<int>> subtrees_;  // disjoint, ascending; may run beside each other
  std::vector<int> top_;                    // the fronts above them
};

/// The factors of shift I - L, shift >= 0. Refers to the order.
class Elimination {
 public:
  Elimination(const JumpChain& chain, const Dissection& order, double shift);
  Elimination(const JumpChain& chain, Dissection&& order, double shift) = delete;
  /// (shift I - L)^-1 f. For shift 0 the solution that is 0 at the last cell; f must have the sum 0.
  Vec solve(const Vec& f) const;
  /// The stationary vector of shift 0, >= 0 with the sum 1.
  Vec null_vector() const;
  /// Whether for shift 0 the null space has one dimension: the chain falls into no two parts.
  bool irreducible() const { return dead_ends_ == 1; }
  /// Of the factors.
  Index nonzeros() const;

 private:
  struct Block {
    Mat pivots, right, below;  // L\U [s, s], U [s, b], L [b, s]
  };
  void back_substitute(Vec& y, std::size_t skipped) const;
  const Dissection* order_;
  std::vector<Block> blocks_;
  Index dead_ends_ = 0;
};

}  // namespace lml
