#include "samplers/torch/hessian.hpp"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "dynamics/random.hpp"
#include "samplers/exact_source.hpp"
#include "samplers/torch/network_run.hpp"

namespace lml {

using at::Tensor;

namespace {

constexpr std::uint64_t noise_stream = 63;
// Up to here F of an exact law is kept as a matrix; beyond, each product is a pass over the data.
constexpr Index dense_up_to = 1024;

Tensor gradient(const Tensor& of, const Tensor& by, const Tensor& weights, bool record) {
  const Tensor out = torch::autograd::grad({of}, {by}, {weights}, /*retain_graph=*/true, record, /*unused=*/true)[0];
  return out.defined() ? out : at::zeros_like(by);
}

void require_finite(const Points& a, Index first, const Node& at, const char* what) {
  for (Index i = 0; i < a.rows(); ++i)
    if (!a.row(i).allFinite())
      throw NotFinite(std::string(what) + " of image " + std::to_string(first + i) +
                      " is not a finite number at t = " + std::to_string(at.t));
}

// eps/||eps|| a row.
Points directions(const Points& eps, Index first, const Node& at) {
  require_finite(eps, first, at, "the answer");
  const Vec sizes = eps.rowwise().norm();
  if (!(sizes.minCoeff() > 0))
    throw NotFinite("the answer has no direction at t = " + std::to_string(at.t) + ": it is zero");
  return sizes.cwiseInverse().asDiagonal() * eps;
}

class ExactFisher {
 public:
  ExactFisher(const Marginal& law, const Points& x)
      : scale_(std::pow(law.time().sigma, 2)), epsilon_(x.rows(), x.cols()) {
    for (Index i = 0; i < x.rows(); ++i) {
      const Local local = law.at(x.row(i).transpose());
      epsilon_.row(i) = local.epsilon().transpose();
      if (x.cols() <= dense_up_to)
        dense_.push_back(scale_ * local.fisher());
      else
        locals_.push_back(local);
    }
  }
  const Points& epsilon() const { return epsilon_; }
  Points times(const Points& v) const {
    Points out(v.rows(), v.cols());
    for (Index i = 0; i < v.rows(); ++i) {
      const Vec row = v.row(i).transpose();
      out.row(i) =
          (dense_.empty() ? Vec(scale_ * locals_[std::size_t(i)].fisher_times(row)) : Vec(dense_[std::size_t(i)] * row))
              .transpose();
    }
    return out;
  }

 private:
  double scale_;
  Points epsilon_;
  std::vector<Mat> dense_;
  std::vector<Local> locals_;
};

// ||A - B||/||B|| from products with the same random signs, and the standard error of that ratio.
Estimated distance(const Mat& differences, const Mat& sizes, Index i) {
  const double size = sizes.col(i).sum(), ratio = differences.col(i).sum() / size, value = std::sqrt(ratio);
  const double m = double(sizes.rows());
  const double spread =
      std::sqrt(m / (m - 1)) * (differences.col(i) - ratio * sizes.col(i)).norm() / size;  // delta method
  return {value, value > 0 ? spread / (2 * value) : 0};
}

}  // namespace

LinearisedNetwork::LinearisedNetwork(Source<Tensor>& source, const Tensor& x, const Node& at) {
  const at::AutoGradMode record(true);
  x_ = x.detach().clone().requires_grad_();
  epsilon_ = source.epsilon(x_, at);
  w_ = at::zeros_like(epsilon_).requires_grad_();
  pulled_ = gradient(epsilon_, x_, w_, true);
}

Tensor LinearisedNetwork::times(const Tensor& v) const {
  return pulled_.requires_grad() ? gradient(pulled_, w_, v, false) : at::zeros_like(v);
}

Tensor LinearisedNetwork::transposed_times(const Tensor& w) const { return gradient(epsilon_, x_, w, false); }

Points hessian_noise(std::uint64_t seed, Index n, Index d) { return Random(seed, noise_stream).normals(0, 0, n, d); }

HessianReport network_hessian(const PretrainedModel& model, const Points& x0, const std::vector<Node>& nodes,
                              const HessianQuery& query, const std::function<void(double)>& progress) {
  const Index n = x0.rows(), d = x0.cols();
  const Points z = hessian_noise(query.ask.seed, n, d);
  HessianReport out;
  Index linearised = 0, multiplied = 0;  // of an image
  for (std::size_t level = 0; level < nodes.size(); ++level) {
    const Node& at = nodes[level];
    HessianLevel found;
    found.at = at;
    std::optional<Marginal> law;
    if (query.exact) law.emplace(*query.exact, Time{at.alpha, at.sigma});
    double product_seconds = 0, evaluation_seconds = 0;
    Index products = 0;
    for (Index first = 0; first < n; first += query.batch) {
      const Index count = std::min(query.batch, n - first);
      const Points x = at.alpha * x0.middleRows(first, count) + at.sigma * z.middleRows(first, count);
      FisherProbes ask = query.ask;
      ask.first += std::uint64_t(first);
      NetworkSource source(model);
      const LinearisedNetwork network(source, tensor_of(x, model, at::kDouble), at);
      evaluation_seconds += source.seconds();
      linearised += count;
      // G = sigma^2 F = sigma J
      const auto through = [&](const Points& v, bool transposed) {
        const Stopwatch clock(&product_seconds, model.network->options().device());
        const Tensor w = tensor_of(v, model, at::kDouble);
        const Points product = at.sigma * points_of(transposed ? network.transposed_times(w) : network.times(w));
        require_finite(product, first, at, "a product with the Jacobian");
        products += count;
        multiplied += count;
        if (progress) progress(double(multiplied) / double(query.image_products(d) * n * Index(nodes.size())));
        return product;
      };
      const FisherProducts g{[&](const Points& v) { return through(v, false); },
                             [&](const Points& v) { return through(v, true); }};
      for (FisherFigures& f : fisher_figures(g, directions(points_of(network.epsilon()), first, at), ask))
        found.network.push_back(std::move(f));
      if (!law) continue;
      const ExactFisher exact(*law, x);
      const FisherProducts h{[&](const Points& v) { return exact.times(v); }, nullptr};
      for (FisherFigures& f : fisher_figures(h, directions(exact.epsilon(), first, at), ask))
        found.exact.push_back(std::move(f));
      Mat differences(ask.probes, count), sizes(ask.probes, count);
      for (Index p = 0; p < ask.probes; ++p) {
        const Points v = random_signs(ask, p, count, d), hv = h.times(v);
        differences.row(p) = (g.times(v) - hv).rowwise().squaredNorm().transpose();
        sizes.row(p) = hv.rowwise().squaredNorm().transpose();
      }
      for (Index i = 0; i < count; ++i) found.distance.push_back(distance(differences, sizes, i));
    }
    found.evaluation_seconds = evaluation_seconds / double(n);
    found.product_seconds = product_seconds / double(products);
    out.levels.push_back(std::move(found));
  }
  out.evaluations = linearised;
  out.products = multiplied;
  return out;
}

}  // namespace lml
