// The fused operations of Eigen states against the plain ones.
#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "samplers/correction.hpp"
#include "samplers/eigen_state.hpp"
#include "samplers/sampler.hpp"

namespace lml {
namespace {

constexpr double unit = 1.2e-16;

Points normals(std::uint64_t step, Index n, Index d) { return Random(3, 1).normals(0, step, n, d); }

TEST(Fused, CombineOverHasTheBitsOfCombineAndTheMemoryOfWhatItTakes) {
  for (const Index d : {1, 2, 7, 8, 9, 100}) {
    const Points x = normals(0, 3, d), y = normals(1, 3, d), z = normals(2, 3, d);
    const Points wanted = combine(0.3, x, -0.7, y, 1.1, z);
    Points spent = y;
    const double* memory = spent.data();
    const Points got = combine_over(&spent, 0.3, x, -0.7, spent, 1.1, z);
    EXPECT_EQ(got, wanted) << d;
    EXPECT_EQ(got.data(), memory);
    EXPECT_EQ(combine_over<Points>(nullptr, 0.3, x, -0.7, y, 1.1, z), wanted);
  }
}

// The same numbers by the same formula, a and b computed for one sample in place of all, the products with them rounded
// in another order: a few roundings of |a q| + |b (p - q)| + |c x|.
TEST(Fused, CorrectionIntoTheStepIsTheCorrectionThenTheStep) {
  const LmlParameters l{0.3, 0.7};
  for (const Index d : {2, 24, 25, 100}) {
    const Points x = normals(0, 5, d), q = normals(1, 5, d), p = normals(2, 5, d);
    const Points eps = lml_stable(q, &p, l), wanted = combine(0.8, x, -0.4, eps);
    Points spent = p, spent_too = p;
    const Points got = lml_stable_along_over(0.8, x, -0.4, q, &spent_too, l);
    const double scale = x.cwiseAbs().maxCoeff() + 4 * (q.cwiseAbs().maxCoeff() + p.cwiseAbs().maxCoeff());
    EXPECT_LE((lml_stable_over(q, &spent, l) - eps).cwiseAbs().maxCoeff(), 8 * unit * scale) << d;
    EXPECT_LE((got - wanted).cwiseAbs().maxCoeff(), 8 * unit * scale) << d;
  }
}

TEST(Fused, GramIsThatOfLongDouble) {
  for (const Index d : {1, 5, 8, 23, 24, 31, 3072}) {
    const Points q = normals(3, 1, d), p = normals(4, 1, d);
    long double qq = 0, qd = 0, dd = 0, size = 0;
    for (Index j = 0; j < d; ++j) {
      const long double u = q(0, j), v = static_cast<long double>(p(0, j)) - u;
      qq += u * u, qd += u * v, dd += v * v, size += u * u + v * v;
    }
    const auto g = gram(q, p);
    // d/24 additions in a running sum, then 24 and 8: at most d/24 + 34 roundings of the sum of absolute values, which
    // q.d shares with the others.
    const double tolerance = (double(d) / 24 + 34) * unit * double(size);
    EXPECT_NEAR(g.qq[0], double(qq), tolerance) << d;
    EXPECT_NEAR(g.qd[0], double(qd), tolerance) << d;
    EXPECT_NEAR(g.dd[0], double(dd), tolerance) << d;
  }
}

TEST(Fused, ASampleHasTheSameBitsInAnyBatch) {
  const LmlParameters l{0.3, 0.7};
  const Index n = 5, d = 27;
  const Points x = normals(0, n, d), q = normals(1, n, d), p = normals(2, n, d);
  const auto step = [&](Points a, Points b, Points c) {
    Points next = lml_stable_along_over(0.8, a, -0.4, b, &c, l);
    return combine_over(&next, 0.5, next, 0.25, a, 0.125, b);
  };
  const Points all = step(x, q, p);
  for (Index i = 0; i < n; ++i) EXPECT_EQ(step(x.row(i), q.row(i), p.row(i)), all.row(i));
}

// A network that counts its calls; eps depends on x, so that every step matters.
class Tilted : public Source<Points> {
 public:
  Points epsilon(const Points& x, const Node& at) override { return x * (0.5 + at.sigma) + Points(x.array().sin()); }
  Points data(const Points& x, const Node& at) override { return (x - at.sigma * epsilon(x, at)) / at.alpha; }
};

// Steps that may take over memory against the same formula written out with none taken over.
TEST(Fused, MultistepRunsAreTheWrittenOutOnes) {
  const DiscreteSchedule schedule = DiscreteSchedule::linear(1e-4, 0.02, 1000);
  const Grid grid = chain(nodes_at(schedule, dpm_timesteps(1000, 20, Spacing::linspace, 0)), node_at(schedule, 0));
  for (const int order : {1, 2, 3}) {
    Tilted network;
    Model<Points> model(network);
    NoNoise<Points> noise;
    const Points start = normals(6, 3, 10);
    const DpmSolver solver{{order}};
    const Points got = sample(grid, solver, model, noise, start);
    Points x = start;
    std::vector<Points> eps;
    for (Index i = 0; i < Index(grid.size()); ++i) {
      eps.insert(eps.begin(), network.epsilon(x, grid[std::size_t(i)].from));
      const int k = solver.at(grid, i);
      const DpmWeights w = dpm_weights(grid, i, k, solver.type);
      Points next = w.keep * x;
      for (int j = 0; j < k; ++j) next += w.m[std::size_t(j)] * eps[std::size_t(j)];
      x = next;
    }
    // 20 steps of 4 terms, each rounding carried on by factors of at most keep <= 1 + 20 h: far below 1e-12.
    EXPECT_LE((got - x).cwiseAbs().maxCoeff(), 1e-12 * x.cwiseAbs().maxCoeff()) << order;
    EXPECT_EQ(model.calls(), 20);
  }
}

TEST(Fused, DdimWithTheCorrectionIsTheWrittenOutOne) {
  const DiscreteSchedule schedule = DiscreteSchedule::linear(1e-4, 0.02, 1000);
  const Grid grid = ddim_grid(schedule, ddim_timesteps(1000, 20, Spacing::leading, 0), 50, clean());
  const LmlParameters l{0.1, 2};
  Tilted network;
  Model<Points> model(network, LmlStable{l});
  NoNoise<Points> noise;
  const Points start = normals(6, 3, 10);
  const Points got = sample(grid, Ddim{}, model, noise, start);
  Points x = start;
  std::optional<Points> before;
  for (const auto& [from, to] : grid) {
    const Points q = network.epsilon(x, from), eps = lml_stable(q, before ? &*before : nullptr, l);
    before = q;
    x = to.alpha * (x - from.sigma * eps) / from.alpha + to.sigma * eps;
  }
  EXPECT_LE((got - x).cwiseAbs().maxCoeff(), 1e-12 * x.cwiseAbs().maxCoeff());
}

}  // namespace
}  // namespace lml
