// Every deterministic stepper with the order it declares: one entry each. The archetype test and the order tests read
// this list.
#pragma once
#include <functional>
#include <numeric>
#include <string>
#include <vector>

#include "samplers/sampler.hpp"

namespace lml {

struct Declared {
  std::string name;  // of the test: letters and digits
  /// `exact`: so many first steps will be put back on the exact flow.
  std::function<Stepper(const Grid&, Index exact)> make;
  int formula;   // order on grids uniform in log(alpha/sigma), with exact states in the history
  int run;       // order of a whole run from an empty history, diffusers' options at their defaults
  int even = 0;  // of the formula on grids uniform in sigma/alpha, where it is higher there
  Schedule schedule = VpSde{};
};
inline void PrintTo(const Declared& d, std::ostream* out) { *out << d.name; }

inline std::vector<Declared> declared_steppers() {
  const auto fixed = [](auto stepper) { return [stepper](const Grid&, Index) { return Stepper(stepper); }; };
  const auto dpm = [&](int order, SolverType type) { return fixed(DpmSolver{{order}, type}); };
  const auto dpmpp = [&](int order, SolverType type) { return fixed(DpmSolverPlusPlus{{order}, type}); };
  const auto ipndm = [&](int order) { return fixed(Ipndm{order}); };
  const auto pndm = [](std::size_t runge_kutta_steps, bool of_v = false) {
    return [=](const Grid& grid, Index) {
      // Halfway in log(alpha/sigma), or, on grids uniform in sigma/alpha, in that.
      Pndm out;
      out.of_v = of_v;
      const bool even = std::abs(noise_level(grid[0].from) - 2 * noise_level(grid[0].to) + noise_level(grid[1].to)) <
                        1e-9 * noise_level(grid[0].from);
      for (std::size_t i = 0; i < std::min(runge_kutta_steps, grid.size()); ++i) {
        const double a = noise_level(grid[i].from), b = noise_level(grid[i].to);
        const Node middle = node_of_level(0, even ? (a + b) / 2 : std::sqrt(a * b));
        out.middles.push_back({middle, middle});
      }
      return Stepper(out);
    };
  };
  const auto deis = [&](int order) { return fixed(Deis{{order}}); };
  const auto unipc = [](UniPc options) {
    return [options](const Grid&, Index exact) {
      // What is exact needs no corrector, which would go by the x that it remembers.
      UniPc out = options;
      for (Index i = 0; i < exact; ++i) out.uncorrected.push_back(i);
      return Stepper(out);
    };
  };
  constexpr auto bh1 = UniPcType::bh1, bh2 = UniPcType::bh2;
  std::vector<Index> every_step(4096);
  std::iota(every_step.begin(), every_step.end(), 0);
  constexpr auto midpoint = SolverType::midpoint, heun = SolverType::heun;
  return {
      {"Ddim", fixed(Ddim{}), 1, 1},
      {"DpmSolver1", dpm(1, midpoint), 1, 1},
      {"DpmSolver2Midpoint", dpm(2, midpoint), 2, 2},
      {"DpmSolver2Heun", dpm(2, heun), 2, 2},
      {"DpmSolver3", dpm(3, midpoint), 2, 2},
      {"DpmSolverPlusPlus1", dpmpp(1, midpoint), 1, 1},
      {"DpmSolverPlusPlus2Midpoint", dpmpp(2, midpoint), 2, 2},
      {"DpmSolverPlusPlus2Heun", dpmpp(2, heun), 2, 2},
      {"DpmSolverPlusPlus3", dpmpp(3, midpoint), 2, 2},
      {"DpmSolverSinglestep1", fixed(DpmSolverSinglestep{{1}}), 1, 1},
      {"DpmSolverSinglestep2", fixed(DpmSolverSinglestep{{2}}), 2, 2},
      {"DpmSolverSinglestep3", fixed(DpmSolverSinglestep{{3}}), 3, 3},
      {"DpmSolverSinglestep3Heun", fixed(DpmSolverSinglestep{{3, false, heun}}), 3, 3},
      {"DpmSolverPlusPlusSinglestep1", fixed(DpmSolverPlusPlusSinglestep{{1}}), 1, 1},
      {"DpmSolverPlusPlusSinglestep2", fixed(DpmSolverPlusPlusSinglestep{{2}}), 2, 2},
      {"DpmSolverPlusPlusSinglestep2Heun", fixed(DpmSolverPlusPlusSinglestep{{2, false, heun}}), 2, 2},
      {"DpmSolverPlusPlusSinglestep3", fixed(DpmSolverPlusPlusSinglestep{{3}}), 3, 3},
      {"DpmSolverPlusPlusSinglestep3Heun", fixed(DpmSolverPlusPlusSinglestep{{3, false, heun}}), 3, 3},
      {"Euler", fixed(Euler{}), 1, 1},
      {"Heun", fixed(Heun{}), 2, 2},
      {"FlowEuler", fixed(FlowEuler{}), 1, 1, 0, RectifiedFlow{}},
      {"FlowHeun", fixed(FlowHeun{}), 2, 2, 0, RectifiedFlow{}},
      {"Deis1", deis(1), 1, 1},
      {"Deis2", deis(2), 2, 2},
      {"Deis3", deis(3), 3, 2},
      {"Ipndm1", ipndm(1), 1, 1},
      {"Ipndm2", ipndm(2), 2, 2},
      {"Ipndm3", ipndm(3), 2, 2, 3},
      {"Ipndm4", ipndm(4), 2, 2, 4},
      {"PndmRungeKutta", pndm(1 << 20), 2, 2, 4},
      {"PndmWarmedUp", pndm(3), 2, 2, 4},
      {"PndmPlain", pndm(0), 2, 2, 4},
      {"PndmOfV", pndm(3, true), 1, 1},
      // `lower_order_final` (the default) ends with a step of order 1.
      {"UniPc1", unipc({1}), 2, 2},
      {"UniPc2", unipc({2}), 2, 2},
      {"UniPc3", unipc({3}), 2, 2},
      {"UniPc2Throughout", unipc({2, bh2, true, false}), 3, 3},
      {"UniPc2Bh1Throughout", unipc({2, bh1, true, false}), 3, 3},
      {"UniPc3Throughout", unipc({3, bh2, true, false}), 4, 3},
      {"UniPc1OfEps", unipc({1, bh2, false, false}), 2, 2},
      {"UniPc2OfEpsThroughout", unipc({2, bh2, false, false}), 3, 3},
      {"UniPc3OfEpsThroughout", unipc({3, bh2, false, false}), 4, 3},
      {"UniP1", unipc({1, bh2, true, false, every_step}), 1, 1},
      {"UniP2", unipc({2, bh2, true, false, every_step}), 2, 2},
      {"UniP3", unipc({3, bh2, true, false, every_step}), 3, 2},
  };
}

inline std::string name_of(const testing::TestParamInfo<Declared>& info) { return info.param.name; }

}  // namespace lml
