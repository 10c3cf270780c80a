// The error of a network's noise prediction against the exact one of a finite data set y_1..y_K (its training images):
//
//   eps(x) = (x - alpha m(x))/sigma,  m = sum_k r_k y_k,  r_k ~ w_k exp(-||x - alpha y_k||^2/(2 sigma^2))
//   delta_2^2 = E ||eps_theta - eps||^2/d  over x = alpha y + sigma z
//
// For y drawn from the data set, eps is the conditional expectation of z, and so
//   delta_2^2 = E ||eps_theta - z||^2/d - E ||eps - z||^2/d,
// which is a second way to it (De Bortoli 2022 and Karras et al. 2022, App. B.3, on the exact denoiser of a finite
// set).
//
// Where the error comes from: eps of the data set smoothed by N(0, h^2 I), for the h that is nearest to the network;
// and the error's share along the direction to the nearest point and within the span of the differences of the nearest
// ones.
#pragma once
#include <ATen/ATen.h>

#include <functional>

#include "samplers/distances.hpp"
#include "samplers/grid.hpp"
#include "theory/target.hpp"

namespace lml {

struct ScoreError {
  Node at{};
  Estimate error;         // delta_2
  Estimate from_losses;   // the same by the second way; only where y is drawn from the data set
  Estimate network_loss;  // E ||eps_theta - z||^2/d
  Estimate exact_loss;    // E ||eps - z||^2/d
  double size = 0;        // sqrt(E ||eps||^2/d)
  double nearest = 0;     // E max_k r_k
  double bandwidth = 0;   // h; 0 where no smoothing comes nearer than none
  double smoothed = 1;    // the part of delta_2^2 that is left against eps of the smoothed data set
  double along_nearest = 0, among_neighbours = 0;  // shares of E ||eps_theta - eps||^2
};

/// A finite data set, as rows in float64.
class SmoothedPoints {
 public:
  explicit SmoothedPoints(const Target& points);
  /// ||x_i - alpha y_k||^2, [n, K], of x [n, d].
  at::Tensor distances(const at::Tensor& x, double alpha) const;
  /// r [n, K] of the data set smoothed by N(0, h^2 I).
  at::Tensor responsibilities(const at::Tensor& distances, Time time, double h = 0) const;
  /// Its eps, [n, d].
  at::Tensor epsilon(const at::Tensor& x, const at::Tensor& responsibilities, Time time, double h = 0) const;
  const at::Tensor& points() const { return points_; }

 private:
  at::Tensor points_, squares_, log_weights_;
};

inline constexpr std::int64_t score_error_neighbours = 16;

/// `answer`: eps_theta [n, d] at x [n, d]. y and z [n, d]: x = alpha y + sigma z.
ScoreError score_error(const SmoothedPoints& data, const at::Tensor& y, const at::Tensor& z, const Node& at,
                       const std::function<at::Tensor(const at::Tensor& x)>& answer);

}  // namespace lml
