#include "samplers/ensemble.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include "dynamics/normal_stream.hpp"
#include "samplers/fisher_source.hpp"
#include "theory/kernels/mixture.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

// Streams of Philox under one seed.
constexpr std::uint64_t start_stream = 0x5374617274, step_stream = 0x53746570;
constexpr std::uint64_t stages = 16;  // draws that one step may ask for

std::uint64_t draw_number(Index step, int stage) { return std::uint64_t(step) * stages + std::uint64_t(stage); }

// N(0, I) for samples first, ..., first + n - 1. `wide`: on all threads.
Points normals(const NormalStream& stream, std::uint64_t first, std::uint64_t step, Index n, Index d, bool wide) {
  constexpr Index group = 32;  // what NormalStream::normals makes at once
  Points out(n, d);
  const Index groups = (n + group - 1) / group, task = std::max<Index>(1, 65536 / (group * d));
  parallel_for((groups + task - 1) / task, wide, [&](Index t) {
    const kernels::Buffer z = kernels::buffer((d + 1) / 2 * 2 * group);
    for (Index i = t * task * group; i < std::min(n, (t + 1) * task * group); i += group) {
      stream.normals(first + std::uint64_t(i), step, d, z.get());
      const Index count = std::min(group, n - i);
      out.middleRows(i, count) = Eigen::Map<const Mat>(z.get(), group, d).topRows(count);
    }
  });
  return out;
}

struct BlockNoise {
  const NormalStream* stream;
  std::uint64_t first;
  Index n, d;
  Points operator()(Index step, int stage) const {
    return normals(*stream, first, draw_number(step, stage), n, d, false);
  }
};

// Remembers where the model was called.
class Recorder : public Source<Points> {
 public:
  explicit Recorder(Source<Points>& source) : source_(&source) {}
  Points epsilon(const Points& x, const Node& at) override {
    calls.push_back(at);
    return source_->epsilon(x, at);
  }
  Points data(const Points& x, const Node& at) override {
    calls.push_back(at);
    return source_->data(x, at);
  }
  Points velocity(const Points& x, const Node& at) override {
    calls.push_back(at);
    return source_->velocity(x, at);
  }
  Points along(double c, const Points& x, double e, const Node& at) override {
    calls.push_back(at);
    return source_->along(c, x, e, at);
  }
  std::vector<Node> calls;

 private:
  Source<Points>* source_;
};

std::string at_step(std::uint64_t sample, const char* what, Index step) {
  return "sample " + std::to_string(sample) + " " + what + " step " + std::to_string(step) + " (both counted from 0)";
}

Index row_of(const BadInput& e) { return e.pointer().size() > 1 ? Index(std::atoll(e.pointer().c_str() + 1)) : 0; }

// The target's refusal of a row of a block (BadInput, "/row").
[[noreturn]] void refuse_row(const BadInput& e, std::uint64_t first, Index step) {
  throw NotFinite(at_step(first + std::uint64_t(row_of(e)), "is beyond what the target can be evaluated at, in", step));
}

// A refusal of one of some rows, by its place among all.
template <class Body>
Points of_these(const std::vector<Index>& rows, const Body& body) {
  try {
    return body();
  } catch (const BadInput& e) {
    throw BadInput("/" + std::to_string(rows[std::size_t(row_of(e))]), e.what());
  }
}

void require_finite(const Points& x, std::uint64_t first, Index step) {
  // 0 x is 0 for finite x only.
  if ((x.array() * 0).sum() == 0) return;
  for (Index i = 0; i < x.rows(); ++i)
    if (!x.row(i).allFinite()) throw NotFinite(at_step(first + std::uint64_t(i), "is not a finite number after", step));
}

struct BlockCalls {
  std::vector<Node> longest;  // of the sample that needed most
  double total = 0;           // over all samples
};

template <class After>
Points plain(const Sampler& sampler, ExactSource& source, Points start, BlockNoise noise, const After& after,
             BlockCalls& calls) {
  FisherSource damped(source, sampler.fisher.value_or(0));
  Recorder recorder(sampler.fisher ? static_cast<Source<Points>&>(damped) : static_cast<Source<Points>&>(source));
  Model<Points> model(recorder, sampler.correction, sampler.clipping);
  Run<Points> run{std::move(start)};
  advance(sampler, model, noise, run, [&](const Run<Points>& r) { after(r.x, r.step); });
  calls.longest = std::move(recorder.calls);
  calls.total = double(calls.longest.size()) * double(run.x.rows());
  return std::move(run.x);
}

// The chains, then each sample down the rest of the grid from its level, the samples of a level together.
template <class After>
Points from_chains(const Sampler& sampler, ExactSource& source, const Points& start, const BlockNoise& noise,
                   const After& after, BlockCalls& calls) {
  const LangevinGibbs& method = *sampler.chain;
  std::vector<Node> levels;
  for (const Interval& step : sampler.grid) levels.push_back(step.from);
  Chains chains{start / levels[0].alpha, std::vector<Index>(static_cast<std::size_t>(start.rows()), 0)};
  Points x = start;
  for (Index i = 0; i < method.steps; ++i) {
    chains = langevin_gibbs_step(method, levels, source, chains, [&](int stage) { return noise(i, stage); });
    for (Index j = 0; j < x.rows(); ++j)
      x.row(j) = levels[std::size_t(chains.level[std::size_t(j)])].alpha * chains.y.row(j);
    after(x, i + 1);
  }
  const std::vector<std::vector<Index>> at_level = rows_by_level(chains.level, levels.size());
  const auto chain_calls = std::size_t(method.steps * method.calls_a_step());
  std::vector<Points> states(sampler.grid.size(), x);
  for (std::size_t k = 0; k < levels.size(); ++k) {
    if (at_level[k].empty()) continue;
    Sampler rest = begun_at(sampler, k);
    rest.chain.reset();
    BlockCalls mine;
    const Points end = of_these(at_level[k], [&] {
      return plain(
          rest, source, x(at_level[k], Eigen::all), noise,
          [&](const Points& state, Index step) { states[k + std::size_t(step) - 1](at_level[k], Eigen::all) = state; },
          mine);
    });
    if (calls.longest.empty()) {
      calls.longest.assign(chain_calls, Node{std::nan(""), std::nan(""), std::nan("")});
      calls.longest.insert(calls.longest.end(), mine.longest.begin(), mine.longest.end());
    }
    calls.total += mine.total + double(chain_calls * at_level[k].size());
  }
  for (std::size_t i = 0; i < states.size(); ++i) after(states[i], method.steps + Index(i) + 1);
  return std::move(states.back());
}

}  // namespace

Index block_rows(const Target& target) {
  return std::clamp<Index>(8192 / target.dim(), 1, target.size() > 4096 ? 128 : 4096);
}

Points noise_starts(double deviation, Index n, Index d, const SamplePlan& plan) {
  return deviation * normals(NormalStream(plan.seed, start_stream), plan.first, 0, n, d, true);
}

Points step_noise(Index step, int stage, Index n, Index d, const SamplePlan& plan) {
  return normals(NormalStream(plan.seed, step_stream), plan.first, draw_number(step, stage), n, d, true);
}

SampleSet sample(const Sampler& sampler, ExactSource& source, const Points& start, const SamplePlan& plan) {
  const Index n = start.rows(), d = start.cols(), rows = block_rows(source.target());
  const Index blocks = (n + rows - 1) / rows;
  const NormalStream stream(plan.seed, step_stream);
  SampleSet out;
  out.samples.resize(n, d);
  if (plan.trajectory) out.trajectory.assign(std::size_t(sampler.steps()) + 1, Points(n, d));
  // A law of many components keeps all threads busy by itself; with few blocks that is the better split.
  const bool over_blocks = blocks >= 2 * omp_get_max_threads() || source.target().size() <= 4096;
  std::vector<BlockCalls> calls(static_cast<std::size_t>(blocks));
  parallel_for(blocks, over_blocks, [&](Index b) {
    const Index from = b * rows, count = std::min(rows, n - from);
    const std::uint64_t first = plan.first + std::uint64_t(from);
    Index reached = 0;
    const auto after = [&](const Points& x, Index step) {
      require_finite(x, first, step - 1);
      reached = step;
      if (plan.trajectory) out.trajectory[std::size_t(step)].middleRows(from, count) = x;
    };
    if (plan.trajectory) out.trajectory[0].middleRows(from, count) = start.middleRows(from, count);
    const BlockNoise noise{&stream, first, count, d};
    try {
      out.samples.middleRows(from, count) =
          sampler.chain
              ? from_chains(sampler, source, start.middleRows(from, count), noise, after, calls[std::size_t(b)])
              : plain(sampler, source, start.middleRows(from, count), noise, after, calls[std::size_t(b)]);
    } catch (const BadInput& e) {
      refuse_row(e, first, reached);
    }
  });
  double total = 0;
  for (BlockCalls& block : calls) {
    total += block.total;
    if (block.longest.size() > out.calls.size()) out.calls = std::move(block.longest);
  }
  out.calls_a_sample = total / double(n);
  return out;
}

}  // namespace lml
