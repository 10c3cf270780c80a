// A law at given points: what `score` and `bound` take, and the loop over the points.
#pragma once
#include <omp.h>

#include <atomic>
#include <string>
#include <vector>

#include "experiments/reader.hpp"
#include "theory/marginal.hpp"
#include "theory/parallel.hpp"

namespace lml {

struct PointQuery {
  Marginal marginal;
  Points at;
  bool hessian;
  Reader where;  // of `at`; the document must outlive this
  std::string target_name;

  /// "ring8: d = 2, 8 components, alpha 0.8, sigma 0.6"
  std::string title() const;
  /// Names point i in an error.
  [[noreturn]] void refuse(Index i, const std::string& message) const;
};

/// Throws SpecError with the full pointer; NotHere for a data set that is not on this machine.
PointQuery read_point_query(const Document& document);

/// Calls body(i, p_t around point i) for every point, on all threads; each call must write to places of its own. The
/// first point that is refused (BadInput) is named. Returns the number of evaluations of the law.
template <class Body>
std::int64_t for_each_point(const PointQuery& query, const Body& body) {
  const Index n = query.at.rows();
  std::atomic<std::int64_t> evaluations{0};
  // One point alone keeps all threads busy where it is large; a thread each would then also hold d x d matrices each.
  const bool over_points = n >= omp_get_max_threads() && query.marginal.dim() <= 1024;
  parallel_for(n, over_points, [&](Index i) {
    try {
      const Local local = query.marginal.at(query.at.row(i).transpose());
      ++evaluations;
      body(i, local);
    } catch (const BadInput& e) {
      query.refuse(i, e.what());
    }
  });
  return evaluations;
}

}  // namespace lml
