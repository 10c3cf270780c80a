#include "dynamics/ensemble.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "dynamics/draw.hpp"
#include "theory/parallel.hpp"

namespace lml {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double segment_seconds = 0.25;  // between looks at the clock
constexpr std::int64_t first_segment = 64;
constexpr Index chain_groups = 8;

std::string sentence(std::uint64_t seed, std::uint64_t sample, std::int64_t step, const Vec& last,
                     Diverged::Cause cause) {
  std::string at;
  for (Index j = 0; j < last.size(); ++j) {
    char number[32];
    std::snprintf(number, sizeof number, "%s%.17g", j ? ", " : "", last[j]);
    at += number;
  }
  return "particle " + std::to_string(sample) + " of seed " + std::to_string(seed) + " at step " +
         std::to_string(step) +
         (cause == Diverged::Cause::not_finite ? " left the finite numbers"
                                               : " met a point where the metric is not positive definite") +
         "; its last state was [" + at + "]";
}

// What a block adds: sums of the particles' averages, accepted steps, and of the one group that it belongs to: how many
// particles, and sums over them of both halves' records [d] each and of all squares [d].
struct BlockSums {
  MomentSums moments;
  Vec chains;
  explicit BlockSums(Index d) : moments(d), chains(Vec::Zero(1 + chain_groups * group_size(d))) {}
  static Index group_size(Index d) { return 1 + 3 * d; }
  static Index size(Index d) { return BlockSums(d).flat().size(); }
  Vec flat() const {
    Vec out(moments.values().size() + chains.size());
    out << moments.values(), chains;
    return out;
  }
  static BlockSums from(Index d, const Vec& flat) {
    BlockSums out(d);
    out.moments.values() = flat.head(out.moments.values().size());
    out.chains = flat.tail(out.chains.size());
    return out;
  }
};

// How many records each half of the averages has.
struct Halves {
  double first, second;
  double both() const { return first + second; }
};

Vec block_sums(Index d, Index block, const Eigen::Ref<const Points>& records, Halves n) {
  BlockSums out(d);
  auto group = out.chains.segment(1 + block % chain_groups * BlockSums::group_size(d), BlockSums::group_size(d));
  Vec mean(d), second(d * (d + 1) / 2);
  for (Index i = 0; i < records.rows(); ++i) {
    const auto row = records.row(i).transpose();
    mean = (row.head(d) + row.segment(d, d)) / n.both();
    second = row.segment(2 * d, second.size()) / n.both();
    out.moments.add(mean.data(), second.data());
    out.chains[0] += row[record_size(d) - 1];
    group[0] += 1;
    group.segment(1, 2 * d) += row.head(2 * d);
    for (Index a = 0; a < d; ++a) group[1 + 2 * d + a] += row[2 * d + a * (a + 1) / 2 + a];
  }
  return out.flat();
}

// Each half of each group a chain.
Vec r_hats(const Vec& sums, Index d, Halves n) {
  Vec out(d);
  std::vector<Index> groups;
  for (Index g = 0; g < chain_groups; ++g)
    if (sums[1 + g * BlockSums::group_size(d)] > 0) groups.push_back(1 + g * BlockSums::group_size(d));
  const Index m = Index(groups.size());
  Vec means(2 * m), variances(2 * m);
  double draws = HUGE_VAL;
  for (Index a = 0; a < d; ++a) {
    for (Index g = 0; g < m; ++g) {
      const double* group = sums.data() + groups[std::size_t(g)];
      const double first = group[0] * n.first, second = group[0] * n.second;
      const double m0 = means[2 * g] = group[1 + a] / first, m1 = means[2 * g + 1] = group[1 + d + a] / second;
      const double within = group[1 + 2 * d + a] - first * m0 * m0 - second * m1 * m1;
      variances[2 * g] = variances[2 * g + 1] = std::max(0.0, within) / std::max(1.0, first + second - 2);
      draws = std::min(draws, first);
    }
    out[a] = r_hat(means, variances, std::max(2.0, draws));
  }
  return out;
}

std::vector<double> flattened(const Points& m) { return {m.data(), m.data() + m.size()}; }
Points shaped(const std::vector<double>& values, Index columns) {
  return Eigen::Map<const Points>(values.data(), Index(values.size()) / columns, columns);
}

// One round: its particles [first, first + count), of which this process moves `mine` from `offset` on.
class Round {
 public:
  Round(const Propagator& propagator, const Processes& processes, Index first, Index count)
      : propagator_(propagator), processes_(processes), first_(first) {
    const Index blocks = (count + block_particles - 1) / block_particles;
    const auto border = [&](Index rank) {
      return std::min(count, blocks * rank / processes.count() * block_particles);
    };
    offset_ = border(processes.rank());
    mine_ = border(processes.rank() + 1) - offset_;
  }
  void start(std::uint64_t seed) {
    const Index d = propagator_.target().dim(), width = propagator_.state_size();
    states_ = Points::Zero(mine_, width);
    records_ = Points::Zero(mine_, record_size(d));
    each_block([&](Index from, Index n) {
      Points x = Points::Zero(n, width);
      const std::uint64_t sample = std::uint64_t(first_ + offset_ + from);
      x.leftCols(d) = draw(propagator_.target(), Random(seed, streams::start), sample, n);
      propagator_.start(sample, x);
      states_.middleRows(from, n) = x;
    });
  }
  void restore(const EnsembleState& state) {
    states_ = state.states.middleRows(offset_, mine_);
    records_ = state.records.middleRows(offset_, mine_);
  }
  /// The failure on this process, if any.
  std::optional<Diverged> run(const Segment& segment, const Vec& centre) {
    const Index blocks = (mine_ + block_particles - 1) / block_particles;
    std::vector<std::optional<Diverged>> failed(static_cast<std::size_t>(blocks));
    each_block([&](Index from, Index n) {
      Points x = states_.middleRows(from, n), r = records_.middleRows(from, n);
      try {
        propagator_.run(std::uint64_t(first_ + offset_ + from), segment, centre, x, r);
      } catch (const Diverged& e) {
        failed[std::size_t(from / block_particles)].emplace(e);
      }
      states_.middleRows(from, n) = x;
      records_.middleRows(from, n) = r;
    });
    std::optional<Diverged> out;
    for (const std::optional<Diverged>& f : failed)
      if (f && (!out || f->step < out->step)) out.emplace(*f);
    return out;
  }
  /// States and records of all processes, on the first.
  void collect(EnsembleState& state) const {
    state.states = shaped(processes_.gather(flattened(states_)), states_.cols());
    state.records = shaped(processes_.gather(flattened(records_)), records_.cols());
  }
  /// On the first process: adds all blocks in their order.
  void add_to(Vec& totals, Index d, Halves n) const {
    const Index size = totals.size(), blocks = (mine_ + block_particles - 1) / block_particles;
    std::vector<double> sums(std::size_t(blocks * size));
    each_block([&](Index from, Index count) {
      const Vec block = block_sums(d, (first_ + offset_ + from) / block_particles, records_.middleRows(from, count), n);
      std::copy(block.begin(), block.end(), sums.begin() + from / block_particles * size);
    });
    const std::vector<double> all = processes_.gather(sums);
    for (std::size_t i = 0; i + std::size_t(size) <= all.size(); i += std::size_t(size))
      totals += Eigen::Map<const Vec>(all.data() + i, size);
  }

 private:
  template <class Body>
  void each_block(const Body& body) const {
    const Index blocks = (mine_ + block_particles - 1) / block_particles;
    parallel_for(blocks, blocks > 1,
                 [&](Index b) { body(b * block_particles, std::min(block_particles, mine_ - b * block_particles)); });
  }
  const Propagator& propagator_;
  const Processes& processes_;
  Index first_, offset_, mine_;
  Points states_, records_;
};

// What the first process tells the others after a segment.
struct Verdict {
  std::optional<Diverged> failed;
  std::int64_t next = 0;  // steps of the next segment
  bool save = false;
};

std::vector<double> encoded(const std::optional<Diverged>& e, Index d) {
  std::vector<double> out(std::size_t(4 + d), 0.0);
  if (!e) return out;
  out[0] = 1;
  out[1] = double(e->step);
  out[2] = double(e->sample);
  out[3] = double(e->cause == Diverged::Cause::no_metric);
  std::copy(e->last.begin(), e->last.end(), out.begin() + 4);
  return out;
}

std::optional<Diverged> earliest(const std::vector<double>& all, Index d, std::uint64_t seed) {
  std::optional<Diverged> out;
  for (std::size_t i = 0; i < all.size(); i += std::size_t(4 + d)) {
    const double* e = all.data() + i;
    if (e[0] == 0 || (out && double(out->step) <= e[1])) continue;
    out.emplace(seed, std::uint64_t(e[2]), std::int64_t(e[1]), Vec(Eigen::Map<const Vec>(e + 4, d)),
                e[3] == 0 ? Diverged::Cause::not_finite : Diverged::Cause::no_metric);
  }
  return out;
}

class Run {
 public:
  Run(const Propagator& propagator, const EnsemblePlan& plan, const EnsembleWatch& watch, const Processes& processes)
      : propagator_(propagator),
        plan_(plan),
        watch_(watch),
        processes_(processes),
        d_(propagator.target().dim()),
        steps_(plan.burn_in + plan.recorded),
        saved_(Clock::now()) {
    if (plan.particles < 2)
      throw BadInput("/particles", "must be at least 2: errors come from the spread between them");
    if (plan.burn_in < 0 || plan.recorded < 2)
      throw BadInput("/time", "must leave at least two steps after the burn-in");
    every_ = std::clamp<std::int64_t>((d_ + 7) / 8, 1, plan.recorded / 2);
    const std::int64_t records = plan.recorded / every_;
    halves_ = {double(records / 2), double(records - records / 2)};
    half_ = plan.burn_in + records / 2 * every_;
    const Marginal& p = propagator.target();
    centre_ = p.time().alpha * p.target().mean();
    state_.totals = Vec::Zero(BlockSums::size(d_));
    if (watch.resume) {
      state_ = *watch.resume;
      require_fit();
    }
  }

  std::optional<EnsembleResult> run() {
    const Index rounds = (plan_.particles + round_particles - 1) / round_particles;
    bool resumed = watch_.resume.has_value();
    for (; state_.round < rounds; ++state_.round, state_.step = 0) {
      Round round(propagator_, processes_, state_.round * round_particles, in_round());
      if (resumed)
        round.restore(state_);
      else
        round.start(plan_.seed);
      resumed = false;
      move(round);
      round.add_to(state_.totals, d_, halves_);
    }
    if (processes_.rank() > 0) return std::nullopt;
    return result();
  }

 private:
  Index in_round() const { return std::min(round_particles, plan_.particles - Index(state_.round) * round_particles); }
  void require_fit() const {
    const bool fits = state_.round >= 0 && state_.round * round_particles < plan_.particles && state_.step >= 0 &&
                      state_.step <= steps_ && state_.totals.size() == BlockSums::size(d_) &&
                      state_.states.rows() == in_round() && state_.states.cols() == propagator_.state_size() &&
                      state_.records.rows() == in_round() && state_.records.cols() == record_size(d_);
    if (!fits) throw BadInput("", "is the state of another run");
  }

  void move(Round& round) {
    while (state_.step < steps_) {
      const std::int64_t to = std::min(steps_, state_.step + length_);
      const Clock::time_point before = Clock::now();
      const std::optional<Diverged> failed = round.run({state_.step, to, plan_.burn_in, half_, every_}, centre_);
      const Verdict v = agree(failed, to, std::chrono::duration<double>(Clock::now() - before).count());
      if (v.failed) throw *v.failed;
      state_.step = to;
      length_ = v.next;
      if (processes_.rank() == 0 && watch_.progress) watch_.progress(done());
      if (!v.save) continue;
      round.collect(state_);
      if (processes_.rank() == 0) watch_.save(state_);
      saved_ = Clock::now();
    }
  }
  bool is_last(std::int64_t to) const {
    return to == steps_ && (state_.round + 1) * round_particles >= plan_.particles;
  }
  double done() const {
    const double before = double(state_.round * round_particles);
    return (before + double(in_round()) * double(state_.step) / double(steps_)) / double(plan_.particles);
  }
  Verdict agree(const std::optional<Diverged>& mine, std::int64_t to, double seconds) const {
    const std::vector<double> failures = processes_.gather(encoded(mine, d_));
    Verdict v;
    if (processes_.rank() == 0) {
      v.failed = earliest(failures, d_, plan_.seed);
      const double more = seconds > 0 ? std::min(2.0, segment_seconds / seconds) : 2.0;
      v.next = std::max<std::int64_t>(1, std::int64_t(double(length_) * more));
      v.save = watch_.save &&
               (is_last(to) || std::chrono::duration<double>(Clock::now() - saved_).count() >= watch_.save_seconds);
    }
    if (processes_.count() == 1) return v;
    std::vector<double> message = encoded(v.failed, d_);
    message.push_back(double(v.next));
    message.push_back(double(v.save));
    message = processes_.broadcast(message);
    v.save = message.back() != 0;
    v.next = std::int64_t(message[message.size() - 2]);
    message.resize(message.size() - 2);
    v.failed = earliest(message, d_, plan_.seed);
    return v;
  }

  EnsembleResult result() const {
    const BlockSums sums = BlockSums::from(d_, state_.totals);
    EnsembleResult out{sums.moments.moments(centre_), Vec(), Vec(d_), 1};
    out.r_hat = r_hats(sums.chains, d_, halves_);
    for (Index a = 0; a < d_; ++a)
      out.effective_samples[a] = effective_samples(out.moments.covariance(a, a), out.moments.mean_error[a]);
    if (propagator_.rejects()) out.acceptance = sums.chains[0] / (double(plan_.particles) * double(steps_));
    return out;
  }

  const Propagator& propagator_;
  const EnsemblePlan& plan_;
  const EnsembleWatch& watch_;
  const Processes& processes_;
  Index d_;
  std::int64_t steps_, every_ = 1, half_ = 0, length_ = first_segment;
  Halves halves_{};
  Vec centre_;
  EnsembleState state_;
  Clock::time_point saved_;
};

}  // namespace

Diverged::Diverged(std::uint64_t seed, std::uint64_t sample, std::int64_t step, Vec last, Cause cause)
    : std::runtime_error(sentence(seed, sample, step, last, cause)),
      seed(seed),
      sample(sample),
      step(step),
      last(std::move(last)),
      cause(cause) {}

void Propagator::start(std::uint64_t, Points&) const {}

std::unique_ptr<Propagator> propagator(const std::string& integrator, Langevin law, double h, std::uint64_t seed) {
  const bool ula = integrator == "ula";
  if (ula) law = {Metric(law.target(), {}), Calculus::ito};
  if (ula || integrator == "euler_maruyama")
    if (auto fast = vectorised_euler_maruyama(law, h, seed)) return fast;
  return stepwise(integrator, std::move(law), h, seed);
}

std::optional<EnsembleResult> run_ensemble(const Propagator& propagator, const EnsemblePlan& plan,
                                           const EnsembleWatch& watch, const Processes& processes) {
  return Run(propagator, plan, watch, processes).run();
}

}  // namespace lml
