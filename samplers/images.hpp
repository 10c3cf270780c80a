// Images as points, and what can be said of them without a network. Numbers of a range [lowest, highest] are measured
// in units of its length.
#pragma once
#include "samplers/distances.hpp"

namespace lml {

/// Of one image, which lies in a row of Points as [C, H, W] lies in memory.
struct ImageShape {
  Index channels, height, width;
  Index size() const { return channels * height * width; }
  bool operator==(const ImageShape&) const = default;
};

struct ImageFigures {
  /// Of each image: the share of numbers outside the range; the deviation about the channels' means; the root mean
  /// square difference of neighbours, across and down.
  Vec saturation, contrast, sharpness;
  /// [n, min(H, W)/2]: of each image the mean of |F|^2/(H W) over channels and over the frequencies, in cycles along
  /// the shorter side, that round to 1, 2, ..; F is the discrete Fourier transform of a channel. White noise of
  /// deviation s has s^2 everywhere.
  Points spectrum;
};
/// Throws BadInput unless lowest < highest, both sides are at least 2 and x has the shape's columns.
ImageFigures image_figures(const Points& x, const ImageShape& shape, double lowest, double highest);

/// Mean over independent samples; n >= 2.
Estimate mean_of(const Vec& values);

/// |x_i - y_i|/sqrt(d) of each pair.
Vec rms_distances(const Points& x, const Points& y);

struct SignTest {
  Index wins = 0, losses = 0, ties = 0;  // where a is smaller, larger, equal
  double share, lower, upper;            // of wins among what is no tie, with its 95% interval (Clopper, Pearson 1934)
  double p_value;                        // of wins as likely as losses, two-sided
};
/// Of pairs (a_i, b_i). Where all are ties: share 1/2, interval [0, 1], p 1.
SignTest sign_test(const Vec& a, const Vec& b);

}  // namespace lml
