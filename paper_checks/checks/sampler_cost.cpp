#include "paper_checks/checks/sampler_cost.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <sstream>

#include "samplers/sampler.hpp"

namespace lml::checks {
namespace {

// Operations and array passes, all a number of the state.
struct Work {
  double flops = 0, arrays = 0;  // arrays read and written
};

// A state without numbers: its operations only count what they would do.
struct Counted {
  Work* work;
};

}  // namespace
}  // namespace lml::checks

namespace lml {

template <>
struct StateTraits<checks::Counted> {
  using Counted = checks::Counted;
  using PerSample = Eigen::Array<double, 1, 1>;
  using Wide = PerSample;

  static Counted count(const Counted& x, double flops, double arrays) {
    x.work->flops += flops;
    x.work->arrays += arrays;
    return x;
  }
  /// k products, k - 1 sums; k arrays read, one written.
  template <class... Rest>
  static Counted combine(double, const Counted& x, const Rest&...) {
    constexpr double terms = 1 + sizeof...(Rest) / 2;
    return count(x, 2 * terms - 1, terms + 1);
  }
  static PerSample inner(const Counted& x, const Counted& y) {
    count(x, 2, &x == &y ? 1 : 2);
    return PerSample(1.0);
  }
  static Gram<Wide> gram(const Counted& q, const Counted&) {
    count(q, 7, 2);
    return {Wide(1.0), Wide(0.1), Wide(0.1)};
  }
  static Counted extrapolate(const Wide&, const Counted& q, const Wide&, const Counted&) { return count(q, 4, 3); }
  static Counted multiply(const PerSample&, const Counted& q) { return count(q, 1, 2); }
  static Counted clamped(const Counted& x, double) { return count(x, 2, 2); }
  /// A selection: a few passes.
  static Counted dynamic_threshold(const Counted& x, double, double) { return count(x, 8, 6); }
};

}  // namespace lml

namespace lml::checks {
namespace {

class CountedNetwork : public Source<Counted> {
 public:
  explicit CountedNetwork(Work& work) : work_(&work) {}
  Counted epsilon(const Counted&, const Node&) override { return {work_}; }
  Counted data(const Counted& x, const Node& at) override {
    const Counted eps = epsilon(x, at);
    return combine(1 / at.alpha, x, -at.sigma / at.alpha, eps);
  }

 private:
  Work* work_;
};

struct Cost {
  double calls, flops, arrays;  // a step; the last two a number of the state
};

constexpr Index run_steps = 20;

Grid grid() {
  const DiscreteSchedule s = DiscreteSchedule::linear(1e-4, 0.02, 1000);
  return chain(nodes_at(s, dpm_timesteps(1000, run_steps, Spacing::linspace, 0)), node_at(s, 0));
}

Cost cost_of(const Stepper& stepper, const Correction& correction) {
  Work work;
  CountedNetwork network(work);
  Model<Counted> model(network, correction);
  NoNoise<Counted> noise;
  Run<Counted> run{{&work}};
  advance(Sampler{stepper, grid()}, model, noise, run, [](const Run<Counted>&) {});
  return {double(model.calls()) / run_steps, work.flops / run_steps, work.arrays / run_steps};
}

// ---- What an evaluation costs at least: the products of a UNet2DModel (diffusers), and reading its weights once.

struct UNet {
  std::string name;
  std::array<Index, 4> channels;
  std::array<bool, 4> attends;  // going down; the way up mirrors it
  Index size;                   // of the image, three channels
  Index time_channels;          // of the sinusoids
  double published_parameters;  // the count that the walk below must meet
  double dimension() const { return 3.0 * double(size * size); }
};

struct NetworkCost {
  double parameters = 0, flops = 0;

  void convolution(Index kernel, Index in, Index out, Index size) {
    const double weights = double(kernel * kernel * in * out);
    parameters += weights + double(out);
    flops += 2 * weights * double(size * size);
  }
  void linear(Index in, Index out, double rows = 1) {
    parameters += double(in * out + out);
    flops += 2 * double(in * out) * rows;
  }
  void norm(Index c) { parameters += 2 * double(c); }
  void residual(Index in, Index out, Index size, Index time) {
    norm(in), convolution(3, in, out, size), linear(time, out), norm(out), convolution(3, out, out, size);
    if (in != out) convolution(1, in, out, size);
  }
  void attention(Index c, Index size) {
    const double positions = double(size * size);
    norm(c);
    for (int i = 0; i < 4; ++i) linear(c, c, positions);
    flops += 4 * positions * positions * double(c);
  }
};

NetworkCost cost_of(const UNet& net) {
  NetworkCost out;
  const auto& c = net.channels;
  const Index time = 4 * c[0];
  Index size = net.size, width = c[0];
  out.linear(net.time_channels, time), out.linear(time, time);
  out.convolution(3, 3, c[0], size);
  std::vector<Index> skips{c[0]};
  for (std::size_t i = 0; i < 4; ++i) {
    for (int j = 0; j < 2; ++j) {
      out.residual(width, c[i], size, time);
      width = c[i];
      if (net.attends[i]) out.attention(width, size);
      skips.push_back(width);
    }
    if (i == 3) continue;
    size /= 2;
    out.convolution(3, width, width, size);
    skips.push_back(width);
  }
  out.residual(width, width, size, time), out.attention(width, size), out.residual(width, width, size, time);
  for (std::size_t i = 4; i-- > 0;) {
    for (int j = 0; j < 3; ++j) {
      out.residual(width + skips.back(), c[i], size, time);
      skips.pop_back();
      width = c[i];
      if (net.attends[i]) out.attention(width, size);
    }
    if (i == 0) continue;
    size *= 2;
    out.convolution(3, width, width, size);
  }
  out.norm(width), out.convolution(3, width, 3, size);
  if (out.parameters != net.published_parameters)
    throw std::runtime_error(fmt::format("{}: {} parameters counted", net.name, out.parameters));
  return out;
}

std::vector<UNet> networks() {
  return {{"DDPM of CIFAR-10", {128, 256, 256, 256}, {false, true, false, false}, 32, 128, 35746307},
          {"anime64", {64, 128, 256, 512}, {false, false, true, true}, 64, 256, 63200387}};
}

// What the second run costs more than the first, over the first: flops, and bytes (float64 states, float32 weights; a
// batch of one, where the weights are shared by fewest).
struct Overhead {
  double flops, bytes;
  double larger() const { return std::max(flops, bytes); }
};
Overhead overhead(const Cost& base, const Cost& corrected, const UNet& net, const NetworkCost& network) {
  const auto ratio = [&](double call, double step, double step_corrected) {
    return ((corrected.calls - base.calls) * call + step_corrected - step) / (base.calls * call + step);
  };
  const double d = net.dimension();
  return {ratio(network.flops, base.flops * d, corrected.flops * d),
          ratio(4 * network.parameters, 8 * base.arrays * d, 8 * corrected.arrays * d)};
}

// ---- Table 5's own figures.

struct Seconds {
  double mean, standard_error;
  Table table;
};

// Of LML over DDIM, less 1.
Seconds published_overhead() {
  std::ifstream file(std::string(LML_TABLES_DIR) + "/table5_seconds.csv");
  Seconds out{0, 0, {"table5", "Table 5: seconds of LML over those of DDIM, less 1", {"model"}, {}}};
  std::string line;
  const auto cells = [&line] {
    std::vector<std::string> all;
    std::istringstream in(line);
    for (std::string cell; std::getline(in, cell, ',');) all.push_back(cell);
    return all;
  };
  if (!std::getline(file, line)) throw NotHere("paper_checks/tables/table5_seconds.csv cannot be read");
  const std::vector<std::string> heading = cells();
  for (std::size_t i = 2; i < heading.size(); ++i) out.table.columns.push_back(heading[i] + " evaluations");
  double sum = 0, squares = 0, count = 0;
  while (std::getline(file, line)) {
    const std::vector<std::string> ddim = cells();
    if (!std::getline(file, line)) break;
    const std::vector<std::string> lml = cells();
    out.table.labels.push_back(ddim.at(0));
    out.table.rows.emplace_back();
    for (std::size_t i = 2; i < heading.size(); ++i) {
      const double more = std::stod(lml.at(i)) / std::stod(ddim.at(i)) - 1;
      out.table.rows.back().push_back(more);
      sum += more, squares += more * more, ++count;
    }
  }
  out.mean = sum / count;
  out.standard_error = std::sqrt((squares / count - out.mean * out.mean) / (count - 1));
  return out;
}

}  // namespace

Evidence correction_cost(const Context&) {
  const LmlParameters l{0.01, 1e-3};
  const std::vector<std::pair<std::string, Stepper>> steppers{
      {"ddim", Ddim{}},
      {"dpm_solver 1", DpmSolver{{1}}},
      {"dpm_solver 3", DpmSolver{{3}}},
      {"dpm_solver++ 3", DpmSolverPlusPlus{{3}}},
  };
  const auto increment = [&](const Stepper& base) -> Stepper {
    if (const auto* s = std::get_if<DpmSolver>(&base)) return DpmSolverIncrement{*s, l};
    if (const auto* s = std::get_if<DpmSolverPlusPlus>(&base)) return DpmSolverPlusPlusIncrement{*s, l};
    return DdimIncrement{l};
  };
  Evidence out;
  out.value = 0;
  out.control = HUGE_VAL;
  Table table{"correction",
              "What the correction adds to a step, over the step with its evaluation (batch of one)",
              {"network, solver, form", "flops a number", "arrays", "share of flops", "share of bytes"},
              {}};
  for (const UNet& net : networks()) {
    const NetworkCost network = cost_of(net);
    for (const auto& [name, stepper] : steppers) {
      const Cost base = cost_of(stepper, {});
      const std::pair<const char*, Cost> forms[] = {{"printed", cost_of(stepper, LmlPrinted{l})},
                                                    {"stable", cost_of(stepper, LmlStable{l})},
                                                    {"increment", cost_of(increment(stepper), {})}};
      for (const auto& [form, corrected] : forms) {
        const Overhead share = overhead(base, corrected, net, network);
        out.value = std::max(out.value, share.larger());
        table.labels.push_back(net.name + ", " + name + ", " + form);
        table.rows.push_back({corrected.flops - base.flops, corrected.arrays - base.arrays, share.flops, share.bytes});
        // The control evaluates the network at the last state anew, in place of remembering its answer.
        Cost anew = corrected;
        anew.calls += 1;
        out.control = std::min(out.control, overhead(base, anew, net, network).larger());
      }
    }
  }
  Seconds published = published_overhead();
  out.second = published.mean;
  out.second_tolerance = 3 * published.standard_error;
  out.tables = {std::move(table), std::move(published.table)};
  return out;
}

}  // namespace lml::checks
