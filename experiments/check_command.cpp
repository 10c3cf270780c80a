#include "experiments/check_command.hpp"

#include <fmt/format.h>
#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "experiments/check_result.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/hand_over.hpp"
#include "experiments/output.hpp"
#include "experiments/reader.hpp"
#include "experiments/report_command.hpp"
#include "experiments/spec.hpp"
#include "experiments/subprocess.hpp"
#include "experiments/targets.hpp"
#include "paper_checks/engine.hpp"

namespace lml {
namespace {

using checks::Claim;
using checks::Result;
using checks::Verdict;

std::vector<Claim> choose(const std::vector<Claim>& all, const std::vector<std::string>& ids) {
  if (ids.empty()) return all;
  std::set<std::string> chosen;
  for (const std::string& id : ids) {
    if (id.empty()) throw UsageError("lml check: the name of a claim is empty; leave it away to run all of them");
    const std::vector<const Claim*> meant_by_it = checks::named(all, id);
    for (const Claim* c : meant_by_it) chosen.insert(c->id);
    if (meant_by_it.empty()) {
      std::vector<std::string_view> names;
      for (const Claim& c : all) names.push_back(c.id);
      const auto meant = nearest(id, names);
      throw UsageError("no claim is called " + one_line(id) +
                       (meant ? "; did you mean " + std::string(*meant) + "?" : "") +
                       " (lml check --list names them all)");
    }
  }
  std::vector<Claim> out;
  for (const Claim& c : all)
    if (chosen.count(c.id)) out.push_back(c);
  return out;
}

/// A target of the user's own.
struct OwnTarget {
  Target target;
  std::string name;    // of its results' folder
  bool images = true;  // it can be: a file may hold anything
};

OwnTarget own_target_of(const std::string& given) {
  if (const BuiltinTarget* known = find_builtin_target(given))
    return {known->make(), given, data_set(given).has_value()};
  std::error_code none;
  if (given != "-" && !std::filesystem::exists(given, none)) {
    std::vector<std::string_view> names;
    for (const BuiltinTarget& t : builtin_targets()) names.push_back(t.name);
    if (const auto meant = nearest(given, names))
      throw UsageError(given + ": there is no such file; did you mean " + std::string(*meant) +
                       "? (lml targets names the built-in ones)");
  }
  const Document file = read_document(given);
  return {read_target(Reader(file)), given == "-" ? "stdin" : std::filesystem::path(given).stem().string()};
}

// Why a claim has no answer about this target; empty where it has one.
std::string says_nothing_about(const Claim& claim, const OwnTarget& own) {
  if (claim.takes_target != "any" && !own.target.is_points())
    return "about finite data sets; " + own.name + " is a mixture of Gaussians";
  if (claim.takes_target == "images" && !own.images) return "about real images; " + own.name + " holds none";
  return {};
}

// Those of `claims` that can be asked of a target of the user's own.
std::vector<Claim> about_a_target(std::vector<Claim> claims, const std::vector<Claim>& all) {
  std::erase_if(claims, [](const Claim& c) { return c.takes_target.empty(); });
  if (!claims.empty()) return claims;
  std::string names;
  for (const Claim& c : all)
    if (!c.takes_target.empty()) names += (names.empty() ? "" : ", ") + c.id;
  throw UsageError("not about a target of one's own; claims that are: " + names);
}

Json figure_or_null(double v) { return std::isnan(v) ? Json(nullptr) : figure(v); }

Json numbers(const Vec& v) {
  Json out = Json::array();
  for (double e : v) out.push_back(figure(e));
  return out;
}

Json target_of(const Points& points, const Vec& weights, const std::vector<Vec>& variances) {
  Json rows = Json::array();
  for (Index k = 0; k < points.rows(); ++k) rows.push_back(numbers(points.row(k).transpose()));
  if (variances.empty()) {
    Json target{{"kind", "points"}, {"points", rows}};
    if (weights.size()) target["weights"] = numbers(weights);
    return target;
  }
  Json covariances = Json::array();
  for (const Vec& v : variances) covariances.push_back(numbers(v));
  return {{"kind", "gaussian_mixture"},
          {"weights", numbers(weights.size() ? weights : Vec(Vec::Ones(points.rows())))},
          {"means", rows},
          {"covariances", covariances}};
}

Json spec_of(const checks::Counterexample& c) {
  Json spec{{"target", target_of(c.points, c.weights, c.variances)}, {"alpha", c.time.alpha}, {"sigma", c.time.sigma}};
  if (!c.law) {
    spec["at"] = Json::array({numbers(c.x)});
    return spec;
  }
  Json metric{{"curvature", c.law->curvature}};
  if (c.law->curvature != "identity") metric["damping"] = figure(c.law->damping);
  if (c.law->curvature == "exact") metric["sign"] = c.law->sign;
  spec["metric"] = metric;
  if (!c.law->calculus.empty()) spec["calculus"] = c.law->calculus;
  if (c.law->times.empty()) return spec;
  spec["initial"] = target_of(c.law->initial_means, Vec(), c.law->initial_variances);
  spec["times"] = c.law->times;
  return spec;
}

Json document_of(const Result& r) {
  const Claim& c = r.claim;
  const checks::Evidence& e = r.evidence;
  Json out{{"id", c.id},
           {"source", c.source},
           {"group", c.group},
           {"title", c.title},
           {"statement", c.statement},
           {"verdict", name(r.verdict)},
           {"recorded", name(c.recorded)}};
  if (r.verdict == Verdict::not_run) {
    out["seconds"] = r.seconds;
    out["why"] = r.why;
    return out;
  }
  out["assumptions"] = c.assumptions;
  out["quantity"] = c.quantity;
  out["value"] = figure_or_null(e.value);
  out["uncertainty"] = figure_or_null(e.uncertainty);
  out["relation"] = c.relation;
  out["threshold"] = figure(c.threshold);
  out["basis"] = c.basis;
  out["method"] = c.method;
  out["second_method"] = c.second_method;
  if (e.second)
    out["second"] = {{"value", figure_or_null(*e.second)}, {"tolerance", figure_or_null(e.second_tolerance)}};
  out["negative_control"] = {
      {"value", figure_or_null(e.control)}, {"rejected", r.control_rejected}, {"what", c.control}};
  if (r.second_control) out["negative_control"]["first"] = figure_or_null(*e.other_control);
  if (!e.certificate.empty()) out["certificate"] = e.certificate;
  if (e.smallest) {
    out["smallest"] = spec_of(*e.smallest);
    out["smallest_command"] = e.smallest->command;
    out["smallest_sentence"] = e.smallest->sentence;
  }
  if (!e.repair.empty()) out["repair"] = {{"statement", e.repair}, {"attacks", e.repair_attacks}};
  out["finding"] = c.finding;
  if (!r.why.empty()) out["why"] = r.why;
  out["seconds"] = r.seconds;
  out["tables"] = Json::array();
  for (const checks::Table& t : e.tables) {
    Json rows = Json::array();
    for (std::size_t i = 0; i < t.rows.size(); ++i) {
      Json cells = Json::array();
      if (!t.labels.empty()) cells.push_back(t.labels[i]);
      for (double v : t.rows[i]) cells.push_back(figure_or_null(v));
      rows.push_back(std::move(cells));
    }
    out["tables"].push_back({{"name", t.name}, {"caption", t.caption}, {"columns", t.columns}, {"rows", rows}});
  }
  return out;
}

// Colour is never alone: the word says the same.
std::string coloured(const std::string& word, Verdict v, bool on) {
  if (!on) return word;
  const char* code = v == Verdict::supported      ? "32"
                     : v == Verdict::refuted      ? "31"
                     : v == Verdict::inconclusive ? "33"
                                                  : "2";
  return fmt::format("\033[{}m{}\033[0m", code, word);
}

std::string seconds_text(double s) { return s < 9.95 ? fmt::format("{:.1f} s", s) : fmt::format("{:.0f} s", s); }

constexpr std::size_t columns = 80, margin = 13;

// Text that begins at the margin and goes on there where the line is full.
std::string at_margin(std::string text) {
  for (std::size_t start = 0; text.size() - start > columns - margin;) {
    std::size_t space = text.rfind(' ', start + columns - margin);
    if (space == std::string::npos || space <= start) space = text.find(' ', start + columns - margin);
    if (space == std::string::npos) break;
    text.replace(space, 1, '\n' + std::string(margin, ' '));
    start = space + 1 + margin;
  }
  return text + '\n';
}

std::string readable(const std::vector<Result>& results, double seconds, bool own_target) {
  const bool colour = isatty(STDOUT_FILENO) && !std::getenv("NO_COLOR");
  std::size_t disagree = 0;
  std::map<Verdict, std::size_t> count;
  std::map<std::string, std::size_t> reasons;
  std::string out;
  for (const Result& r : results) {
    ++count[r.verdict];
    if (r.verdict == Verdict::not_run) {
      ++reasons[r.why];
      continue;
    }
    const std::string indent(margin, ' ');
    out += coloured(fmt::format("{:<12}", name(r.verdict)), r.verdict, colour) + ' ' + at_margin(r.claim.title);
    out += indent + at_margin(fmt::format("{} ({}): {:.4g}, claimed {} {:.4g}; control {:.4g}{}{}", r.claim.id,
                                          r.claim.source, r.evidence.value, r.claim.relation, r.claim.threshold,
                                          r.evidence.control, r.second_control ? " (the second of two)" : "",
                                          r.evidence.certificate.empty() ? "" : "; proven"));
    if (!r.why.empty()) out += indent + at_margin("why: " + r.why);
    if (r.agrees() || own_target) continue;
    ++disagree;
    out += fmt::format("             NOT the recorded verdict, which is {}\n", name(r.claim.recorded));
  }
  out += fmt::format("\n{} supported, {} refuted, {} inconclusive, {} not run; {}.\n", count[Verdict::supported],
                     count[Verdict::refuted], count[Verdict::inconclusive], count[Verdict::not_run],
                     seconds_text(seconds));
  for (const auto& [why, n] : reasons)
    out += fmt::format("{:<12} {}", "  not run:", at_margin(fmt::format("{} claim{}: {}", n, n == 1 ? "" : "s", why)));
  if (disagree) out += fmt::format("{} verdict{} not the recorded one.\n", disagree, disagree == 1 ? " is" : "s are");
  return out;
}

int list(const std::vector<Claim>& claims, bool json) {
  if (json) {
    Json out{{"claims", Json::array()}};
    for (const Claim& c : claims)
      out["claims"].push_back(
          {{"id", c.id}, {"source", c.source}, {"statement", c.statement}, {"recorded", name(c.recorded)}});
    fmt::print("{}\n", dump(out));
    return 0;
  }
  for (const Claim& c : claims)
    fmt::print("{:<12} {}\n{}{}", name(c.recorded), c.id, std::string(margin, ' '), at_margin(c.title));
  return 0;
}

// Progress on standard error: a line a claim, so that a log reads well too.
class Progress {
 public:
  explicit Progress(const std::vector<Claim>& claims) {
    for (const Claim& c : claims) {
      if (c.recorded == Verdict::not_run) continue;
      ++total_;
      cost_ += c.cost;
    }
    say(fmt::format("{} claims to run, about {} on 2 cores", total_, seconds_text(cost_)));
  }
  void operator()(const Result& r) {
    if (r.claim.recorded == Verdict::not_run) return;
    ++done_;
    const std::string seconds = fmt::format(" ({})", seconds_text(r.seconds));
    std::string line = fmt::format("[{:>2}/{}] {:<12} {}", done_, total_, name(r.verdict), r.claim.title);
    if (line.size() + seconds.size() > columns) line.replace(columns - seconds.size() - 2, std::string::npos, "..");
    say(fmt::format("{}{}", line, seconds));
  }

 private:
  std::size_t total_ = 0, done_ = 0;
  double cost_ = 0;
};

// While it lives, Ctrl-C says what was lost and what to do; where it is ignored (a job in the background), it stays so.
class Stoppable {
 public:
  Stoppable() {
    ::sigaction(SIGINT, nullptr, &before_);
    struct sigaction stop = {};
    stop.sa_handler = [](int) {
      constexpr std::string_view said =
          "lml check: stopped; nothing written. Name claims to run fewer of them: lml check prop2\n";
      [[maybe_unused]] const ssize_t n = ::write(STDERR_FILENO, said.data(), said.size());
      ::_exit(128 + SIGINT);
    };
    if (before_.sa_handler != SIG_IGN) ::sigaction(SIGINT, &stop, nullptr);
  }
  Stoppable(const Stoppable&) = delete;
  Stoppable& operator=(const Stoppable&) = delete;
  ~Stoppable() { ::sigaction(SIGINT, &before_, nullptr); }

 private:
  struct sigaction before_ = {};
};

void require_folder_of(const std::string& out, bool named) {
  try {
    require_folder(out);
  } catch (const UsageError& e) {
    if (named) throw;
    throw UsageError(std::string(e.what()).substr(std::string_view("--out ").size()) +
                     "; name another folder with --out DIR");
  }
}

}  // namespace

int check_command(const Common& common, const CheckOptions& options) {
  const std::vector<Claim> all = checks::load_claims(LML_CLAIMS_DIR);
  std::vector<Claim> claims = choose(all, options.ids);
  if (options.list) return list(claims, common.json);
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads the progress may leave; the results are still written

  checks::Context context;
  context.full = options.full;
  std::map<std::string, std::string> unfit;  // claim, why it has no answer about the target
  Common kept = common;
  if (!options.target.empty()) {
    claims = about_a_target(std::move(claims), all);
    const OwnTarget own = own_target_of(options.target);
    context.target = own.target;
    if (kept.out.empty()) kept.out = "results/check-" + own.name;
    for (const Claim& c : claims)
      if (const std::string why = says_nothing_about(c, own); !why.empty()) unfit[c.id] = why;
  }
  if (kept.out.empty()) kept.out = "results/check";
  require_folder_of(kept.out, !common.out.empty());
  std::once_flag once;
  std::optional<Target> images;
  context.fashion_mnist = [&]() -> const Target& {
    std::call_once(once, [&] {
      try {
        images = fashion_mnist();
      } catch (const NotHere& e) {
        throw checks::NotHere(e.what());
      }
    });
    return *images;
  };
  std::string no_networks;  // what could not be set up once is not tried again; one claim at a time asks
  context.networks = [&](const std::string& command, const std::string& spec) {
    if (!no_networks.empty()) throw checks::NotHere(no_networks);
    try {
      return ask_networks(command, spec);
    } catch (const NotHere& e) {
      throw checks::NotHere(no_networks = e.what());
    }
  };

  const bool own_target = context.target.has_value();
  const auto start = std::chrono::steady_clock::now();
  std::vector<Claim> fit = claims;
  std::erase_if(fit, [&](const Claim& c) { return unfit.count(c.id) > 0; });
  std::vector<Result> results;
  {
    const Stoppable stoppable;
    Progress progress(fit);
    results = checks::run(fit, context, omp_get_max_threads(), std::ref(progress));
  }
  for (std::size_t i = 0; i < claims.size(); ++i)
    if (const auto no = unfit.find(claims[i].id); no != unfit.end()) {
      Result r;
      r.claim = claims[i];
      r.why = no->second;
      results.insert(results.begin() + std::ptrdiff_t(i), r);
    }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();

  CheckResult out{Json::array(), {}};
  for (const Result& r : results) {
    out.claims.push_back(document_of(r));
    for (const checks::Table& t : r.evidence.tables) {
      std::vector<std::vector<std::string>> labels;
      for (const std::string& word : t.labels) labels.push_back({word});
      out.tables.emplace_back(r.claim.id + "--" + t.name + ".csv", csv(t.columns, t.rows, labels));
    }
  }
  std::vector<std::string> order;
  for (const Claim& c : all) order.push_back(c.id);
  write_check(kept, out, order, common.out.empty() && !own_target && !options.ids.empty());
  std::string report = "report: " + kept.out + "/report.html";
  try {
    run_program(report_of_check(kept.out, options.target));
  } catch (const std::runtime_error& e) {
    report = std::string("no report: ") + e.what();
  }
  // Last, for whoever was to read this may be gone.
  if (common.json) {
    say(report);
    print(dump(Json{{"claims", out.claims}}) + '\n');
  } else {
    print(readable(results, seconds, own_target) + report + '\n');
  }

  // The recorded verdict is about the built-in targets: on another one, a different verdict is an answer.
  const bool fine = std::all_of(results.begin(), results.end(), [&](const Result& r) {
    return (own_target || r.agrees()) && (r.verdict == Verdict::not_run || r.control_rejected);
  });
  return fine ? 0 : 1;
}

}  // namespace lml
