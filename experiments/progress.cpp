#include "experiments/progress.hpp"

#include <unistd.h>

#include <cstdio>

namespace lml {
namespace {

constexpr double quiet = 2, between_frames = 0.2, between_lines = 30;  // seconds

std::string readable(double seconds) {
  char text[32];
  if (seconds < 100)
    std::snprintf(text, sizeof text, "%.0f s", seconds);
  else if (seconds < 6000)
    std::snprintf(text, sizeof text, "%.0f min", seconds / 60);
  else
    std::snprintf(text, sizeof text, "%.1f h", seconds / 3600);
  return text;
}

double seconds_between(std::chrono::steady_clock::time_point from, std::chrono::steady_clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

}  // namespace

Progress::Progress(std::string what)
    : what_(std::move(what)), terminal_(::isatty(STDERR_FILENO) == 1), first_(Clock::now()), last_(first_) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (shown_ && terminal_) std::fputs("\r\033[K", stderr);
  shown_ = false;
}

void Progress::show(double share, const std::string& beside) {
  const Clock::time_point now = Clock::now();
  if (first_share_ < 0) {
    first_share_ = share;
    first_ = now;
  }
  const double spent = seconds_between(first_, now);
  const bool due = seconds_between(last_, now) >= (terminal_ ? between_frames : between_lines);
  if (spent < quiet || !due || !(share > first_share_)) return;
  last_ = now;
  shown_ = true;
  const double left = spent * (1 - share) / (share - first_share_);
  std::fprintf(stderr, "%s%s: %.0f%%, %s left%s%s%s", terminal_ ? "\r\033[K" : "", what_.c_str(), 100 * share,
               readable(left).c_str(), beside.empty() ? "" : ", ", beside.c_str(), terminal_ ? "" : "\n");
  std::fflush(stderr);
}

}  // namespace lml
