// Where a long run keeps its state: a checkpoint in the folder of --out; nowhere without.
#pragma once
#include <optional>
#include <string>

#include "dynamics/checkpoint.hpp"
#include "experiments/command.hpp"
#include "experiments/document.hpp"
#include "theory/target.hpp"

namespace lml {

class Store {
 public:
  /// The run is known by its spec, its seed and the numbers that the spec takes from files: the target's, and `more`.
  Store(const Common& common, const Document& spec, const Target& target, const std::string& name,
        const Points& more = {});
  bool kept() const { return !path_.empty(); }
  /// Nothing where there is none. Throws UsageError where the file is not this run's, or broken.
  std::optional<EnsembleState> read() const;
  void write(const EnsembleState& state) const;
  void remove() const;

 private:
  std::string path_;
  std::uint64_t digest_;
};

}  // namespace lml
