// Every stepper on the bare concept: it compiles, uses no state that was moved away, and gives what the Eigen state
// gives.
#include "archetype.hpp"

#include <gtest/gtest.h>

#include "declared.hpp"
#include "dynamics/random.hpp"
#include "reference_flow.hpp"

namespace lml {
namespace {

class ArchetypeSource : public Source<Archetype> {
 public:
  explicit ArchetypeSource(const Target& target) : source_(target) {}
  Archetype epsilon(const Archetype& x, const Node& at) override { return Archetype(source_.epsilon(x.values(), at)); }
  Archetype data(const Archetype& x, const Node& at) override { return Archetype(source_.data(x.values(), at)); }

 private:
  ExactSource source_;
};

// Some numbers for every (step, stage).
Points noise(Index step, int stage, Index n, Index d) {
  return Random(5, 0).normals(0, std::uint64_t(step * 16 + stage), n, d);
}
// Differs from the Eigen run's by the type alone.
template <class S>
S run(const Stepper& stepper, const Grid& grid, const Flow& flow, Model<S>& model) {
  const auto draw = [&](Index step, int stage) { return S(noise(step, stage, flow.start.rows(), flow.start.cols())); };
  return std::visit([&](const auto& s) { return sample(grid, s, model, draw, S(flow.start)); }, stepper);
}
double difference(const Stepper& stepper, const Grid& grid, const Flow& flow, const Correction& correction = {},
                  const Clipping& clipping = {}) {
  ExactSource on_eigen(flow.target);
  ArchetypeSource on_archetype(flow.target);
  Model<Points> a(on_eigen, correction, clipping);
  Model<Archetype> b(on_archetype, correction, clipping);
  const Points expected = run(stepper, grid, flow, a);
  const Archetype got = run(stepper, grid, flow, b);
  EXPECT_EQ(a.calls(), b.calls());
  return (got.values() - expected).cwiseAbs().maxCoeff();
}

class OnTheArchetype : public testing::TestWithParam<Declared> {};

// The two differ in the rounding of sums of at most 6 terms of size <= 10 (a fused multiply-add rounds once), 16 steps,
// and no step of this flow stretches a difference by more than 2: 16 x 6 x 10 x 1.1e-16 x 2 < 1e-12 even if all of it
// were stretched by the whole flow, whose derivative is below 4.
TEST_P(OnTheArchetype, GivesWhatEigenGives) {
  const Flow flow = mixture_flow();
  const Grid grid = log_snr_grid(16, GetParam().schedule);
  const Stepper stepper = GetParam().make(grid, 0);
  const LmlParameters l{0.1, 0.5};
  for (const Correction& correction : {Correction(NoCorrection{}), Correction(LmlPrinted{l}), Correction(LmlStable{l})})
    for (const Clipping& clipping : {Clipping{}, Clipping{1.5}, Clipping{0, 0.9, 2}})
      EXPECT_LT(difference(stepper, grid, flow, correction, clipping), 1e-12);
}

INSTANTIATE_TEST_SUITE_P(Steppers, OnTheArchetype, testing::ValuesIn(declared_steppers()), name_of);

// The stochastic ones, and the published code's forms of the correction, which are steppers of their own.
TEST(OnTheArchetype, OthersGiveWhatEigenGives) {
  const Flow flow = mixture_flow();
  const Grid grid = log_snr_grid(16);
  const LmlParameters l{0.1, 0.5};
  Churn churn;
  for (const Interval& step : grid) churn.raised.push_back(node_of_level(0, 1.1 * noise_level(step.from)));
  for (const Stepper& stepper :
       {Stepper(DdimIncrement{l}), Stepper(DpmSolverIncrement{{{3}}, l}), Stepper(DpmSolverPlusPlusIncrement{{{3}}, l}),
        Stepper(Ddim{0.7}), Stepper(Ddpm{}), Stepper(SdeDpmSolver{}), Stepper(SdeDpmSolverPlusPlus{{3}}),
        Stepper(Euler{churn}), Stepper(Heun{churn})})
    EXPECT_LT(difference(stepper, grid, flow), 1e-12) << "of index " << stepper.index();
}

}  // namespace
}  // namespace lml
