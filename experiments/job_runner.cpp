#include "experiments/job_runner.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <deque>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace lml {
namespace {

using Clock = std::chrono::steady_clock;

// A file in memory.
class Memory {
 public:
  explicit Memory(std::string_view text = {}) : file_(::memfd_create("job", MFD_CLOEXEC)) {
    if (file_ < 0) throw std::runtime_error(std::string("no file in memory: ") + std::strerror(errno));
    while (!text.empty()) {
      const ssize_t n = ::write(file_, text.data(), text.size());
      if (n < 0) throw std::runtime_error(std::string("no file in memory: ") + std::strerror(errno));
      text.remove_prefix(std::size_t(n));
    }
    ::lseek(file_, 0, SEEK_SET);
  }
  Memory(Memory&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  Memory& operator=(Memory&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~Memory() {
    if (file_ >= 0) ::close(file_);
  }
  int number() const { return file_; }
  std::string text() const {
    std::string out(std::size_t(std::max<off_t>(::lseek(file_, 0, SEEK_END), 0)), '\0');
    std::size_t got = 0;
    for (ssize_t n = 0; got < out.size() && (n = ::pread(file_, out.data() + got, out.size() - got, off_t(got))) > 0;)
      got += std::size_t(n);
    out.resize(got);
    return out;
  }

 private:
  int file_;
};

struct Running {
  std::size_t task;
  pid_t process;
  Memory output, errors;
  Clock::time_point start;
  off_t shown = 0;  // of what it said

  void show() {
    char text[4096];
    for (ssize_t n = 0; (n = ::pread(errors.number(), text, sizeof text, shown)) > 0; shown += n)
      if (::write(STDERR_FILENO, text, std::size_t(n)) < 0) return;
  }
};

// A job is no part of an mpirun that this program may be one of.
std::vector<char*> environment() {
  std::vector<char*> out;
  for (char** entry = environ; *entry; ++entry) {
    const std::string_view text = *entry;
    const auto begins = [&](std::string_view word) { return text.starts_with(word); };
    if (!begins("OMPI_") && !begins("PMIX_") && !begins("PMI_") && !begins("OPAL_")) out.push_back(*entry);
  }
  out.push_back(nullptr);
  return out;
}

Running start(const std::vector<Task>& tasks, std::size_t number) {
  const Task& task = tasks[number];
  std::vector<char*> argv;
  for (const std::string& a : task.argv) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  const std::vector<char*> variables = environment();
  const Memory input(task.input);
  Running out{number, 0, Memory(), Memory(), Clock::now(), 0};
  const pid_t parent = ::getpid();
  out.process = ::fork();
  if (out.process < 0) throw std::runtime_error(std::string("no process can be started: ") + std::strerror(errno));
  if (out.process > 0) return out;
  // Ctrl-C on a terminal reaches the whole group; it is the parent that decides.
  std::signal(SIGINT, SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() == parent && (task.folder.empty() || ::chdir(task.folder.c_str()) == 0) &&
      ::dup2(input.number(), STDIN_FILENO) >= 0 && ::dup2(out.output.number(), STDOUT_FILENO) >= 0 &&
      ::dup2(out.errors.number(), STDERR_FILENO) >= 0)
    ::execve(argv[0], argv.data(), variables.data());
  const char* why = std::strerror(errno);
  if (::write(STDERR_FILENO, why, std::strlen(why))) {
  }
  ::_exit(127);
}

Outcome outcome_of(const Running& r, int status) {
  Outcome out;
  out.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  out.output = r.output.text();
  out.errors = r.errors.text();
  out.seconds = std::chrono::duration<double>(Clock::now() - r.start).count();
  return out;
}

void stop(const std::vector<Running>& running) {
  for (const Running& r : running) ::kill(r.process, SIGTERM);
  const Clock::time_point limit = Clock::now() + std::chrono::seconds(3);
  for (const Running& r : running) {
    while (::waitpid(r.process, nullptr, WNOHANG) == 0) {
      if (Clock::now() > limit) ::kill(r.process, SIGKILL);
      ::usleep(10000);
    }
  }
}

// Blocks what the loop waits for, for as long as it runs.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (int s : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&set_, s);
    ::pthread_sigmask(SIG_BLOCK, &set_, &before_);
  }
  ~Signals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  int wait() const {
    const timespec limit{0, 200'000'000};
    return ::sigtimedwait(&set_, nullptr, &limit);
  }

 private:
  sigset_t set_, before_;
};

}  // namespace

int run_tasks(const std::vector<Task>& tasks, int slots, const std::function<void(std::size_t, Outcome)>& done,
              const std::function<void()>& tick) {
  std::vector<std::size_t> order;
  for (const bool first : {true, false})
    for (const bool alone : {false, true})
      for (std::size_t i = 0; i < tasks.size(); ++i)
        if (tasks[i].alone == alone && tasks[i].first == first) order.push_back(i);
  const Signals signals;
  std::vector<Running> running;
  std::deque<std::pair<std::size_t, Outcome>> ended;
  std::size_t next = 0;
  const auto fill = [&] {
    while (next < order.size() && (tasks[order[next]].alone ? running.empty() : running.size() < std::size_t(slots)))
      running.push_back(start(tasks, order[next++]));
  };
  try {
    for (fill(); !running.empty();) {
      const int signal = signals.wait();
      if (signal == SIGINT || signal == SIGTERM || signal == SIGHUP) {
        stop(running);
        return signal;
      }
      for (std::size_t i = 0; i < running.size();) {
        int status = 0;
        if (tasks[running[i].task].alone) running[i].show();
        if (::waitpid(running[i].process, &status, WNOHANG) == 0) {
          ++i;
          continue;
        }
        ended.emplace_back(running[i].task, outcome_of(running[i], status));
        running.erase(running.begin() + std::ptrdiff_t(i));
      }
      fill();  // before the answers are looked at, so that no processor waits for that
      while (!ended.empty()) {
        auto [task, outcome] = std::move(ended.front());
        ended.pop_front();
        done(task, std::move(outcome));
      }
      tick();
    }
  } catch (...) {
    stop(running);
    throw;
  }
  return 0;
}

}  // namespace lml
