// Many particles of one chain, each moved by a stepper from an exact draw of p_t: the law's moments out of their time
// averages after a burn-in, with standard errors from the spread between particles.
//
// Every draw is addressed by (seed, stream, sample, step, component); particles are summed in blocks of fixed size and
// blocks in their order. So neither threads nor processes, nor where a run was cut into pieces, can change a bit.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dynamics/langevin.hpp"
#include "dynamics/processes.hpp"
#include "dynamics/random.hpp"
#include "dynamics/statistics.hpp"

namespace lml {

/// Particles that are summed together, moved by one thread.
inline constexpr Index block_particles = 32;
/// Particles under way at once: what a checkpoint holds. A run goes through its particles in rounds of so many.
inline constexpr Index round_particles = 4096;

namespace streams {
inline constexpr std::uint64_t start = 1, normals = 2, uniform = 3;
}

struct EnsemblePlan {
  Index particles = 0;
  double step = 0;            // h
  std::int64_t burn_in = 0;   // steps before the averages
  std::int64_t recorded = 0;  // steps in the averages
  std::uint64_t seed = 0;
};

/// A particle reached a point from which the method cannot go on, at this step (1 is the first). Of the first round in
/// which that happens: the earliest step, and then the lowest particle.
class Diverged : public std::runtime_error {
 public:
  enum class Cause { not_finite, no_metric };
  Diverged(std::uint64_t seed, std::uint64_t sample, std::int64_t step, Vec last, Cause cause);
  std::uint64_t seed, sample;
  std::int64_t step;
  Vec last;  // the state before that step, [d]
  Cause cause;
};

/// Steps (from, to] of a run, and which of them count.
struct Segment {
  std::int64_t from, to, burn_in, half;  // half: the last step of the first half of the averages
  std::int64_t every;                    // one in so many is recorded
  bool records(std::int64_t step) const { return step > burn_in && (step - burn_in) % every == 0; }
};

/// What a segment adds to of one particle, in a row: sums of x (as a difference from the centre) over the first and the
/// second half, sums of the lower triangle of x x^T, steps that were accepted.
inline Index record_size(Index d) { return 2 * d + d * (d + 1) / 2 + 1; }

/// A method with its step, ready to move blocks of particles. Thread-safe.
class Propagator {
 public:
  virtual ~Propagator() = default;
  virtual const Marginal& target() const = 0;
  /// Doubles that hold a particle between segments; its position comes first.
  virtual Index state_size() const { return target().dim(); }
  /// States of particles first, first + 1, ... whose positions are given.
  virtual void start(std::uint64_t first, Points& states) const;
  /// Moves them. Throws Diverged.
  virtual void run(std::uint64_t first, const Segment& segment, const Vec& centre, Points& states,
                   Points& records) const = 0;
  /// Whether steps can be rejected.
  virtual bool rejects() const { return false; }
};

/// Any stepper of dynamics/steppers, a particle at a time. Names: euler_maruyama, heun, weak2, metropolis, ula, mala,
/// baoab. Throws BadInput ("/integrator").
std::unique_ptr<Propagator> stepwise(const std::string& integrator, Langevin law, double h, std::uint64_t seed);

/// Euler-Maruyama with 32 particles in SIMD lanes, equal to the stepper up to rounding: for the identity (ULA) and the
/// rank-one metrics in Ito form, and for isotropic mixtures whose components fit the first caches with half or all of
/// div D too. Nothing where that does not cover the law.
std::unique_ptr<Propagator> vectorised_euler_maruyama(Langevin law, double h, std::uint64_t seed);

/// The faster of the two. Throws BadInput ("/integrator").
std::unique_ptr<Propagator> propagator(const std::string& integrator, Langevin law, double h, std::uint64_t seed);

/// Where a run stands: the sums of the rounds that are done, and the round under way.
struct EnsembleState {
  std::int64_t round = 0, step = 0;
  Vec totals;
  Points states, records;
};

struct EnsembleWatch {
  /// The share of the run that is done.
  std::function<void(double)> progress = nullptr;
  /// Called at least `save_seconds` apart, and at the end, with what `resume` takes; on the first process only.
  std::function<void(const EnsembleState&)> save = nullptr;
  double save_seconds = 30;
  std::optional<EnsembleState> resume = std::nullopt;
};

struct EnsembleResult {
  Moments moments;
  Vec r_hat;              // [d]: split R-hat of up to eight groups of particles
  Vec effective_samples;  // [d], of the mean
  double acceptance = 1;
};

/// Throws BadInput ("/particles", "/time"), Diverged. Only the first process has the result; the others get none.
std::optional<EnsembleResult> run_ensemble(const Propagator& propagator, const EnsemblePlan& plan,
                                           const EnsembleWatch& watch = {}, const Processes& processes = Processes());

}  // namespace lml
