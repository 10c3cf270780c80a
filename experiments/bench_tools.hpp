// What the benchmarks share.
#pragma once
#include <omp.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace lml {

struct Seconds {
  double best, median;
};

/// Wall time of `call` over repeats for about `budget` seconds, after one that does not count.
template <class F>
Seconds measure(double budget, F&& call) {
  call();
  std::vector<double> all;
  for (double spent = 0; all.size() < 3 || (spent < budget && all.size() < 200); spent += all.back()) {
    const auto start = std::chrono::steady_clock::now();
    call();
    all.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(all.begin(), all.end());
  return {all.front(), all[all.size() / 2]};
}

class WithThreads {
 public:
  explicit WithThreads(int n) : before_(omp_get_max_threads()) { omp_set_num_threads(n); }
  ~WithThreads() { omp_set_num_threads(before_); }
  WithThreads(const WithThreads&) = delete;
  WithThreads& operator=(const WithThreads&) = delete;

 private:
  int before_;
};

std::string fixed(double value, int digits);

/// Runs `script` of experiments/bench in the virtual environment build/<environment> (a set of setup_peers.py), which
/// is made first where it is missing, and returns what it wrote into `result`. Throws NotHere.
std::string run_peers(const std::string& environment, const std::string& script,
                      const std::vector<std::string>& arguments, const std::filesystem::path& result);

}  // namespace lml
