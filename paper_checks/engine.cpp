#include "paper_checks/engine.hpp"

#include <omp.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <mutex>
#include <thread>

namespace lml::checks {
namespace {

Verdict decide(const Claim& claim, double value, double uncertainty) {
  if (std::isnan(value)) return Verdict::inconclusive;
  const double excess = claim.relation == "<=" ? value - claim.threshold : claim.threshold - value;
  if (excess + uncertainty <= 0) return Verdict::supported;
  if (excess - uncertainty > 0) return Verdict::refuted;
  return Verdict::inconclusive;
}

Result run_one(const Claim& claim, const Context& context) {
  Result out;
  out.claim = claim;
  const auto start = std::chrono::steady_clock::now();
  const auto found = registry().find(claim.id);
  if (found == registry().end()) {
    out.why = claim.why.empty() ? "no check of this name is built" : claim.why;
    return out;
  }
  try {
    out = judge(claim, found->second(context));
  } catch (const NotHere& missing) {
    out.why = missing.what();
  } catch (const std::exception& e) {
    out.verdict = Verdict::inconclusive;
    out.why = std::string("the check broke off: ") + e.what();
  }
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace

const char* name(Verdict v) {
  switch (v) {
    case Verdict::supported: return "supported";
    case Verdict::refuted: return "refuted";
    case Verdict::inconclusive: return "inconclusive";
    case Verdict::not_run: break;
  }
  return "not_run";
}

Result judge(const Claim& claim, Evidence evidence) {
  Result out;
  out.claim = claim;
  out.verdict = decide(claim, evidence.value, evidence.uncertainty);
  const auto opposite = [&](double control) {
    const Verdict v = decide(claim, control, 0);
    return (out.verdict == Verdict::supported && v == Verdict::refuted) ||
           (out.verdict == Verdict::refuted && v == Verdict::supported);
  };
  out.control_rejected = opposite(evidence.control);
  if (!out.control_rejected && evidence.other_control && opposite(*evidence.other_control)) {
    out.control_rejected = out.second_control = true;
    std::swap(evidence.control, *evidence.other_control);
  }
  if (std::isnan(evidence.value)) {
    out.why = "nothing could be measured";
  } else if (out.verdict == Verdict::inconclusive) {
    out.why = "the uncertainty reaches across the threshold";
  } else if (!out.control_rejected) {
    out.verdict = Verdict::inconclusive;
    out.why = "the control was not rejected: the check could not have told";
  } else if (evidence.second && !(std::abs(*evidence.second - evidence.value) <= evidence.second_tolerance)) {
    out.verdict = Verdict::inconclusive;
    out.why = "the second method disagrees";
  }
  out.evidence = std::move(evidence);
  return out;
}

std::vector<Result> run(const std::vector<Claim>& claims, const Context& context, int threads,
                        const std::function<void(const Result&)>& done) {
  std::vector<Result> results(claims.size());
  std::mutex one_at_a_time;
  const auto finish = [&](std::size_t i, Result r) {
    const std::lock_guard lock(one_at_a_time);
    results[i] = std::move(r);
    done(results[i]);
  };
  std::vector<std::size_t> small, large;
  for (std::size_t i = 0; i < claims.size(); ++i) (claims[i].needs.empty() ? small : large).push_back(i);

  std::atomic<std::size_t> next{0};
  const auto worker = [&] {
    omp_set_num_threads(1);  // of this thread alone; the claims themselves are what runs in parallel
    for (std::size_t j; (j = next++) < small.size();) finish(small[j], run_one(claims[small[j]], context));
  };
  std::vector<std::thread> pool;
  for (int t = 0; t < threads; ++t) pool.emplace_back(worker);
  for (std::thread& t : pool) t.join();

  for (std::size_t i : large) finish(i, run_one(claims[i], context));
  return results;
}

}  // namespace lml::checks
