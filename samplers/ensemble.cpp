#include "samplers/ensemble.hpp"

#include <omp.h>

#include <algorithm>
#include <string>

#include "dynamics/normal_stream.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

// Streams of Philox under one seed.
constexpr std::uint64_t start_stream = 0x5374617274, step_stream = 0x53746570;
constexpr std::uint64_t stages = 16;  // draws that one step may ask for

Points normals(const NormalStream& stream, std::uint64_t first, std::uint64_t step, Index n, Index d) {
  Points out(n, d);
  parallel_for(n, false, [&](Index i) { out.row(i) = stream.normal(first + std::uint64_t(i), step, d).transpose(); });
  return out;
}

struct BlockNoise {
  const NormalStream* stream;
  std::uint64_t first;
  Index n, d;
  Points operator()(Index step, int stage) const {
    return normals(*stream, first, std::uint64_t(step) * stages + std::uint64_t(stage), n, d);
  }
};

// Remembers where the model was called.
class Recorder : public Source<Points> {
 public:
  explicit Recorder(ExactSource& source) : source_(&source) {}
  Points epsilon(const Points& x, const Node& at) override {
    calls.push_back(at);
    return source_->epsilon(x, at);
  }
  Points data(const Points& x, const Node& at) override {
    calls.push_back(at);
    return source_->data(x, at);
  }
  std::vector<Node> calls;

 private:
  ExactSource* source_;
};

void require_finite(const Points& x, std::uint64_t first, Index step) {
  // 0 x is 0 for finite x only.
  if ((x.array() * 0).sum() == 0) return;
  for (Index i = 0; i < x.rows(); ++i)
    if (!x.row(i).allFinite())
      throw NotFinite("sample " + std::to_string(first + std::uint64_t(i)) + " is not a finite number after step " +
                      std::to_string(step) + " (both counted from 0)");
}

}  // namespace

Index block_rows(const Target& target) {
  return std::clamp<Index>(8192 / target.dim(), 1, target.size() > 4096 ? 128 : 4096);
}

Points noise_starts(double deviation, Index n, Index d, const SamplePlan& plan) {
  return deviation * normals(NormalStream(plan.seed, start_stream), plan.first, 0, n, d);
}

SampleSet sample(const Sampler& sampler, ExactSource& source, const Points& start, const SamplePlan& plan) {
  const Index n = start.rows(), d = start.cols(), rows = block_rows(source.target());
  const Index blocks = (n + rows - 1) / rows;
  const NormalStream stream(plan.seed, step_stream);
  SampleSet out;
  out.samples.resize(n, d);
  if (plan.trajectory) out.trajectory.assign(sampler.grid.size() + 1, Points(n, d));
  // A law of many components keeps all threads busy by itself; with few blocks that is the better split.
  const bool over_blocks = blocks >= 2 * omp_get_max_threads() || source.target().size() <= 4096;
  parallel_for(blocks, over_blocks, [&](Index b) {
    const Index from = b * rows, count = std::min(rows, n - from);
    const std::uint64_t first = plan.first + std::uint64_t(from);
    Recorder recorder(source);
    Model<Points> model(recorder, sampler.correction, sampler.clipping);
    BlockNoise noise{&stream, first, count, d};
    Run<Points> run{start.middleRows(from, count)};
    if (plan.trajectory) out.trajectory[0].middleRows(from, count) = run.x;
    advance(sampler, model, noise, run, [&](const Run<Points>& r) {
      require_finite(r.x, first, r.step - 1);
      if (plan.trajectory) out.trajectory[std::size_t(r.step)].middleRows(from, count) = r.x;
    });
    out.samples.middleRows(from, count) = run.x;
    if (b == 0) out.calls = std::move(recorder.calls);
  });
  return out;
}

}  // namespace lml
