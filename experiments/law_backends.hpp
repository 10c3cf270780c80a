// One method a namespace; law_answers.cpp chooses.
#pragma once
#include "experiments/law_answers.hpp"

namespace lml {

#define LML_LAW_BACKEND(name)                                                                                          \
  namespace name {                                                                                                     \
  StationaryAnswer stationary(const Metric& metric, Calculus calculus);                                                \
  GapAnswer gap(const Metric& metric);                                                                                 \
  FlowAnswer flow(const Metric& metric, Calculus calculus, const Marginal& initial, const std::vector<double>& times); \
  }

/// d = 1.
LML_LAW_BACKEND(on_the_line)
/// One Gaussian and a metric that is the same everywhere, any d; `flow` wants a Gaussian start.
LML_LAW_BACKEND(of_a_gaussian)
/// d = 2 and 3.
LML_LAW_BACKEND(on_a_grid)
#undef LML_LAW_BACKEND

namespace of_a_gaussian {
bool fits(const Metric& metric);
bool fits(const Metric& metric, const Marginal& initial);
}  // namespace of_a_gaussian

}  // namespace lml
