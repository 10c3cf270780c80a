#include "experiments/hand_over.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "experiments/errors.hpp"

namespace lml {
namespace {

void put_on_standard_input(const std::string& text) {
  const int file = ::memfd_create("spec", 0);
  bool good = file >= 0;
  for (std::size_t written = 0; good && written < text.size();) {
    const ssize_t n = ::write(file, text.data() + written, text.size() - written);
    good = n > 0;
    written += std::size_t(n > 0 ? n : 0);
  }
  if (!good || ::lseek(file, 0, SEEK_SET) < 0 || ::dup2(file, STDIN_FILENO) < 0)
    throw UsageError("lml: the spec cannot be handed to lml-torch");
  ::close(file);
}

}  // namespace

void hand_over(const Common& common, const Document* document) {
  if (document && document->name == "-") put_on_standard_input(dump(*document->root));
  std::vector<std::string> arguments;
  const char* launcher = std::getenv("LML_LAUNCHER");
  if (launcher && *launcher) {
    arguments = {launcher, "--torch"};
  } else {
    std::error_code none;
    const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", none);
    arguments = {self.parent_path().parent_path() / "samplers" / "torch" / "lml-torch"};
  }
  arguments.insert(arguments.end(), common.arguments.begin(), common.arguments.end());
  std::vector<char*> argv;
  for (std::string& a : arguments) argv.push_back(a.data());
  argv.push_back(nullptr);
  ::execv(argv[0], argv.data());
  throw NotHere(
      "lml: networks need the LibTorch part: call lml through ./lml, which sets it up, or configure the build "
      "with -DLML_TORCH=ON");
}

}  // namespace lml
