#include <algorithm>
#include <cmath>
#include <limits>

#include "dynamics/jump_chain.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

constexpr Index panel = 48, strip = 256;

// Eliminates the first s columns of the front; the last row holds minus the rate of killing. Rows and columns from s on
// become the Schur complement; its diagonal is not used. Returns the number of pivots that are 0: cells that lead
// nowhere, whose pivot is set to infinity and whose part of every solution is then 0.
Index eliminate(Mat& f, Index s, bool wide) {
  Index zero = 0;
  const Index rows = f.rows();
  for (Index from = 0; from < s; from += panel) {
    const Index to = std::min(from + panel, s);
    for (Index k = from; k < to; ++k) {
      auto below = f.col(k).tail(rows - k - 1);
      double pivot = -below.sum();
      if (!(pivot > 0)) {
        ++zero;
        pivot = std::numeric_limits<double>::infinity();
      }
      f(k, k) = pivot;
      below /= pivot;
      for (Index j = k + 1; j < to; ++j) f.col(j).tail(rows - k - 1).noalias() -= f(k, j) * below;
    }
    if (to == s) break;
    auto right = f.block(from, to, to - from, s - to);
    f.block(from, from, to - from, to - from).triangularView<Eigen::UnitLower>().solveInPlace(right);
    f.block(to, to, rows - to, s - to).noalias() -= f.block(to, from, rows - to, to - from) * right;
  }
  const Index b = f.cols() - s;
  parallel_for((b + strip - 1) / strip, wide, [&](Index i) {
    const Index from = s + i * strip, width = std::min(strip, f.cols() - from);
    auto right = f.block(0, from, s, width);
    f.topLeftCorner(s, s).triangularView<Eigen::UnitLower>().solveInPlace(right);
    f.block(s, from, rows - s, width).noalias() -= f.bottomLeftCorner(rows - s, s) * right;
  });
  return zero;
}

}  // namespace

Elimination::Elimination(const JumpChain& chain, const Dissection& order, double shift)
    : order_(&order), blocks_(order.fronts_.size()) {
  std::vector<Mat> schur(order.fronts_.size());
  std::vector<Index> zero(order.fronts_.size(), 0);
  const auto work = [&](int id, bool wide) {
    const Dissection::Front& front = order.fronts_[std::size_t(id)];
    const Index s = front.end - front.begin, b = Index(front.border.size());
    Mat f = Mat::Zero(s + b + 1, s + b);
    const auto place = [&](int position) {
      if (position < front.end) return Index(position - front.begin);
      return s + (std::lower_bound(front.border.begin(), front.border.end(), position) - front.border.begin());
    };
    for (int i = front.begin; i < front.end; ++i) {
      const std::size_t c = std::size_t(order.cell_[std::size_t(i)]);
      for (Index e = chain.first[c]; e < chain.first[c + 1]; ++e) {
        const int at = order.position_[std::size_t(chain.neighbour[std::size_t(e)])];
        if (at < i) continue;
        const Index j = place(at);
        f(i - front.begin, j) -= chain.in[std::size_t(e)];
        f(j, i - front.begin) -= chain.out[std::size_t(e)];
      }
      f(s + b, i - front.begin) -= shift;
    }
    for (int child : front.children) {
      const std::vector<int>& border = order.fronts_[std::size_t(child)].border;
      Mat& u = schur[std::size_t(child)];
      const Index n = Index(border.size());
      std::vector<Index> to(border.size() + 1, s + b);
      std::transform(border.begin(), border.end(), to.begin(), place);
      for (Index j = 0; j < n; ++j)
        for (Index i = 0; i <= n; ++i) f(to[std::size_t(i)], to[std::size_t(j)]) += u(i, j);
      u.resize(0, 0);
    }
    zero[std::size_t(id)] = eliminate(f, s, wide);
    schur[std::size_t(id)] = f.bottomRightCorner(b + 1, b);
    blocks_[std::size_t(id)] = {f.topLeftCorner(s, s), f.topRightCorner(s, b), f.block(s, 0, b, s)};
  };
  parallel_for(Index(order.subtrees_.size()), true, [&](Index i) {
    for (int id : order.subtrees_[std::size_t(i)]) work(id, false);
  });
  for (int id : order.top_) work(id, true);
  for (Index z : zero) dead_ends_ += z;
}

// Fronts from the last but `skipped` to the first; y holds the right-hand side there and the solution above.
void Elimination::back_substitute(Vec& y, std::size_t skipped) const {
  Vec border;
  for (std::size_t id = blocks_.size() - skipped; id-- > 0;) {
    const Dissection::Front& front = order_->fronts_[id];
    auto own = y.segment(front.begin, front.end - front.begin);
    border.resize(Index(front.border.size()));
    for (std::size_t i = 0; i < front.border.size(); ++i) border[Index(i)] = y[front.border[i]];
    own.noalias() -= blocks_[id].right * border;
    blocks_[id].pivots.triangularView<Eigen::Upper>().solveInPlace(own);
  }
}

Vec Elimination::solve(const Vec& f) const {
  Vec y(f.size());
  for (Index i = 0; i < f.size(); ++i) y[i] = f[order_->cell_[std::size_t(i)]];
  Vec border;
  for (std::size_t id = 0; id < blocks_.size(); ++id) {
    const Dissection::Front& front = order_->fronts_[id];
    auto own = y.segment(front.begin, front.end - front.begin);
    blocks_[id].pivots.triangularView<Eigen::UnitLower>().solveInPlace(own);
    border.noalias() = blocks_[id].below * own;
    for (std::size_t i = 0; i < front.border.size(); ++i) y[front.border[i]] -= border[Index(i)];
  }
  back_substitute(y, 0);
  Vec out(f.size());
  for (Index i = 0; i < f.size(); ++i) out[order_->cell_[std::size_t(i)]] = y[i];
  return out;
}

Vec Elimination::null_vector() const {
  Vec y = Vec::Zero(Index(order_->cell_.size()));
  // With the last cell set to 1 the others follow; the root holds it, below its own other cells.
  const Mat& root = blocks_.back().pivots;
  const Index s = root.rows();
  y[y.size() - 1] = 1;
  auto rest = y.segment(y.size() - s, s - 1);
  rest = -root.col(s - 1).head(s - 1);
  root.topLeftCorner(s - 1, s - 1).triangularView<Eigen::Upper>().solveInPlace(rest);
  back_substitute(y, 1);
  const double sum = y.sum();
  Vec out(y.size());
  for (Index i = 0; i < y.size(); ++i) out[order_->cell_[std::size_t(i)]] = y[i] / sum;
  return out;
}

Index Elimination::nonzeros() const {
  Index n = 0;
  for (const Block& b : blocks_) n += b.pivots.size() + b.right.size() + b.below.size();
  return n;
}

}  // namespace lml
