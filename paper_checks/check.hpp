// What a check of a claim is: a function from a context to evidence. The claim's file (claims/<id>.toml) says what the
// number means, what it is compared with and why; the check only measures. The engine (engine.hpp) decides.
#pragma once
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "theory/target.hpp"

namespace lml::checks {

/// Something a check needs is not on this machine; the claim is then `not_run` with this reason.
struct NotHere : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Context {
  /// The user's own target (check --target), which then replaces the check's built-in ones.
  std::optional<Target> target;
  /// The 60,000 training images of Fashion-MNIST, pixels in [-1, 1], d = 784, loaded at first use. Throws NotHere.
  std::function<const Target&()> fashion_mnist;
  /// The JSON document of a command on networks (`lml-torch COMMAND - --json`) for a spec. Throws NotHere.
  std::function<std::string(const std::string& command, const std::string& spec)> networks;
  /// Longer searches and more points, for tighter figures.
  bool full = false;
};

/// What the specs of `lml stationary`, `gap` and `converge` have beside a target and a time.
struct LawKeys {
  std::string curvature;
  double damping = 0;              // not of the identity
  std::string sign = "corrected";  // of `exact`
  std::string calculus = {};       // empty for `gap`, which has none
  // Of `converge`: a Gaussian mixture of equal weights with diagonal covariances, and the times.
  Points initial_means = {};
  std::vector<Vec> initial_variances = {};
  std::vector<double> times = {};
};

/// A data set (or mixture of points), a time and a point: what `lml bound` and `lml score` replay. Or, in place of the
/// point, a dynamics: what the commands about laws replay.
struct Counterexample {
  std::string command = "bound";
  Points points;
  Vec weights;  // empty: equal
  Time time{1, 1};
  Vec x;
  std::string sentence;        // one sentence, with the figures
  std::vector<Vec> variances;  // diagonal covariances of a Gaussian mixture; empty: a finite data set
  std::optional<LawKeys> law = {};
};

/// Figures for the report and for plots: a row a measurement, columns named with their unit.
struct Table {
  std::string name;
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<double>> rows;
  std::vector<std::string> labels = {};  // a word a row, or none; the first of `columns` is then their heading
};

struct Evidence {
  /// The quantity the claim's threshold is about, and how far off it may be (error estimate or standard error x 4).
  double value = std::numeric_limits<double>::quiet_NaN();
  double uncertainty = 0;
  /// The same quantity, by the same code, on the claim's control: a variant for which the opposite verdict is right.
  double control = std::numeric_limits<double>::quiet_NaN();
  /// A second control whose right answer is the other one, where a claim can come out either way (a user's own target).
  std::optional<double> other_control;
  /// The quantity by the independent second method, where there is one: agrees within `second_tolerance` (absolute), or
  /// the claim is inconclusive.
  std::optional<double> second;
  double second_tolerance = 0;
  std::string certificate;  // how the verdict is proven, with the proven figures
  std::optional<Counterexample> smallest;
  std::string repair;  // the weakest changed statement that survived
  long repair_attacks = 0;
  std::vector<Table> tables;
};

using Check = Evidence (*)(const Context&);

/// id -> check, for every claim that has one. The one list a new check is added to.
const std::map<std::string, Check>& registry();

}  // namespace lml::checks
