#include "experiments/bench_tools.hpp"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "experiments/errors.hpp"
#include "experiments/subprocess.hpp"

namespace lml {

namespace fs = std::filesystem;

std::string fixed(double value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

std::string run_peers(const std::string& environment, const std::string& script,
                      const std::vector<std::string>& arguments, const fs::path& result) {
  const fs::path scripts = LML_BENCH_SCRIPTS, folder = fs::path(LML_BUILD) / environment;
  try {
    run_program({"python3", (scripts / "setup_peers.py").string(), folder.string(), environment});
  } catch (const std::runtime_error& e) {
    throw NotHere(std::string("the peers could not be set up (python3 with venv and access to PyPI): ") + e.what());
  }
  std::vector<std::string> command{(folder / "bin" / "python").string(), (scripts / script).string()};
  command.insert(command.end(), arguments.begin(), arguments.end());
  run_program(command);
  std::ifstream file(result);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

}  // namespace lml
