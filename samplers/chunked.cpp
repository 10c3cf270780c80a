#include "samplers/chunked.hpp"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace lml {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double chunk_seconds = 0.5;  // between looks at the clock

double seconds_since(Clock::time_point from) { return std::chrono::duration<double>(Clock::now() - from).count(); }

// A row a sample: the sample, then the states of its trajectory.
Points rows_of(const SampleSet& set, Index n, Index d) {
  Points out(n, d * Index(1 + set.trajectory.size()));
  out.leftCols(d) = set.samples.topRows(n);
  for (std::size_t k = 0; k < set.trajectory.size(); ++k)
    out.middleCols(d * Index(k + 1), d) = set.trajectory[k].topRows(n);
  return out;
}

void put_rows(SampleSet& set, Index from, const Eigen::Ref<const Points>& rows, Index d) {
  set.samples.middleRows(from, rows.rows()) = rows.leftCols(d);
  for (std::size_t k = 0; k < set.trajectory.size(); ++k)
    set.trajectory[k].middleRows(from, rows.rows()) = rows.middleCols(d * Index(k + 1), d);
}

void put(SampleSet& set, Index from, const SampleSet& part) {
  set.samples.middleRows(from, part.samples.rows()) = part.samples;
  for (std::size_t k = 0; k < set.trajectory.size(); ++k)
    set.trajectory[k].middleRows(from, part.samples.rows()) = part.trajectory[k];
}

// The part of a chunk that a process takes: whole blocks, the first of them by the first process.
struct Share {
  Index from, count;
  Share(const Processes& all, Index chunk, Index rows) {
    const Index blocks = (chunk + rows - 1) / rows;
    const auto border = [&](Index rank) {
      return std::min(chunk, (blocks * rank + all.count() - 1) / all.count() * rows);
    };
    from = border(all.rank());
    count = border(all.rank() + 1) - from;
  }
};

// Calls of one part after another: as `sample` has them, those of the first sample that needed most.
struct Calls {
  std::vector<Node> longest;
  double total = 0;
  void add(std::vector<Node> part, double part_total) {
    total += part_total;
    if (part.size() > longest.size()) longest = std::move(part);
  }
  void add(SampleSet& set) { add(std::move(set.calls), std::round(set.calls_a_sample * double(set.samples.rows()))); }
  std::vector<double> flat() const {
    std::vector<double> out{total, double(longest.size())};
    for (const Node& n : longest) out.insert(out.end(), {n.t, n.alpha, n.sigma});
    return out;
  }
  // One part after another.
  void add_flat(const std::vector<double>& parts) {
    for (std::size_t i = 0; i < parts.size();) {
      const double part_total = parts[i];
      std::vector<Node> part(std::size_t(parts[i + 1]));
      i += 2;
      for (Node& n : part) {
        n = {parts[i], parts[i + 1], parts[i + 2]};
        i += 3;
      }
      add(std::move(part), part_total);
    }
  }
};

class ChunkedRun {
 public:
  ChunkedRun(const Sampler& sampler, ExactSource& source, const Starts& starts, const SamplePlan& plan,
             const Processes& processes)
      : sampler_(sampler), source_(source), starts_(starts), plan_(plan), processes_(processes) {}

  SampleSet part(Index from, Index count) const {
    SamplePlan plan = plan_;
    plan.first += std::uint64_t(from);
    return sample(sampler_, source_, starts_(from, count), plan);
  }

  // This process's part of a chunk; on the first process all of it goes into `out`.
  void run(Index from, Index count, SampleSet& out, Calls& calls) const {
    if (processes_.count() == 1) {
      SampleSet set = part(from, count);
      put(out, from, set);
      calls.add(set);
      return;
    }
    const Index d = source_.target().dim();
    const Share mine(processes_, count, block_rows(source_.target()));
    std::vector<double> numbers;
    Calls my_calls;
    bool good = true;
    if (mine.count > 0) try {
        SampleSet set = part(from + mine.from, mine.count);
        const Points rows = rows_of(set, mine.count, d);
        numbers.assign(rows.data(), rows.data() + rows.size());
        my_calls.add(set);
      } catch (...) {
        good = false;
      }
    const std::vector<double> failures = processes_.gather({good ? 0.0 : 1.0});
    const std::vector<double> all = processes_.gather(numbers), all_calls = processes_.gather(my_calls.flat());
    if (processes_.rank() > 0) return;
    // What went wrong on another process goes wrong here too, and is thrown.
    if (std::count(failures.begin(), failures.end(), 0.0) < processes_.count()) part(from, count);
    calls.add_flat(all_calls);
    put_rows(out, from, Eigen::Map<const Points>(all.data(), count, Index(all.size()) / count), d);
  }

 private:
  const Sampler& sampler_;
  ExactSource& source_;
  const Starts& starts_;
  const SamplePlan& plan_;
  const Processes& processes_;
};

}  // namespace

SampleSet sample_in_chunks(const Sampler& sampler, ExactSource& source, const Starts& starts, Index n,
                           const SamplePlan& plan, const ChunkWatch& watch, const Processes& processes) {
  const Index d = source.target().dim(), rows = block_rows(source.target());
  const bool first = processes.rank() == 0;
  const ChunkedRun run(sampler, source, starts, plan, processes);
  SampleSet out;
  Calls calls;
  Index done = 0;
  if (first) {
    out.samples.resize(n, d);
    if (plan.trajectory) out.trajectory.assign(std::size_t(sampler.steps()) + 1, Points(n, d));
    if (watch.resume) {
      const Index width = d * Index(1 + out.trajectory.size());
      if (watch.resume->done > n || watch.resume->rows.rows() != watch.resume->done ||
          watch.resume->rows.cols() != width)
        throw BadInput("", "is no state of this run");
      done = watch.resume->done;
      put_rows(out, 0, watch.resume->rows, d);
      calls.add(watch.resume->calls, watch.resume->total_calls);
    }
  }
  // A chunk of no samples ends the run, on all processes.
  const auto announce = [&](Index count) { return processes.broadcast({double(done), double(count)}); };
  try {
    Index chunk = watch.first_chunk > 0 ? watch.first_chunk : rows * omp_get_max_threads() * processes.count();
    Clock::time_point saved = Clock::now();
    for (;;) {
      const Clock::time_point began = Clock::now();
      const std::vector<double> order = announce(std::min(chunk, n - done));
      const Index from = Index(order[0]), count = Index(order[1]);
      if (count == 0) {
        out.calls_a_sample = calls.total / double(n);
        out.calls = std::move(calls.longest);
        return out;
      }
      run.run(from, count, out, calls);
      if (!first) continue;
      done = from + count;
      const double seconds = seconds_since(began);
      if (watch.first_chunk == 0 && seconds < chunk_seconds / 2) chunk *= 2;
      if (watch.first_chunk == 0 && seconds > chunk_seconds * 2) chunk = std::max(rows, chunk / 2);
      if (watch.progress) watch.progress(double(done) / double(n));
      if (watch.save && done < n && seconds_since(saved) >= watch.save_seconds) {
        watch.save({done, rows_of(out, done, d), calls.longest, calls.total});
        saved = Clock::now();
      }
    }
  } catch (...) {
    if (first && processes.count() > 1) announce(0);
    throw;
  }
}

}  // namespace lml
