#include <algorithm>

#include "dynamics/random.hpp"
#include "paper_checks/checks/algorithm1.hpp"
#include "paper_checks/checks/algorithm1_common.hpp"

namespace lml::checks {
namespace {

using namespace sampling;

constexpr double kappa = 1e-8;  // the paper's

// Predictions of two successive DDIM steps in the middle of a run of 10, as Algorithm 1 meets them.
struct Pair {
  Points now, before;
};
Pair predictions(ExactSource& source, Index n) {
  const Grid grid = uniform_grid(10);
  const Grid half(grid.begin(), grid.begin() + 6);
  Points x = end_of<Points>({Ddim{}, half}, source, Random(21, 1).normals(0, 0, n, source.target().dim()));
  const Points before = source.epsilon(x, grid[6].from);
  x = end_of<Points>({Ddim{}, Grid{grid[6]}}, source, x);
  return {source.epsilon(x, grid[7].from), before};
}

// Change of q by the correction, a component, over the size of q; the exact one, in float32 as printed, and through the
// stable form in float32; and the cosine of the second with the first.
struct Audit {
  double exact, printed, stable, cosine;
  double printed_off, stable_off;  // from the exact change, over its size
};
Audit audit(const Pair& pair, LmlParameters l) {
  const Rows<float> q = pair.now.cast<float>(), p = pair.before.cast<float>();
  const Points wide = q.cast<double>(), wide_p = p.cast<double>();
  const Points exact = lml_stable(wide, &wide_p, l) - wide;
  const Points printed = lml_printed(q, &p, l).cast<double>() - wide,
               stable = lml_stable(q, &p, l).cast<double>() - wide;
  const double size = wide.norm();
  return {exact.norm() / size,
          printed.norm() / size,
          stable.norm() / size,
          printed.cwiseProduct(exact).sum() / (printed.norm() * exact.norm()),
          (printed - exact).norm() / exact.norm(),
          (stable - exact).norm() / exact.norm()};
}

}  // namespace

Evidence alg1_float32(const Context&) {
  Table table{"alg1-float32",
              "Relative change of eps by one correction, kappa = 1e-8, in the middle of 10 DDIM steps; and how far the "
              "float32 changes are from the exact one, over its size",
              {"d", "lambda'", "exact", "float32 as printed", "cosine with exact", "as printed, off by",
               "stable float32, off by"},
              {}};
  Evidence out;
  for (Index d : {2, 16, 64, 784, 3072}) {
    ExactSource source(anisotropic(d));
    const Pair pair = predictions(source, d > 100 ? 16 : 256);
    for (double lambda : {5e-5, 3e-4, 1e-3, 6e-3}) {
      const Audit a = audit(pair, {kappa, lambda});
      table.rows.push_back({double(d), lambda, a.exact, a.printed, a.cosine, a.printed_off, a.stable_off});
      if (d == 3072 && lambda == 1e-3) {
        out.value = a.printed_off;
        out.control = a.stable_off;
        // Two roundings a component, of m and of its product, each uniform in half an ulp: with mantissas uniform in
        // the logarithm, the relative error has the mean square (2^-24)^2 (1/3) (1 - 1/4)/(2 ln 2).
        const double rounding = 0x1p-24 * std::sqrt(0.75 / 3 / (2 * std::log(2.0)));
        const double amplified = rounding * pair.now.squaredNorm() / double(pair.now.rows()) / lambda;
        out.second = amplified / a.exact;
        out.second_tolerance = 0.1 * a.printed_off;  // mantissas are only nearly so
      }
    }
  }
  out.repair =
      "In float32 use the stable form: v (lambda' + ||m||^2) = (lambda' + kappa^2 ||e||^2) eps - kappa (||eps||^2 + "
      "kappa "
      "eps.d) e, with the inner products in float64; it is exact to the digits of float32.";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

namespace {

// eps turned by noise: eps + r ||eps|| g/sqrt(d), then scaled back to ||eps||, as the rounded correction does.
class NoisySource : public Source<Points> {
 public:
  NoisySource(ExactSource& source, std::vector<double> sizes) : source_(&source), sizes_(std::move(sizes)) {}
  Points epsilon(const Points& x, const Node& at) override {
    const Points q = source_->epsilon(x, at);
    const Points noise = Random(22, 5).normals(0, std::uint64_t(call_), x.rows(), x.cols());
    const double r = sizes_[std::size_t(std::min<Index>(call_++, Index(sizes_.size()) - 1))];
    Points out(q.rows(), q.cols());
    for (Index i = 0; i < q.rows(); ++i) {
      const double size = q.row(i).norm();
      const Eigen::RowVectorXd v = q.row(i) + r * size / std::sqrt(double(q.cols())) * noise.row(i);
      out.row(i) = v * (size / v.norm());
    }
    return out;
  }
  Points data(const Points& x, const Node& at) override {
    return combine(1 / at.alpha, x, -at.sigma / at.alpha, epsilon(x, at));
  }

 private:
  ExactSource* source_;
  std::vector<double> sizes_;
  Index call_ = 0;
};

// Angle's tangent by which the printed form in float32 turns eps at each call, root mean square over the samples.
class Measuring : public Source<Rows<float>> {
 public:
  Measuring(ExactSource& source, LmlParameters l) : source_(&source), l_(l) {}
  Rows<float> epsilon(const Rows<float>& x, const Node& at) override {
    Rows<float> q = source_->epsilon(x, at);
    const Rows<float> changed = lml_printed(q, before_ ? &*before_ : nullptr, l_);
    double sum = 0;
    for (Index i = 0; i < q.rows(); ++i) {
      const Eigen::RowVectorXd a = q.row(i).cast<double>(), b = changed.row(i).cast<double>();
      const double cosine = a.dot(b) / (a.norm() * b.norm());
      sum += 1 / (cosine * cosine) - 1;
    }
    sizes.push_back(std::sqrt(sum / double(q.rows())));
    before_.emplace(std::move(q));
    return changed;
  }
  Rows<float> data(const Rows<float>& x, const Node& at) override {
    return combine(1 / at.alpha, x, -at.sigma / at.alpha, epsilon(x, at));
  }
  std::vector<double> sizes;

 private:
  ExactSource* source_;
  LmlParameters l_;
  std::optional<Rows<float>> before_;
};

double median_distance(const Points& a, const Points& b) {
  Vec v = distances(a, b);
  std::nth_element(v.begin(), v.begin() + v.size() / 2, v.end());
  return v[v.size() / 2];
}

}  // namespace

Evidence alg1_float32_real(const Context& context) {
  Table table{
      "alg1-float32-real",
      "Fashion-MNIST as an exact target, 8 starts, 10 steps, kappa = 1e-8: relative change of eps by one correction "
      "in the middle of the run, exact and in float32 as printed; median distance a component of the end points "
      "from the base solver's",
      {"base", "lambda'", "eps: exact", "eps: printed", "eps: printed, off by", "ends: printed", "ends: noise",
       "ends: stable"},
      {}};
  ExactSource source(context.fashion_mnist());
  const Index d = source.target().dim(), n = 8;
  const Grid grid = uniform_grid(10);
  const Pair pair = predictions(source, n);
  const Points start = Random(24, 1).normals(0, 0, n, d);
  Evidence out;
  for (const auto& [name, base] : {std::pair<std::string, Stepper>{"DDIM", Ddim{}}, {"DPM-Solver 3", DpmSolver{{3}}}})
    for (double lambda : {1e-3, 3e-4}) {
      const LmlParameters l{kappa, lambda};
      const Audit a = audit(pair, l);
      const Points plain = end_of<Points>({base, grid}, source, start);
      Measuring measuring(source, l);
      const Points printed = end_of<Rows<float>>({base, grid}, measuring, start.cast<float>()).cast<double>();
      NoisySource noisy(source, measuring.sizes);
      table.labels.push_back(name);
      table.rows.push_back({lambda, a.exact, a.printed, a.printed_off, median_distance(printed, plain),
                            median_distance(end_of<Points>({base, grid}, noisy, start), plain),
                            median_distance(end_of<Points>({base, grid, LmlStable{l}}, source, start), plain)});
      if (lambda == 1e-3) {
        out.value = a.printed_off;
        out.control = a.stable_off;
      }
    }
  out.repair = "As for alg1-float32: the stable form, with the inner products in float64.";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

Evidence alg1_noise(const Context&) {
  Table table{
      "alg1-noise",
      "Median over the starts of the distance a component of the end point: from the base solver's (float32 as "
      "printed, kappa = 1e-8; Gaussian noise of the same relative size on eps; stable form), and from the exact "
      "flow's; 10 steps",
      {"base, d", "lambda'", "relative size", "printed - base", "noise - base", "stable - base", "base - exact",
       "printed - exact", "noise - exact", "stable - exact"},
      {}};
  std::vector<double> of_rounding, of_algorithm;
  for (Index d : {256, 1024, 3072})
    for (const auto& [name, base] : {std::pair<std::string, Stepper>{"DDIM", Ddim{}}, {"DPM-Solver 3", DpmSolver{{3}}}})
      for (double lambda : {3e-3, 1e-3}) {
        const Target target = anisotropic(d);
        ExactSource source(target);
        const Grid grid = uniform_grid(10);
        const Points start = Random(23, 1).normals(0, 0, d > 2000 ? 16 : 64, d);
        const Points exact = flow(target, grid.front().from, grid.back().to, start, 60);
        const LmlParameters l{kappa, lambda};
        const Points plain = end_of<Points>({base, grid}, source, start);
        Measuring measuring(source, l);
        const Points printed = end_of<Rows<float>>({base, grid}, measuring, start.cast<float>()).cast<double>();
        NoisySource noisy(source, measuring.sizes);
        const Points noise = end_of<Points>({base, grid}, noisy, start),
                     stable = end_of<Points>({base, grid, LmlStable{l}}, source, start);
        double size = 0;
        for (double s : measuring.sizes) size += s / double(measuring.sizes.size());
        const double by_rounding = median_distance(printed, plain), by_noise = median_distance(noise, plain),
                     by_algorithm = median_distance(stable, plain);
        table.labels.push_back(name + ", d = " + std::to_string(d));
        table.rows.push_back({lambda, size, by_rounding, by_noise, by_algorithm, median_distance(plain, exact),
                              median_distance(printed, exact), median_distance(noise, exact),
                              median_distance(stable, exact)});
        of_rounding.push_back(std::log(by_rounding / by_noise));
        of_algorithm.push_back(std::log(by_algorithm / by_noise));
      }
  Evidence out;
  const Estimate e = mean(Eigen::Map<const Vec>(of_rounding.data(), Index(of_rounding.size())));
  out.value = std::abs(e.value);
  out.uncertainty = 4 * e.error;
  out.control = std::abs(mean(Eigen::Map<const Vec>(of_algorithm.data(), Index(of_algorithm.size()))).value);
  out.tables.push_back(table);
  return out;
}

}  // namespace lml::checks
