// What Algorithm 1 stands for where the curvature is known: eps turned into the damped Newton direction of the exact
// Fisher F = -Hess log p_t, at its own length (the paper's "unit spectrum"),
//
//   eps -> ||eps|| v/||v||,   v = (F + (c/sigma^2) I)^-1 eps
//
// c > 0 is lambda sigma^2, constant in t. It is not a discretisation of the probability flow: as the steps get shorter
// it converges, but to another law. Costs O(d^3) a sample.
#pragma once
#include <Eigen/Cholesky>
#include <stdexcept>
#include <string>

#include "samplers/exact_source.hpp"

namespace lml {

class NotPositive : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class FisherSource : public Source<Points> {
 public:
  FisherSource(ExactSource& exact, double damping) : exact_(&exact), damping_(damping) {}

  /// Throws NotPositive where F + (c/sigma^2) I is not positive definite.
  Points epsilon(const Points& x, const Node& at) override {
    const Marginal& law = exact_->law(at);
    Points out(x.rows(), x.cols());
    for (Index i = 0; i < x.rows(); ++i) {
      const Local local = law.at(x.row(i).transpose());
      Mat metric = local.fisher();
      metric.diagonal().array() += damping_ / (at.sigma * at.sigma);
      const Eigen::LLT<Mat> factor(metric);
      if (factor.info() != Eigen::Success)
        throw NotPositive("must be larger: F + (lambda/sigma^2) I is not positive definite at a sample, at sigma = " +
                          std::to_string(at.sigma));
      const Vec eps = local.epsilon(), v = factor.solve(eps);
      const double size = v.norm();
      out.row(i) = (size > 0 ? Vec(v * (eps.norm() / size)) : eps).transpose();
    }
    return out;
  }
  Points data(const Points& x, const Node& at) override {
    return combine(1 / at.alpha, x, -at.sigma / at.alpha, epsilon(x, at));
  }

 private:
  ExactSource* exact_;
  double damping_;
};

}  // namespace lml
