// The parts of a spec that commands share: target, time, points. Throws SpecError with the full pointer; NotHere for a
// data set that is not on this machine.
#pragma once
#include "experiments/reader.hpp"
#include "theory/schedule.hpp"
#include "theory/target.hpp"

namespace lml {

/// A name, or {"kind":"gaussian_mixture",...} or {"kind":"points",...}.
Target read_target(const Reader& target);

Schedule read_schedule(const Reader& schedule);
std::string read_schedule_name(const Reader& schedule);

/// From the keys `alpha` and `sigma`, or `schedule` and `t`, of `spec`; never both.
Time read_time(const Object& spec);

/// Points in R^dim: a list of points or the name of an array file.
Points read_points(const Reader& at, Index dim);

}  // namespace lml
