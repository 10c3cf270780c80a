#include "experiments/run_command.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <optional>
#include <set>

#include "experiments/answer_cache.hpp"
#include "experiments/errors.hpp"
#include "experiments/experiment.hpp"
#include "experiments/job_runner.hpp"
#include "experiments/measurements.hpp"
#include "experiments/mpi_processes.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/reader.hpp"
#include "experiments/run_result.hpp"
#include "experiments/targets.hpp"
#include "experiments/temporary_folder.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string duration_text(double s) {
  return s < 9.95   ? fmt::format("{:.1f} s", s)
         : s < 100  ? fmt::format("{:.0f} s", s)
         : s < 6000 ? fmt::format("{:.0f} min", s / 60)
                    : fmt::format("{:.1f} h", s / 3600);
}

// Of a file in the current folder, "" too.
fs::path folder_of(const Experiment& e) { return fs::absolute(fs::path(e.file.folder) / "."); }

const char* size_of(const RunOptions& o) { return o.quick ? "quick" : o.full ? "full" : "normal"; }

bool on_a_network(const Job& job) {
  return job.spec.contains("model") || job.spec.contains("features") || job.command == "network-error" ||
         job.command == "hessian";
}

// What a job left in its --out, but for the manifest, which says when and where.
std::map<std::string, std::string> files_in(const fs::path& folder) {
  std::map<std::string, std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string name = entry.path().filename().string();
    if (name == "manifest.json" || !entry.is_regular_file(none)) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    out[name] = {std::istreambuf_iterator<char>(in), {}};
  }
  return out;
}

// What a job said when it failed, its place in a spec named by the experiment file's own.
std::string failure(const Experiment& e, const Outcome& outcome) {
  if (outcome.status > 128)
    return fmt::format("ended by signal {} ({})", outcome.status - 128, ::strsignal(outcome.status - 128));
  std::string text = outcome.errors;
  while (!text.empty() && text.back() == '\n') text.pop_back();
  text = one_line(text.substr(text.rfind('\n') + 1));
  if (text.starts_with("-: /")) {
    const std::size_t end = text.find(": ", 3);
    if (end != std::string::npos) return e.origin(text.substr(3, end - 3)) + text.substr(end);
  }
  return text.empty() ? fmt::format("exit status {}", outcome.status) : text;
}

// What an experiment needs and this machine does not have, and how to get it.
std::string lacks(const Experiment& e) {
  for (const std::string& need : e.needs) {
    if (find_data(need, folder_of(e))) continue;
    if (const BuiltinTarget* target = find_builtin_target(need); target && !target->here()) try {
        target->make();
      } catch (const NotHere& how) {
        return how.what();
      }
    return need + " is not here: set LML_DATA to the folder that holds it";
  }
  return "";
}

struct Failure {
  std::string error;
  int status = 0;
};

// Bytes for those who gather numbers.
std::vector<double> numbers_of(const std::string& text) {
  std::vector<double> out;
  for (const char c : text) out.push_back(double(static_cast<unsigned char>(c)));
  return out;
}

class Session {
 public:
  Session(Common common, const RunOptions& options, bool all)
      : common_(std::move(common)),
        options_(options),
        all_(all),
        rank_(processes().rank()),
        ranks_(processes().count()),
        cache_(fs::path(common_.out) / "cache") {}

  int run(std::vector<Experiment> experiments) {
    const Clock::time_point start = Clock::now();
    for (Experiment& e : experiments)
      if (const std::string lack = lacks(e); lack.empty())
        add(std::move(e));
      else
        leave_out(e, lack);
    if (altered_ > 0)
      say(fmt::format("{} answer{} in the cache {} altered or cut short, and computed again", altered_,
                      altered_ == 1 ? "" : "s", altered_ == 1 ? "is" : "are"));
    for (Run& r : runs_)
      if (r.waiting == 0) finish(r);
    const int signal = compute();
    cache_.save_digests();
    if (signal == 0) exchange();
    for (Run& r : runs_)
      if (r.waiting > 0) finish(r);
    if (common_.json) print(dump(Json{{"experiments", documents_}, {"seconds", since(start)}}) + '\n');
    if (signal == 0) return failed_ ? 2 : absent_ && !all_ ? 3 : 0;
    say("stopped; what is computed is kept, and the same command goes on from here");
    return 128 + signal;
  }

 private:
  struct Run {
    Experiment experiment;
    std::vector<Point> points;
    std::size_t waiting = 0;
    Clock::time_point start;
  };
  struct Waiting {
    std::vector<std::pair<Run*, std::size_t>> points;  // that this answer is for
    int owner;                                         // the process that computes it
    bool here = false;                                 // that it did
  };

  void leave_out(const Experiment& e, const std::string& why) {
    absent_ = true;
    if (rank_ > 0) return;
    say(fmt::format("{}: left out: {}", e.name, why));
    documents_.push_back({{"name", e.name}, {"complete", false}, {"left_out", why}});
  }

  void add(Experiment e) {
    const fs::path folder = folder_of(e);
    runs_.push_back({std::move(e), {}, 0, Clock::now()});
    Run& run = runs_.back();
    for (Job& job : jobs_of(run.experiment)) {
      if (common_.device != "cpu" && on_a_network(job))
        job.options.insert(job.options.end(), {"--device", common_.device});
      Point p;
      p.key = cache_.key(job, folder);
      p.job = std::move(job);
      const auto [place, fresh] = known_.insert({p.key, int(known_.size())});
      const int owner = place->second % ranks_;
      if (!options_.fresh) p.cached = look_up(run.experiment, p);
      run.points.push_back(std::move(p));
      if (run.points.back().cached) continue;
      ++run.waiting;
      // The same question in two experiments that keep different files is asked for each.
      const std::string question = run.points.back().key + (run.experiment.files ? " with files" : "");
      const auto [number, first] = asked_.insert({question, waiting_.size()});
      if (first) {
        waiting_.push_back({{}, owner});
        if (owner == rank_) ask(run, run.points.back().job, folder);
      }
      waiting_[number->second].points.emplace_back(&run, run.points.size() - 1);
    }
  }

  // Takes an answer from the cache.
  bool look_up(const Experiment& e, Point& p) {
    std::string altered;
    const auto answer = cache_.find(p.key, e.files, altered);
    altered_ += !altered.empty();
    if (answer) take(e, p, *answer);
    return answer.has_value();
  }

  void ask(const Run& run, const Job& job, const fs::path& folder) {
    Task task{{options_.program, job.command}, dump(job.spec), folder.string(), on_a_network(job)};
    task.first = run.points.size() == 1 && !common_.set.empty();
    if (job.command == "check")  // takes its claims as arguments
      for (const Json& claim : job.spec["claims"]) task.argv.push_back(claim.get<std::string>());
    else
      task.argv.push_back("-");
    task.argv.push_back("--json");
    if (run.experiment.files || job.command == "check")
      task.argv.insert(task.argv.end(), {"--out", (scratch_.path() / std::to_string(tasks_.size())).string()});
    task.argv.insert(task.argv.end(), job.options.begin(), job.options.end());
    tasks_.push_back(std::move(task));
    waiter_of_.push_back(waiting_.size() - 1);
  }

  // Takes an answer into a point; where it does not hold what is measured, that is the point's error.
  static void take(const Experiment& e, Point& p, const Answer& answer) {
    p.version = answer.version;
    p.seconds = answer.seconds;
    try {
      p.rows = rows_of(e, p.job, answer.document);
      p.files = answer.files;
      p.done = true;
    } catch (const SpecError& error) {
      p.error = error.what();
      p.status = 2;
    }
  }

  int compute() {
    progress_.emplace("run");
    std::size_t done = 0;
    const auto show = [&] {
      if (!tasks_.empty())
        progress_->show(double(done) / double(tasks_.size()),
                        fmt::format("{} of {} job{}", done, tasks_.size(), tasks_.size() == 1 ? "" : "s"));
    };
    show();
    const int slots = omp_get_max_threads();
    for (Task& task : tasks_) {
      const int threads = task.alone ? slots : std::max(1, slots / int(tasks_.size()));
      task.argv.insert(task.argv.end(), {"--threads", std::to_string(threads)});
    }
    const auto received = [&](std::size_t task, Outcome outcome) {
      ++done;
      receive(task, outcome);
    };
    try {
      return run_tasks(tasks_, slots, received, show);
    } catch (const UsageError& e) {  // the cache cannot be written
      if (ranks_ == 1) throw;
      trouble_ = e.what();
      return 0;
    }
  }

  void receive(std::size_t task, const Outcome& outcome) {
    Waiting& waiting = waiting_[waiter_of_[task]];
    waiting.here = true;
    const auto& [run, first] = waiting.points.front();
    const fs::path folder = scratch_.path() / std::to_string(task);
    std::optional<Answer> answer;
    Failure failed;
    try {
      if (outcome.status == 0 || (outcome.status == 1 && run->experiment.command == "check")) {
        answer = Answer{
            parse_json(outcome.output, "lml " + run->experiment.command), program_version(), outcome.seconds, {}};
        if (run->experiment.files) answer->files = files_in(folder);
      } else {
        failed = {failure(run->experiment, outcome), outcome.status};
      }
    } catch (const SpecError& e) {
      answer.reset();
      failed = {e.what(), 2};
    }
    std::error_code none;
    fs::remove_all(folder, none);
    // What --set gave is refused by all jobs alike: the first of them speaks for all.
    if (tasks_[task].first && failed.error.starts_with("--set: ")) throw UsageError(refusal(*run, failed.error));
    if (answer) cache_.keep(run->points[first].key, run->points[first].job, *answer, run->experiment.files);
    if (!answer && ranks_ > 1) failures_[run->points[first].key] = failed;
    settle(waiting, answer ? &*answer : nullptr, failed);
  }

  static std::string refusal(const Run& run, const std::string& error) {
    const Experiment& e = run.experiment;
    const std::string unknown = ": unknown key";
    const std::size_t end = error.find(unknown);
    if (end == std::string::npos || e.vary.empty()) return e.name + ": " + error;
    std::vector<std::string_view> columns;
    for (const Varied& v : e.vary) columns.push_back(v.name);
    const std::size_t begin = error.find('/') + 1;
    const auto meant = nearest(std::string_view(error).substr(begin, end - begin), columns);
    return e.name + ": " +
           (meant ? error.substr(0, end) + unknown + ", did you mean " + std::string(*meant) + "?"
            : error.find("did you mean", end) != std::string::npos
                ? error
                : fmt::format("{}; columns: {}", error, fmt::join(columns, ", ")));
  }

  void settle(const Waiting& waiting, const Answer* answer, const Failure& failed) {
    for (const auto& [run, i] : waiting.points) {
      Point& p = run->points[i];
      if (answer)
        take(run->experiment, p, *answer);
      else
        p.error = failed.error, p.status = failed.status;
      if (--run->waiting == 0) finish(*run);
    }
  }

  // Where there are other machines, the first one takes their answers from the cache that they share, and hears what
  // failed.
  void exchange() {
    if (ranks_ == 1) return;
    Json mine{{"trouble", trouble_}, {"failures", Json::object()}};
    for (const auto& [key, failed] : failures_) mine["failures"][key] = {failed.error, failed.status};
    std::string text;
    for (const double c : processes().gather(numbers_of(dump(mine) + '\n'))) text += char(int(c));
    if (rank_ > 0) {
      for (Run& run : runs_) run.waiting = 0;
      return;
    }
    std::map<std::string, Failure> failures;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = text.find('\n', at);
      const Json said = Json::parse(text.substr(at, end - at));
      if (trouble_.empty()) trouble_ = said["trouble"].get<std::string>();
      for (const auto& [key, failed] : said["failures"].items()) failures[key] = {failed[0], failed[1]};
      at = end + 1;
    }
    if (!trouble_.empty()) throw UsageError(trouble_);
    for (const Waiting& waiting : waiting_) {
      if (waiting.here) continue;
      const auto& [run, i] = waiting.points.front();
      const std::string& key = run->points[i].key;
      std::string altered;
      const auto failed = failures.find(key);
      const auto answer = failed != failures.end() ? std::nullopt : cache_.find(key, run->experiment.files, altered);
      settle(waiting, answer ? &*answer : nullptr,
             failed != failures.end() ? failed->second
                                      : Failure{"another process computed this, but " + common_.out +
                                                    "/cache does not hold it: the processes "
                                                    "must share that folder",
                                                2});
    }
  }

  void finish(Run& run) {
    run.waiting = 0;
    if (rank_ > 0) return;
    if (progress_) progress_->clear();
    const Experiment& e = run.experiment;
    const fs::path folder = fs::path(common_.out) / e.name;
    std::size_t done = 0, cached = 0, other = 0, broken = 0;
    std::map<std::string, std::vector<const Point*>> errors;
    Json failures = Json::array();
    for (const Point& p : run.points) {
      done += p.done;
      cached += p.done && p.cached;
      other += p.done && p.version != program_version();
      if (p.error.empty()) continue;
      broken += p.status != 3;
      errors[p.error].push_back(&p);
      failures.push_back({{"spec", p.job.spec}, {"error", p.error}, {"status", p.status}});
    }
    const bool complete = done == run.points.size();
    // What was stopped, refused or is missing on this machine says nothing against a whole result that is there.
    const bool written = complete || !is_complete_run(folder);
    if (written) write_run(folder, e, run.points, {size_of(options_), common_.set, since(run.start)});

    for (const auto& [error, points] : errors)
      say(fmt::format("{}: {}\n    in {} of {} job{}, the first: lml {} of {}", e.name, error, points.size(),
                      run.points.size(), run.points.size() == 1 ? "" : "s", e.command,
                      dump(points.front()->job.spec).substr(0, 300)));
    if (other > 0) {
      std::string versions;
      std::set<std::string> seen;
      for (const Point& p : run.points)
        if (p.done && p.version != program_version() && seen.insert(p.version).second)
          versions += (versions.empty() ? "" : ", ") + p.version;
      say(fmt::format("{}: {} answer{} of {} from another version: {} (--fresh computes with {})", e.name, other,
                      other == 1 ? "" : "s", run.points.size(), versions, program_version()));
    }
    failed_ = failed_ || broken > 0;
    absent_ = absent_ || (!errors.empty() && broken == 0);
    documents_.push_back({{"name", e.name},
                          {"folder", folder.string()},
                          {"complete", complete},
                          {"jobs", run.points.size()},
                          {"done", done},
                          {"cached", cached},
                          {"seconds", since(run.start)},
                          {"failures", failures}});
    if (!common_.json)
      print(fmt::format("{}: {} job{}{}, {}: {}{}\n", e.name, run.points.size(), run.points.size() == 1 ? "" : "s",
                        cached > 0 ? fmt::format(", {} known", cached) : "", duration_text(since(run.start)),
                        folder.string(),
                        complete  ? ""
                        : written ? fmt::format(" INCOMPLETE, {} missing", run.points.size() - done)
                                  : fmt::format(" left as it was, {} missing", run.points.size() - done)));
    run.points.clear();
  }

  Common common_;
  RunOptions options_;
  bool all_;
  int rank_, ranks_;
  AnswerCache cache_;
  TemporaryFolder scratch_;
  std::optional<Progress> progress_;
  std::deque<Run> runs_;
  std::map<std::string, int> known_;          // keys, in the order in which they came
  std::map<std::string, std::size_t> asked_;  // questions, and their place in waiting_
  std::deque<Waiting> waiting_;
  std::vector<Task> tasks_;                  // of this process
  std::vector<std::size_t> waiter_of_;       // each task's place in waiting_
  std::map<std::string, Failure> failures_;  // of this process's tasks, by their keys
  std::string trouble_;
  std::size_t altered_ = 0;
  bool failed_ = false, absent_ = false;
  Json documents_ = Json::array();
};

std::uintmax_t bytes_in(const fs::path& folder) {
  std::uintmax_t out = 0;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (const std::uintmax_t size = entry.file_size(none); !none) out += size;
  return out;
}

bool same_file(const std::string& a, const std::string& b) {
  std::error_code none;
  return fs::equivalent(a, b, none);
}

// The results of another file would stand under the name of one of the project's, and in the place of its own.
void require_own_name(const std::string& name, const std::string& file) {
  const std::vector<std::string> all = experiment_names();
  if (std::find(all.begin(), all.end(), name) != all.end() && !same_file(find_experiment(name), file))
    throw UsageError(file + ": has the name of the project's own experiment " + name +
                     ", whose results would be replaced: rename the file");
}

int list(const Common& common, std::vector<std::string> chosen) {
  Json all = Json::array();
  std::string text;
  struct Total {
    double seconds = 0;
    int known = 0, unknown = 0;
  };
  std::map<std::string, Total> totals;
  const std::vector<const char*> names{"quick", "normal", "full"};
  if (chosen.empty() || std::find(chosen.begin(), chosen.end(), "all") != chosen.end()) chosen = experiment_names();
  for (const std::string& name : chosen) {
    Json sizes = Json::object();
    std::string costs, lack;
    Experiment e;
    for (const char* size : names) {
      e = read_experiment(find_experiment(name), size, common.set);
      if (std::find(e.sizes.begin(), e.sizes.end(), size) == e.sizes.end()) continue;
      const std::size_t count = jobs_of(e).size();
      sizes[size] = {{"jobs", count}};
      if (e.cost > 0) sizes[size]["seconds"] = e.cost;
      costs += fmt::format("{}{} {}{}", costs.empty() ? "jobs: " : "; ", size, count,
                           e.cost > 0 ? ", about " + duration_text(e.cost) : "");
      lack = lacks(e);
      Total& total = totals[size];
      if (!lack.empty()) continue;
      total.seconds += e.cost;
      ++(e.cost > 0 ? total.known : total.unknown);
    }
    all.push_back({{"name", e.name},
                   {"title", e.title},
                   {"question", e.question},
                   {"paper", e.paper},
                   {"claims", e.claims},
                   {"command", e.command},
                   {"figure", e.figure},
                   {"needs", e.needs},
                   {"here", lack.empty()},
                   {"sizes", sizes}});
    text += fmt::format("{}{}\n    {}\n    {}\n", e.name, e.paper.empty() ? "" : "  (" + e.paper + ")", e.title, costs);
    if (!lack.empty()) text += fmt::format("    not here: {}\n", fmt::join(e.needs, ", "));
  }
  std::string sum;
  for (const char* size : names) {
    const Total& t = totals[size];
    if (t.known == 0) continue;
    sum += fmt::format("{}{} about {}{}", sum.empty() ? "Together, on one core: " : ", ", size,
                       duration_text(t.seconds), t.unknown > 0 ? fmt::format(" ({} not measured)", t.unknown) : "");
  }
  if (!sum.empty()) text += sum + '\n';
  const fs::path cache = fs::path(common.out.empty() ? "results" : common.out) / "cache";
  const std::uintmax_t bytes = bytes_in(cache);
  if (bytes > 0)
    text += fmt::format("{}: {:.1f} MB of answers; may be deleted, and is then computed again\n", cache.string(),
                        double(bytes) / 1e6);
  print(common.json ? dump(Json{{"experiments", all}, {"cache", {{"folder", cache.string()}, {"bytes", bytes}}}}) + '\n'
                    : text);
  return 0;
}

}  // namespace

int run_command(const Common& common, const RunOptions& options) {
  if (options.list) return list(common, options.names);
  Common kept = common;
  if (kept.out.empty()) kept.out = "results";
  RunOptions chosen = options;
  if (chosen.program.empty()) chosen.program = fs::read_symlink("/proc/self/exe").string();
  std::vector<std::string> names = options.names;
  const bool all = std::find(names.begin(), names.end(), "all") != names.end();
  if (all) names = experiment_names();
  if (names.empty()) throw UsageError("lml run: wants names of experiments, or all; lml run --list names them");
  std::vector<Experiment> experiments;
  std::map<std::string, std::string> files;
  for (const std::string& name : names) {
    const std::string file = find_experiment(name);
    Experiment e = read_experiment(file, size_of(options), common.set);
    require_own_name(e.name, file);
    if (std::find(e.sizes.begin(), e.sizes.end(), size_of(options)) == e.sizes.end()) {
      const std::string sizes =
          fmt::format("{}: has no {} size, only {}", e.name, size_of(options), fmt::join(e.sizes, ", "));
      if (!all) throw UsageError(sizes);
      say(sizes);
      continue;
    }
    const auto [before, fresh] = files.insert({e.name, file});
    if (fresh)
      experiments.push_back(std::move(e));
    else if (!same_file(before->second, file))
      throw UsageError("lml run: two files of the name " + e.name + ", whose results would lie in one folder");
  }
  for (const Experiment& e : experiments) require_folder((fs::path(kept.out) / e.name).string());
  require_folder((fs::path(kept.out) / "cache").string());
  if (const char* data = std::getenv("LML_DATA"); data && *data)
    ::setenv("LML_DATA", fs::absolute(data).c_str(), 1);  // jobs run in the folder of their file
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error that can be told, as on a full disk
  std::signal(SIGPIPE, SIG_IGN);  // whoever reads the progress may leave; the results are still written
  return Session(kept, chosen, all).run(std::move(experiments));
}

}  // namespace lml
