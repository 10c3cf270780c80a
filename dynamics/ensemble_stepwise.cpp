#include <cmath>

#include "dynamics/ensemble.hpp"
#include "dynamics/normal_stream.hpp"
#include "dynamics/steppers/baoab.hpp"
#include "dynamics/steppers/euler_maruyama.hpp"
#include "dynamics/steppers/mala.hpp"
#include "dynamics/steppers/metropolis.hpp"
#include "dynamics/steppers/platen.hpp"
#include "dynamics/steppers/stochastic_heun.hpp"
#include "dynamics/steppers/ula.hpp"

namespace lml {
namespace {

template <class S>
constexpr bool may_reject = requires(const typename S::State& s) {
  s.accepted;
};
template <class S>
constexpr bool has_velocity = requires(const typename S::State& s) {
  s.v;
};

void record(const Segment& segment, std::int64_t step, const Vec& from_centre, Points& records, Index i) {
  if (!segment.records(step)) return;
  const Index d = from_centre.size();
  double* to = records.data() + i * records.cols();
  double* half = to + (step <= segment.half ? 0 : d);
  for (Index a = 0; a < d; ++a) half[a] += from_centre[a];
  to += 2 * d;
  for (Index a = 0; a < d; ++a)
    for (Index b = 0; b <= a; ++b) *to++ += from_centre[a] * from_centre[b];
}

template <Stepper S>
class Stepwise : public Propagator {
 public:
  Stepwise(Langevin law, double h, std::uint64_t seed)
      : law_(std::move(law)), h_(h), seed_(seed), normals_(seed, streams::normals), uniform_(seed, streams::uniform) {}
  const Marginal& target() const override { return law_.target(); }
  Index state_size() const override { return law_.dim() * (has_velocity<S> ? 2 : 1); }
  bool rejects() const override { return may_reject<S>; }

  void start(std::uint64_t first, Points& states) const override {
    if constexpr (has_velocity<S>)
      for (Index i = 0; i < states.rows(); ++i)
        states.row(i).tail(law_.dim()) = normals_.normal(first + std::uint64_t(i), 0, law_.dim()).transpose();
  }

  void run(std::uint64_t first, const Segment& segment, const Vec& centre, Points& states,
           Points& records) const override {
    const Index d = law_.dim();
    std::optional<Diverged> failed;
    std::int64_t to = segment.to;  // no particle needs to go beyond the earliest failure
    Noise noise;
    for (Index i = 0; i < states.rows(); ++i) {
      const std::uint64_t sample = first + std::uint64_t(i);
      Vec last = states.row(i).head(d).transpose();
      std::int64_t step = segment.from + 1;
      try {
        noise.normals = has_velocity<S> ? Vec(states.row(i).tail(d).transpose()) : Vec();
        typename S::State state = stepper_.init(law_, last, noise);
        for (; step <= to; ++step) {
          noise.normals = normals_.normal(sample, std::uint64_t(step), stepper_.normals(d));
          if constexpr (may_reject<S>) noise.uniform = uniform_.uniform(sample, std::uint64_t(step), 0);
          state = stepper_.step(law_, state, h_, noise);
          const Vec& x = S::position(state);
          if (!x.allFinite()) throw NoStep(x, "");
          last = x;
          record(segment, step, x - centre, records, i);
          if constexpr (may_reject<S>) records(i, records.cols() - 1) += state.accepted;
        }
        states.row(i).head(d) = last.transpose();
        if constexpr (has_velocity<S>) states.row(i).tail(d) = state.v.transpose();
      } catch (const NoStep& e) {
        const bool finite = try_local_at(law_.target(), e.x()).has_value();
        if (failed && failed->step <= step) continue;
        failed.emplace(seed_, sample, step, last, finite ? Diverged::Cause::no_metric : Diverged::Cause::not_finite);
        to = step;
      }
    }
    if (failed) throw *failed;
  }

 private:
  Langevin law_;
  double h_;
  std::uint64_t seed_;
  NormalStream normals_;
  Random uniform_;
  S stepper_{};
};

template <class S>
std::unique_ptr<Propagator> make(Langevin law, double h, std::uint64_t seed) {
  return std::make_unique<Stepwise<S>>(std::move(law), h, seed);
}

}  // namespace

std::unique_ptr<Propagator> stepwise(const std::string& integrator, Langevin law, double h, std::uint64_t seed) {
  const std::pair<const char*, std::unique_ptr<Propagator> (*)(Langevin, double, std::uint64_t)> all[] = {
      {"euler_maruyama", make<EulerMaruyama>},
      {"heun", make<StochasticHeun>},
      {"weak2", make<Platen>},
      {"metropolis", make<Metropolis>},
      {"ula", make<Ula>},
      {"mala", make<Mala>},
      {"baoab", make<Baoab>}};
  for (const auto& [name, maker] : all)
    if (integrator == name) return maker(std::move(law), h, seed);
  throw BadInput("/integrator", "is not one of the steppers");
}

}  // namespace lml
