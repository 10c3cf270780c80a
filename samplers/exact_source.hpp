// The exact answers of a target: eps = -sigma s, x_0 = E[x_0 | x] and eps - x_0, evaluated at the solver's own (alpha,
// sigma). Laws are made at first need and kept; one source may serve all threads.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <utility>

#include "samplers/eigen_state.hpp"
#include "samplers/model.hpp"
#include "theory/along_score.hpp"

namespace lml {

class ExactSource : public Source<Points>, public Source<Rows<float>> {
 public:
  explicit ExactSource(Target target) : target_(std::move(target)) {}

  /// Throws BadInput where the density at a sample is not a finite number.
  Points epsilon(const Points& x, const Node& at) override { return law(at).epsilon(x); }
  Points data(const Points& x, const Node& at) override {
    if (at.alpha == 0) return target_.mean().transpose().replicate(x.rows(), 1);
    return along_score(law(at), 1 / at.alpha, x, at.sigma * at.sigma / at.alpha);
  }
  Points along(double c, const Points& x, double e, const Node& at) override {
    return along_score(law(at), c, x, -e * at.sigma);
  }
  /// Near alpha = 0 from x_0, since (x - sigma eps)/alpha loses all its digits there.
  Points velocity(const Points& x, const Node& at) override {
    const double sum = at.alpha + at.sigma;
    if (at.alpha > 0.01 * at.sigma) return combine(sum / at.alpha, epsilon(x, at), -1 / at.alpha, x);
    const Marginal& p = law(at);
    Points x0(x.rows(), x.cols());
    for (Index i = 0; i < x.rows(); ++i) x0.row(i) = p.at(x.row(i).transpose()).posterior_mean().transpose();
    return combine(1 / at.sigma, x, -sum / at.sigma, x0);
  }
  /// Computed in float64, then rounded.
  Rows<float> epsilon(const Rows<float>& x, const Node& at) override {
    return epsilon(Points(x.cast<double>()), at).cast<float>();
  }
  Rows<float> data(const Rows<float>& x, const Node& at) override {
    return data(Points(x.cast<double>()), at).cast<float>();
  }
  Rows<float> velocity(const Rows<float>& x, const Node& at) override {
    return velocity(Points(x.cast<double>()), at).cast<float>();
  }
  using Source<Rows<float>>::along;

  const Marginal& law(const Node& at) {
    const std::lock_guard lock(mutex_);
    std::unique_ptr<const Marginal>& p = laws_[{at.alpha, at.sigma}];
    if (!p) p = std::make_unique<const Marginal>(target_, Time{at.alpha, at.sigma});
    return *p;
  }
  const Target& target() const { return target_; }

 private:
  Target target_;
  std::mutex mutex_;
  std::map<std::pair<double, double>, std::unique_ptr<const Marginal>> laws_;
};

}  // namespace lml
