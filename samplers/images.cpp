#include "samplers/images.hpp"

#include <boost/math/distributions/binomial.hpp>
#include <cmath>
#include <complex>
#include <unsupported/Eigen/FFT>
#include <vector>

#include "theory/parallel.hpp"

namespace lml {
namespace {

using Channel = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Complex = std::complex<double>;

// |F|^2/(H W) at each pair of frequencies.
Channel power(const Channel& x) {
  const Index h = x.rows(), w = x.cols();
  Eigen::FFT<double> fft;
  Eigen::MatrixXcd f(h, w);
  std::vector<Complex> in, out;
  for (Index i = 0; i < h; ++i) {
    in.assign(x.data() + i * w, x.data() + (i + 1) * w);
    fft.fwd(out, in);
    for (Index j = 0; j < w; ++j) f(i, j) = out[std::size_t(j)];
  }
  for (Index j = 0; j < w; ++j) {
    in.assign(f.data() + j * h, f.data() + (j + 1) * h);
    fft.fwd(out, in);
    for (Index i = 0; i < h; ++i) f(i, j) = out[std::size_t(i)];
  }
  return f.cwiseAbs2() / double(h * w);
}

// The ring of each pair of frequencies; those beyond the last belong to none.
Eigen::MatrixXi rings(Index h, Index w) {
  const Index side = std::min(h, w);
  Eigen::MatrixXi out(h, w);
  for (Index i = 0; i < h; ++i)
    for (Index j = 0; j < w; ++j) {
      const double down = double(std::min(i, h - i)) / double(h), across = double(std::min(j, w - j)) / double(w);
      const Index ring = std::lround(std::hypot(down, across) * double(side));
      out(i, j) = ring <= side / 2 ? int(ring) : 0;
    }
  return out;
}

}  // namespace

ImageFigures image_figures(const Points& x, const ImageShape& s, double lowest, double highest) {
  if (!(lowest < highest)) throw BadInput("/range", "must rise");
  if (s.height < 2 || s.width < 2 || x.cols() != s.size()) throw BadInput("", "must hold images of at least 2 x 2");
  const Index n = x.rows(), plane = s.height * s.width, count = std::min(s.height, s.width) / 2;
  const double length = highest - lowest;
  const Eigen::MatrixXi ring = rings(s.height, s.width);
  Vec members = Vec::Zero(count + 1);
  for (Index k = 0; k < ring.size(); ++k) members[ring.data()[k]] += double(s.channels);
  ImageFigures out{Vec(n), Vec(n), Vec(n), Points(n, count)};
  parallel_for(n, n > 16, [&](Index i) {
    Index outside = 0;
    double variance = 0, differences = 0;
    Vec sums = Vec::Zero(count + 1);
    for (Index c = 0; c < s.channels; ++c) {
      const Eigen::Map<const Channel> raw(x.data() + i * x.cols() + c * plane, s.height, s.width);
      outside += (raw.array() < lowest || raw.array() > highest).count();
      const Channel y = (raw.array() - raw.mean()) / length;
      variance += y.squaredNorm();
      differences += (y.leftCols(s.width - 1) - y.rightCols(s.width - 1)).squaredNorm() +
                     (y.topRows(s.height - 1) - y.bottomRows(s.height - 1)).squaredNorm();
      const Channel p = power(y);
      for (Index h = 0; h < s.height; ++h)
        for (Index w = 0; w < s.width; ++w) sums[ring(h, w)] += p(h, w);
    }
    const double neighbours = double(s.channels * (2 * plane - s.height - s.width));
    out.saturation[i] = double(outside) / double(s.size());
    out.contrast[i] = std::sqrt(variance / double(s.size()));
    out.sharpness[i] = std::sqrt(differences / neighbours);
    out.spectrum.row(i) = sums.tail(count).cwiseQuotient(members.tail(count)).transpose();
  });
  return out;
}

Estimate mean_of(const Vec& values) {
  const double n = double(values.size()), mean = values.mean();
  return {mean, std::sqrt((values.array() - mean).square().sum() / (n - 1) / n)};
}

Vec rms_distances(const Points& x, const Points& y) { return (x - y).rowwise().norm() / std::sqrt(double(x.cols())); }

SignTest sign_test(const Vec& a, const Vec& b) {
  SignTest out{};
  for (Index i = 0; i < a.size(); ++i) ++(a[i] < b[i] ? out.wins : a[i] > b[i] ? out.losses : out.ties);
  const double n = double(out.wins + out.losses), k = double(out.wins);
  if (n == 0) return {0, 0, out.ties, 0.5, 0, 1, 1};
  using Binomial = boost::math::binomial_distribution<>;
  out.share = k / n;
  out.lower = Binomial::find_lower_bound_on_p(n, k, 0.025);
  out.upper = Binomial::find_upper_bound_on_p(n, k, 0.025);
  const Binomial fair(n, 0.5);
  out.p_value = std::min(1.0, 2 * cdf(fair, std::min(k, n - k)));
  return out;
}

}  // namespace lml
