#include "theory/schedule.hpp"

#include <cmath>

namespace lml {
namespace {

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};

DiscreteSchedule from_betas(const std::vector<double>& betas) {
  DiscreteSchedule out;
  long double product = 1;  // the extra bits keep 1 - alpha_bar good to full precision at small t
  for (double beta : betas) {
    product *= 1.0L - beta;
    out.alpha_bar.push_back(double(product));
  }
  return out;
}

double between(double from, double to, Index i, Index n) {
  return n == 1 ? from : from + (to - from) * double(i) / double(n - 1);
}

void require_beta(double beta, const char* pointer) {
  if (!(beta > 0 && beta < 1)) throw BadInput(pointer, "must lie between 0 and 1");
}

void require_steps(Index n) {
  if (n < 1) throw BadInput("/num_train_timesteps", "must be at least 1");
}

}  // namespace

DiscreteSchedule DiscreteSchedule::linear(double beta_start, double beta_end, Index n) {
  require_beta(beta_start, "/beta_start");
  require_beta(beta_end, "/beta_end");
  require_steps(n);
  std::vector<double> betas;
  for (Index i = 0; i < n; ++i) betas.push_back(between(beta_start, beta_end, i, n));
  return from_betas(betas);
}

DiscreteSchedule DiscreteSchedule::scaled_linear(double beta_start, double beta_end, Index n) {
  require_beta(beta_start, "/beta_start");
  require_beta(beta_end, "/beta_end");
  require_steps(n);
  std::vector<double> betas;
  for (Index i = 0; i < n; ++i) {
    const double root = between(std::sqrt(beta_start), std::sqrt(beta_end), i, n);
    betas.push_back(root * root);
  }
  return from_betas(betas);
}

DiscreteSchedule DiscreteSchedule::squaredcos_cap_v2(Index n) {
  require_steps(n);
  const auto bar = [](double t) {
    const double c = std::cos((t + 0.008) / 1.008 * M_PI / 2);
    return c * c;
  };
  std::vector<double> betas;
  for (Index i = 0; i < n; ++i)
    betas.push_back(std::min(1 - bar(double(i + 1) / double(n)) / bar(double(i) / double(n)), 0.999));
  return from_betas(betas);
}

DiscreteSchedule DiscreteSchedule::trained_betas(const std::vector<double>& betas) {
  if (betas.empty()) throw BadInput("/betas", "must not be empty");
  for (std::size_t i = 0; i < betas.size(); ++i) require_beta(betas[i], ("/betas/" + std::to_string(i)).c_str());
  return from_betas(betas);
}

Time at(const Schedule& schedule, double t) {
  return std::visit(Overloaded{
                        [&](const DiscreteSchedule& s) {
                          if (t != std::floor(t)) throw BadInput("/t", "must be an integer for a discrete schedule");
                          if (!(t >= 0 && t < double(s.alpha_bar.size())))
                            throw BadInput("/t", "must lie in 0.." + std::to_string(s.alpha_bar.size() - 1));
                          const double bar = s.alpha_bar[std::size_t(t)];
                          return Time{std::sqrt(bar), std::sqrt(1 - bar)};
                        },
                        [&](const VpSde& s) {
                          if (!(t > 0 && t <= 1)) throw BadInput("/t", "must lie in (0, 1]");
                          const double log_alpha = -0.25 * t * t * (s.beta_max - s.beta_min) - 0.5 * t * s.beta_min;
                          return Time{std::exp(log_alpha), std::sqrt(-std::expm1(2 * log_alpha))};
                        },
                        [&](const Edm&) {
                          if (!(std::isfinite(t) && t > 0)) throw BadInput("/t", "must be finite and > 0");
                          return Time{1, t};
                        },
                        [&](const RectifiedFlow&) {
                          if (!(t > 0 && t <= 1)) throw BadInput("/t", "must lie in (0, 1]");
                          return Time{1 - t, t};
                        },
                    },
                    schedule);
}

}  // namespace lml
