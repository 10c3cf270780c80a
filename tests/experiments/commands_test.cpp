#include <omp.h>

#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// result.json of a command on a spec given by --set.
Json result(int (*command)(const Common&), const std::vector<std::string>& set) {
  const test::Folder f;
  Common common;
  common.set = set;
  common.out = (f.path() / "out").string();
  testing::internal::CaptureStdout();
  EXPECT_EQ(command(common), 0);
  testing::internal::GetCapturedStdout();
  EXPECT_TRUE(std::filesystem::exists(f.path() / "out" / "manifest.json"));
  return parse_json(text_of(f.path() / "out" / "result.json"), "result.json");
}

TEST(Bound, AgreesWithSixtyDigitsOnTwoPoints) {
  const Json r = result(bound_command, {"target=two_points", "alpha=0.9", "sigma=0.5", "at=[[0.1,0.4,0.2],[1.5,0,0]]"});
  const std::pair<const char*, std::vector<double>> expected[] = {
      {"relative_error", {1.003374996041773, 0.8165685467175626}},
      {"error_fisher", {9.358318782592676, 5.656854348331473}},
      {"error_jacobian", {4.679159391296338, 2.8284271741657365}},
      {"error_r_hess_r", {2.339579695648169, 1.4142135870828683}},
      {"bound_paper", {63.05055134031671, 92.136}},
      {"bound_corrected", {31.57685424949238, 31.57685424949238}}};
  for (const auto& [name, values] : expected)
    for (std::size_t i = 0; i < 2; ++i) EXPECT_NEAR(r[name][i].get<double>(), values[i], 1e-13 * values[i]) << name;
}

TEST(Bound, ErrorsAreNullWhereTheNoisePredictionVanishes) {
  const Json r = result(bound_command, {"target=two_points", "alpha=0.9", "sigma=0.5", "at=[[0,0,0]]"});
  for (const char* name : {"relative_error", "error_fisher", "error_jacobian", "error_r_hess_r", "holds_fisher",
                           "holds_jacobian", "holds_r_hess_r", "holds_corrected", "holds_optimal"})
    EXPECT_TRUE(r[name][0].is_null()) << name;
  EXPECT_TRUE(r["bound_paper"][0].is_number());
}

// Points 0 and 5, weights 1/5 and 4/5, x midway: C = 4 = sigma^2/alpha^2, so F = 0 exactly, while eps = -3/4.
TEST(Bound, RelativeErrorIsInfiniteWhereTheFisherVanishes) {
  const Json r = result(bound_command, {R"(target={"kind":"points","points":[[0],[5]],"weights":[1,4]})", "alpha=1",
                                        "sigma=2", "at=[[2.5]]"});
  EXPECT_EQ(r["relative_error"][0], "inf");
  EXPECT_NEAR(r["error_fisher"][0].get<double>(), 0.25, 1e-15);
}

TEST(Bound, SpreadMakesBoundsInfiniteUnlessAlphaIsZero) {
  const Json spread = result(bound_command, {"target=gaussian_2d", "alpha=1", "sigma=1", "at=[[1,1]]"});
  EXPECT_EQ(spread["bound_paper"][0], "inf");
  EXPECT_EQ(spread["bound_corrected"][0], "inf");
  const Json none = result(bound_command, {"target=gaussian_2d", "alpha=0", "sigma=2", "at=[[1,1]]"});
  EXPECT_EQ(none["bound_corrected"][0], 0.25);
  // Covariances that are all zero make a finite data set.
  const Json points = result(
      bound_command, {R"(target={"kind":"gaussian_mixture","weights":[1,1],"means":[[0],[2]],"covariances":[0,[0]]})",
                      "alpha=1", "sigma=1", "at=[[3]]"});
  EXPECT_EQ(points["bound_corrected"][0], 2.0);
  EXPECT_EQ(points["bound_optimal"][0], 1.0);
}

TEST(Score, TheHessianComesOnlyWhenAskedFor) {
  const std::vector<std::string> spec{"target=ring8", "alpha=0.8", "sigma=0.6", "at=[[1,0.5]]"};
  EXPECT_FALSE(result(score_command, spec).contains("hessian"));
  std::vector<std::string> asked = spec;
  asked.push_back("hessian=true");
  EXPECT_EQ(result(score_command, asked)["hessian"][0].size(), 2u);
}

TEST(Commands, ThreadsDoNotChangeABit) {
  const std::vector<std::string> spec{"target=two_moons", "alpha=0.8", "sigma=0.1",
                                      "at=[[1,0.5],[0.1,0.2],[-1,0.3],[0,0]]", "hessian=true"};
  const int threads = omp_get_max_threads();
  for (auto* command : {score_command, bound_command}) {
    omp_set_num_threads(1);
    const std::string one = dump(result(command, spec));
    omp_set_num_threads(3);
    EXPECT_EQ(dump(result(command, spec)), one);
  }
  omp_set_num_threads(threads);
}

TEST(Commands, BadInputWritesNothing) {
  const test::Folder f;
  Common common;
  common.out = (f.path() / "out").string();
  common.set = {"target=two_points", "alpha=1", "sigma=1e-200", "at=[[1,2,3]]"};  // found only while computing
  EXPECT_THROW(score_command(common), SpecError);
  EXPECT_THROW(bound_command(common), SpecError);
  EXPECT_FALSE(std::filesystem::exists(common.out));
}

}  // namespace
}  // namespace lml
