// The keys `schedule`, `sampler` and `lml` of a spec as a Sampler. Names and defaults are diffusers' (0.42) but for
// those that ../README.md names.
#pragma once
#include <string>

#include "experiments/reader.hpp"
#include "samplers/sampler.hpp"

namespace lml {

struct SamplerChoice {
  std::string name;
  Sampler sampler;
  /// Standard deviation of a start drawn by the program.
  double start_deviation;
};

/// Whether the sampler of this name has such an option; false where there is no such sampler.
bool has_option(std::string_view sampler, std::string_view key);

/// Throws SpecError: unknown samplers (with the list), options that a sampler does not have, and all that is wrong with
/// a value.
SamplerChoice read_sampler(const Object& spec);
/// The same out of its parts; `steps`, if given, in place of the sampler's own, which then must not be there.
SamplerChoice read_sampler(const Reader& schedule, const Reader& sampler, const std::optional<Reader>& lml,
                           std::optional<Index> steps = std::nullopt);

}  // namespace lml
