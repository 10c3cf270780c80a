// `sample`, `compare` and `evaluate`: what they answer, and every mistake by its place.
#include <omp.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "dynamics/checkpoint.hpp"
#include "experiments/arrays.hpp"
#include "experiments/command.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "experiments/spec.hpp"
#include "experiments/store.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

using Members = std::vector<std::pair<std::string, std::string>>;

const Members sample_members{
    {"target", R"({"kind":"gaussian_mixture","weights":[1,1],"means":[[1,0],[-1,0]],"covariances":[0.1,0.2]})"},
    {"schedule", R"({"name":"linear","beta_start":1e-4,"beta_end":0.02})"},
    {"sampler", R"({"name":"ddim","steps":5})"},
    {"samples", "3"}};
const Members compare_members{
    sample_members[0],
    sample_members[1],
    {"samplers", R"([{"name":"ddim"},{"name":"dpm_solver++","final_sigmas_type":"sigma_min"}])"},
    {"steps", "[5,10]"},
    {"samples", "20"}};
const std::string ten = "[[0],[1],[2],[3],[4],[5],[6],[7],[8],[9]]";
const Members evaluate_members{{"a", ten}, {"b", ten}, {"metrics", R"(["moments"])"}};

// The members with some replaced, left out (an empty value) or added.
std::string text_of(Members members, const Members& changes) {
  for (const auto& change : changes) {
    bool replaced = false;
    for (auto& member : members)
      if (member.first == change.first) {
        member.second = change.second;
        replaced = true;
      }
    if (!replaced) members.push_back(change);
  }
  std::string out;
  for (const auto& [key, value] : members)
    if (!value.empty()) out += (out.empty() ? "\"" : ",\"") + key + "\":" + value;
  return "{" + out + "}";
}

class Commands : public testing::Test {
 protected:
  test::Folder folder_;

  Common common(const std::string& text, const std::string& out = "") {
    Common c;
    c.json = true;
    c.spec = folder_.write("s.json", text).string();
    if (!out.empty()) c.out = (folder_.path() / out).string();
    return c;
  }
  Json answer(int (*command)(const Common&), const Common& c) {
    testing::internal::CaptureStdout();
    EXPECT_EQ(command(c), 0);
    return parse_json(testing::internal::GetCapturedStdout(), "answer");
  }
  // What a person sees behind the file's name, or "accepted".
  std::string message(int (*command)(const Common&), const std::string& text) {
    const Common c = common(text);
    testing::internal::CaptureStdout();
    std::string out = "accepted";
    try {
      command(c);
    } catch (const SpecError& e) {
      out = e.what();
      EXPECT_TRUE(out.starts_with(c.spec + ": /")) << out;
      EXPECT_EQ(out.find('\n'), std::string::npos) << out;
      out = out.substr(c.spec.size() + 2);
    } catch (const NotHere& e) {
      out = std::string("not here: ") + e.what();
    }
    const std::string printed = testing::internal::GetCapturedStdout();
    if (out != "accepted") {
      EXPECT_EQ(printed, "");
    }
    return out;
  }
  void expect_messages(int (*command)(const Common&), const Members& members,
                       const std::vector<std::pair<Members, const char*>>& cases) {
    for (const auto& [changes, expected] : cases) {
      const std::string got = message(command, text_of(members, changes));
      EXPECT_NE(got.find(expected), std::string::npos)
          << text_of(members, changes) << "\n  gives " << got << "\n  wants " << expected;
    }
  }
};
using Sample = Commands;
using Compare = Commands;
using Evaluate = Commands;

std::string sampler(const std::string& text) { return "{" + text + "}"; }

TEST_F(Sample, EveryMistakeIsNamedByItsPlace) {
  const auto ddim = [](const std::string& more) { return sampler(R"("name":"ddim","steps":5,)" + more); };
  const auto lml = [](const std::string& text) { return Members{{"lml", text}}; };
  expect_messages(
      sample_command, sample_members,
      {{{}, "accepted"},
       // samplers and their options
       {{
            {"sampler", sampler(R"("name":"ddmi","steps":5)")},
        },
        "/sampler/name: no sampler is called \"ddmi\", did you mean ddim? There are: ddim, "},
       {{{"sampler", sampler(R"("name":"qqqqqqqq","steps":5)")}},
        "/sampler/name: no sampler is called \"qqqqqqqq\". There are: "},
       {{{"sampler", sampler(R"("name":3,"steps":5)")}}, "/sampler/name: must be a string, is the number 3"},
       {{{"sampler", sampler(R"("steps":5)")}}, "/sampler/name: is missing"},
       {{{"sampler", "\"ddim\""}}, "/sampler: must be an object, is the string \"ddim\""},
       {{{"sampler", sampler(R"("name":"ddim")")}}, "/sampler/steps: is missing"},
       {{{"sampler", ddim(R"("solver_order":2)")}}, "/sampler/solver_order: unknown key"},
       {{{"sampler", ddim(R"("etta":0)")}}, "/sampler/etta: unknown key, did you mean eta?"},
       {{{"sampler", ddim(R"("eta":1.5)")}}, "/sampler/eta: must lie in [0.0, 1.0], is 1.5"},
       {{{"sampler", ddim(R"("timestep_spacing":"even")")}}, "/sampler/timestep_spacing: is not known"},
       {{{"sampler", ddim(R"("clip_sample":1)")}}, "/sampler/clip_sample: must be true or false"},
       {{{"sampler", sampler(R"("name":"ddim","steps":0)")}}, "/sampler/steps: must lie in 1.."},
       {{{"sampler", sampler(R"("name":"ddim","steps":2.5)")}}, "/sampler/steps: must be an integer"},
       {{{"sampler", sampler(R"("name":"ddim","steps":1001)")}}, "/sampler/steps: must be at most 1000"},
       {{{"sampler", sampler(R"("name":"dpm_solver","steps":5,"eta":0)")}}, "/sampler/eta: unknown key"},
       {{{"sampler", sampler(R"("name":"dpm_solver","steps":5,"solver_order":4)")}},
        "/sampler/solver_order: must lie in 1..3"},
       {{{"sampler", sampler(R"("name":"dpm_solver","steps":5,"final_sigmas_type":"zero")")}},
        "/sampler/final_sigmas_type: must be sigma_min"},
       // explicit timesteps
       {{{"sampler", sampler(R"("name":"ddim","timesteps":[900,500,100])")}}, "accepted"},
       {{{"sampler", ddim(R"("timesteps":[900,100])")}}, "/sampler/timesteps: stands in place of steps"},
       {{{"sampler", sampler(R"("name":"ddim","timesteps":[500,900])")}}, "/sampler/timesteps/1: is no less noisy"},
       {{{"sampler", sampler(R"("name":"ddim","timesteps":[500,500])")}}, "/sampler/timesteps/1: is no less noisy"},
       {{{"sampler", sampler(R"("name":"ddim","timesteps":[1000,500])")}}, "/sampler/timesteps/0: must lie in 0..999"},
       {{{"sampler", sampler(R"("name":"ddim","timesteps":[])")}}, "/sampler/timesteps: must not be empty"},
       {{{"schedule", R"({"name":"vp_sde"})"}}, "/sampler/timesteps: is missing"},
       {{{"schedule", R"({"name":"trained_betas","betas":[1e-20,0.1,0.1]})"},
         {"sampler", sampler(R"("name":"ddim","steps":3)")}},
        "/schedule: has no noise at timestep 0"},
       // the correction
       {lml(R"({"form":"stable","kappa":0.5,"lambda":1})"), "accepted"},
       {lml(R"({"form":"stable","kappa":1.5,"lambda":1})"), "/lml/kappa: must lie in [0, 1], is 1.5"},
       {lml(R"({"form":"stable","kappa":-0.1,"lambda":1})"), "/lml/kappa: must lie in [0, 1], is -0.1"},
       {lml(R"({"form":"stable","kappa":0.5,"lambda":0})"), "/lml/lambda: must be > 0, is 0"},
       {lml(R"({"form":"exact_fisher","lambda":1e-9})"), "/lml/lambda: must be larger: F + (lambda/sigma^2) I"},
       {lml(R"({"form":"stable","kappa":0.5,"lambda":-1})"), "/lml/lambda: must be > 0, is -1"},
       {lml(R"({"form":"stable","kappa":0.5})"), "/lml/lambda: is missing"},
       {lml(R"({"kappa":0.5,"lambda":1})"), "/lml/form: is missing"},
       {lml(R"({"form":"stabel","kappa":0.5,"lambda":1})"),
        "/lml/form: is not known: \"stabel\", did you mean stable?"},
       {lml(R"({"form":"stable","kappa":0.5,"lambda":1,"beta":1})"), "/lml/beta: unknown key"},
       {lml("[]"), "/lml: must be an object"},
       {{{"lml", R"({"form":"increment","kappa":0.5,"lambda":1})"}, {"sampler", ddim(R"("eta":0.5)")}},
        "/sampler/eta: must be 0 with the increment form"},
       // starts
       {{{"start", "[[1,2]]"}}, "/samples: samples or start, never both"},
       {{{"samples", ""}}, "/samples: is missing (a number of samples, or their start)"},
       {{{"samples", "0"}}, "/samples: must lie in 1.."},
       {{{"samples", "1.5"}}, "/samples: must be an integer"},
       {{{"samples", ""}, {"start", "[[1,2,3]]"}}, "/start/0: must have 2 coordinates like the target, has 3"},
       {{{"samples", ""}, {"start", "[[1,2],[3]]"}}, "/start/1: must have 2 entries like the first, has 1"},
       {{{"samples", ""}, {"start", "\"none.npy\""}}, "/start: none.npy: cannot be read: No such file or directory"},
       {{{"samples", ""}, {"start", "[[1,2],[1e300,0]]"}},
        "/sampler: sample 1 is beyond what the target can be evaluated at"},
       {{{"samples", "1000000000000"}, {"inline", "true"}}, "/samples: needs "},
       {{{"samples", "51"}}, "/inline: must be true, or --out name a folder"},
       // other keys
       {{{"target", ""}}, "/target: is missing"},
       {{{"schedule", ""}}, "/schedule: is missing"},
       {{{"sampler", ""}}, "/sampler: is missing"},
       {{{"trajectory", "1"}}, "/trajectory: must be true or false"},
       {{{"network", "\"low\""}}, "/network: belongs to a model"},
       {{{"model", "\"m\""}}, "/model: target or model, never both"},
       {{{"sampels", "3"}}, "/sampels: unknown key, did you mean samples?"}});
}

// q = (1, 0) at every point of a line through one data point and kappa = 0: m = q, and v = q lambda'/(lambda' + 1) is 0
// where lambda' is below the rounding of 1.
TEST_F(Sample, ACorrectionThatVanishesNamesSampleAndStep) {
  const std::string got =
      message(sample_command, text_of(sample_members, {{"target", R"({"kind":"points","points":[[0,0]]})"},
                                                       {"samples", ""},
                                                       {"start", "[[1,0],[2,0]]"},
                                                       {"lml", R"({"form":"printed","kappa":0,"lambda":1e-30})"}}));
  EXPECT_EQ(got, "/lml: sample 0 is not a finite number after step 0 (both counted from 0)");
}

TEST_F(Sample, ThreadsAndCountChangeNoBit) {
  const std::string text = text_of(sample_members, {{"samples", "40"}, {"inline", "true"}, {"trajectory", "true"}});
  const int threads = omp_get_max_threads();
  omp_set_num_threads(1);
  const Json one = answer(sample_command, common(text));
  omp_set_num_threads(2);
  const Json two = answer(sample_command, common(text));
  omp_set_num_threads(threads);
  EXPECT_EQ(one, two);
  const Json few = answer(sample_command, common(text_of(sample_members, {})));
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(few["samples"][i], one["samples"][i]);
  EXPECT_EQ(one["nfe"], 5);
  EXPECT_EQ(one["trajectory"].size(), 6u);
  EXPECT_EQ(one["trajectory"][5], one["samples"]);
}

TEST_F(Sample, LargeAnswersAreFilesBesideTheDocument) {
  const Json r =
      answer(sample_command, common(text_of(sample_members, {{"samples", "51"}, {"trajectory", "true"}}), "out"));
  EXPECT_EQ(r["samples"], "samples.npy");
  const Points x = read_array(folder_.path() / "out" / "samples.npy");
  const Points path = read_array(folder_.path() / "out" / "trajectory.npy");  // [6][51 2]
  ASSERT_EQ(x.rows(), 51);
  ASSERT_EQ(path.rows(), 6);
  EXPECT_TRUE(Points(Eigen::Map<const Points>(path.row(5).data(), 51, 2)) == x);
}

// A checkpoint that was cut, or is of another spec, is refused by name and left alone; one of this run is gone on from:
// samples that it says are done are taken as they are, which shows that they were not computed again.
TEST_F(Sample, GoesOnFromItsCheckpointAndRefusesOthers) {
  const std::string text = text_of(sample_members, {{"samples", "9000"}});
  const Common c = common(text, "out");
  const auto path = folder_.path() / "out" / "checkpoint.lml";
  std::filesystem::create_directories(path.parent_path());
  const Document document = read_document(c.spec);
  const Object spec = Reader(document).object({"target", "schedule", "sampler", "samples"});
  EnsembleState state;
  state.round = 4;
  state.totals = Vec::Zero(16);  // how often the model was called; three numbers a call
  state.states = Points::Constant(4, 2, 0.25);
  state.records.resize(4, 0);
  Store(c, document, read_target(spec.at("target")), "checkpoint.lml").write(state);

  Common other = c;
  other.seed = 1;
  const auto refusal = [&](const Common& common) {
    try {
      sample_command(common);
    } catch (const UsageError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refusal(other), path.string() + ": is of another spec, seed or version; remove it to start anew");
  std::filesystem::copy(path, folder_.path() / "whole");
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(refusal(c), path.string() + ": is no whole checkpoint: it is truncated; remove it to start anew");
  EXPECT_TRUE(std::filesystem::exists(path));
  std::filesystem::rename(folder_.path() / "whole", path);
  answer(sample_command, c);
  EXPECT_FALSE(std::filesystem::exists(path));
  const Points resumed = read_array(folder_.path() / "out" / "samples.npy");
  answer(sample_command, c);
  const Points whole = read_array(folder_.path() / "out" / "samples.npy");
  EXPECT_TRUE(resumed.topRows(4) == Points::Constant(4, 2, 0.25));
  EXPECT_TRUE(resumed.bottomRows(8996) == whole.bottomRows(8996));
  EXPECT_NE(whole(0, 0), 0.25);
}

TEST_F(Compare, EveryMistakeIsNamedByItsPlace) {
  expect_messages(
      compare_command, compare_members,
      {{{}, "accepted"},
       {{{"steps", "[10,5]"}}, "/steps/1: must be above the one before"},
       {{{"steps", "[]"}}, "/steps: must not be empty"},
       {{{"steps", "5"}}, "/steps: must be a list"},
       {{{"steps", "[5,2000]"}}, "/samplers/0/steps: must be at most 1000"},
       {{{"samplers", R"([{"name":"pndm"}])"}, {"steps", "[2,5]"}}, "/samplers/0/steps: must be at least 4"},
       {{{"samplers", "[]"}}, "/samplers: must not be empty"},
       {{{"samplers", R"([{"name":"ddim"},{"name":"dppm"}])"}}, "/samplers/1/name: no sampler is called"},
       {{{"samplers", R"([{"name":"ddim","steps":4}])"}}, "/samplers/0/steps: is given for all samplers, beside them"},
       {{{"samplers", R"([{"name":"ddim","timesteps":[4]}])"}}, "/samplers/0/timesteps: is given for all samplers"},
       {{{"samplers", R"([{"name":"ddim"},{"name":"ddim","eta":1}])"}}, "/samplers/1: draws noise at its steps"},
       {{{"lml", R"([{"form":"stable","kappa":2,"lambda":1}])"}}, "/lml/0/kappa: must lie in [0, 1]"},
       {{{"lml", R"({"form":"stable","kappa":1,"lambda":1})"}}, "/lml: must be a list"},
       {{{"lml", R"([{"form":"exact_fisher","lambda":1e-9}])"}}, "/lml/0/lambda: must be larger: F + "},
       {{{"schedule", R"({"name":"vp_sde"})"}}, "/schedule: must be discrete, or edm"},
       {{{"schedule", R"({"name":"edm"})"}}, "/samplers/0/timesteps: is missing"},
       {{{"samples", "1"}}, "/samples: must lie in 2.."},
       {{{"samples", ""}}, "/samples: is missing"},
       {{{"start", "[[1,2],[2,1]]"}}, "/samples: samples or start, never both"},
       {{{"samples", ""}, {"start", "[[1,2]]"}}, "/start: must hold at least two starts"},
       {{{"samples", ""}, {"start", "[[1,2],[1e300,0]]"}}, "/samplers/0: with 5 steps: sample 1 "},
       {{{"trajectory", "true"}}, "/trajectory: unknown key"}});
}

// The runs are those of `sample`: same starts, same ends; their errors fall with more steps, and the reference's own is
// far below them. kappa = 0 is no correction at all, up to the rounding of x_0 out of eps.
TEST_F(Compare, MeasuresWhatSampleGives) {
  const Json r =
      answer(compare_command,
             common(text_of(compare_members, {{"lml", R"([{"form":"stable","kappa":0,"lambda":1}])"}}), "out"));
  ASSERT_EQ(r["runs"].size(), 8u);
  EXPECT_LT(r["reference_error"].get<double>(), 1e-7);
  for (std::size_t i = 0; i < 8; i += 2) {
    EXPECT_EQ(r["runs"][i]["nfe"], 5);
    EXPECT_LT(r["runs"][i + 1]["error"].get<double>(), r["runs"][i]["error"].get<double>());
    EXPECT_GT(r["runs"][i + 1]["error"].get<double>(), 1e3 * r["reference_error"].get<double>());
  }
  for (std::size_t i : {0u, 1u, 4u, 5u}) {
    EXPECT_NEAR(r["runs"][i]["error"].get<double>(), r["runs"][i + 2]["error"].get<double>(), 1e-13);
    EXPECT_TRUE(r["runs"][i]["lml"].is_null());
  }
  EXPECT_EQ(r["runs"][4]["label"], "dpm_solver++ final_sigmas_type=sigma_min");
  std::ifstream csv(folder_.path() / "out" / "compare.csv");
  std::string line;
  std::getline(csv, line);
  EXPECT_EQ(line, "sampler,correction,steps,nfe,error,standard_error,median,reference_error");
  std::getline(csv, line);
  EXPECT_EQ(line.substr(0, line.find(",5.0,")), r["runs"][0]["label"].get<std::string>() + ",none");
}

// Forms of the correction without kappa, or without parameters.
TEST_F(Compare, TakesEveryForm) {
  const Json r =
      answer(compare_command,
             common(text_of(compare_members, {{"samplers", R"([{"name":"ddim"}])"},
                                              {"steps", "[5]"},
                                              {"lml", R"([{"form":"adaptive"},{"form":"exact_fisher","lambda":1000},
                                                   {"form":"increment","kappa":0.1,"lambda":1}])"}})));
  ASSERT_EQ(r["runs"].size(), 4u);
  EXPECT_EQ(r["runs"][1]["correction"], "adaptive");
  EXPECT_EQ(r["runs"][2]["correction"], "exact_fisher lambda=1000");
  EXPECT_EQ(r["runs"][3]["correction"], "increment kappa=0.1 lambda=1");
  EXPECT_TRUE(r["runs"][1]["beta"].is_null());
  EXPECT_TRUE(r["runs"][2]["beta"].is_null());
  EXPECT_EQ(r["runs"][3]["beta"], 0.2);
}

TEST_F(Evaluate, EveryMistakeIsNamedByItsPlace) {
  folder_.write("text.npy", "no array");
  std::filesystem::create_directories(folder_.path() / "empty");
  std::filesystem::create_directories(folder_.path() / "images");
  folder_.write("images/1.png", "x");
  expect_messages(evaluate_command, evaluate_members,
                  {{{}, "accepted"},
                   {{{"a", ""}}, "/a: is missing"},
                   {{{"b", ""}}, "/b: is missing"},
                   {{{"metrics", ""}}, "/metrics: is missing"},
                   {{{"metrics", "[]"}}, "/metrics: must not be empty"},
                   {{{"metrics", "\"mmd\""}}, "/metrics: must be a list"},
                   {{{"metrics", R"(["mdm"])"}}, "/metrics/0: is not known: \"mdm\", did you mean mmd?"},
                   {{{"metrics", R"(["mmd","mmd"])"}}, "/metrics/1: is given twice"},
                   {{{"metrics", R"(["kid"])"}}, "/features: is missing"},
                   {{{"features", "\"f\""}}, "/features: goes with the metrics kid and fd"},
                   {{{"bandwidth", "1"}}, "/bandwidth: goes with the metric mmd"},
                   {{{"a", "[[1e200],[1],[2],[3]]"}}, "/a: and b hold numbers whose squares are beyond double"},
                   {{{"a", "[[1e308],[-1e308],[1e308],[-1e308]]"},
                     {"b", "[[1e308],[-1e308],[1e308],[-1e308]]"},
                     {"metrics", R"(["mmd"])"}},
                    "/a: and b are too far apart"},
                   {{{"directions", "9"}}, "/directions: goes with the metric sliced_w2"},
                   {{{"metrics", R"(["mmd"])"}, {"bandwidth", "0"}}, "/bandwidth: must be > 0, is 0"},
                   {{{"metrics", R"(["sliced_w2"])"}, {"directions", "1"}}, "/directions: must lie in 2.."},
                   {{{"metrics", R"(["sliced_w2"])"}}, "/a: must hold at least 64 samples, holds 10"},
                   {{{"a", "[[1],[2]]"}}, "/a: must hold at least 4 samples, holds 2"},
                   {{{"b", "[[1,2],[3,4]]"}}, "/b: must have 1 coordinates like a, has 2"},
                   {{{"metrics", R"(["mmd"])"}, {"a", "[[1],[1],[1],[1]]"}, {"b", "[[1],[1],[1],[1]]"}},
                    "/bandwidth: is missing: the median distance between samples is 0"},
                   {{{"a", "\"none.npy\""}}, "/a: none.npy: cannot be read: No such file or directory"},
                   {{{"a", "\"text.npy\""}}, "/a: text.npy: "},
                   {{{"a", "\"empty\""}}, "/a: empty: is no folder of samples: it has no samples.npy"},
                   {{{"a", "\"images\""}}, "/a: 1.png: is no PNG image"},
                   {{{"a", "3"}}, "/a: must be a list"},
                   {{{"c", "3"}}, "/c: unknown key"}});
}

// Folders of `sample`, with few samples (in the document) and with many (in a file), and a list of the same numbers.
TEST_F(Evaluate, ReadsWhatSampleWrote) {
  const Json few = answer(sample_command, common(text_of(sample_members, {{"samples", "10"}}), "few"));
  answer(sample_command, common(text_of(sample_members, {{"samples", "200"}}), "many"));
  const std::string metrics = R"(["moments","mmd"])";
  const Json from_folders = answer(
      evaluate_command, common(text_of(evaluate_members, {{"a", "\"few\""}, {"b", "\"many\""}, {"metrics", metrics}})));
  const Json from_list =
      answer(evaluate_command,
             common(text_of(evaluate_members,
                            {{"a", dump(few["samples"])}, {"b", "\"many/samples.npy\""}, {"metrics", metrics}})));
  EXPECT_EQ(from_folders, from_list);
  EXPECT_EQ(from_list["metrics"]["mmd"]["n_a"], 10);
  EXPECT_EQ(from_list["metrics"]["mmd"]["n_b"], 200);
  EXPECT_GT(from_list["metrics"]["mmd"]["standard_error"].get<double>(), 0);
  EXPECT_GT(from_list["metrics"]["moments"]["covariance"]["standard_error"].get<double>(), 0);
}

}  // namespace
}  // namespace lml
