#include "samplers/torch/cascade.hpp"

namespace lml {
namespace {

using at::Tensor;

class DetailNetwork : public Network {
 public:
  DetailNetwork(std::unique_ptr<Network> stage, Tensor coarse) : stage_(std::move(stage)), coarse_(std::move(coarse)) {}
  Tensor operator()(const Tensor& x, const Tensor& t) const override {
    TORCH_CHECK(x.size(0) == coarse_.size(0), "a batch of ", x.size(0), " details over ", coarse_.size(0), " images");
    return (*stage_)(at::cat({coarse_, x}, 1), t);
  }
  const Weights& weights() const override { return stage_->weights(); }

 private:
  std::unique_ptr<Network> stage_;
  Tensor coarse_;
};

}  // namespace

Tensor haar(const Tensor& x) {
  const Tensor a = x.slice(2, 0, {}, 2).slice(3, 0, {}, 2), b = x.slice(2, 0, {}, 2).slice(3, 1, {}, 2),
               c = x.slice(2, 1, {}, 2).slice(3, 0, {}, 2), d = x.slice(2, 1, {}, 2).slice(3, 1, {}, 2);
  return at::cat({a + b + c + d, a + b - c - d, a - b + c - d, a - b - c + d}, 1) / 4;
}

Tensor inverse_haar(const Tensor& coefficients) {
  const std::vector<Tensor> k = coefficients.split(1, 1);
  // The same matrix; its order of four is that of pixel_shuffle: row by row within a square.
  const Tensor squares = at::cat(
      {k[0] + k[1] + k[2] + k[3], k[0] + k[1] - k[2] - k[3], k[0] - k[1] + k[2] - k[3], k[0] - k[1] - k[2] + k[3]}, 1);
  return at::pixel_shuffle(squares, 2);
}

PretrainedModel open_stage(const ModelChoice& choice, const Tensor& coarse) {
  PretrainedModel out = open_conditional(choice);
  out.shape = {3, coarse.size(2), coarse.size(3)};
  out.network = std::make_unique<DetailNetwork>(std::move(out.network), coarse.to(out.network->options()));
  return out;
}

Tensor refined(const Tensor& coarse, const Tensor& details) { return inverse_haar(at::cat({coarse, details}, 1)); }

}  // namespace lml
