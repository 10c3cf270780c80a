// The commands of `lml`. Each does its work, writes what was asked for and returns the exit status; bad input is thrown
// (errors.hpp) before anything is written.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace lml {

/// Options that all commands share.
struct Common {
  std::string spec;  // a file, `-`, or empty where --set gives everything
  bool json = false;
  std::string out;               // folder for results; empty: none
  std::vector<std::string> set;  // key.path=value
  std::uint64_t seed = 0;
  std::string device = "cpu";          // cpu or cuda; only networks run on the latter
  std::vector<std::string> arguments;  // as typed, for the manifest
};

int score_command(const Common& common);
int bound_command(const Common& common);
int stationary_command(const Common& common);
int gap_command(const Common& common);
int converge_command(const Common& common);
int sample_command(const Common& common);
int compare_command(const Common& common);
int evaluate_command(const Common& common);
int targets_command(const Common& common);

}  // namespace lml
