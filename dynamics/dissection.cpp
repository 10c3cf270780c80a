#include <algorithm>
#include <numeric>

#include "dynamics/jump_chain.hpp"

namespace lml {
namespace {
constexpr std::size_t leaf = 48;  // cells that are not divided further: dense algebra is faster there
constexpr int subtree_depth = 5;  // up to 32 subtrees, whatever the number of threads
}  // namespace

Vec JumpChain::times(const Vec& mu) const {
  Vec y(size());
  for (Index x = 0; x < size(); ++x) {
    double sum = 0;
    for (Index e = first[std::size_t(x)]; e < first[std::size_t(x) + 1]; ++e)
      sum += in[std::size_t(e)] * mu[neighbour[std::size_t(e)]] - out[std::size_t(e)] * mu[x];
    y[x] = sum;
  }
  return y;
}

class Dissection::Builder {
 public:
  Builder(const JumpChain& chain, int dim, int n, Index last, Dissection& to)
      : chain_(chain), dim_(dim), n_(n), last_(int(last)), to_(to), region_(std::size_t(chain.size()), 0) {
    to_.position_.assign(std::size_t(chain.size()), -1);
    to_.cell_.reserve(std::size_t(chain.size()));
    std::vector<int> all(std::size_t(chain.size()));
    std::iota(all.begin(), all.end(), 0);
    all.erase(all.begin() + last);
    region_[std::size_t(last)] = -1;
    divide(all, 0, nullptr);
  }

 private:
  int coordinate(int cell, int axis) const {
    for (; axis > 0; --axis) cell /= n_;
    return cell % n_;
  }

  // Returns the front of these cells. `subtree`: where fronts are listed, null above the subtrees.
  int divide(std::vector<int>& cells, int depth, std::vector<int>* subtree) {
    std::vector<int> own_list;
    const bool starts = !subtree && (depth == subtree_depth || cells.size() <= leaf);
    if (starts) subtree = &own_list;
    Front front;
    if (cells.size() <= leaf) {
      if (depth == 0) cells.push_back(last_);
      front = eliminate(cells);
    } else {
      std::vector<int> left, right;
      cut(cells, left, right);
      std::vector<int> separator;
      std::swap(separator, cells);  // what cut() left
      for (std::vector<int>* side : {&left, &right})
        if (!side->empty()) front.children.push_back(divide(*side, depth + 1, subtree));
      std::vector<int> children = std::move(front.children);
      if (depth == 0) separator.push_back(last_);
      front = eliminate(separator);
      front.children = std::move(children);
    }
    add_border(front);
    to_.fronts_.push_back(std::move(front));
    const int id = int(to_.fronts_.size()) - 1;
    (subtree ? *subtree : to_.top_).push_back(id);
    if (starts) to_.subtrees_.push_back(std::move(own_list));
    return id;
  }

  // Halves the longest side; `cells` keeps those of one half that touch the other.
  void cut(std::vector<int>& cells, std::vector<int>& left, std::vector<int>& right) {
    int axis = 0, at = 0, longest = -1;
    for (int a = 0; a < dim_; ++a) {
      int low = n_, high = 0;
      for (int c : cells) {
        low = std::min(low, coordinate(c, a));
        high = std::max(high, coordinate(c, a));
      }
      if (high - low > longest) {
        longest = high - low;
        axis = a;
        at = (low + high + 1) / 2;
      }
    }
    const int left_id = ++regions_, right_id = ++regions_;
    for (int c : cells) region_[std::size_t(c)] = coordinate(c, axis) < at ? left_id : right_id;
    const auto touching = [&](int from, int to) {
      std::vector<int> out;
      for (int c : cells) {
        if (region_[std::size_t(c)] != from) continue;
        for (Index e = chain_.first[std::size_t(c)]; e < chain_.first[std::size_t(c) + 1]; ++e)
          if (region_[std::size_t(chain_.neighbour[std::size_t(e)])] == to) {
            out.push_back(c);
            break;
          }
      }
      return out;
    };
    std::vector<int> separator = touching(left_id, right_id), other = touching(right_id, left_id);
    if (other.size() < separator.size()) std::swap(separator, other);
    for (int c : separator) region_[std::size_t(c)] = -1;
    for (int c : cells) {
      if (region_[std::size_t(c)] == left_id) left.push_back(c);
      if (region_[std::size_t(c)] == right_id) right.push_back(c);
    }
    cells = std::move(separator);
  }

  Front eliminate(const std::vector<int>& cells) {
    Front out;
    out.begin = int(to_.cell_.size());
    for (int c : cells) {
      to_.position_[std::size_t(c)] = int(to_.cell_.size());
      to_.cell_.push_back(c);
    }
    out.end = int(to_.cell_.size());
    return out;
  }

  // The border is kept as cells until all have positions.
  void add_border(Front& front) {
    std::vector<int>& b = front.border;
    const auto later = [&](int cell) { return to_.position_[std::size_t(cell)] < 0; };
    for (int i = front.begin; i < front.end; ++i) {
      const std::size_t c = std::size_t(to_.cell_[std::size_t(i)]);
      for (Index e = chain_.first[c]; e < chain_.first[c + 1]; ++e)
        if (later(chain_.neighbour[std::size_t(e)])) b.push_back(chain_.neighbour[std::size_t(e)]);
    }
    for (int child : front.children)
      for (int c : to_.fronts_[std::size_t(child)].border)
        if (later(c)) b.push_back(c);
    std::sort(b.begin(), b.end());
    b.erase(std::unique(b.begin(), b.end()), b.end());
  }

  const JumpChain& chain_;
  int dim_, n_, last_;
  Dissection& to_;
  std::vector<int> region_;
  int regions_ = 0;
};

Dissection::Dissection(const JumpChain& chain, int dim, int cells_per_axis, Index last) {
  Builder(chain, dim, cells_per_axis, last, *this);
  for (Front& f : fronts_) {
    for (int& c : f.border) c = position_[std::size_t(c)];
    std::sort(f.border.begin(), f.border.end());
  }
}

}  // namespace lml
