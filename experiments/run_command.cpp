#include "experiments/run_command.hpp"

#include <fmt/format.h>
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <set>

#include "experiments/answer_cache.hpp"
#include "experiments/arrays.hpp"
#include "experiments/errors.hpp"
#include "experiments/experiment.hpp"
#include "experiments/job_runner.hpp"
#include "experiments/measurements.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/sha256.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

std::string duration_text(double s) {
  return s < 9.95  ? fmt::format("{:.1f} s", s)
         : s < 100 ? fmt::format("{:.0f} s", s)
                   : fmt::format("{:.0f} min", s / 60);
}

// One job of one experiment, and what became of it.
struct Point {
  Job job;
  std::string key;
  bool done = false, cached = false;
  std::string version, error;
  int status = 0;
  double seconds = 0;
  std::vector<std::vector<std::string>> rows;
  std::map<std::string, std::string> arrays;  // names and bytes
};

struct Run {
  Experiment experiment;
  std::vector<Point> points;
  std::size_t waiting = 0;
  Clock::time_point start;
};

const char* size_of(const RunOptions& o) { return o.quick ? "quick" : o.full ? "full" : "normal"; }

bool on_a_network(const Job& job) {
  return job.spec.contains("model") || job.command == "network-error" || job.command == "hessian";
}

// An array of the answer, as the bytes of an .npy file.
std::string array_bytes(const Experiment& e, const Json& answer, const std::string& name, const fs::path& folder) {
  (void)folder;
  const auto it = answer.find(name);
  if (it == answer.end() || !it->is_array())
    throw SpecError(e.file.place("/arrays"), "/arrays", "the answer has no array " + name);
  std::vector<Index> shape;
  for (const Json* at = &*it; at->is_array(); at = &at->front()) {
    shape.push_back(Index(at->size()));
    if (at->empty()) break;
  }
  std::string out = npy_header(shape);
  std::size_t count = 0;
  const std::function<void(const Json&, std::size_t)> add = [&](const Json& v, std::size_t axis) {
    if (axis < shape.size() && v.is_array() && Index(v.size()) == shape[axis]) {
      for (const Json& entry : v) add(entry, axis + 1);
      return;
    }
    const bool infinite = v.is_string() && (v == "inf" || v == "-inf");
    if (axis != shape.size() || !(v.is_number() || v.is_boolean() || v.is_null() || infinite))
      throw SpecError(e.file.place("/arrays"), "/arrays", name + " is no array of numbers in the answer");
    const double number = v.is_null()      ? std::nan("")
                          : v.is_boolean() ? double(v.get<bool>())
                          : infinite       ? (v == "inf" ? 1.0 : -1.0) * INFINITY
                                           : v.get<double>();
    out.append(reinterpret_cast<const char*>(&number), sizeof number);
    ++count;
  };
  add(*it, 0);
  return out;
}

// Takes an answer into a point; what is wrong with it is the point's error.
void take(const Experiment& e, Point& p, const Answer& answer) {
  p.version = answer.version;
  p.seconds = answer.seconds;
  try {
    p.rows = rows_of(e, p.job, answer.document);
    p.arrays = answer.arrays;
    p.done = true;
  } catch (const SpecError& error) {
    p.error = error.what();
    p.status = 2;
  }
}

Json job_document(const Experiment& e, const Point& p, std::size_t number) {
  Json out{{"command", p.job.command}, {"spec", p.job.spec}};
  if (!p.job.options.empty()) out["options"] = p.job.options;
  Json values = Json::object();
  for (std::size_t i = 0; i < e.vary.size(); ++i) values[e.vary[i].name] = p.job.labels[i];
  out["values"] = values;
  out["key"] = p.key;
  if (p.done) {
    out["seconds"] = p.seconds;
    out["version"] = p.version;
    out["cached"] = p.cached;
  } else {
    out["error"] = p.error.empty() ? "not run" : p.error;
  }
  for (const auto& [name, unused] : p.arrays) out["arrays"][name] = fmt::format("{}-{:03}.npy", name, number);
  return out;
}

void write_result(const Common& common, const RunOptions& options, const Run& run) {
  const Experiment& e = run.experiment;
  const fs::path folder = fs::path(common.out) / e.name;
  std::vector<std::vector<std::string>> rows{columns_of(e)};
  bool complete = true;
  double computing = 0;
  Json jobs = Json::array();
  std::deque<std::string> names;
  std::vector<OutputFile> files;
  Json digests = Json::object();
  for (std::size_t i = 0; i < run.points.size(); ++i) {
    const Point& p = run.points[i];
    rows.insert(rows.end(), p.rows.begin(), p.rows.end());
    complete = complete && p.done;
    computing += p.seconds;
    jobs.push_back(job_document(e, p, i));
    for (const auto& [name, bytes] : p.arrays) {
      names.push_back(fmt::format("{}-{:03}.npy", name, i));
      files.push_back({names.back(), {bytes}});
      digests[names.back()] = sha256(bytes);
    }
  }
  const std::string csv = csv_text(rows);
  digests["measurements.csv"] = sha256(csv);
  Json manifest{{"command", "run"},
                {"experiment", e.name},
                {"title", e.title},
                {"question", e.question},
                {"paper", e.paper},
                {"claims", e.claims},
                {"figure", e.figure},
                {"draw", e.draw},
                {"axes", e.axes},
                {"size", size_of(options)},
                {"set", common.set},
                {"version", LML_VERSION},
                {"complete", complete},
                {"seconds", since(run.start)},
                {"computing_seconds", computing},
                {"jobs", jobs},
                {"files", digests}};
  const std::string text = dump(manifest, 1) + '\n';
  files.push_back({"measurements.csv", {csv}});
  files.push_back({"manifest.json", {text}});  // last: it says what the others are
  write_files(folder, files);
}

int list(const Common& common) {
  Json all = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (const std::string& name : experiment_names()) {
    Json sizes = Json::object();
    std::string jobs, cost;
    Experiment e;
    for (const char* size : {"quick", "normal", "full"}) {
      e = read_experiment(find_experiment(name), size, common.set);
      const std::size_t count = jobs_of(e).size();
      sizes[size] = {{"jobs", count}};
      if (e.cost > 0) sizes[size]["seconds"] = e.cost;
      jobs += (jobs.empty() ? "" : "/") + std::to_string(count);
      cost += (cost.empty() ? "" : " / ") + (e.cost > 0 ? duration_text(e.cost) : "?");
    }
    all.push_back({{"name", name},
                   {"title", e.title},
                   {"question", e.question},
                   {"paper", e.paper},
                   {"command", e.command},
                   {"claims", e.claims},
                   {"sizes", sizes}});
    rows.push_back({name, e.title + (e.paper.empty() ? "" : " (" + e.paper + ")")});
    rows.push_back({"", "  " + jobs + " jobs, " + cost});
  }
  if (common.json)
    print(dump(Json{{"experiments", all}}) + '\n');
  else
    print(table(rows, "l") + "\njobs and seconds of one core: --quick / normal / --full\n");
  return 0;
}

class Session {
 public:
  Session(Common common, const RunOptions& options)
      : common_(std::move(common)), options_(options), cache_(fs::path(common_.out) / "cache") {}

  int run(std::vector<Experiment> experiments) {
    const Clock::time_point start = Clock::now();
    for (Experiment& e : experiments) add(std::move(e));
    for (Run& r : runs_)
      if (r.waiting == 0) finish(r);
    const int signal = compute();
    for (Run& r : runs_)
      if (r.waiting > 0) finish(r);
    if (altered_) fmt::print(stderr, "{} answers in the cache were altered and are computed again\n", altered_);
    if (common_.json) print(dump(Json{{"experiments", documents_}, {"seconds", since(start)}}) + '\n');
    if (signal) return 128 + signal;
    return status_;
  }

 private:
  void add(Experiment e) {
    const fs::path folder = fs::absolute(e.file.folder);
    runs_.push_back({std::move(e), {}, 0, Clock::now()});
    Run& run = runs_.back();
    for (Job& job : jobs_of(run.experiment)) {
      Point p;
      p.key = cache_.key(job, folder);
      p.job = std::move(job);
      std::string altered;
      if (!options_.fresh)
        if (const auto answer = cache_.find(p.key, run.experiment.arrays, altered)) {
          p.cached = true;
          take(run.experiment, p, *answer);
        }
      altered_ += !altered.empty();
      run.points.push_back(std::move(p));
    }
    for (std::size_t i = 0; i < run.points.size(); ++i) {
      Point& p = run.points[i];
      if (p.done || !p.error.empty()) continue;
      ++run.waiting;
      const auto [place, fresh] = wanted_.insert({p.key, tasks_.size()});
      if (fresh) {
        Task task{{options_.program, p.job.command, "-", "--json", "--threads",
                   std::to_string(on_a_network(p.job) ? omp_get_max_threads() : 1)},
                  dump(p.job.spec),
                  folder.string(),
                  on_a_network(p.job)};
        task.argv.insert(task.argv.end(), p.job.options.begin(), p.job.options.end());
        tasks_.push_back(std::move(task));
        waiters_.emplace_back();
      }
      waiters_[place->second].push_back({&run, i});
    }
  }

  int compute() {
    if (tasks_.empty()) return 0;
    Progress progress("run");
    std::size_t done = 0;
    const auto show = [&] {
      progress.show(double(done) / double(tasks_.size()), fmt::format("{} of {} jobs", done, tasks_.size()));
    };
    show();
    return run_tasks(
        tasks_, omp_get_max_threads(),
        [&](std::size_t number, Outcome outcome) {
          ++done;
          receive(number, outcome);
        },
        show);
  }

  void receive(std::size_t number, const Outcome& outcome) {
    std::optional<Answer> answer;
    std::string error;
    int status = outcome.status;
    if (status == 0) try {
        answer = Answer{parse_json(outcome.output, "the answer"), program_version(), outcome.seconds, {}};
        const auto& [run, i] = waiters_[number].front();
        for (const std::string& name : run->experiment.arrays)
          answer->arrays[name] = array_bytes(run->experiment, answer->document, name, "");
        cache_.keep(run->points[i].key, run->points[i].job, *answer);
      } catch (const SpecError& e) {
        answer.reset();
        error = e.what();
        status = 2;
      }
    else
      error = failure(outcome);
    for (const auto& [run, i] : waiters_[number]) {
      Point& p = run->points[i];
      if (answer)
        take(run->experiment, p, *answer);
      else
        p.error = error, p.status = status;
      if (--run->waiting == 0) finish(*run);
    }
  }

  static std::string failure(const Outcome& outcome) {
    if (outcome.status > 128)
      return fmt::format("ended by signal {} ({})", outcome.status - 128, ::strsignal(outcome.status - 128));
    std::string text = outcome.errors;
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return one_line(text.substr(text.rfind('\n') + 1));
  }

  void finish(Run& run) {
    const Experiment& e = run.experiment;
    write_result(common_, options_, run);
    std::size_t done = 0, cached = 0;
    for (const Point& p : run.points) {
      done += p.done;
      cached += p.done && p.cached;
    }
    const std::string folder = (fs::path(common_.out) / e.name).string();
    Json failed = Json::array();
    for (const Point& p : run.points) {
      if (p.done || p.error.empty()) continue;
      if (failed.empty() || failed.back()["error"] != p.error)
        fmt::print(stderr, "{}: {} of {}: {}\n", e.name, p.job.command, dump(p.job.spec), p.error);
      failed.push_back({{"spec", p.job.spec}, {"error", p.error}});
      status_ = std::max(status_, p.status == 3 ? 3 : 2);
    }
    documents_.push_back({{"name", e.name},
                          {"folder", folder},
                          {"complete", done == run.points.size()},
                          {"jobs", run.points.size()},
                          {"cached", cached},
                          {"seconds", since(run.start)},
                          {"failed", failed}});
    if (!common_.json)
      print(fmt::format(
          "{}: {} jobs{}, {}: {}{}\n", e.name, run.points.size(),
          cached ? fmt::format(" ({} from the cache)", cached) : "", duration_text(since(run.start)), folder,
          done == run.points.size() ? "" : fmt::format(", INCOMPLETE: {} are missing", run.points.size() - done)));
    run.waiting = 0;
    run.points.clear();
  }

  Common common_;
  RunOptions options_;
  AnswerCache cache_;
  std::deque<Run> runs_;
  std::vector<Task> tasks_;
  std::vector<std::vector<std::pair<Run*, std::size_t>>> waiters_;  // of each task
  std::map<std::string, std::size_t> wanted_;                       // keys, and their tasks
  std::size_t altered_ = 0;
  Json documents_ = Json::array();
  int status_ = 0;
};

}  // namespace

int run_command(const Common& common, const RunOptions& options) {
  if (options.list) return list(common);
  Common kept = common;
  if (kept.out.empty()) kept.out = "results";
  require_folder(kept.out);
  RunOptions chosen = options;
  if (chosen.program.empty()) chosen.program = fs::read_symlink("/proc/self/exe").string();
  std::vector<std::string> names = options.names;
  if (std::find(names.begin(), names.end(), "all") != names.end()) names = experiment_names();
  if (names.empty()) throw UsageError("lml run: wants names of experiments, or all; lml run --list names them");
  std::vector<Experiment> experiments;
  std::set<std::string> seen;
  for (const std::string& name : names) {
    Experiment e = read_experiment(find_experiment(name), size_of(options), common.set);
    if (seen.insert(e.name).second) experiments.push_back(std::move(e));
  }
  if (const char* data = std::getenv("LML_DATA"); data && *data)
    ::setenv("LML_DATA", fs::absolute(data).c_str(), 1);  // jobs run in the folder of their file
  std::signal(SIGPIPE, SIG_IGN);
  return Session(kept, chosen).run(std::move(experiments));
}

}  // namespace lml
