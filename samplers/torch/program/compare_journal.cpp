#include "samplers/torch/program/compare_journal.hpp"

#include <ATen/ATen.h>

#include "dynamics/checkpoint.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "samplers/torch/weights.hpp"

namespace lml {

namespace fs = std::filesystem;

CompareJournal::CompareJournal(const std::string& out, const std::string& identity)
    : folder_(out.empty() ? fs::path() : fs::path(out) / "unfinished"), digest_(std::int64_t(digest(identity))) {
  if (!folder_.empty()) require_folder(folder_.string());
}

fs::path CompareJournal::file(std::size_t number) const {
  return folder_ / ("run" + std::to_string(number) + ".safetensors");
}

std::optional<Outcome> CompareJournal::read(std::size_t number) const {
  const fs::path path = file(number);
  if (folder_.empty() || !fs::exists(path)) return std::nullopt;
  const Weights w = read_weights(path);
  if (!w.contains("digest") || !w.contains("images") || !w.contains("figures") || w.at("figures").numel() != 5 ||
      w.at("images").dim() != 2)
    throw SpecError(path, "", "is no run of a comparison");
  if (w.at("digest").item<std::int64_t>() != digest_)
    throw UsageError(path.string() + ": belongs to another comparison; remove " + folder_.string() +
                     ", or give another --out");
  const at::Tensor images = w.at("images").to(at::kDouble).contiguous();
  const at::Tensor figures = w.at("figures").to(at::kDouble).contiguous();
  const double* f = figures.data_ptr<double>();
  return Outcome{Eigen::Map<const Points>(images.data_ptr<double>(), images.size(0), images.size(1)),
                 Index(f[0]),
                 f[1],
                 f[2],
                 f[3],
                 f[4]};
}

void CompareJournal::write(std::size_t number, const Outcome& o) const {
  if (folder_.empty()) return;
  fs::create_directories(folder_);
  Points copy = o.images;
  Weights w;
  w["digest"] = at::full({1}, digest_, at::kLong);
  w["images"] = at::from_blob(copy.data(), {copy.rows(), copy.cols()}, at::kDouble);
  w["figures"] =
      at::tensor({double(o.nfe), o.network_seconds, o.solver_seconds, o.relative_change, o.evaluations}, at::kDouble);
  write_weights(w, file(number));
}

void CompareJournal::remove() const {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

}  // namespace lml
