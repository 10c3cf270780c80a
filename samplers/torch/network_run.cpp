#include "samplers/torch/network_run.hpp"

#include <c10/core/GradMode.h>

#include <new>

#include "experiments/errors.hpp"

namespace lml {

using at::Tensor;

Points points_of(const Tensor& x) {
  const Tensor flat = x.detach().flatten(1).to(at::kCPU, at::kDouble).contiguous();
  return Eigen::Map<const Points>(flat.data_ptr<double>(), flat.size(0), flat.size(1));
}

Tensor tensor_of(const PointsRef& x, const PretrainedModel& model, at::ScalarType type) {
  std::vector<std::int64_t> shape{x.rows()};
  shape.insert(shape.end(), model.shape.begin(), model.shape.end());
  Points copy = x;
  return at::from_blob(copy.data(), shape, at::kDouble)
      .to(model.network->options().device(), type, false, /*copy=*/true);
}

Points network_starts(const PretrainedModel& model, const Node& first, double deviation, Index n,
                      const SamplePlan& plan) {
  Index d = 1;
  for (std::int64_t side : model.shape) d *= side;
  return noise_starts(deviation, n, d, plan).array() + first.alpha * model.initial_mean;
}

namespace {

// LibTorch's allocator on the host has no type of its own for it.
bool says_out_of_memory(const c10::Error& e) {
  const std::string_view text = e.what_without_backtrace();
  return dynamic_cast<const c10::OutOfMemoryError*>(&e) || text.find("DefaultCPUAllocator") != text.npos;
}

template <class Work>
bool fits(const Work& work) {
  try {
    work();
    return true;
  } catch (const std::bad_alloc&) {
  } catch (const c10::Error& e) {
    if (!says_out_of_memory(e)) throw;
  }
  return false;
}

}  // namespace

void within_memory(const PretrainedModel& model, const Node& at, Index batch, const std::function<void()>& work) {
  if (fits(work)) return;
  const auto evaluation = [&](Index n) {
    const c10::NoGradGuard no_grad;
    std::vector<std::int64_t> shape{n};
    shape.insert(shape.end(), model.shape.begin(), model.shape.end());
    NetworkSource(model).epsilon(at::zeros(shape, model.network->options().dtype(at::kDouble)), at);
  };
  Index n = batch / 2;
  while (n > 0 && !fits([&] { evaluation(n); })) n /= 2;
  throw UsageError("lml: a batch of " + std::to_string(batch) + " images does not fit into memory; " +
                   (n > 0 ? "try --batch " + std::to_string(n) : "neither does a single one"));
}

BatchState begin_batch(const PretrainedModel& model, const PointsRef& start, const BatchPlan& plan) {
  return {{tensor_of(start, model, plan.solver)}, std::nullopt, {}};
}

void finish_batch(const Sampler& sampler, NetworkSource& source, const BatchPlan& plan, BatchState& state,
                  const std::function<void(const BatchState&)>& after) {
  const c10::NoGradGuard no_grad;
  Model<Tensor> asked(source, sampler.correction, sampler.clipping);
  asked.resume(Index(state.calls.size()), state.remembered);
  const std::vector<Node> before = state.calls;
  const auto old = std::ptrdiff_t(source.calls().size());
  const auto noise = [&](Index step, int stage) {
    const Tensor& x = state.run.x;
    return tensor_of(step_noise(step, stage, x.size(0), x[0].numel(), {plan.seed, plan.first}), source.model(),
                     plan.solver);
  };
  advance(sampler, asked, noise, state.run, [&](const Run<Tensor>& run) {
    const Tensor bad = at::isfinite(run.x).flatten(1).all(1).logical_not();
    if (bad.any().item<bool>())
      throw NotFinite("image " + std::to_string(plan.first + bad.to(at::kLong).argmax().item<std::int64_t>()) +
                      " is not a finite number after step " + std::to_string(run.step - 1) + " (both counted from 0)");
    state.remembered = asked.remembered();
    state.calls = before;
    state.calls.insert(state.calls.end(), source.calls().begin() + old, source.calls().end());
    if (after) after(state);
  });
}

}  // namespace lml
