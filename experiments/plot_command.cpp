#include "experiments/plot_command.hpp"

#include <unistd.h>

#include <cstring>
#include <vector>

#include "experiments/errors.hpp"

namespace lml {

void plot_command(const PlotOptions& options) {
  const std::string out = "--out=" + options.out;  // joined: it may begin with a hyphen
  std::vector<const char*> argv{"python3", LML_SOURCE_DIR "/plots/plot.py"};
  if (!options.out.empty()) argv.push_back(out.c_str());
  argv.insert(argv.end(), {"--", options.result.c_str(), nullptr});
  ::execvp(argv[0], const_cast<char**>(argv.data()));
  throw NotHere(std::string("python3: ") + std::strerror(errno) +
                "; figures need it:  sudo apt-get install -y --no-install-recommends python3-matplotlib");
}

}  // namespace lml
