// The way to the program that runs networks, with a script in its place.
#include "experiments/hand_over.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "experiments/errors.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

class HandOver : public testing::Test {
 protected:
  ~HandOver() override { ::unsetenv("LML_LAUNCHER"); }
  // A launcher that does as the text says.
  void launcher(const std::string& text) {
    const std::filesystem::path script = files_.write("launcher", "#!/bin/sh\n" + text);
    std::filesystem::permissions(script, std::filesystem::perms::owner_all);
    ::setenv("LML_LAUNCHER", script.c_str(), 1);
  }
  test::Folder files_;
};

TEST_F(HandOver, AnswersAreWhatTheProgramPrintsOfTheSpec) {
  launcher("echo \"$@\"; cat; echo to the screen >&2\n");
  EXPECT_EQ(ask_networks("compare", R"({"a": 1})", {"--threads", "1"}),
            "--torch compare - --json --threads 1\n{\"a\": 1}");
}

TEST_F(HandOver, ALongAnswerArrivesWhole) {
  launcher("head -c 1000000 /dev/zero\n");
  EXPECT_EQ(ask_networks("compare", "{}").size(), 1000000u);
}

TEST_F(HandOver, FailuresAreToldFromWhatIsNotHere) {
  launcher("exit 3\n");
  EXPECT_THROW(ask_networks("compare", "{}"), NotHere);
  launcher("exit 2\n");
  EXPECT_THROW(ask_networks("compare", "{}"), std::runtime_error);
  ::setenv("LML_LAUNCHER", (files_.path() / "none").c_str(), 1);
  EXPECT_THROW(ask_networks("compare", "{}"), NotHere);
}

// The program replaces this one, so a child does it: standard input is the spec again, the arguments are the same.
TEST_F(HandOver, ADocumentFromStandardInputIsThereAgain) {
  launcher("read spec; [ \"${spec#*model}\" != \"$spec\" ] && [ \"$*\" = '--torch sample - --seed 3' ] && exit 7\n");
  const pid_t child = ::fork();
  if (child == 0) {
    Common common;
    common.arguments = {"sample", "-", "--seed", "3"};
    const Document document = parse_document(R"({"model": "m"})");
    try {
      hand_over(common, &document);
    } catch (...) {
    }
    ::_exit(1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 7);
}

}  // namespace
}  // namespace lml
