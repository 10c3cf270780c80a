#include "samplers/grid.hpp"

#include <algorithm>
#include <cmath>

namespace lml {
namespace {

// numpy.round and torch.round: halves go to the even neighbour, which is nearbyint's default mode.
double rounded(double v) { return std::nearbyint(v); }

void require_falling(const std::vector<double>& timesteps, Index n) {
  for (std::size_t i = 0; i < timesteps.size(); ++i)
    if (!(timesteps[i] >= 0 && timesteps[i] <= double(n - 1)) || (i > 0 && !(timesteps[i] < timesteps[i - 1])))
      throw BadInput("/steps", "this spacing would call the model at a timestep twice, or outside 0.." +
                                   std::to_string(n - 1) + ": take fewer steps");
}

void require_steps(Index n, Index steps) {
  if (steps < 1) throw BadInput("/steps", "must be at least 1");
  if (steps > n) throw BadInput("/steps", "must be at most " + std::to_string(n) + ", the schedule's timesteps");
}

// In numpy's order of operations, uncontracted (see CMakeLists.txt): halves must fall to the same side. Where its
// arange gives one entry too many, a timestep of -1 (n = 1000, 61 steps), ours ends before.
std::vector<double> trailing(Index n, Index steps) {
  std::vector<double> out;
  const double stride = (double(n) - double(n) / double(steps)) - double(n);
  for (Index i = 0; i < steps; ++i) out.push_back(rounded(double(n) + double(i) * stride) - 1);
  return out;
}

// count values of i stride + offset, falling, without the last `dropped`.
std::vector<double> leading(Index stride, Index count, Index dropped, Index offset) {
  std::vector<double> out;
  for (Index i = count; i-- > dropped;) out.push_back(double(i * stride + offset));
  return out;
}

std::vector<double> linspace(Index n, Index count, Index dropped, bool round) {
  std::vector<double> out;
  const double stride = double(n - 1) / double(std::max<Index>(count - 1, 1));
  for (Index i = count; i-- > dropped;) {
    const double v = i > 0 && i == count - 1 ? double(n - 1) : double(i) * stride;
    out.push_back(round ? rounded(v) : v);
  }
  return out;
}

}  // namespace

double log_snr(const Node& node) { return std::log(node.alpha) - std::log(node.sigma); }

Node node_of_level(double t, double s) {
  const double alpha = 1 / std::sqrt(1 + s * s);
  return {t, alpha, s * alpha};
}

Node node_at(const Schedule& schedule, double t) {
  const Time time = at(schedule, t);
  return {t, time.alpha, time.sigma};
}

Node clean(double t) { return {t, 1, 0}; }

std::vector<double> ddim_timesteps(Index n, Index steps, Spacing spacing, Index offset) {
  require_steps(n, steps);
  std::vector<double> out = spacing == Spacing::linspace   ? linspace(n, steps, 0, true)
                            : spacing == Spacing::trailing ? trailing(n, steps)
                                                           : leading(n / steps, steps, 0, offset);
  require_falling(out, n);
  return out;
}

std::vector<double> dpm_timesteps(Index n, Index steps, Spacing spacing, Index offset) {
  require_steps(n, steps);
  std::vector<double> out = spacing == Spacing::linspace   ? linspace(n, steps + 1, 1, true)
                            : spacing == Spacing::trailing ? trailing(n, steps)
                                                           : leading(n / (steps + 1), steps + 1, 1, offset);
  require_falling(out, n);
  return out;
}

std::vector<double> k_timesteps(Index n, Index steps, Spacing spacing, Index offset) {
  if (spacing != Spacing::linspace) return ddim_timesteps(n, steps, spacing, offset);
  require_steps(n, steps);
  std::vector<double> out = linspace(n, steps, 0, false);
  require_falling(out, n);
  return out;
}

std::vector<Node> nodes_at(const DiscreteSchedule& schedule, const std::vector<double>& timesteps) {
  std::vector<Node> out;
  for (double t : timesteps) {
    const double below = std::floor(t);
    const Node node = node_at(schedule, below);
    if (below == t) {
      out.push_back(node);
    } else {
      const double a = noise_level(node), b = noise_level(node_at(schedule, below + 1));
      out.push_back(node_of_level(t, a + (t - below) * (b - a)));
    }
  }
  return out;
}

std::vector<double> karras_levels(double least, double most, Index n, double rho) {
  std::vector<double> out;
  const double a = std::pow(least, 1 / rho), b = std::pow(most, 1 / rho);
  for (Index i = 0; i < n; ++i) {
    const double ramp = n == 1 ? 0 : double(i) / double(n - 1);
    out.push_back(i == 0 ? most : i == n - 1 ? least : std::pow(b + ramp * (a - b), rho));
  }
  return out;
}

std::vector<double> log_uniform_levels(double least, double most, Index n) {
  std::vector<double> out;
  for (Index i = 0; i < n; ++i) {
    const double ramp = n == 1 ? 0 : double(i) / double(n - 1);
    out.push_back(i == 0       ? most
                  : i == n - 1 ? least
                               : std::exp(std::log(most) + ramp * (std::log(least) - std::log(most))));
  }
  return out;
}

std::vector<Node> nodes_of_levels(const DiscreteSchedule& schedule, const std::vector<double>& levels, bool round) {
  std::vector<double> log_levels;
  for (double bar : schedule.alpha_bar) log_levels.push_back(0.5 * std::log((1 - bar) / bar));
  const auto last = std::ptrdiff_t(log_levels.size()) - 1;
  std::vector<Node> out;
  for (double level : levels) {
    const double v = std::log(std::max(level, 1e-10));
    std::ptrdiff_t low = std::upper_bound(log_levels.begin(), log_levels.end(), v) - log_levels.begin() - 1;
    low = std::clamp<std::ptrdiff_t>(low, 0, std::max<std::ptrdiff_t>(last - 1, 0));
    const std::ptrdiff_t high = std::min(low + 1, last);
    const double a = log_levels[std::size_t(low)], b = log_levels[std::size_t(high)];
    const double w = high == low ? 0 : std::clamp((a - v) / (a - b), 0.0, 1.0);
    const double t = (1 - w) * double(low) + w * double(high);
    out.push_back(node_of_level(round ? rounded(t) : t, level));
  }
  return out;
}

Grid chain(const std::vector<Node>& nodes, const Node& end) {
  Grid out;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node& to = i + 1 < nodes.size() ? nodes[i + 1] : end;
    const bool ends = i + 1 == nodes.size();
    if (ends ? less_noisy(nodes[i], to) : !less_noisy(to, nodes[i]))
      throw BadInput("/timesteps/" + std::to_string(ends ? i : i + 1),
                     ends ? "is less noisy than the end of the last step" : "is no less noisy than the one before");
    out.push_back({nodes[i], to});
  }
  return out;
}

Grid ddim_grid(const DiscreteSchedule& schedule, const std::vector<double>& timesteps, Index stride, const Node& end) {
  Grid out;
  for (double t : timesteps) {
    const double to = t - double(stride);
    out.push_back({node_at(schedule, t), to >= 0 ? node_at(schedule, to) : end});
  }
  return out;
}

std::vector<double> second_order_betas(const Grid& grid) {
  std::vector<double> out(grid.size(), 0.0);
  const auto length = [&](std::size_t i) { return noise_level(grid[i].from) - noise_level(grid[i].to); };
  for (std::size_t i = 1; i < grid.size(); ++i) out[i] = length(i) / (2 * length(i - 1));
  return out;
}

}  // namespace lml
