// Every deterministic stepper, with every form of the correction, on tensors of LibTorch in float64 against Eigen: the
// link "Eigen float64 -> LibTorch float64" of the chain of references.
#include "samplers/torch/tensor_state.hpp"

#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "dynamics/random.hpp"
#include "samplers/exact_source.hpp"
#include "tests/samplers/declared.hpp"

namespace lml {
namespace {

// n samples of shape [1, 2, d/2], so that the axes behind the first are really flattened.
at::Tensor tensor(const Points& a, at::Device device = at::kCPU) {
  Points copy = a;
  return at::from_blob(copy.data(), {copy.rows(), 1, 2, copy.cols() / 2}, at::kDouble).clone().to(device);
}
Points points(const at::Tensor& t) {
  const at::Tensor flat = t.flatten(1).cpu().contiguous();
  return Eigen::Map<const Points>(flat.data_ptr<double>(), flat.size(0), flat.size(1));
}

class TensorSource : public Source<at::Tensor> {
 public:
  TensorSource(ExactSource& exact, at::Device device) : exact_(&exact), device_(device) {}
  at::Tensor epsilon(const at::Tensor& x, const Node& at) override {
    return tensor(exact_->epsilon(points(x), at), device_);
  }
  at::Tensor data(const at::Tensor& x, const Node& at) override {
    return tensor(exact_->data(points(x), at), device_);
  }
  at::Tensor velocity(const at::Tensor& x, const Node& at) override {
    return tensor(exact_->velocity(points(x), at), device_);
  }

 private:
  ExactSource* exact_;
  at::Device device_;
};

Grid grid_of(const Schedule& schedule) {
  if (std::holds_alternative<RectifiedFlow>(schedule)) {
    std::vector<Node> nodes;
    for (int i = 0; i < 8; ++i) nodes.push_back(node_at(schedule, 0.95 - 0.1 * i));
    return chain(nodes, node_at(schedule, 0.1));
  }
  std::vector<Node> nodes;
  for (double level : log_uniform_levels(0.1, 10, 9)) nodes.push_back(node_of_level(level, level));
  const Node end = nodes.back();
  nodes.pop_back();
  return chain(nodes, end);
}

Target target() {
  Points means(3, 4);
  means << 1, 0, -1, 0.5, -0.5, 1, 0.2, -1, 0, -1, 1, 1;
  return Target::gaussian_mixture(Vec::Ones(3), means, {Covariance(0.3), Covariance(0.5), Covariance(0.2)});
}

template <State S>
S end_of(const Sampler& sampler, Source<S>& source, S start) {
  Model<S> model(source, sampler.correction, sampler.clipping);
  NoNoise<S> noise;
  Run<S> run{std::move(start)};
  advance(sampler, model, noise, run, [](const Run<S>&) {});
  return std::move(run.x);
}

void expect_agreement(at::Device device) {
  const c10::NoGradGuard no_grad;
  ExactSource exact(target());
  TensorSource source(exact, device);
  const Points start = Random(5, 1).normals(0, 0, 3, 4);
  struct Form {
    std::string name;
    Correction correction;
    Clipping clipping = {};
    double roundings;  // how far a rounding is amplified, beside what the solver does
  };
  const std::vector<Form> forms{{"none", NoCorrection{}, {}, 1},
                                {"printed", LmlPrinted{{1e-2, 0.5}}, {}, 100},  // ||eps||^2/lambda' is up to 50
                                {"stable", LmlStable{{1e-2, 0.5}}, {}, 10},
                                {"clipped", NoCorrection{}, {1.0, 0, 1}, 1},
                                {"thresholded", NoCorrection{}, {0, 0.9, 1.5}, 1}};
  for (const Declared& d : declared_steppers())
    for (const Form& form : forms) {
      SCOPED_TRACE(d.name + ", " + form.name);
      const Grid grid = grid_of(d.schedule);
      const Sampler sampler{d.make(grid, 0), grid, form.correction, form.clipping};
      const Points a = end_of<Points>(sampler, exact, start),
                   b = points(end_of<at::Tensor>(sampler, source, tensor(start, device)));
      // 8 steps, each a sum of at most 5 terms whose weights a multistep formula makes up to 1e2 times larger than the
      // result; the flow itself stretches differences by less than 10 on this target.
      EXPECT_LE((a - b).cwiseAbs().maxCoeff(),
                8 * 5 * 1e2 * 10 * form.roundings * 0x1p-53 * (1 + a.cwiseAbs().maxCoeff()));
    }
}

TEST(TensorState, EveryStepperOnTheCpuIsEigens) { expect_agreement(at::kCPU); }

#ifdef LML_CUDA
TEST(TensorState, EveryStepperOnTheGpuIsEigens) {
  ASSERT_TRUE(at::hasCUDA());
  expect_agreement(at::kCUDA);
}
#endif

// Batches do not mix: a sample alone goes where it goes in a batch, but for the order of torch's sums.
TEST(TensorState, NormsAreOfEachSampleAlone) {
  const Points q = Random(6, 1).normals(0, 0, 4, 6), p = Random(6, 1).normals(0, 1, 4, 6);
  const at::Tensor tq = tensor(q), tp = tensor(p);
  const Points all = points(lml_stable(tq, &tp, {0.1, 0.2}));
  for (Index i = 0; i < 4; ++i) {
    const at::Tensor one = tensor(q.row(i)), before = tensor(p.row(i));
    EXPECT_LE((points(lml_stable(one, &before, {0.1, 0.2})) - all.row(i)).cwiseAbs().maxCoeff(), 1e-14);
  }
}

}  // namespace
}  // namespace lml
