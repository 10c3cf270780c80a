// What a stepper asks: eps, x_0 or the velocity at (x, node). A network or an exact target answers; the calls are
// counted here, the correction of Algorithm 1 is put on the answer here, and x_0 is clipped here.
#pragma once
#include <optional>
#include <variant>
#include <vector>

#include "samplers/correction.hpp"
#include "samplers/grid.hpp"

namespace lml {

/// The uncorrected answers. Each is one call of the model; parameterisation.hpp makes one out of another.
template <State S>
class Source {
 public:
  virtual ~Source() = default;
  virtual S epsilon(const S& x, const Node& at) = 0;
  virtual S data(const S& x, const Node& at) = 0;
  /// eps - x_0; a source that is asked at alpha = 0 must know it without eps.
  virtual S velocity(const S& x, const Node& at) {
    const S eps = epsilon(x, at);
    return combine((at.alpha + at.sigma) / at.alpha, eps, -1 / at.alpha, x);
  }
  /// c x + e eps, for callers who need no eps beside it: an exact target has it at the cost of eps.
  virtual S along(double c, const S& x, double e, const Node& at) {
    S eps = epsilon(x, at);
    return combine_over(&eps, c, x, e, eps);
  }
};

struct NoCorrection {};
struct LmlPrinted : LmlParameters {};
struct LmlStable : LmlParameters {};
struct LmlAdaptive {
  std::vector<double> beta;  // of each call
};
/// Put on eps before any solver, whose history then holds corrected answers; what is remembered is uncorrected. Solvers
/// of rectified flow ask for the velocity, and it is put on that: on eps it would move the velocity by 1/alpha times as
/// much, without bound at t = 1 (and the published flow scheduler corrects the velocity).
using Correction = std::variant<NoCorrection, LmlPrinted, LmlStable, LmlAdaptive>;

/// What becomes of a predicted x_0.
struct Clipping {
  double clip = 0;       // clamp to [-clip, clip]; 0: not
  double threshold = 0;  // dynamic thresholding at this quantile (Saharia et al. 2022); 0: not
  double most = 1;       // its largest clamp
  bool any() const { return clip > 0 || threshold > 0; }
};

template <State S>
class Model {
 public:
  explicit Model(Source<S>& source, Correction correction = {}, Clipping clipping = {})
      : source_(&source), correction_(correction), clipping_(clipping) {}

  /// eps, corrected; where x_0 is clipped, as it follows from the clipped one (DPM-Solver's way).
  S epsilon(const S& x, const Node& at) {
    if (!clips()) return plain_epsilon(x, at);
    S x0 = data(x, at);
    return combine_over(&x0, 1 / at.sigma, x, -at.alpha / at.sigma, x0);
  }
  /// eps, corrected, whatever becomes of x_0 (DDIM's way).
  S plain_epsilon(const S& x, const Node& at) {
    ++calls_;
    return answer(source_->epsilon(x, at));
  }
  /// eps - x_0, corrected as such; where x_0 is clipped, as it follows from the clipped one.
  S velocity(const S& x, const Node& at) {
    ++calls_;
    S v = answer(source_->velocity(x, at));
    if (!clips()) return v;
    const double sum = at.alpha + at.sigma;
    return combine(1 / at.sigma, x, -sum / at.sigma, clipped(combine(1 / sum, x, -at.sigma / sum, v)));
  }
  /// c x + e plain_epsilon, where nothing else is made of it.
  S along(double c, const S& x, double e, const Node& at) {
    ++calls_;
    if (!corrects() || leaves_as_is()) return source_->along(c, x, e, at);
    S q = source_->epsilon(x, at);
    S out = corrected_along(c, x, e, q);
    remembered_.emplace(std::move(q));
    return out;
  }
  /// x_0, clipped.
  S data(const S& x, const Node& at) {
    if (!corrects()) {
      ++calls_;
      return clipped(source_->data(x, at));
    }
    S eps = plain_epsilon(x, at);
    return clipped(combine_over(&eps, 1 / at.alpha, x, -at.sigma / at.alpha, eps));
  }
  S clipped(S x0) const {
    if (clipping_.threshold > 0) return dynamic_threshold(x0, clipping_.threshold, clipping_.most);
    if (clipping_.clip > 0) return clamped(x0, clipping_.clip);
    return x0;
  }
  bool clips() const { return clipping_.any(); }

  Index calls() const { return calls_; }
  /// The last uncorrected answer: with x and the stepper's memory, all that the rest of a run depends on.
  const std::optional<S>& remembered() const { return remembered_; }
  /// Goes on where another model of the same kind stood.
  void resume(Index calls, std::optional<S> remembered) {
    calls_ = calls;
    remembered_ = std::move(remembered);
  }

 private:
  bool corrects() const { return !std::holds_alternative<NoCorrection>(correction_); }
  // L(q; p) = q whatever p is, to the last bit.
  bool leaves_as_is() const {
    const auto* l = std::get_if<LmlStable>(&correction_);
    return l && l->kappa == 0;
  }
  S answer(S q) {
    if (!corrects()) return q;
    S out = corrected(q);
    remembered_.emplace(std::move(q));
    return out;
  }
  // These may write over what is remembered: q takes its place. Of the call just counted.
  S corrected(const S& q) {
    S* p = remembered_ ? &*remembered_ : nullptr;
    if (const auto* l = std::get_if<LmlPrinted>(&correction_)) return lml_printed<S>(q, p, *l);
    if (const auto* l = std::get_if<LmlAdaptive>(&correction_))
      return lml_adaptive_over(q, p, l->beta.at(std::size_t(calls_ - 1)));
    return lml_stable_over(q, p, std::get<LmlStable>(correction_));
  }
  S corrected_along(double c, const S& x, double e, const S& q) {
    S* p = remembered_ ? &*remembered_ : nullptr;
    if (const auto* l = std::get_if<LmlStable>(&correction_)) return lml_stable_along_over(c, x, e, q, p, *l);
    S eps = corrected(q);
    return combine_over(&eps, c, x, e, eps);
  }
  Source<S>* source_;
  Correction correction_;
  Clipping clipping_;
  std::optional<S> remembered_;
  Index calls_ = 0;
};

}  // namespace lml
