#include "samplers/torch/run_store.hpp"

#include <unistd.h>

#include "dynamics/checkpoint.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "samplers/torch/weights.hpp"

namespace lml {

using at::Tensor;

namespace {

Tensor table_of(const PointsRef& p) {
  Points copy = p;
  return at::from_blob(copy.data(), {copy.rows(), copy.cols()}, at::kDouble).clone();
}
Points points_in(const Tensor& t) {
  const Tensor flat = t.to(at::kDouble).contiguous();
  return Eigen::Map<const Points>(flat.data_ptr<double>(), flat.size(0), flat.size(1));
}
std::string numbered(const char* name, std::size_t k) { return name + std::to_string(k); }

}  // namespace

std::string weights_identity(const Weights& weights) {
  std::string out;
  for (const auto& [name, tensor] : weights)
    out += name + ' ' + digits(tensor.to(at::kDouble).sum().item<double>()) + '\n';
  return out;
}

RunStore::RunStore(const std::string& out, const std::string& identity)
    : path_(out.empty() ? "" : out + "/checkpoint.safetensors"), digest_(std::int64_t(digest(identity))) {}

std::optional<SavedRun> RunStore::read(const PretrainedModel& model, at::ScalarType solver) const {
  if (!kept() || !std::filesystem::exists(path_)) return std::nullopt;
  const Weights w = read_weights(path_);
  const auto at = [&](const std::string& name) -> const Tensor& {
    const auto it = w.find(name);
    if (it == w.end()) throw SpecError(path_, "", "is no state of a run: it has no " + name);
    return it->second;
  };
  if (at("digest").item<std::int64_t>() != digest_)
    throw UsageError(path_ + ": belongs to another run; remove it, or give another --out");
  SavedRun out;
  out.samples = points_in(at("samples"));
  for (std::size_t k = 0; w.contains(numbered("trajectory.", k)); ++k)
    out.trajectory.push_back(points_in(at(numbered("trajectory.", k))));
  const auto there = [&](const Tensor& t) {
    return t.to(model.network->options().device(), solver, false, /*copy=*/true);
  };
  BatchState& batch = out.batch.emplace(BatchState{{there(at("x"))}, std::nullopt, {}});
  batch.run.step = at("step").item<std::int64_t>();
  for (std::size_t k = 0; w.contains(numbered("memory.", k)); ++k)
    batch.run.memory.push_back(there(at(numbered("memory.", k))));
  if (w.contains("remembered")) batch.remembered = there(at("remembered"));
  const Points calls = points_in(at("calls"));
  for (Index i = 0; i < calls.rows(); ++i) batch.calls.push_back({calls(i, 0), calls(i, 1), calls(i, 2)});
  return out;
}

void RunStore::write(const SavedRun& state) const {
  Weights w;
  w["digest"] = at::full({1}, digest_, at::kLong);
  w["samples"] = table_of(state.samples);
  const BatchState& batch = *state.batch;
  const Index rows = state.samples.rows() + batch.run.x.size(0);
  for (std::size_t k = 0; k < state.trajectory.size(); ++k)
    w[numbered("trajectory.", k)] = table_of(state.trajectory[k].topRows(rows));
  w["x"] = batch.run.x;
  w["step"] = at::full({1}, std::int64_t(batch.run.step), at::kLong);
  for (std::size_t k = 0; k < batch.run.memory.size(); ++k) w[numbered("memory.", k)] = batch.run.memory[k];
  if (batch.remembered) w["remembered"] = *batch.remembered;
  Points calls(Index(batch.calls.size()), 3);
  for (Index i = 0; i < calls.rows(); ++i)
    calls.row(i) << batch.calls[std::size_t(i)].t, batch.calls[std::size_t(i)].alpha, batch.calls[std::size_t(i)].sigma;
  w["calls"] = table_of(calls);
  write_weights(w, path_);
}

void RunStore::remove() const {
  if (kept()) ::unlink(path_.c_str());
}

}  // namespace lml
