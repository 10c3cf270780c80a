// What `stationary`, `gap` and `converge` share in their answers.
#pragma once
#include <nlohmann/json.hpp>

#include "dynamics/line.hpp"
#include "experiments/command.hpp"
#include "experiments/output.hpp"

namespace lml {

/// {"mean": [d], "covariance": [d][d]}
Json moments(const Vec& mean, const Mat& covariance);
/// Of x = alpha x_0 + sigma z.
Json target_moments(const Marginal& target);
Array array(const Vec& v);

/// Puts exists, unique and why.
void put(Results& out, const Existence& e);
void put(Results& out, const Divergences& d);
/// The same for a person; empty where there is nothing to say.
std::string sentence(const Existence& e);
std::string sentence(const Divergences& d);

/// Mean and variances of law and target, a row each.
std::string moments_table(const Vec& mean, const Mat& covariance, const Marginal& target);

/// The largest difference between two runs at different resolutions.
double distance(const Divergences& a, const Divergences& b);

/// Writes and prints as asked; returns the exit status.
int finish(const Common& common, const std::string& command, const Document& spec, const Results& results,
           const std::string& text);

}  // namespace lml
