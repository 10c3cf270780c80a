#include "experiments/hand_over.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "experiments/errors.hpp"

extern char** environ;

namespace lml {
namespace {

// A file in memory that holds `text`, to be read from its beginning; -1 on failure.
int file_of(const std::string& text) {
  const int file = ::memfd_create("spec", MFD_CLOEXEC);
  for (std::size_t written = 0; file >= 0 && written < text.size();) {
    const ssize_t n = ::write(file, text.data() + written, text.size() - written);
    if (n <= 0) return ::close(file), -1;
    written += std::size_t(n);
  }
  if (file >= 0) ::lseek(file, 0, SEEK_SET);
  return file;
}

// The program, or the launcher that brings it, and its first arguments.
std::vector<std::string> program() {
  if (const char* launcher = std::getenv("LML_LAUNCHER"); launcher && *launcher) return {launcher, "--torch"};
  std::error_code none;
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe", none);
  return {self.parent_path().parent_path() / "samplers" / "torch" / "lml-torch"};
}

std::vector<char*> pointers(std::vector<std::string>& arguments) {
  std::vector<char*> out;
  for (std::string& a : arguments) out.push_back(a.data());
  out.push_back(nullptr);
  return out;
}

constexpr const char* how_to_get_it =
    "lml: networks need the LibTorch part: call lml through ./lml, which sets it up, or configure the build with "
    "-DLML_TORCH=ON";

}  // namespace

void hand_over(const Common& common, const Document* document) {
  if (document && document->name == "-") {
    const int file = file_of(dump(*document->root));
    if (file < 0 || ::dup2(file, STDIN_FILENO) < 0) throw UsageError("lml: the spec cannot be handed to lml-torch");
  }
  std::vector<std::string> arguments = program();
  arguments.insert(arguments.end(), common.arguments.begin(), common.arguments.end());
  const std::vector<char*> argv = pointers(arguments);
  ::execv(argv[0], argv.data());
  throw NotHere(how_to_get_it);
}

std::string ask_networks(const std::string& command, const std::string& spec, const std::vector<std::string>& more) {
  std::vector<std::string> arguments = program();
  arguments.insert(arguments.end(), {command, "-", "--json"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  const std::vector<char*> argv = pointers(arguments);
  if (::access(argv[0], X_OK) != 0) throw NotHere(how_to_get_it);
  const int in = file_of(spec);
  int pipe[2];
  if (in < 0 || ::pipe2(pipe, O_CLOEXEC) != 0) throw std::runtime_error("no pipe to lml-torch");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, pipe[1], STDOUT_FILENO);
  pid_t child = 0;
  const int error = posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  ::close(pipe[1]);
  ::close(in);
  std::string out;
  char buffer[1 << 16];
  for (ssize_t n; !error && ((n = ::read(pipe[0], buffer, sizeof buffer)) > 0 || (n < 0 && errno == EINTR));)
    if (n > 0) out.append(buffer, std::size_t(n));
  ::close(pipe[0]);
  int status = 0;
  while (!error && ::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (error) throw NotHere(how_to_get_it);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 3)
    throw NotHere(
        "what this needs could not be set up: what the launcher said stands before this (networks want LibTorch; "
        "LML_TORCH=off leaves it away)");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error("lml-torch " + command + " failed");
  return out;
}

}  // namespace lml
