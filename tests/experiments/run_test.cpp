// `lml run`, with a script in the place of the program that answers specs: it says what it was asked, and counts.
#include <gtest/gtest.h>
#include <omp.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "experiments/answer_cache.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "experiments/run_command.hpp"
#include "experiments/sha256.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

const char* experiment = R"(title = "t"
question = "q"
paper = ""
command = "stationary"
figure = "law_on_line"
[spec]
target = {kind = "points", file = "x.npy"}
[[vary]]
name = "damping"
key = "metric.damping"
values = [1, 2, 3, 4]
[[measure]]
name = "chi2"
value = "/chi2"
)";

// Answers with the damping that it was asked for; notes every call.
const char* program = R"(#!/bin/sh
here=$(dirname "$0")
spec=$(cat)
damping=$(echo "$spec" | sed 's/.*"damping":\([0-9]*\).*/\1/')
echo "$damping" >> "$here/calls"
. "$here/trick"
echo "{\"chi2\": $damping}"
)";

class RunCommand : public testing::Test {
 protected:
  RunCommand() {
    files_.write("mine.toml", experiment);
    files_.write("x.npy", "data");
    trick("");
    fs::permissions(files_.write("program", program), fs::perms::owner_all);
    common_.out = (files_.path() / "out").string();
    common_.json = true;
    options_.names = {(files_.path() / "mine.toml").string()};
    options_.program = (files_.path() / "program").string();
  }
  ~RunCommand() override { omp_set_num_threads(threads_); }
  // What the program does before it answers.
  void trick(const std::string& text) { files_.write("trick", text); }
  int run() {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    int status = -1;
    std::string thrown;
    try {
      status = run_command(common_, options_);
    } catch (const std::exception& e) {
      thrown = e.what();
    }
    said_ = testing::internal::GetCapturedStderr();
    const std::string printed = testing::internal::GetCapturedStdout();
    if (thrown.empty())
      document_ = parse_json(printed, "document")["experiments"][0];
    else
      ADD_FAILURE() << thrown;
    return status;
  }
  // The same in a process of its own, which is sent `signal` once `calls` jobs have begun.
  int run_and_signal(int signal, std::size_t calls) {
    const pid_t child = ::fork();
    if (child == 0) {
      if (!std::freopen("/dev/null", "w", stdout) || !std::freopen("/dev/null", "w", stderr)) ::_exit(99);
      ::_exit(run_command(common_, options_));
    }
    while (this->calls() < calls) ::usleep(10000);
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  // What run_command throws in a process of its own after `prepare`.
  std::string refusal_of(const std::function<bool()>& prepare) {
    int pipe[2];
    EXPECT_EQ(::pipe(pipe), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      std::string said = "nothing";
      try {
        if (prepare()) run_command(common_, options_);
      } catch (const std::exception& e) {
        said = e.what();
      }
      ::_exit(::write(pipe[1], said.data(), said.size()) < 0);
    }
    ::close(pipe[1]);
    ::waitpid(child, nullptr, 0);
    std::string said(1000, '\0');
    said.resize(std::size_t(std::max<ssize_t>(0, ::read(pipe[0], said.data(), said.size()))));
    ::close(pipe[0]);
    return said;
  }
  std::size_t calls() const {
    const std::string text = text_of(files_.path() / "calls");
    return std::size_t(std::count(text.begin(), text.end(), '\n'));
  }
  fs::path result() const { return fs::path(common_.out) / "mine"; }
  std::string csv() const { return text_of(result() / "measurements.csv"); }
  Json manifest() const { return parse_json(text_of(result() / "manifest.json"), "manifest"); }
  std::vector<fs::path> answers() const {
    std::vector<fs::path> out;
    for (const auto& entry : fs::directory_iterator(fs::path(common_.out) / "cache"))
      if (entry.path().filename() != "digests.json") out.push_back(entry.path());
    return out;
  }

  const int threads_ = omp_get_max_threads();
  test::Folder files_;
  Common common_;
  RunOptions options_;
  std::string said_;
  Json document_;
};

TEST_F(RunCommand, AnAnswerBecomesARowAndTheManifestVouchesForTheFile) {
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(csv(), "damping,measure,value,error\n1,chi2,1,\n2,chi2,2,\n3,chi2,3,\n4,chi2,4,\n");
  const Json m = manifest();
  EXPECT_EQ(m["complete"], true);
  EXPECT_EQ(m["files"]["measurements.csv"], sha256(csv()));
  EXPECT_EQ(m["jobs"].size(), 4u);
  EXPECT_EQ(m["jobs"][2]["vary"]["damping"], "3");
  EXPECT_EQ(m["jobs"][2]["cached"], false);
}

TEST_F(RunCommand, AFileInTheCurrentFolderNeedsNoPath) {
  const fs::path before = fs::current_path();
  fs::current_path(files_.path());
  options_.names = {"mine.toml"};
  const int status = run();
  fs::current_path(before);
  EXPECT_EQ(status, 0) << said_;
}

TEST_F(RunCommand, ASecondRunComputesNothingAndWritesTheSameBits) {
  run();
  const std::string before = csv();
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(calls(), 4u);
  EXPECT_EQ(document_["cached"], 4);
  EXPECT_EQ(csv(), before);
  options_.fresh = true;
  run();
  EXPECT_EQ(calls(), 8u);
}

TEST_F(RunCommand, OnlyWhatIsNewIsComputed) {
  run();
  common_.set = {"damping=[3,4,5]"};
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(calls(), 5u);
  EXPECT_EQ(csv(), "damping,measure,value,error\n3,chi2,3,\n4,chi2,4,\n5,chi2,5,\n");
  EXPECT_EQ(manifest()["set"][0], "damping=[3,4,5]");
}

TEST_F(RunCommand, AFileThatTheSpecNamesCountsByItsContent) {
  run();
  files_.write("x.npy", "atad");
  run();
  EXPECT_EQ(calls(), 8u);
  files_.write("x.npy", "data");
  run();
  EXPECT_EQ(calls(), 8u);
}

TEST_F(RunCommand, AnAlteredAnswerIsToldAndComputedAgain) {
  run();
  const std::string before = csv();
  std::string text = text_of(answers()[0]);
  text[text.find("chi2\":") + 6] = '9';
  std::ofstream(answers()[0], std::ios::binary) << text;
  std::ofstream(answers()[1], std::ios::binary | std::ios::trunc) << "{";
  EXPECT_EQ(run(), 0);
  EXPECT_NE(said_.find("2 answers in the cache are altered"), std::string::npos) << said_;
  EXPECT_EQ(calls(), 6u);
  EXPECT_EQ(csv(), before);
}

TEST_F(RunCommand, AnAnswerOfAnotherVersionIsUsedAndTold) {
  run();
  const fs::path file = answers()[0];
  std::string text = text_of(file);
  const std::size_t at = text.find("\"version\":\"") + 11;
  text.replace(at, text.find('"', at) - at, "0.0.1");
  text.replace(11, 64, sha256(text.substr(75)));
  std::ofstream(file, std::ios::binary) << text;
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(calls(), 4u);
  EXPECT_NE(said_.find("1 answer of 4 from another version: 0.0.1"), std::string::npos) << said_;
}

TEST_F(RunCommand, AJobThatFailsIsItsOwnAndNamedWithItsLine) {
  trick(
      "[ $damping = 2 ] && echo '-: /metric/damping: must be odd' >&2 && exit 2\n[ $damping = 3 ] && kill -SEGV $$\n");
  EXPECT_EQ(run(), 2);
  EXPECT_NE(said_.find("mine.toml:8: /vary/0: must be odd"), std::string::npos) << said_;
  EXPECT_NE(said_.find("ended by signal 11"), std::string::npos) << said_;
  EXPECT_NE(said_.find("\"damping\":3"), std::string::npos) << said_;
  EXPECT_EQ(csv(), "damping,measure,value,error\n1,chi2,1,\n4,chi2,4,\n");
  EXPECT_EQ(manifest()["complete"], false);
  trick("");
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(calls(), 6u);
  EXPECT_EQ(manifest()["complete"], true);
}

TEST_F(RunCommand, AnAnswerThatIsNoDocumentIsAFailure) {
  trick("[ $damping = 4 ] && echo '{\"chi2\": nan}' && exit 0\n");
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(document_["failures"].size(), 1u);
}

TEST_F(RunCommand, WhatIsNotHereIsStatus3AndSaysHowToGetIt) {
  trick("echo 'apt-get install it' >&2\nexit 3\n");
  EXPECT_EQ(run(), 3);
  EXPECT_NE(said_.find("apt-get install it"), std::string::npos);
  EXPECT_EQ(manifest()["complete"], false);
}

TEST_F(RunCommand, AWholeResultOutlivesARunThatLacksSomething) {
  run();
  const std::string before = csv();
  options_.fresh = true;
  trick("exit 3\n");
  EXPECT_EQ(run(), 3);
  EXPECT_EQ(csv(), before);
  trick("exit 1\n");
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(csv(), before);
}

TEST_F(RunCommand, FilesOutsideTheFolderAreNotRemovedWhateverAManifestSays) {
  run();
  const fs::path victim = result().parent_path() / "victim";
  std::ofstream(victim) << "mine";
  std::ifstream in(result() / "manifest.json");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const std::string files = "\"files\": {";
  text.insert(text.find(files) + files.size(), "\"000/../../victim\": \"0\",");
  std::ofstream(result() / "manifest.json") << text;
  options_.fresh = true;
  run();
  EXPECT_TRUE(fs::exists(victim));
  EXPECT_EQ(manifest()["complete"], true);
}

TEST_F(RunCommand, AKilledRunGoesOnWhereItWas) {
  omp_set_num_threads(1);
  trick("[ $damping = 3 ] && sleep 60\n");
  EXPECT_EQ(run_and_signal(SIGKILL, 3), -SIGKILL);
  EXPECT_FALSE(fs::exists(result()));
  trick("");
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(document_["cached"], 2);
  EXPECT_EQ(csv(), "damping,measure,value,error\n1,chi2,1,\n2,chi2,2,\n3,chi2,3,\n4,chi2,4,\n");
}

TEST_F(RunCommand, CtrlCLeavesAResultThatSaysWhatIsMissing) {
  omp_set_num_threads(1);
  trick("[ $damping = 3 ] && sleep 60\n");
  EXPECT_EQ(run_and_signal(SIGINT, 3), 130);
  EXPECT_EQ(manifest()["complete"], false);
  EXPECT_EQ(csv(), "damping,measure,value,error\n1,chi2,1,\n2,chi2,2,\n");
  trick("");
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(document_["cached"], 2);
  EXPECT_EQ(manifest()["complete"], true);
}

TEST_F(RunCommand, ThreadsDoNotChangeABit) {
  omp_set_num_threads(1);
  run();
  const std::string one = csv();
  options_.fresh = true;
  omp_set_num_threads(3);
  run();
  EXPECT_EQ(csv(), one);
}

TEST_F(RunCommand, FilesOfAJobAreKeptAndCached) {
  files_.write("mine.toml", std::string("files = true\n") + experiment);
  trick(
      "while [ \"$1\" != --out ]; do shift; done\nmkdir -p \"$2\"\nprintf picture$damping > \"$2/run.png\"\n"
      "echo {} > \"$2/manifest.json\"\n");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(run(), 0) << said_;
    EXPECT_EQ(text_of(result() / "002" / "run.png"), "picture3");
    EXPECT_FALSE(fs::exists(result() / "002" / "manifest.json"));
    EXPECT_EQ(manifest()["jobs"][2]["folder"], "002");
    EXPECT_EQ(manifest()["files"]["002/run.png"], sha256("picture3"));
  }
  EXPECT_EQ(calls(), 4u);
  // What an earlier result left is taken away.
  common_.set = {"damping=[1]"};
  run();
  EXPECT_TRUE(fs::exists(result() / "000"));
  EXPECT_FALSE(fs::exists(result() / "002"));
}

// All of a result is written, or none of it.
TEST_F(RunCommand, AResultThatCannotBeWrittenLeavesTheOldOneWhole) {
  files_.write("mine.toml", std::string("files = true\n") + experiment);
  const std::string picture = "while [ \"$1\" != --out ]; do shift; done\nmkdir -p \"$2\"\nprintf ";
  trick(picture + "old > \"$2/run.png\"\n");
  run();
  options_.fresh = true;
  trick(picture + "new > \"$2/run.png\"\n");
  fs::rename(result() / "002", result() / "aside");
  std::ofstream(result() / "002") << "in the way";
  const std::string refusal = refusal_of([] { return true; });
  EXPECT_NE(refusal.find("002: cannot be written: Not a directory"), std::string::npos) << refusal;
  EXPECT_EQ(text_of(result() / "000" / "run.png"), "old");
  fs::remove(result() / "002");
  fs::create_directories(result() / "002" / "run.png");
  EXPECT_NE(refusal_of([] { return true; }).find("run.png: cannot be written: Is a directory"), std::string::npos);
  EXPECT_EQ(text_of(result() / "000" / "run.png"), "old");
  EXPECT_EQ(manifest()["files"]["000/run.png"], sha256("old"));
}

TEST_F(RunCommand, AnExperimentThatNeedsWhatIsNotHereIsLeftOut) {
  files_.write("mine.toml", std::string("needs = [\"no-such-model\"]\n") + experiment);
  EXPECT_EQ(run(), 3);
  EXPECT_NE(said_.find("no-such-model is not here: set LML_DATA"), std::string::npos) << said_;
  EXPECT_EQ(calls(), 0u);
  EXPECT_FALSE(fs::exists(result()));
}

TEST_F(RunCommand, ASizeThatAnExperimentDoesNotHaveIsRefused) {
  files_.write("mine.toml", std::string("sizes = [\"full\"]\n") + experiment);
  EXPECT_THROW(run_command(common_, options_), UsageError);
}

// The command's own suggestion does not know the experiment's columns.
TEST_F(RunCommand, AKeyOfSetThatNoOneKnowsIsRefusedOnceWithTheNearestColumn) {
  omp_set_num_threads(1);
  trick("case \"$spec\" in *colour*|*dampin\\\"*) echo '-: /dampin: unknown key; known: target' >&2; exit 2;; esac\n");
  common_.set = {"dampin=7"};
  EXPECT_EQ(refusal_of([] { return true; }), "mine: --set: /dampin: unknown key, did you mean damping?");
  EXPECT_EQ(calls(), 1u);
  EXPECT_FALSE(fs::exists(common_.out));
  trick("[ $damping = 1 ] && echo '-: /colour: unknown key; known: target' >&2 && exit 2\n");
  common_.set = {"colour=1"};
  EXPECT_EQ(refusal_of([] { return true; }), "mine: --set: /colour: unknown key; known: target; columns: damping");
  trick("");
  EXPECT_EQ(run(), 0);  // a key that the command knows, and the file does not have
  EXPECT_EQ(manifest()["jobs"][0]["spec"]["colour"], 1);
}

TEST_F(RunCommand, AValueOfSetThatTheFirstJobRefusesIsRefusedForAll) {
  trick("[ $damping = 7 ] && echo '-: /metric/damping: must be even' >&2 && exit 2\n");
  common_.set = {"damping=[7,8]"};
  EXPECT_EQ(refusal_of([] { return true; }), "mine: --set: /damping: must be even");
  EXPECT_FALSE(fs::exists(result()));
  common_.set = {"damping=[8,7]"};  // where it is one of several, the others have answers
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(csv(), "damping,measure,value,error\n8,chi2,8,\n");
}

TEST_F(RunCommand, AFileOfTheNameOfOneOfTheProjectsIsRefused) {
  options_.names = {files_.write("fig9.toml", experiment)};
  const std::string refusal = refusal_of([] { return true; });
  EXPECT_NE(refusal.find("fig9.toml: has the name of the project's own experiment fig9"), std::string::npos) << refusal;
  fs::create_directory(files_.path() / "b");
  files_.write("b/mine.toml", experiment);
  options_.names = {(files_.path() / "mine.toml").string(), (files_.path() / "b" / "mine.toml").string()};
  EXPECT_NE(refusal_of([] { return true; }).find("two files of the name mine"), std::string::npos);
  fs::create_directory(files_.path() / "d.toml");
  options_.names = {files_.path() / "d.toml"};
  EXPECT_NE(refusal_of([] { return true; }).find("d.toml: /: is a folder"), std::string::npos);
  EXPECT_EQ(calls(), 0u);
  EXPECT_FALSE(fs::exists(common_.out));
  options_.names = {(files_.path() / "mine.toml").string(), (files_.path() / "b" / ".." / "mine.toml").string()};
  EXPECT_EQ(run(), 0);  // the same file twice
  EXPECT_EQ(calls(), 4u);
}

TEST_F(RunCommand, AnAnswerOfOneDeviceIsNotGivenForAnother) {
  std::string text = experiment;
  text.replace(text.find("[[vary]]"), 0, "model = \"x.npy\"\n");
  files_.write("mine.toml", text);
  trick("case \"$*\" in *'--device cuda'*) damping=$((damping + 10));; esac\n");
  EXPECT_EQ(run(), 0) << said_;
  common_.device = "cuda";
  EXPECT_EQ(run(), 0) << said_;
  EXPECT_EQ(calls(), 8u);
  EXPECT_EQ(csv(), "damping,measure,value,error\n1,chi2,11,\n2,chi2,12,\n3,chi2,13,\n4,chi2,14,\n");
  EXPECT_EQ(dump(manifest()["jobs"][0]["options"]), "[\"--device\",\"cuda\"]");
}

// What an analytic target answers does not depend on it.
TEST_F(RunCommand, AnAnswerWithoutANetworkServesEveryDevice) {
  run();
  common_.device = "cuda";
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(calls(), 4u);
}

TEST_F(RunCommand, AClaimsDataSetCountsByItsContent) {
  const char* before = std::getenv("LML_DATA");
  const std::string data = before ? before : "";
  fs::create_directory(files_.path() / "fashion-mnist");
  ::setenv("LML_DATA", files_.path().c_str(), 1);
  const auto key = [&](const char* images, const char* claim) {
    files_.write("fashion-mnist/train-images-idx3-ubyte", images);
    return AnswerCache(common_.out).key({"check", Json{{"claims", {claim}}}, {}, {}}, files_.path());
  };
  EXPECT_NE(key("one", "prop1-real-data"), key("two", "prop1-real-data"));
  EXPECT_EQ(key("one", "prop3-dimension"), key("two", "prop3-dimension"));
  before ? ::setenv("LML_DATA", data.c_str(), 1) : ::unsetenv("LML_DATA");
}

TEST_F(RunCommand, TheListTellsTheCostOfEachAndOfAllIn80Columns) {
  files_.write("mine.toml", std::string(experiment) + "[cost]\nquick = 20\nnormal = 1000\n");
  files_.write("yours.toml", std::string(experiment) + "[cost]\nquick = 130\n");
  options_.names = {(files_.path() / "mine.toml").string(), (files_.path() / "yours.toml").string()};
  options_.list = true;
  common_.json = false;
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_command(common_, options_), 0);
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "mine\n    t\n    jobs: quick 4, about 20 s; normal 4, about 17 min; full 4\n"
            "yours\n    t\n    jobs: quick 4, about 2 min; normal 4; full 4\n"
            "Together, on one core: quick about 2 min, normal about 17 min (1 not measured)\n");
  options_.names.clear();
  testing::internal::CaptureStdout();
  EXPECT_EQ(run_command(common_, options_), 0);
  std::istringstream lines(testing::internal::GetCapturedStdout());
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

#ifdef LML_MPIEXEC
TEST_F(RunCommand, ProcessesOfMpiShareTheJobsAndGiveTheSameBits) {
  trick("echo $PPID >> \"$here/parents\"\n[ $damping = 2 ] && echo 'two is out' >&2 && exit 2\n");
  EXPECT_EQ(run(), 2);
  fs::remove(files_.path() / "calls");
  fs::remove(files_.path() / "parents");
  const std::string log = files_.path() / "log";
  const std::string command =
      "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
      "PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe '" LML_MPIEXEC "' -n 2 '" LML_RUN_PROCESS "' '" +
      files_.path().string() + "' >'" + log + "' 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << text_of(log);
  EXPECT_EQ(calls(), 4u);  // no job twice
  std::istringstream parents(text_of(files_.path() / "parents"));
  EXPECT_EQ(std::set<std::string>(std::istream_iterator<std::string>(parents), {}).size(), 2u);
  EXPECT_EQ(text_of(files_.path() / "shared" / "mine" / "measurements.csv"), csv());
  // The second process's failure is told by the first.
  EXPECT_EQ(parse_json(text_of(files_.path() / "shared" / "mine" / "manifest.json"), "manifest")["jobs"][1]["error"],
            "two is out");
}
#endif

// Claims are arguments, and a verdict that is not the recorded one (status 1) is an answer.
TEST_F(RunCommand, ClaimsAreAskedForByTheirNames) {
  std::string text = experiment;
  text.replace(text.find("stationary"), 10, "check");
  text.replace(text.find("target = {"), std::strlen("target = {kind = \"points\", file = \"x.npy\"}"),
               "claims = [\"prop2\"]");
  text.replace(text.find("metric.damping"), 14, "claims");
  text.replace(text.find("[1, 2, 3, 4]"), 12, "[[\"prop3\"], [\"eq7\", \"eq8\"]]\nlabels = [\"a\", \"b\"]");
  files_.write("mine.toml", text);
  trick("echo \"{\\\"chi2\\\": $#}\"\nexit 1\n");
  EXPECT_EQ(run(), 0) << said_;
  // check ID.. --json --out DIR --threads N
  EXPECT_EQ(csv(), "damping,measure,value,error\na,chi2,7,\nb,chi2,8,\n");
}

TEST_F(RunCommand, AFigureOfOtherNumbersIsTakenAway) {
  run();
  std::ofstream(result() / "figure.svg") << "drawn";
  run();
  EXPECT_TRUE(fs::exists(result() / "figure.svg"));
  common_.set = {"damping=[1]"};
  run();
  EXPECT_FALSE(fs::exists(result() / "figure.svg"));
}

// In a process of its own, which gives up what a root may do.
TEST_F(RunCommand, AReadOnlyFolderIsRefusedBeforeAnythingRuns) {
  fs::create_directory(files_.path() / "out");
  const fs::perms reading = fs::perms::others_read | fs::perms::owner_read;
  fs::permissions(files_.path() / "mine.toml", reading);
  fs::permissions(files_.path() / "x.npy", reading);
  fs::permissions(common_.out, reading | fs::perms::owner_exec | fs::perms::others_exec);
  fs::permissions(files_.path(), fs::perms::owner_all | fs::perms::others_read | fs::perms::others_exec);
  const std::string refusal = refusal_of([] { return ::geteuid() != 0 || ::setuid(65534) == 0; });
  EXPECT_NE(refusal.find("Permission denied"), std::string::npos) << refusal;
  EXPECT_EQ(calls(), 0u);
  EXPECT_TRUE(fs::is_empty(common_.out));
  fs::permissions(common_.out, fs::perms::owner_all);
}

// A limit on the size of files stands for a full disk: an error of the same call.
TEST_F(RunCommand, AFullDiskIsAnErrorAndLeavesNothingHalfWritten) {
  trick(
      "ulimit -f unlimited\necho \"{\\\"chi2\\\": 1, \\\"x\\\": \\\"$(head -c 100000 /dev/zero | tr '\\0' x)\\\"}\"\n"
      "exit 0\n");
  const std::string refusal = refusal_of([] {
    const rlimit limit{50000, RLIM_INFINITY};
    return ::setrlimit(RLIMIT_FSIZE, &limit) == 0;
  });
  EXPECT_NE(refusal.find("cannot be written: File too large"), std::string::npos) << refusal;
  EXPECT_FALSE(fs::exists(common_.out));
}

TEST(Sha256, HasTheStandardsOwnDigests) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  // Around the ends of blocks, in pieces as in one.
  for (std::size_t n = 54; n < 66; ++n) {
    Sha256 pieces;
    for (std::size_t i = 0; i < n; ++i) pieces.add("x");
    EXPECT_EQ(pieces.hex(), sha256(std::string(n, 'x'))) << n;
  }
}

}  // namespace
}  // namespace lml
