#include "experiments/report_command.hpp"

#include <unistd.h>

#include <cstring>

#include "experiments/errors.hpp"

namespace lml {

void report_command(const ReportOptions& options) {
  std::vector<const char*> argv{"python3", LML_SOURCE_DIR "/plots/report", "--results", options.results.c_str()};
  if (!options.out.empty()) argv.insert(argv.end(), {"--out", options.out.c_str()});
  if (!options.findings.empty()) argv.insert(argv.end(), {"--findings", options.findings.c_str()});
  if (!options.record.empty()) argv.insert(argv.end(), {"--record", options.record.c_str()});
  argv.push_back(nullptr);
  ::execvp(argv[0], const_cast<char**>(argv.data()));
  throw NotHere(std::string("python3: ") + std::strerror(errno) +
                "; the report needs it:  sudo apt-get install -y --no-install-recommends python3");
}

std::vector<std::string> report_of_check(const std::string& folder, const std::string& target) {
  std::vector<std::string> argv{"python3", LML_SOURCE_DIR "/plots/report", "--check", folder,
                                "--out",   folder + "/report.html"};
  if (!target.empty()) argv.push_back("--target=" + target);
  return argv;
}

}  // namespace lml
