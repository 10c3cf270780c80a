// Targets with a name ("target":"ring8"), and the data sets that a machine may hold.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "theory/target.hpp"

namespace lml {

struct BuiltinTarget {
  std::string_view name;
  Index dim;
  Index size;  // components or points
  std::string_view purpose;
  std::function<Target()> make;  // data sets: throws NotHere, saying how to get them
  bool (*here)();                // without loading anything
};

const std::vector<BuiltinTarget>& builtin_targets();
const BuiltinTarget* find_builtin_target(std::string_view name);

/// Where the data set of this name lies on this machine: a file or a folder.
std::optional<std::filesystem::path> data_set(std::string_view name);

/// The 60,000 training images of Fashion-MNIST (Xiao et al. 2017), d = 784, pixels in [-1, 1]. Looked for in $LML_DATA
/// and where Debian's package puts them. Throws NotHere.
Target fashion_mnist();
/// The 50,000 training images of CIFAR-10 (Krizhevsky 2009), d = 3072, pixels in [-1, 1]; a folder in $LML_DATA.
Target cifar10();

}  // namespace lml
