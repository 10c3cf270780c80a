#include "experiments/targets.hpp"

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <optional>

#include "experiments/arrays.hpp"
#include "experiments/errors.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

Target isotropic(const Points& means, double variance, Vec weights = Vec()) {
  const Index n = means.rows();
  if (weights.size() == 0) weights = Vec::Ones(n);
  return Target::gaussian_mixture(weights, means, std::vector<Covariance>(std::size_t(n), variance));
}

Points one_point() { return Points::Zero(1, 10); }

Points two_points() {
  Points y = Points::Zero(2, 3);
  y(0, 0) = 1;
  y(1, 0) = -1;
  return y;
}

Points ring(Index n, double radius) {
  Points y(n, 2);
  for (Index k = 0; k < n; ++k) {
    const double angle = 2 * M_PI * double(k) / double(n);
    y.row(k) << radius * std::cos(angle), radius * std::sin(angle);
  }
  return y;
}

Points grid(Index side) {
  Points y(side * side, 2);
  for (Index i = 0; i < side; ++i)
    for (Index j = 0; j < side; ++j) y.row(i * side + j) << double(i - side / 2), double(j - side / 2);
  return y;
}

Points two_moons() {
  constexpr Index half = 32;
  Points y(2 * half, 2);
  for (Index k = 0; k < half; ++k) {
    const double angle = M_PI * double(k) / double(half - 1);
    y.row(k) << std::cos(angle) - 0.5, std::sin(angle) - 0.25;
    y.row(half + k) << 0.5 - std::cos(angle), 0.25 - std::sin(angle);
  }
  return y;
}

Target gaussian_2d() {
  Mat s(2, 2);
  s << 1.0, 0.6, 0.6, 0.5;
  return Target::gaussian_mixture(Vec::Ones(1), Points::Zero(1, 2), {Covariance(s)});
}

Target double_well_1d() {
  Points m(2, 1);
  m << -1.5, 1.25;
  return Target::gaussian_mixture(Vec::Ones(2), m, {Covariance(0.2), Covariance(0.3)});
}

// The folders where a data set may lie, the user's own first.
std::vector<fs::path> places(const char* name) {
  std::vector<fs::path> out;
  if (const char* data = std::getenv("LML_DATA"); data && *data) out = {fs::path(data) / name, data};
  out.push_back(fs::path("/usr/share/datasets") / name);
  return out;
}

std::optional<fs::path> fashion_file() {
  std::error_code none;
  for (const fs::path& place : places("fashion-mnist"))
    for (const char* name : {"train-images-idx3-ubyte", "train-images-idx3-ubyte.gz"})
      if (fs::is_regular_file(place / name, none)) return place / name;
  return std::nullopt;
}

std::optional<fs::path> cifar_folder() {
  std::error_code none;
  for (const char* name : {"cifar10", "cifar-10-batches-bin"})
    for (const fs::path& place : places(name))
      if (fs::is_regular_file(place / "data_batch_1.bin", none)) return place;
  return std::nullopt;
}

Target images(const fs::path& path) { return Target::points(read_array(path, {std::pair{-1.0, 1.0}, {}})); }

bool always() { return true; }

}  // namespace

std::optional<fs::path> data_set(std::string_view name) {
  return name == "fashion-mnist" ? fashion_file() : name == "cifar10" ? cifar_folder() : std::nullopt;
}

Target fashion_mnist() {
  if (const auto file = fashion_file()) return images(*file);
  throw NotHere(
      "Fashion-MNIST is not here: apt-get install dataset-fashion-mnist, or set LML_DATA to a folder that holds "
      "train-images-idx3-ubyte.gz");
}

Target cifar10() {
  if (const auto folder = cifar_folder()) return images(*folder);
  throw NotHere(
      "CIFAR-10 is not here: unpack cifar-10-binary.tar.gz (https://www.cs.toronto.edu/~kriz/cifar.html) and set "
      "LML_DATA "
      "to the folder that holds data_batch_1.bin");
}

const std::vector<BuiltinTarget>& builtin_targets() {
  static const std::vector<BuiltinTarget> all{
      {"one_point", 10, 1, "one point at 0: F = I/sigma^2; breaks Proposition 2",
       [] { return Target::points(one_point()); }, always},
      {"two_points", 3, 2, "(+-1, 0, 0): the smallest data set with curvature",
       [] { return Target::points(two_points()); }, always},
      {"simplex8", 8, 8, "unit vectors of R^8, all equally far apart",
       [] { return Target::points(Points::Identity(8, 8)); }, always},
      {"two_moons", 2, 64, "points on two half circles: curved data", [] { return Target::points(two_moons()); },
       always},
      {"double_well_1d", 1, 2, "two Gaussians on a line: wells, quadrature", double_well_1d, always},
      {"gaussian_2d", 2, 1, "one correlated Gaussian: all in closed form", gaussian_2d, always},
      {"ring8", 2, 8, "8 Gaussians on a circle: modes, samplers", [] { return isotropic(ring(8, 2), 0.15 * 0.15); },
       always},
      {"grid25", 2, 25, "5 x 5 narrow Gaussians: many modes", [] { return isotropic(grid(5), 0.1 * 0.1); }, always},
      {"fashion-mnist", 784, 60000, "real images, grey, 28 x 28, in [-1, 1]", fashion_mnist,
       [] { return fashion_file().has_value(); }},
      {"cifar10", 3072, 50000, "real images, colour, 32 x 32, in [-1, 1]", cifar10,
       [] { return cifar_folder().has_value(); }},
  };
  return all;
}

const BuiltinTarget* find_builtin_target(std::string_view name) {
  for (const BuiltinTarget& t : builtin_targets())
    if (t.name == name) return &t;
  return nullptr;
}

}  // namespace lml
