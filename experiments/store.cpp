#include "experiments/store.hpp"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "experiments/errors.hpp"

namespace lml {
namespace {

template <class Array>
std::string bytes(const Array& a) {
  return {reinterpret_cast<const char*>(a.data()), std::size_t(a.size()) * sizeof(double)};
}

}  // namespace

Store::Store(const Common& common, const Document& spec, const Target& target, const std::string& name,
             const Points& more)
    : path_(common.out.empty() ? "" : (std::filesystem::path(common.out) / name).string()),
      digest_(digest(dump(*spec.root) + ' ' + std::to_string(common.seed) + ' ' + name + " " LML_VERSION " " +
                     bytes(target.means()) + bytes(target.log_weights()) + bytes(more))) {}

std::optional<EnsembleState> Store::read() const {
  if (!kept()) return std::nullopt;
  try {
    return read_checkpoint(path_, digest_);
  } catch (const BadCheckpoint& e) {
    throw UsageError(e.what());
  }
}

void Store::write(const EnsembleState& state) const {
  try {
    std::filesystem::create_directories(std::filesystem::path(path_).parent_path());
    write_checkpoint(path_, digest_, state);
  } catch (const BadCheckpoint& e) {
    throw UsageError(e.what());
  } catch (const std::filesystem::filesystem_error& e) {
    throw UsageError(path_ + ": cannot be written: " + e.code().message());
  }
}

void Store::remove() const {
  if (kept()) ::unlink(path_.c_str());
}

}  // namespace lml
