// State dicts as torch.save writes them since 1.6: a zip archive of stored entries, in which NAME/data.pkl is a pickle
// that refers to numbers in NAME/data/KEY.
//
// A pickle is a program. This reader runs none: it knows dictionaries, lists, tuples, strings and numbers, and the few
// globals that make tensors out of storages; any other global is refused by its name.
#pragma once
#include <filesystem>

#include "samplers/torch/network.hpp"

namespace lml {

/// Every tensor, mapped from the file (copy on write) in its own precision. Throws SpecError.
Weights read_state_dict(const std::filesystem::path& file);

}  // namespace lml
