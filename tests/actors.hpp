// Processes played by threads: what mpirun does, within one test.
#pragma once
#include <barrier>
#include <vector>

#include "dynamics/processes.hpp"

namespace lml::test {

struct Meeting {
  explicit Meeting(int n) : parts(std::size_t(n)), all_here(n) {}
  std::vector<std::vector<double>> parts;
  std::barrier<> all_here;
};

class Actor : public Processes {
 public:
  Actor(Meeting& meeting, int rank) : meeting_(meeting), rank_(rank) {}
  int rank() const override { return rank_; }
  int count() const override { return int(meeting_.parts.size()); }
  std::vector<double> gather(const std::vector<double>& mine) const override {
    meeting_.parts[std::size_t(rank_)] = mine;
    meeting_.all_here.arrive_and_wait();
    std::vector<double> all;
    if (rank_ == 0)
      for (const auto& part : meeting_.parts) all.insert(all.end(), part.begin(), part.end());
    meeting_.all_here.arrive_and_wait();
    return all;
  }
  std::vector<double> broadcast(const std::vector<double>& first) const override {
    if (rank_ == 0) meeting_.parts[0] = first;
    meeting_.all_here.arrive_and_wait();
    const std::vector<double> out = meeting_.parts[0];
    meeting_.all_here.arrive_and_wait();
    return out;
  }

 private:
  Meeting& meeting_;
  int rank_;
};

}  // namespace lml::test
