#include <boost/multiprecision/cpp_bin_float.hpp>
#include <boost/multiprecision/eigen.hpp>

#include "dynamics/random.hpp"
#include "paper_checks/checks/algorithm1.hpp"
#include "paper_checks/checks/sampling_common.hpp"

namespace lml::checks {
namespace {

using namespace sampling;
using Digits50 = boost::multiprecision::number<boost::multiprecision::cpp_bin_float<50>, boost::multiprecision::et_off>;
using Long = Rows<Digits50>;

// A noise prediction for states of 50 digits: any function of x serves the algebra, so the target's, rounded.
class LongSource : public Source<Long> {
 public:
  explicit LongSource(ExactSource& source) : source_(&source) {}
  Long epsilon(const Long& x, const Node& at) override {
    return source_->epsilon(Points(x.cast<double>()), at).cast<Digits50>();
  }
  Long data(const Long& x, const Node& at) override {
    return combine(1 / at.alpha, x, -at.sigma / at.alpha, epsilon(x, at));
  }

 private:
  ExactSource* source_;
};

template <class Matrix>
double relative_distance(const Matrix& a, const Matrix& b) {
  return double(sqrt((a - b).squaredNorm() / b.squaredNorm()));
}

}  // namespace

Evidence alg1_kappa_zero(const Context&) {
  struct Base {
    std::string name;
    Stepper stepper;
  };
  const std::vector<Base> bases{
      {"DDIM", Ddim{}}, {"DPM-Solver 3", DpmSolver{{3}}}, {"DPM-Solver++ 3", DpmSolverPlusPlus{{3}}}};
  Table table{"alg1-kappa-zero",
              "Relative distance of the end points from the base solver's, 10 steps, kappa = 0, Algorithm 1 as printed",
              {"base solver", "d", "lambda'", "50 digits", "float64", "float32"},
              {}};
  Evidence out;
  out.value = 0;
  out.control = HUGE_VAL;
  const Grid grid = uniform_grid(10);
  for (Index d : {2, 16}) {
    ExactSource source(d == 2 ? ring8() : anisotropic(d));
    LongSource long_source(source);
    const Points start = Random(11, 1).normals(0, 0, 4, d);
    for (const Base& base : bases) {
      const Long exact = end_of<Long>({base.stepper, grid}, long_source, start.cast<Digits50>());
      const auto with = [&](LmlParameters l) {
        return relative_distance(end_of<Long>({base.stepper, grid, LmlPrinted{l}}, long_source, start.cast<Digits50>()),
                                 exact);
      };
      out.control = std::min(out.control, with({1e-8, 1e-3}));
      const Points plain = end_of<Points>({base.stepper, grid}, source, start);
      for (double lambda : {1e-3, 5e-5}) {
        const double distance = with({0, lambda});
        out.value = std::max(out.value, distance);
        const Correction printed = LmlPrinted{{0, lambda}};
        table.labels.push_back(base.name);
        table.rows.push_back(
            {double(d), lambda, distance,
             relative_distance(end_of<Points>({base.stepper, grid, printed}, source, start), plain),
             relative_distance(end_of<Rows<float>>({base.stepper, grid, printed}, source, start.cast<float>()),
                               end_of<Rows<float>>({base.stepper, grid}, source, start.cast<float>()))});
      }
    }
  }
  out.certificate =
      "Exact algebra (theory/PROOFS-SAMPLERS.md, S1): with kappa = 0, m = q and v = q lambda'/(lambda' + ||q||^2), a "
      "positive multiple of q, so ||q|| v/||v|| = q.";
  out.tables.push_back(table);
  return out;
}

Evidence alg1_multistep(const Context&) {
  const Random random(12, 1);
  Evidence out;
  out.value = out.control = 0;
  double stable = 0;
  for (std::uint64_t i = 0; i < 400; ++i) {
    const Index d = 2 + Index(i % 5) * Index(i % 5) * 4;
    const Points q = random.normals(4 * i, 0, 1, d);
    const Points p = q + std::pow(10, -3 * random.uniform(i, 2, 0)) * random.normals(4 * i, 1, 1, d);
    // 1 - kappa, which combine() takes as a double, must be exact.
    const double kappa_of_i = std::ldexp(std::ceil(std::ldexp(std::pow(10, -8 * random.uniform(i, 2, 1)), 40)), -40);
    const LmlParameters l{kappa_of_i, std::pow(10, -5 + 6 * random.uniform(i, 2, 2))};
    const Long lq = q.cast<Digits50>(), lp = p.cast<Digits50>();
    const Long printed = lml_printed(lq, &lp, l);
    // The rotation of q away from p in their plane by the angle of tangent `t`.
    const Digits50 qq = lq.squaredNorm(), dot = (lp - lq).row(0).dot(lq.row(0));
    const Long e = (lp - lq) - lq * (dot / qq);
    const Digits50 ee = e.squaredNorm(), kappa = l.kappa, lambda = l.lambda;
    const auto rotated = [&](const Digits50& t) -> Long {
      const Digits50 cosine = 1 / sqrt(1 + t * t), size = t * cosine * sqrt(qq / ee);
      return lq * cosine - e * size;
    };
    const Digits50 beta = kappa * qq / lambda;
    const Digits50 tangent = kappa * sqrt(ee / qq) * (qq + kappa * dot) / (lambda + kappa * kappa * ee);
    // Printed cancels lambda'/||q||^2 of q.
    out.value = std::max(out.value, relative_distance(rotated(tangent), printed));
    out.control = std::max(out.control, relative_distance(rotated(beta * sqrt(ee / qq)), printed));
    stable = std::max(stable, relative_distance<Long>(lml_stable(q, &p, l).cast<Digits50>(), printed) /
                                  (1 + double(beta) * double(sqrt((lp - lq).squaredNorm() / qq))));
  }
  out.second = stable;
  out.second_tolerance = 100 * 0x1p-53;
  out.certificate =
      "Exact algebra (theory/PROOFS-SAMPLERS.md, S2): eps_LM is eps_i turned away from eps_{i+1}, in their plane, by "
      "the angle of tangent kappa ||e|| (||eps||^2 + kappa eps.d)/(||eps|| (lambda' + kappa^2 ||e||^2)).";
  return out;
}

namespace {

struct Moves {
  double cosine = 0, size = 0;  // of the published form's move against Algorithm 1's, and the ratio of their sizes
};

// What the second of two steps in the middle of a run does to x: the published form and Algorithm 1, each less the base
// solver. The first step has nothing to remember, so all three agree on it.
Moves moves(const Target& target, const Grid& whole, const Stepper& base, const Sampler& published, LmlParameters l) {
  ExactSource source(target);
  const std::ptrdiff_t middle = std::ptrdiff_t(whole.size()) / 2;
  const Grid before(whole.begin(), whole.begin() + middle), grid(whole.begin() + middle, whole.begin() + middle + 2);
  const Points start = end_of<Points>({Ddim{}, before}, source, Random(13, 1).normals(0, 0, 16, target.dim()));
  const Points plain = end_of<Points>({base, grid}, source, start);
  const Points a = end_of<Points>({published.stepper, grid, published.correction}, source, start) - plain,
               b = end_of<Points>({base, grid, LmlStable{l}}, source, start) - plain;
  return {a.cwiseProduct(b).sum() / (a.norm() * b.norm()), a.norm() / b.norm()};
}

// kappa so large that the form as printed, of which the increments are made, loses few digits in float64.
constexpr LmlParameters small_move{1e-3, 1.0};

std::vector<Named> targets() {
  return {{"ring8", ring8()}, {"anisotropic, d = 16", anisotropic(16)}, {"anisotropic, d = 64", anisotropic(64)}};
}

}  // namespace

Evidence alg1_increment(const Context&) {
  Table table{"alg1-increment",
              "The published DDIM's move of x in its first corrected step, against Algorithm 1's: cosine and ratio of "
              "sizes, and what algebra says of the ratio",
              {"target", "steps", "cosine", "size", "sigma'/(alpha' sigma/alpha - sigma')"},
              {}};
  Evidence out;
  out.value = -2;
  for (const Named& t : targets())
    for (Index n : {5, 10, 20, 50}) {
      const Grid grid = uniform_grid(n);
      const Moves m = moves(t.target, grid, Ddim{}, {DdimIncrement{small_move}, {}}, small_move);
      const auto [from, to] = grid[std::size_t(n / 2) + 1];
      const double ratio = to.sigma / (to.alpha * from.sigma / from.alpha - to.sigma);
      table.labels.push_back(t.name);
      table.rows.push_back({double(n), m.cosine, m.size, ratio});
      out.value = std::max(out.value, m.cosine);
    }
  out.uncertainty = 1e-4;
  const DpmSolver first{{1}};
  out.control = moves(ring8(), uniform_grid(10), first, {DpmSolverIncrement{first, small_move}, {}}, small_move).cosine;
  out.certificate =
      "Exact algebra: Algorithm 1 moves x' by (sigma' - alpha' sigma/alpha)(eps_LM - eps), the published DDIM by "
      "sigma' (eps_LM - eps), and sigma' < alpha' sigma/alpha wherever noise falls.";
  out.repair =
      "Put eps_LM into the predicted x_0 as well (the forms `printed` and `stable`). As published, DDIM moves x the "
      "other way, by sigma'/(alpha' sigma/alpha - sigma') times as much.";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

namespace {

Table dpm_moves(Evidence& out) {
  Table table{
      "alg1-increment-dpm",
      "The published multistep solver's move of x in its first corrected step, against Algorithm 1's on the same "
      "base, 20 steps: cosine and ratio of sizes, kappa = 1e-3, lambda' = 1",
      {"base, target", "cosine", "size"},
      {}};
  for (const Named& t : targets())
    for (int order : {1, 2, 3}) {
      const DpmSolver base{{order}};
      const DpmSolverPlusPlus data{{order}};
      for (const auto& [name, m] :
           {std::pair{"DPM-Solver ",
                      moves(t.target, uniform_grid(20), base, {DpmSolverIncrement{base, small_move}, {}}, small_move)},
            {"DPM-Solver++ ", moves(t.target, uniform_grid(20), data,
                                    {DpmSolverPlusPlusIncrement{data, small_move}, {}}, small_move)}}) {
        table.labels.push_back(name + std::to_string(order) + ", " + t.name);
        table.rows.push_back({m.cosine, m.size});
      }
    }
  out.tables.push_back(table);
  return table;
}

}  // namespace

Evidence alg1_increment_dpm(const Context&) {
  Evidence out;
  const Table table = dpm_moves(out);
  out.value = HUGE_VAL;
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    if (!table.labels[i].starts_with("DPM-Solver++")) out.value = std::min(out.value, table.rows[i][0]);
  out.uncertainty = 1e-4;
  out.control = moves(ring8(), uniform_grid(20), Ddim{}, {DdimIncrement{small_move}, {}}, small_move).cosine;
  return out;
}

Evidence alg1_increment_size(const Context&) {
  Evidence out;
  const Table table = dpm_moves(out);
  out.value = 0;
  for (std::size_t i = 0; i < table.rows.size(); ++i)
    if (!table.labels[i].starts_with("DPM-Solver++")) out.value = std::max(out.value, table.rows[i][1]);
  out.uncertainty = 1e-4;
  out.control = moves(ring8(), uniform_grid(20), Ddim{}, {Ddim{}, {}, LmlPrinted{small_move}}, small_move).size;
  // To first order in kappa, with I = -c eps, c = sigma_t (e^h - 1): I turns by kappa ||I||^2/lambda' of the remembered
  // increment's orthogonal part, so the ratio is the product of the two steps' c.
  const Grid grid = uniform_grid(20);
  const auto c = [&](std::size_t i) { return grid[i].to.sigma * std::expm1(step_lengths(grid, Index(i), 1).h); };
  out.second = c(10) * c(11);
  out.second_tolerance = 1e-3;
  out.repair = "Choose lambda' for the size of the increment: it is compared with ||I||^2, not with ||eps||^2.";
  out.repair_attacks = long(table.rows.size());
  return out;
}

Evidence minimal_kappa(const Context&) {
  // d large enough, so that ||eps||^2 ~ d as in the paper's images.
  const Index d = 3072;
  ExactSource source(anisotropic(d));
  const Grid grid = uniform_grid(10);
  const Points start = Random(14, 1).normals(0, 0, 2, d);
  const Stepper base = DpmSolver{{3}};
  const Points plain = end_of<Points>({base, grid}, source, start);
  const Rows<float> plain32 = end_of<Rows<float>>({base, grid}, source, start.cast<float>());
  Table table{"secB2-minimal-kappa",
              "Relative distance of the end points from the base solver's, DPM-Solver 3, 10 steps, d = 3,072",
              {"lambda'", "stable, kappa = 0", "stable, kappa = 1e-8", "float32 as printed, kappa = 0",
               "float32 as printed, kappa = 1e-8"},
              {}};
  Evidence out;
  for (double lambda : {1e-3, 3e-3, 6e-3}) {
    const auto exact = [&](double kappa) {
      return relative_distance(end_of<Points>({base, grid, LmlStable{{kappa, lambda}}}, source, start), plain);
    };
    const auto rounded = [&](double kappa) {
      return relative_distance(
          end_of<Rows<float>>({base, grid, LmlPrinted{{kappa, lambda}}}, source, start.cast<float>()), plain32);
    };
    table.rows.push_back({lambda, exact(0), exact(1e-8), rounded(0), rounded(1e-8)});
  }
  const auto& row = table.rows[0];
  out.value = 1 - row[1] / row[2];
  out.control = 1 - row[3] / row[4];
  out.certificate = "Exact algebra: at kappa = 0 the method is its base solver (alg1-kappa-zero), so the share is 1.";
  out.repair =
      "kappa is the method: what is left at kappa = 0 is the base solver, or, in float32 as printed, rounding of the "
      "size u ||eps||^2/lambda'.";
  out.repair_attacks = long(table.rows.size());
  out.tables.push_back(table);
  return out;
}

}  // namespace lml::checks
