// The Jacobian of a network by products: against differences, matrices that are known, and the exact law.
#include "samplers/torch/hessian.hpp"

#include <c10/core/GradMode.h>
#include <gtest/gtest.h>

#include <Eigen/LU>
#include <cmath>

#include "dynamics/random.hpp"
#include "experiments/document.hpp"
#include "samplers/torch/bias_free_cnn.hpp"
#include "samplers/torch/damped_source.hpp"
#include "samplers/torch/network_run.hpp"
#include "samplers/torch/unet2d.hpp"
#include "tests/torch/hashed.hpp"
#include "theory/curvature.hpp"
#include "theory/linalg.hpp"
#include "theory/marginal.hpp"

namespace lml {
namespace {

using at::Tensor;

PretrainedModel unet(at::ScalarType type) {
  const Document config = parse_document(R"({"sample_size": 8, "in_channels": 2, "out_channels": 2,
      "block_out_channels": [8, 16], "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 8,
      "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]})");
  const UNet2dConfig c = read_unet2d(Reader(config));
  Weights weights = test::hashed_weights(unet2d_shapes(c));
  for (auto& [name, tensor] : weights) tensor = tensor.to(type);
  PretrainedModel out;
  out.network = make_unet2d(c, std::move(weights));
  out.shape = {2, 8, 8};
  return out;
}

double product_of(const Tensor& a, const Tensor& b) { return (a * b).sum().item<double>(); }

TEST(LinearisedNetwork, ProductsAreDifferencesOfAnswers) {
  PretrainedModel model = unet(at::kDouble);
  const Tensor x = test::hashed("x", {2, 2, 8, 8}), v = test::hashed("v", {2, 2, 8, 8});
  const Node at{37, 0.8, 0.6};
  for (const auto asked : {Asked::at_timestep, Asked::preconditioned, Asked::blind})
    for (const auto prediction : {Parameterisation::epsilon, Parameterisation::v}) {
      model.asked = asked;
      model.prediction = prediction;
      NetworkSource source(model);
      const LinearisedNetwork network(source, x, at);
      const auto difference = [&](double h) {
        const c10::NoGradGuard no_grad;
        return (source.epsilon(x + h * v, at) - source.epsilon(x - h * v, at)) / (2 * h);
      };
      // Extrapolated: what is left is of h^4, with roundings 2^-53/h: both below 1e-9 for derivatives of size 1 to 100.
      const double h = 1e-3;
      const Tensor right = (4 * difference(h) - difference(2 * h)) / 3;
      EXPECT_LE((network.times(v) - right).norm().item<double>(), 1e-6 * right.norm().item<double>());
      EXPECT_GT(right.norm().item<double>(), 0.1);
    }
}

TEST(LinearisedNetwork, TransposedProductsAreAdjoint) {
  const PretrainedModel model = unet(at::kDouble);
  NetworkSource source(model);
  const LinearisedNetwork network(source, test::hashed("x", {2, 2, 8, 8}), {37, 0.8, 0.6});
  for (int i = 0; i < 5; ++i) {
    const Tensor v = test::hashed("v" + std::to_string(i), {2, 2, 8, 8}),
                 w = test::hashed("w" + std::to_string(i), {2, 2, 8, 8});
    const Tensor jv = network.times(v), jw = network.transposed_times(w);
    // Some tens of layers of sums of at most 144 terms.
    EXPECT_NEAR(product_of(w, jv), product_of(jw, v), 1e-11 * (w.norm() * jv.norm()).item<double>());
    // A learned Jacobian is not symmetric, so the two are not one product.
    EXPECT_GT((network.times(v) - network.transposed_times(v)).norm().item<double>(), 1e-3 * jv.norm().item<double>());
  }
}

TEST(LinearisedNetwork, ImagesOfABatchDoNotMix) {
  const PretrainedModel model = unet(at::kDouble);
  NetworkSource source(model);
  const Tensor x = test::hashed("x", {2, 2, 8, 8}), v = test::hashed("v", {2, 2, 8, 8});
  const Node at{37, 0.8, 0.6};
  const Tensor both = LinearisedNetwork(source, x, at).times(v);
  const Tensor alone = LinearisedNetwork(source, x.slice(0, 1, 2), at).times(v.slice(0, 1, 2));
  EXPECT_LE((both.slice(0, 1, 2) - alone).abs().max().item<double>(), 1e-12 * both.abs().max().item<double>());
}

TEST(LinearisedNetwork, InFloat32IsFloat64sToItsRoundings) {
  const PretrainedModel wide = unet(at::kDouble), narrow = unet(at::kFloat);
  NetworkSource a(wide), b(narrow);
  const Tensor x = test::hashed("x", {1, 2, 8, 8}), v = test::hashed("v", {1, 2, 8, 8});
  const Node at{37, 0.8, 0.6};
  const LinearisedNetwork exact(a, x, at), rounded(b, x, at);
  const auto off = [](const Tensor& got, const Tensor& right) {
    return ((got - right).norm() / right.norm()).item<double>();
  };
  // Tens of layers, each a few roundings of 6e-8.
  EXPECT_LE(off(rounded.times(v), exact.times(v)), 3e-5);
  EXPECT_LE(off(rounded.transposed_times(v), exact.transposed_times(v)), 3e-5);
}

// Two convolutions without bias and nothing between: eps = A y/level, so sigma^2 F = A at every noise level.
struct Linear {
  static constexpr Index d = 12;
  PretrainedModel model;
  Mat a;
  Linear() {
    const BiasFreeConfig c{1, 1, 3, 2};
    model.network = make_bias_free(c, test::hashed_weights(bias_free_shapes(c)));
    model.asked = Asked::blind;
    model.shape = {1, 3, 4};
    a = points_of((*model.network)(at::eye(d, at::kDouble).view({d, 1, 3, 4}), Tensor())).transpose();
  }
};

TEST(NetworkHessian, OfALinearNetworkIsItsMatrix) {
  const Linear linear;
  constexpr Index d = Linear::d;
  const Mat& a = linear.a;
  const Points x0 = Random(3, 1).normals(0, 0, 3, d);
  const std::vector<Node> nodes{{0.3, 1, 0.3}, {2, 0.5, 0.7}};
  HessianQuery query;
  query.ask = {64, d, 4};
  query.batch = 2;
  const HessianReport report = network_hessian(linear.model, x0, nodes, query);
  ASSERT_EQ(report.levels.size(), 2u);
  EXPECT_EQ(report.evaluations, 6);
  EXPECT_EQ(report.products, 6 * query.image_products(d));
  const Mat s = (a + a.transpose()) / 2;
  const Vec spectrum = eigvalsh(s);
  for (const HessianLevel& level : report.levels) {
    ASSERT_EQ(level.network.size(), 3u);
    const Points x = level.at.alpha * x0 + level.at.sigma * hessian_noise(0, 3, d);
    for (Index i = 0; i < 3; ++i) {
      const FisherFigures& f = level.network[std::size_t(i)];
      EXPECT_NEAR(f.trace.value, a.trace() / double(d), 1e-12);
      EXPECT_NEAR(f.smallest.value, spectrum[0], 1e-10);
      EXPECT_NEAR(f.largest.value, spectrum[d - 1], 1e-10);
      const Vec u = (a * x.row(i).transpose()).normalized();
      EXPECT_NEAR(f.along_u, u.dot(a * u), 1e-12);
      // The part that is not symmetric is seen through 64 random signs: five standard errors and a ratio's bias.
      const double rank_one = (a - u * u.transpose()).norm() / a.norm(),
                   asymmetry = (a - a.transpose()).norm() / a.norm();
      EXPECT_NEAR(f.rank_one.value, rank_one, 6 * f.rank_one.standard_error + 1e-10);
      EXPECT_NEAR(f.asymmetry.value, asymmetry, 6 * f.asymmetry.standard_error + 1e-10);
      EXPECT_LT(f.asymmetry.standard_error, 0.2 * asymmetry);
    }
  }
}

// eps of a finite data set at one noise level, by operations that can be differentiated.
class PointsNetwork : public Network {
 public:
  PointsNetwork(const Points& y, Time time) : time_(time) {
    Points copy = y;
    weights_["y"] = at::from_blob(copy.data(), {copy.rows(), copy.cols()}, at::kDouble).clone();
  }
  Tensor operator()(const Tensor& x, const Tensor&) const override {
    const Tensor &y = weights_.find("y")->second, flat = x.flatten(1);
    const Tensor squares = (flat.unsqueeze(1) - time_.alpha * y.unsqueeze(0)).square().sum(2);
    const Tensor mean = at::matmul(at::softmax(-squares / (2 * time_.sigma * time_.sigma), 1), y);
    return ((flat - time_.alpha * mean) / time_.sigma).view(x.sizes());
  }
  const Weights& weights() const override { return weights_; }

 private:
  Time time_;
  Weights weights_;
};

TEST(NetworkHessian, OfAFiniteDataSetIsTheExactLaws) {
  const Index d = 6, n = 3;
  const Points y = Random(4, 1).normals(0, 0, 5, d);
  const Target target = Target::points(y);
  const Points x0 = y.topRows(n);
  for (const Node& at : {Node{1, 0.9, 0.8}, Node{2, 0.4, 1.5}}) {
    PretrainedModel model;
    model.network = std::make_unique<PointsNetwork>(y, Time{at.alpha, at.sigma});
    model.shape = {1, 2, 3};
    HessianQuery query;
    query.ask = {4, d, 3};
    query.exact = target;
    const HessianReport report = network_hessian(model, x0, {at}, query);
    const HessianLevel& level = report.levels.at(0);
    EXPECT_EQ(report.products, n * query.image_products(d));
    const Marginal law(target, {at.alpha, at.sigma});
    const Points x = at.alpha * x0 + at.sigma * hessian_noise(0, n, d);
    ASSERT_EQ(level.exact.size(), std::size_t(n));
    for (Index i = 0; i < n; ++i) {
      const Local local = law.at(x.row(i).transpose());
      const Mat fisher = local.fisher();
      const ModelErrors right = model_errors(fisher, local.epsilon().normalized(), at.sigma);
      EXPECT_LE(level.distance[std::size_t(i)].value, 1e-11);
      for (const FisherFigures* f : {&level.network[std::size_t(i)], &level.exact[std::size_t(i)]}) {
        EXPECT_NEAR(f->rank_one.value, right.rank_one, 1e-10);
        EXPECT_NEAR(f->identity.value, right.identity, 1e-10);
        EXPECT_NEAR(f->scaled_identity.value, right.scaled_identity, 1e-10);
        EXPECT_NEAR(f->rank_k.value, rank_k_error(eigvalsh(fisher), at.sigma, 3), 1e-10);
        EXPECT_LE(f->asymmetry.value, 1e-7);
        EXPECT_GT(right.identity, 0.01) << "nothing to see";
      }
    }
  }
}

TEST(DampedSource, IsTheDampedNewtonDirectionOnceTheKrylovSpaceIsFull) {
  const Linear linear;
  constexpr Index d = Linear::d;
  const Node at{0.7, 0.5, 0.7};
  const Points x = Random(3, 2).normals(0, 0, 3, d);
  const double c = 3;  // A + c I is far from singular
  const Mat damped = linear.a + c * Mat::Identity(d, d);
  const auto answer = [&](Index products) {
    DampedSource source(linear.model, products, c);
    const Points out = points_of(source.epsilon(tensor_of(x, linear.model, at::kDouble), at));
    EXPECT_EQ(source.passes(), products + 2);
    return out;
  };
  const Points one = answer(1), full = answer(d);
  for (Index i = 0; i < x.rows(); ++i) {
    const Vec eps = linear.a * x.row(i).transpose() / at.sigma, v = damped.partialPivLu().solve(eps);
    // Solving loses a condition number of less than 100.
    EXPECT_LE((full.row(i).transpose() - v * (eps.norm() / v.norm())).norm(), 1e-11 * eps.norm());
    // As with the outer product for F, there is no correction at all.
    EXPECT_LE((one.row(i).transpose() - eps).norm(), 1e-14 * eps.norm());
    EXPECT_GT((full.row(i) - one.row(i)).norm(), 1e-3 * eps.norm());
  }
}

TEST(NetworkHessian, WhatIsNotFiniteIsNamed) {
  PretrainedModel model = unet(at::kDouble);
  Points x0 = Points::Zero(2, 128);
  x0(1, 5) = std::nan("");
  try {
    network_hessian(model, x0, {{3, 0.8, 0.6}}, {});
    FAIL() << "accepted";
  } catch (const NotFinite& e) {
    EXPECT_NE(std::string(e.what()).find("image 1 "), std::string::npos) << e.what();
  }
}

}  // namespace
}  // namespace lml
