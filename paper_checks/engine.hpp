// From evidence to a verdict. A claim says "value <relation> threshold". It is
//   supported      if that holds with the uncertainty,
//   refuted        if the opposite holds with the uncertainty,
//   inconclusive   otherwise; and, whatever its value, where the control did not get the opposite verdict (the check
//   could
//                  not have told) or the second method disagrees,
//   not_run        where something it needs is not here or not built.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "paper_checks/check.hpp"

namespace lml::checks {

enum class Verdict { supported, refuted, inconclusive, not_run };
const char* name(Verdict v);

/// One claims/<id>.toml; the keys are explained in CONTRIBUTING.md.
struct Claim {
  std::string id, source, group, title, statement, assumptions, quantity, relation, basis, method, second_method,
      control, finding, why;
  double threshold = 0;
  double cost = 0;  // seconds on 2 cores
  Verdict recorded = Verdict::not_run;
  std::vector<std::string> needs;
  std::string takes_target;  // what `check --target` can be for it: any, points or images; empty: nothing
};

/// All claim files of a folder, in the order of claims.csv's groups, then by name. Throws std::runtime_error naming the
/// file, the line and the key that is missing, unknown or of the wrong type.
std::vector<Claim> load_claims(const std::string& folder);

/// Those that a word means: a whole name that claim, the beginning of names ("prop2") all of them.
std::vector<const Claim*> named(const std::vector<Claim>& all, const std::string& word);

struct Result {
  Claim claim;
  Verdict verdict = Verdict::not_run;
  bool control_rejected = false;
  bool second_control = false;  // the other control is the one that was rejected; it then stands first in the evidence
  Evidence evidence;
  double seconds = 0;
  std::string why;  // of not_run and inconclusive
  bool agrees() const { return verdict == Verdict::not_run || verdict == claim.recorded; }
};

/// The verdict alone, for evidence as measured.
Result judge(const Claim& claim, Evidence evidence);

/// Runs the claims, `threads` at a time; those that need a large data set run one after the other with all threads.
/// `done` is called after each, one call at a time. Results come in the order of `claims`.
std::vector<Result> run(const std::vector<Claim>& claims, const Context& context, int threads,
                        const std::function<void(const Result&)>& done);

}  // namespace lml::checks
