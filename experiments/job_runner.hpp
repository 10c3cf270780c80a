// Programs beside one another, each a process of its own: what one does to itself, by a crash or by a lack of memory,
// is that one's alone.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace lml {

struct Task {
  std::vector<std::string> argv;  // argv[0] is a path
  std::string input;              // its standard input
  std::string folder;             // where it runs
  bool alone = false;             // wants every processor; what it says is shown as it comes
  bool first = false;             // before those that are not
};

struct Outcome {
  int status = 0;  // exit status; 128 + the signal that ended it
  std::string output, errors;
  double seconds = 0;
};

/// Runs `tasks` in their order, at most `slots` at a time, those that are `alone` after the others. What `done` throws
/// ends the running ones. `tick` is called
/// several times a second. On SIGINT, SIGTERM or SIGHUP the running ones are ended and the
/// signal's number is returned; else 0.
int run_tasks(const std::vector<Task>& tasks, int slots, const std::function<void(std::size_t, Outcome)>& done,
              const std::function<void()>& tick);

}  // namespace lml
