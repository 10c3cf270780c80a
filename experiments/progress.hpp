// How far a long run is, on standard error: in place on a terminal, else a line now and then; nothing for a short run.
#pragma once
#include <chrono>
#include <string>

namespace lml {

class Progress {
 public:
  explicit Progress(std::string what);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// The share that is done; the time left is guessed from what was done since the first call.
  void show(double share, const std::string& beside = "");
  /// Makes room on the terminal for a line of something else.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  std::string what_;
  bool terminal_, shown_ = false;
  double first_share_ = -1;
  Clock::time_point first_, last_;
};

}  // namespace lml
