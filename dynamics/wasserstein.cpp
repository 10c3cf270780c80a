#include "dynamics/wasserstein.hpp"

#include <algorithm>
#include <cmath>

#include "theory/linalg.hpp"

namespace lml {
namespace {

// Piecewise polynomials on the mesh: every element's nodes are one reference set, moved and stretched.
class Mesh {
 public:
  explicit Mesh(const Line& line) : x_(line.nodes()), first_(line.elements()) {
    const Index n = first_.size() > 1 ? first_[1] : x_.size() - 1;
    nodes_.resize(n + 1);
    const double half = 0.5 * (x_[n] - x_[0]);
    for (Index i = 0; i <= n; ++i) nodes_[i] = (x_[i] - x_[0]) / half - 1;
    // Barycentric weights, scaled by the capacity 1/2 of [-1, 1]: products of twenty differences stay near 1.
    barycentric_.resize(n + 1);
    for (Index i = 0; i <= n; ++i) {
      double product = 1;
      for (Index j = 0; j <= n; ++j)
        if (j != i) product *= 2 * (nodes_[i] - nodes_[j]);
      barycentric_[i] = 1 / product;
    }
    // integral_(i, j): of the j-th Lagrange polynomial from -1 to node i, by Gauss-Legendre of n points on each piece.
    gauss(n);
    integral_.setZero(n + 1, n + 1);
    for (Index i = 1; i <= n; ++i) {
      integral_.row(i) = integral_.row(i - 1);
      const double a = nodes_[i - 1], h = 0.5 * (nodes_[i] - a);
      for (Index g = 0; g < n; ++g) integral_.row(i) += h * gauss_weights_[g] * lagrange(a + h * (1 + gauss_[g]));
    }
  }
  Index degree() const { return nodes_.size() - 1; }
  std::size_t elements() const { return first_.size(); }
  Index first(std::size_t e) const { return first_[e]; }
  double half(std::size_t e) const { return 0.5 * (x_[first_[e] + degree()] - x_[first_[e]]); }
  const Vec& x() const { return x_; }
  const Vec& gauss_nodes() const { return gauss_; }
  const Vec& gauss_weights() const { return gauss_weights_; }

  Vec cumulative(const Vec& f) const {
    Vec out = Vec::Zero(x_.size());
    for (std::size_t e = 0; e < elements(); ++e) {
      const Vec inside = half(e) * (integral_ * f.segment(first(e), degree() + 1));
      for (Index i = 1; i <= degree(); ++i) out[first(e) + i] = out[first(e)] + inside[i];
    }
    return out;
  }
  Eigen::RowVectorXd lagrange(double t) const {
    Eigen::RowVectorXd out = Eigen::RowVectorXd::Zero(nodes_.size());
    double sum = 0;
    for (Index i = 0; i < nodes_.size(); ++i) {
      if (t == nodes_[i]) {
        out.setZero();
        out[i] = 1;
        return out;
      }
      sum += out[i] = barycentric_[i] / (t - nodes_[i]);
    }
    return out / sum;
  }
  double at(std::size_t e, double t, const Vec& f) const { return lagrange(t).dot(f.segment(first(e), degree() + 1)); }

 private:
  void gauss(Index n) {
    gauss_.resize(n);
    gauss_weights_.resize(n);
    for (Index i = 0; i < n; ++i) {
      double t = -std::cos(M_PI * (double(i) + 0.75) / (double(n) + 0.5)), slope = 1;
      for (int it = 0; it < 50; ++it) {
        double p0 = 1, p1 = t;
        for (Index k = 2; k <= n; ++k) {
          const double p2 = (double(2 * k - 1) * t * p1 - double(k - 1) * p0) / double(k);
          p0 = p1;
          p1 = p2;
        }
        slope = double(n) * (t * p1 - p0) / (t * t - 1);
        t -= p1 / slope;
        if (std::abs(p1 / slope) < 1e-16) break;
      }
      gauss_[i] = t;
      gauss_weights_[i] = 2 / ((1 - t * t) * slope * slope);
    }
  }
  const Vec& x_;
  const std::vector<Index>& first_;
  Vec nodes_, barycentric_, gauss_, gauss_weights_;
  Mat integral_;
};

// The place where `rising` (a distribution function, at the nodes) takes the value c.
double inverse(const Mesh& mesh, const Vec& rising, double c) {
  std::size_t low = 0, high = mesh.elements();
  while (high - low > 1) {
    const std::size_t middle = (low + high) / 2;
    (rising[mesh.first(middle)] <= c ? low : high) = middle;
  }
  double a = -1, b = 1;
  for (int it = 0; it < 60 && b - a > 1e-16; ++it) {
    const double t = 0.5 * (a + b);
    (mesh.at(low, t, rising) <= c ? a : b) = t;
  }
  return mesh.x()[mesh.first(low)] + mesh.half(low) * (1 + 0.5 * (a + b));
}

// int |f| over one element, cut where f changes sign between neighbouring Gauss nodes.
double absolute_integral(const Mesh& mesh, std::size_t e, const Vec& f) {
  const auto integral = [&](double a, double b) {
    double sum = 0;
    for (Index i = 0; i < mesh.gauss_nodes().size(); ++i)
      sum += mesh.gauss_weights()[i] * mesh.at(e, a + 0.5 * (b - a) * (1 + mesh.gauss_nodes()[i]), f);
    return mesh.half(e) * 0.5 * (b - a) * sum;
  };
  double out = 0, from = -1;
  for (Index i = 0; i + 1 < mesh.gauss_nodes().size(); ++i) {
    double a = mesh.gauss_nodes()[i], b = mesh.gauss_nodes()[i + 1];
    const bool rising = mesh.at(e, a, f) < 0;
    if (rising == (mesh.at(e, b, f) < 0)) continue;
    for (int it = 0; it < 60 && b - a > 1e-16; ++it) {
      const double t = 0.5 * (a + b);
      ((mesh.at(e, t, f) < 0) == rising ? a : b) = t;
    }
    out += std::abs(integral(from, a));
    from = a;
  }
  return out + std::abs(integral(from, 1));
}

}  // namespace

Wasserstein wasserstein(const Line& line, const Vec& q, const Vec& p) {
  const Mesh mesh(line);
  const Vec f = mesh.cumulative(q), g = mesh.cumulative(p), gap = f - g;
  Wasserstein out{0, 0};
  for (std::size_t e = 0; e < mesh.elements(); ++e) {
    out.w1 += absolute_integral(mesh, e, gap);
    for (Index i = 0; i < mesh.gauss_nodes().size(); ++i) {
      const double t = mesh.gauss_nodes()[i], w = mesh.half(e) * mesh.gauss_weights()[i];
      const double density = mesh.at(e, t, q), below = mesh.at(e, t, f);
      // The map in a tail of mass 1e-13 is rounding; what it moves is below 1e-13 times the square of the domain.
      if (!(density > 0) || below < 1e-13 || f[f.size() - 1] - below < 1e-13) continue;
      const double x = mesh.x()[mesh.first(e)] + mesh.half(e) * (1 + t);
      out.w2 += w * density * std::pow(x - inverse(mesh, g, below), 2);
    }
  }
  out.w2 = std::sqrt(out.w2);
  return out;
}

double gaussian_w2(const Gaussian& q, const Gaussian& p) {
  const Eigh e = eigh(p.covariance);
  const Mat root = e.vectors * e.values.cwiseSqrt().asDiagonal() * e.vectors.transpose();
  const double cross = eigvalsh(root * q.covariance * root).cwiseMax(0.0).cwiseSqrt().sum();
  return std::sqrt(
      std::max(0.0, (q.mean - p.mean).squaredNorm() + q.covariance.trace() + p.covariance.trace() - 2 * cross));
}

}  // namespace lml
