#include "experiments/report_command.hpp"

#include <unistd.h>

#include <cstring>

#include "experiments/errors.hpp"

namespace lml {

void report_command(const ReportOptions& options) {
  // Joined: a value may begin with a hyphen.
  std::vector<std::string> words{"python3", LML_SOURCE_DIR "/plots/report", "--results=" + options.results};
  if (!options.out.empty()) words.push_back("--out=" + options.out);
  if (!options.findings.empty()) words.push_back("--findings=" + options.findings);
  if (!options.record.empty()) words.push_back("--record=" + options.record);
  std::vector<const char*> argv;
  for (const std::string& word : words) argv.push_back(word.c_str());
  argv.push_back(nullptr);
  ::execvp(argv[0], const_cast<char**>(argv.data()));
  throw NotHere(std::string("python3: ") + std::strerror(errno) +
                "; the report needs it:  sudo apt-get install -y --no-install-recommends python3");
}

std::vector<std::string> report_of_check(const std::string& folder, const std::string& target) {
  std::vector<std::string> argv{"python3", LML_SOURCE_DIR "/plots/report", "--check=" + folder,
                                "--out=" + folder + "/report.html"};
  if (!target.empty()) argv.push_back("--target=" + target);
  return argv;
}

}  // namespace lml
