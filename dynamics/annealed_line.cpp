#include "dynamics/annealed_line.hpp"

#include <algorithm>
#include <cmath>

#include "dynamics/flow_map.hpp"
#include "dynamics/lobatto.hpp"

namespace lml {
namespace {

// A matrix with `band` diagonals on either side of the main one, row by row. Elimination without pivoting: M - h A has
// a positive definite symmetric part for the steps used here.
class Banded {
 public:
  Banded(Index n, Index band) : n_(n), band_(band), a_(Points::Zero(n, 2 * band + 1)) {}
  double& operator()(Index i, Index j) { return a_(i, j - i + band_); }
  void factorise() {
    for (Index k = 0; k < n_; ++k)
      for (Index i = k + 1; i < std::min(n_, k + band_ + 1); ++i) {
        const Index last = std::min(n_, k + band_ + 1) - k - 1;
        const double factor = (*this)(i, k) /= (*this)(k, k);
        if (factor != 0) a_.row(i).segment(k + 1 - i + band_, last) -= factor * a_.row(k).segment(1 + band_, last);
      }
  }
  void solve(Vec& b) {
    for (Index i = 0; i < n_; ++i)
      for (Index k = std::max<Index>(0, i - band_); k < i; ++k) b[i] -= (*this)(i, k) * b[k];
    for (Index i = n_ - 1; i >= 0; --i) {
      for (Index k = i + 1; k < std::min(n_, i + band_ + 1); ++k) b[i] -= (*this)(i, k) * b[k];
      b[i] /= (*this)(i, i);
    }
  }

 private:
  Index n_, band_;
  Points a_;
};

double normal_below(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

}  // namespace

double LineLaw::variance() const {
  const double m = mean();
  return (w_.array() * density_.array() * (x_.array() - m).square()).sum();
}

// The interpolating polynomial of each element is integrated between its zeros: |f| is not smooth across them.
double LineLaw::half_l1(const Vec& f) const {
  Vec nodes, weights;
  Mat derivative;
  lobatto(int(degree_), nodes, weights, derivative);
  Vec barycentric = Vec::Ones(degree_ + 1);
  for (Index i = 0; i <= degree_; ++i)
    for (Index j = 0; j <= degree_; ++j)
      if (i != j) barycentric[i] /= nodes[i] - nodes[j];
  double out = 0;
  for (Index first = 0; first + degree_ < x_.size(); first += degree_) {
    const Vec values = f.segment(first, degree_ + 1);
    const auto at = [&](double t) {
      double above = 0, below = 0;
      for (Index i = 0; i <= degree_; ++i) {
        if (t == nodes[i]) return values[i];
        const double c = barycentric[i] / (t - nodes[i]);
        above += c * values[i];
        below += c;
      }
      return above / below;
    };
    std::vector<double> cuts{-1};
    for (Index i = 0; i < degree_; ++i) {
      if (!(values[i] * values[i + 1] < 0)) continue;
      double low = nodes[i], high = nodes[i + 1];
      for (int k = 0; k < 60; ++k) {
        const double middle = 0.5 * (low + high);
        ((at(middle) < 0) == (values[i] < 0) ? low : high) = middle;
      }
      cuts.push_back(low);
    }
    cuts.push_back(1);
    const double half = 0.5 * (x_[first + degree_] - x_[first]);
    for (std::size_t c = 1; c < cuts.size(); ++c) {
      const double part = 0.5 * (cuts[c] - cuts[c - 1]);
      double sum = 0;
      for (Index i = 0; i <= degree_; ++i) sum += weights[i] * at(cuts[c - 1] + part * (1 + nodes[i]));
      out += 0.5 * half * part * std::abs(sum);
    }
  }
  return out;
}

double LineLaw::total_variation(const LineLaw& other) const {
  if (other.x_.size() != x_.size() || other.x_ != x_) throw std::invalid_argument("laws at different nodes");
  return half_l1(density_ - other.density_);
}

Divergences LineLaw::divergences() const {
  Divergences out{0, 0, 0, 0};
  double overlap = 0, at_the_ends = 0;
  const double floor = 1e-15 * density_.maxCoeff();
  for (Index i = 0; i < x_.size(); ++i) {
    const double p = std::exp(log_p_[i]), q = density_[i] > floor ? density_[i] : 0, gap = q - p;
    const double term = q > 0 ? std::exp(2 * std::log(std::abs(gap)) - log_p_[i]) : p;
    out.chi2 += w_[i] * term;
    if (i <= degree_ || i + degree_ >= x_.size()) at_the_ends += w_[i] * term;
    out.kl += w_[i] * (q > 0 ? q * (std::log(q) - log_p_[i]) - gap : -gap);
    overlap += w_[i] * std::pow(std::sqrt(q) - std::sqrt(p), 2);
  }
  if (out.chi2 > 1e-20 && at_the_ends > 1e-6 * out.chi2) out.chi2 = std::numeric_limits<double>::infinity();
  out.kl = std::max(0.0, out.kl);
  out.hellinger = std::sqrt(0.5 * overlap);
  out.total_variation = half_l1(density_ - log_p_.array().exp().matrix());
  return out;
}

AnnealedLine::AnnealedLine(AnnealedMetric metric, double u_start, double u_end, LineResolution resolution)
    : metric_(std::move(metric)), u_start_(u_start), u_end_(u_end), resolution_(resolution) {
  const Target& target = metric_.target();
  if (target.dim() != 1) throw BadInput("/target", "must be one-dimensional here");
  if (!(u_start > u_end)) throw BadInput("/u_end", "must be below u_start");
  mean_ = target.mean()[0];
  variance_ = target.covariance()(0, 0);
  const Marginal end = metric_.marginal(u_end);
  double narrowest = HUGE_VAL, core = 4;
  for (Index k = 0; k < target.size(); ++k) {
    const double width = 1 / std::sqrt(end.precision(k).p[0]);
    narrowest = std::min(narrowest, width / deviation(u_end));
    core = std::max(core,
                    (std::abs(end.time().alpha * target.means()(k, 0) - centre(u_end)) + 4 * width) / deviation(u_end));
  }
  // Even elements over the modes, then growing ones.
  const int even = int(std::ceil(core / narrowest * resolution.elements));
  std::vector<double> edges;
  for (int i = 0; i <= even; ++i) edges.push_back(core * i / even);
  for (double width = core / even; edges.back() < resolution.reach;) {
    width = std::min(1.25 * width, 0.15 * edges.back() / resolution.elements);
    edges.push_back(edges.back() + width);
  }
  for (std::size_t i = edges.size() - 1; i > 0; --i) edges.push_back(-edges[i]);
  std::sort(edges.begin(), edges.end());

  Vec nodes;
  lobatto(resolution.degree, nodes, reference_weights_, derivative_);
  const Index n = Index(edges.size() - 1) * resolution.degree + 1;
  y_.resize(n);
  w_.setZero(n);
  for (std::size_t e = 0; e + 1 < edges.size(); ++e) {
    half_.push_back(0.5 * (edges[e + 1] - edges[e]));
    for (int i = 0; i <= resolution.degree; ++i) {
      const Index to = Index(e) * resolution.degree + i;
      y_[to] = edges[e] + half_.back() * (1 + nodes[i]);
      w_[to] += half_.back() * reference_weights_[i];
    }
  }
}

double AnnealedLine::centre(double u) const { return at(metric_.process(), u).alpha * mean_; }

double AnnealedLine::deviation(double u) const {
  const Time time = at(metric_.process(), u);
  return std::sqrt(time.alpha * time.alpha * variance_ + time.sigma * time.sigma);
}

Vec AnnealedLine::distribution(double u, const Vec& x) const {
  const Marginal p = metric_.marginal(u);
  Vec out = Vec::Zero(x.size());
  for (Index k = 0; k < p.target().size(); ++k)
    for (Index i = 0; i < x.size(); ++i)
      out[i] += std::exp(p.target().log_weights()[k]) *
                normal_below((x[i] - p.time().alpha * p.target().means()(k, 0)) * std::sqrt(p.precision(k).p[0]));
  return out;
}

Vec AnnealedLine::distribution(const Equation& equation, const Vec& x) const {
  return distribution(u_start_, flow_map(metric_, equation, u_start_, u_end_, x).start);
}

LineLaw AnnealedLine::law(const Equation& equation) const {
  LineLaw out;
  out.degree_ = resolution_.degree;
  out.x_ = centre(u_end_) + deviation(u_end_) * y_.array();
  out.w_ = deviation(u_end_) * w_;
  out.log_p_ = metric_.marginal(u_end_).log_density(out.x_);
  if (equation.noise == 0) {
    out.density_ = flow_map(metric_, equation, u_start_, u_end_, out.x_, 1e-11).log_density.array().exp();
  } else {
    out.density_ = fokker_planck(equation) / deviation(u_end_);
  }
  return out;
}

// With y = (x - centre)/deviation, f drops out:  dy/d tau = y/(2 w^2) + [a s + b D s + c D']/(2 w) and noise e D/w^2.
Vec AnnealedLine::fokker_planck(const Equation& equation) const {
  constexpr double gamma = 0.25, c[5] = {0.25, 0.75, 0.55, 0.5, 1};
  constexpr double a[5][5] = {{gamma},
                              {0.5, gamma},
                              {17.0 / 50, -1.0 / 25, gamma},
                              {371.0 / 1360, -137.0 / 2720, 15.0 / 544, gamma},
                              {25.0 / 24, -49.0 / 48, 125.0 / 16, -85.0 / 12, gamma}};
  const Index n = y_.size(), degree = resolution_.degree;
  const int steps = int(std::ceil((u_start_ - u_end_) * resolution_.steps));
  const double h = (u_start_ - u_end_) / steps, step = h * gamma;
  // M - step A, factorised.
  const auto matrix = [&](double u) {
    const MetricSlice slice = metric_.at(u);
    const double w = deviation(u), speed = slice.marginal().time().sigma * slice.marginal().time().sigma;
    Vec drift(n), noise(n);
    for (Index i = 0; i < n; ++i) {
      const Local local = slice.marginal().at(Vec::Constant(1, centre(u) + w * y_[i]));
      const MetricAt metric = slice.at(local);
      const double s = local.score()[0], d = metric.d(0, 0);
      drift[i] =
          speed *
          (y_[i] / (2 * w * w) +
           (equation.score * s + equation.damped_score * d * s + equation.divergence * metric.divergence[0]) / (2 * w));
      noise[i] = speed * equation.noise * d / (2 * w * w);
    }
    Banded out(n, degree);
    for (Index i = 0; i < n; ++i) out(i, i) = w_[i];
    for (std::size_t e = 0; e < half_.size(); ++e)
      for (Index q = 0; q <= degree; ++q) {
        const Index first = Index(e) * degree;
        for (Index i = 0; i <= degree; ++i) {
          const double test = step * reference_weights_[q] * derivative_(q, i);
          out(first + i, first + q) -= test * drift[first + q];
          for (Index j = 0; j <= degree; ++j)
            out(first + i, first + j) += test * derivative_(q, j) / half_[e] * noise[first + j];
        }
      }
    out.factorise();
    return out;
  };
  Vec density =
      (metric_.marginal(u_start_).log_density(centre(u_start_) + (deviation(u_start_) * y_).array()).array()).exp() *
      deviation(u_start_);
  Mat slopes(n, 5);
  for (int k = 0; k < steps; ++k) {
    Vec stage;
    for (int i = 0; i < 5; ++i) {
      const Vec base = density + h * (slopes.leftCols(i) * Eigen::Map<const Vec>(a[i], i));
      stage = w_.cwiseProduct(base);
      matrix(u_start_ - h * (k + c[i])).solve(stage);
      slopes.col(i) = (stage - base) / step;
    }
    density = stage;
  }
  const double ends = std::max(std::abs(density[0]), std::abs(density[n - 1]));
  if (!(ends <= 1e-13 * density.maxCoeff())) throw BadInput("/target", "the law does not fit the domain of y");
  return density;
}

}  // namespace lml
