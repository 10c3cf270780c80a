#include "samplers/torch/score_error.hpp"

#include <cmath>

namespace lml {
namespace {

using at::Tensor;

// Of the mean of v [n].
Estimate mean_of(const Tensor& v) {
  const double n = double(v.numel()), m = v.mean().item<double>();
  return {m, n > 1 ? std::sqrt((v - m).square().sum().item<double>() / (n * (n - 1))) : 0};
}

// Of sqrt(E v).
Estimate root(const Estimate& m) {
  const double r = std::sqrt(std::max(0.0, m.value));
  return {r, r > 0 ? m.standard_error / (2 * r) : std::sqrt(m.standard_error)};
}

Tensor per_sample(const Tensor& v) { return v.square().mean(1); }

}  // namespace

SmoothedPoints::SmoothedPoints(const Target& target) {
  const Points& y = target.means();
  points_ = at::from_blob(const_cast<double*>(y.data()), {y.rows(), y.cols()}, at::kDouble).clone();
  squares_ = points_.square().sum(1);
  log_weights_ = at::from_blob(const_cast<double*>(target.log_weights().data()), {y.rows()}, at::kDouble).clone();
}

Tensor SmoothedPoints::distances(const Tensor& x, double alpha) const {
  Tensor out = at::matmul(x, points_.t()).mul_(-2 * alpha);
  return out.add_(x.square().sum(1, true)).add_(squares_, alpha * alpha).clamp_min_(0);
}

Tensor SmoothedPoints::responsibilities(const Tensor& distances, Time t, double h) const {
  return at::softmax(log_weights_ - distances / (2 * (t.sigma * t.sigma + t.alpha * t.alpha * h * h)), 1);
}

// x = alpha (y_k + h xi) + sigma z given k is Gaussian around alpha y_k.
Tensor SmoothedPoints::epsilon(const Tensor& x, const Tensor& r, Time t, double h) const {
  return (x - t.alpha * at::matmul(r, points_)) * (t.sigma / (t.sigma * t.sigma + t.alpha * t.alpha * h * h));
}

ScoreError score_error(const SmoothedPoints& data, const Tensor& y, const Tensor& z, const Node& at,
                       const std::function<Tensor(const Tensor& x)>& answer) {
  const Time time{at.alpha, at.sigma};
  const Tensor x = at.alpha * y + at.sigma * z;
  const Tensor distances = data.distances(x, at.alpha), r = data.responsibilities(distances, time);
  const Tensor exact = data.epsilon(x, r, time), network = answer(x).to(at::kDouble), e = network - exact;

  ScoreError out;
  out.at = at;
  const Tensor squared = per_sample(e), loss = per_sample(network - z), least = per_sample(exact - z);
  out.error = root(mean_of(squared));
  out.from_losses = root(mean_of(loss - least));
  out.network_loss = mean_of(loss);
  out.exact_loss = mean_of(least);
  out.size = std::sqrt(per_sample(exact).mean().item<double>());
  out.nearest = r.amax(1).mean().item<double>();

  const std::int64_t k = std::min(score_error_neighbours + 1, data.points().size(0));
  const Tensor order = std::get<1>(distances.topk(k, 1, false));
  const Tensor near = data.points().index_select(0, order.flatten()).view({x.size(0), k, x.size(1)});
  const double all = squared.sum().item<double>() * double(x.size(1));
  if (all == 0) return out;
  const Tensor to = at.alpha * near.select(1, 0) - x;
  out.along_nearest = ((e * to).sum(1).square() / to.square().sum(1)).sum().item<double>() / all;
  if (k > 1) {
    const Tensor differences = (near.slice(1, 1) - near.slice(1, 0, 1)).transpose(1, 2);
    const Tensor basis = std::get<0>(at::linalg_qr(differences));
    out.among_neighbours = at::matmul(e.unsqueeze(1), basis).square().sum().item<double>() / all;
  }

  // Golden sections of log h; what is searched has one minimum as far as it is smoothing that is looked for.
  const auto left = [&](double log_h) {
    const double h = std::exp(log_h);
    const Tensor smooth = data.epsilon(x, data.responsibilities(distances, time, h), time, h);
    return per_sample(network - smooth).mean().item<double>();
  };
  const double none = squared.mean().item<double>();
  constexpr double golden = 0.6180339887498949;
  // From a hundredth of the noise or of a pixel's spread, whichever is less, to that spread.
  const double spread = std::sqrt(data.points().var(0, false).mean().item<double>());
  if (spread > 0) {
    double a = std::log(0.01 * std::min(spread, noise_level(at))), b = std::log(spread);
    double p = b - golden * (b - a), q = a + golden * (b - a), fp = left(p), fq = left(q);
    for (int i = 0; i < 9; ++i) {
      if (fp < fq) {
        b = q, q = p, fq = fp;
        fp = left(p = b - golden * (b - a));
      } else {
        a = p, p = q, fp = fq;
        fq = left(q = a + golden * (b - a));
      }
    }
    const double best = std::min(fp, fq);
    out.bandwidth = best < none ? std::exp(fp < fq ? p : q) : 0;
    out.smoothed = std::min(best, none) / none;
  }
  return out;
}

}  // namespace lml
