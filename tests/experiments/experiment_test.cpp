// Experiment files: what they may say, the jobs that they make, and the rows that their pointers find.
#include "experiments/experiment.hpp"

#include <gtest/gtest.h>

#include "experiments/errors.hpp"
#include "experiments/measurements.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

const char* good = R"(title = "A title"
question = "A question?"
paper = ""
claims = ["prop3-exact"]
command = "stationary"
figure = "law_on_line"
[spec]
target = "double_well_1d"
metric = {curvature = "exact"}
[[vary]]
name = "calculus"
key = "calculus"
values = ["ito", "corrected"]
[[vary]]
name = "law"
keys = ["alpha", "sigma"]
values = [[1, 0.5], [0.8, 0.6]]
labels = ["far", "near"]
[[vary]]
name = "seed"
key = "--seed"
values = [1, 2]
[[measure]]
name = "chi2"
value = "/chi2/*"
error = "/error"
along = {time = "/times/*"}
[quick]
values = {law = ["near"]}
set = {"metric.damping" = 2}
[axes]
time = {label = "t"}
[draw]
x = "time"
)";

class Experiments : public testing::Test {
 protected:
  // The good file with one piece of it changed.
  std::string path(const std::string& from = "", const std::string& to = "") {
    std::string text = good;
    if (!from.empty()) {
      const std::size_t at = text.find(from);
      EXPECT_NE(at, std::string::npos) << from;
      text.replace(at, from.size(), to);
    }
    return files_.write("mine.toml", text);
  }
  Experiment read(const std::string& size = "normal", const std::vector<std::string>& sets = {}) {
    return read_experiment(path(), size, sets);
  }
  test::Folder files_;
};

TEST_F(Experiments, JobsAreEveryCombinationInOrder) {
  const std::vector<Job> jobs = jobs_of(read());
  ASSERT_EQ(jobs.size(), 8u);
  EXPECT_EQ(jobs[0].labels, (std::vector<std::string>{"ito", "far", "1"}));
  EXPECT_EQ(jobs[7].labels, (std::vector<std::string>{"corrected", "near", "2"}));
  EXPECT_EQ(jobs[3].options, (std::vector<std::string>{"--seed", "2"}));
  EXPECT_EQ(dump(jobs[2].spec),
            R"({"target":"double_well_1d","metric":{"curvature":"exact"},"calculus":"ito","alpha":0.8,"sigma":0.6})");
}

TEST_F(Experiments, ASizeChoosesLabelledValuesAndSetsKeys) {
  const std::vector<Job> jobs = jobs_of(read("quick"));
  ASSERT_EQ(jobs.size(), 4u);
  for (const Job& job : jobs) {
    EXPECT_EQ(job.labels[1], "near");
    EXPECT_EQ(job.spec["metric"]["damping"], 2);
  }
}

TEST_F(Experiments, TheCommandLineChangesColumnsAndKeys) {
  const Experiment e = read("normal", {"seed=[7,8,9]", "law=far", "metric.damping=5"});
  const std::vector<Job> jobs = jobs_of(e);
  ASSERT_EQ(jobs.size(), 6u);
  EXPECT_EQ(jobs[2].labels, (std::vector<std::string>{"ito", "far", "9"}));
  EXPECT_EQ(jobs[0].spec["metric"]["damping"], 5);
  EXPECT_THROW(read("normal", {"law=middle"}), SpecError);
  EXPECT_THROW(read("normal", {"calculus=[]"}), SpecError);
  EXPECT_THROW(read("normal", {"alpha=1"}), SpecError);  // varies
}

TEST_F(Experiments, WhatIsWrongIsNamedWithItsLineAndTheNearestName) {
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"title =", "titel =", "mine.toml:1: /titel: unknown key, did you mean title?"},
      {"question =", "title =", "mine.toml:2: /: "},
      {"title = \"A title\"", "", "mine.toml:1: /title: is missing"},
      {"\"A title\"", "1", "mine.toml:1: /title: must be a string"},
      {"\"A title\"", "\"a\\nb\"", "mine.toml:1: /title: must be one line"},
      {"\"A title\"", "1979-05-27", "mine.toml:1: /title: must not be a date"},
      {"\"A title\"", "\"A", "mine.toml:1: /: "},
      {"prop3-exact\"", "prop3-exat\"",
       "mine.toml:4: /claims/0: is not known: \"prop3-exat\", did you mean prop3-exact?"},
      {"\"stationary\"", "\"stationery\"",
       "mine.toml:5: /command: is not known: \"stationery\", did you mean stationary?"},
      {"\"law_on_line\"", "\"law_on_lin\"",
       "mine.toml:6: /figure: is not known: \"law_on_lin\", did you mean law_on_line?"},
      {"[spec]", "[[spec]]", "mine.toml:7: /spec: must be an object"},
      {"name = \"calculus\"", "nmae = \"calculus\"", "mine.toml:11: /vary/0/nmae: unknown key, did you mean name?"},
      {"name = \"calculus\"", "name = \"value\"", "mine.toml:11: /vary/0/name: is a column that every experiment has"},
      {"name = \"calculus\"", "name = \"law\"", "mine.toml:15: /vary/1/name: two columns are called law"},
      {"key = \"calculus\"", "key = \"alpha.x\"", "mine.toml:14: /vary/1: sets alpha again"},
      {"key = \"calculus\"", "key = \"a..b\"", "mine.toml:12: /vary/0/key: has an empty step"},
      {"key = \"calculus\"", "", "/vary/0/key: is missing"},
      {"key = \"calculus\"", "key = \"calculus\"\nkeys = [\"x\"]",
       "mine.toml:13: /vary/0/keys: key or keys, never both"},
      {"[\"ito\", \"corrected\"]", "[\"ito\", {a = 1}]", "mine.toml:13: /vary/0/values/1: needs a label"},
      {"[\"ito\", \"corrected\"]", "[\"ito\", \"ito\"]", "mine.toml:13: /vary/0/values/1: is given twice"},
      {"[\"ito\", \"corrected\"]", "[]", "mine.toml:13: /vary/0/values: must not be empty"},
      {"[\"ito\", \"corrected\"]", "nan", "mine.toml:13: /vary/0/values: must be a finite number"},
      {"[0.8, 0.6]", "[0.8]", "mine.toml:17: /vary/1/values/1: must hold 2 values"},
      {"[\"far\", \"near\"]", "[\"far\"]", "mine.toml:18: /vary/1/labels: must name each of the 2 values"},
      {"\"--seed\"", "\"--sed\"", "mine.toml:21: /vary/2/key: is not known: \"--sed\", did you mean --seed?"},
      {"\"/chi2/*\"", "\"chi2\"", "mine.toml:25: /measure/0/value: must be a JSON pointer"},
      {"\"/error\"", "\"\"", "mine.toml:26: /measure/0/error: must not be empty"},
      {"\"/error\"", "\"/error/*/*\"", "mine.toml:26: /measure/0/error: has more *"},
      {"\"/times/*\"", "\"/times/*/*\"", "mine.toml:27: /measure/0/along/time: has more *"},
      {"along = {time", "along = {law", "mine.toml:27: /measure/0/along/law: is a column that varies already"},
      {"[\"near\"]}", "[\"neaar\"]}", "mine.toml:29: /quick/values/law/0: is not known: \"neaar\", did you mean near?"},
      {"{law = [\"near\"]}", "{lw = [\"near\"]}", "mine.toml:29: /quick/values/lw: unknown key, did you mean law?"},
      {"\"metric.damping\" =", "\"metric.curvature.x\" =", "mine.toml:30: /metric/curvature/x: cannot be set"},
      {"\"metric.damping\" =", "\"alpha\" =", "mine.toml:30: /quick/set/alpha: varies in this experiment, as law"},
      {"time = {label", "tiem = {label", "mine.toml:32: /axes/tiem: unknown key, did you mean time?"},
      {"{label = \"t\"}", "{lable = \"t\"}", "mine.toml:32: /axes/time/lable: unknown key, did you mean label?"},
      {"[draw]", "[daw]", "mine.toml:33: /daw: unknown key, did you mean draw?"},
  };
  for (const auto& [from, to, message] : cases) try {
      read_experiment(path(from, to), "normal");
      ADD_FAILURE() << "taken: " << to;
    } catch (const SpecError& e) {
      EXPECT_NE(std::string(e.what()).find(message), std::string::npos) << e.what() << "\nnot: " << message;
    }
}

TEST_F(Experiments, ANameThatDoesNotExistIsRefusedWithTheNearest) {
  try {
    find_experiment("stationary-bia");
    FAIL();
  } catch (const UsageError& e) {
    EXPECT_NE(std::string(e.what()).find("did you mean stationary-bias?"), std::string::npos) << e.what();
  }
}

TEST_F(Experiments, EveryFileOfTheProjectCanBeReadAtEverySize) {
  ASSERT_FALSE(experiment_names().empty());
  for (const std::string& name : experiment_names())
    for (const char* size : {"quick", "normal", "full"}) {
      const Experiment e = read_experiment(find_experiment(name), size);
      EXPECT_GE(jobs_of(e).size(), 1u) << name;
    }
}

TEST_F(Experiments, AStarWalksAListAndWhatStandsAlongGoesWithIt) {
  const Experiment e = read();
  const Json answer = parse_json(R"({"chi2": [0.5, "inf", null], "error": 0.1, "times": [0, 1, 2.5]})", "answer");
  const auto rows = rows_of(e, jobs_of(e)[0], answer);
  EXPECT_EQ(columns_of(e), (std::vector<std::string>{"calculus", "law", "seed", "time", "measure", "value", "error"}));
  ASSERT_EQ(rows.size(), 2u);  // null is no row
  EXPECT_EQ(rows[0], (std::vector<std::string>{"ito", "far", "1", "0", "chi2", "0.5", "0.1"}));
  EXPECT_EQ(rows[1], (std::vector<std::string>{"ito", "far", "1", "1", "chi2", "inf", "0.1"}));
}

TEST_F(Experiments, NestedListsAreWalkedEntryByEntry) {
  const Experiment e = read_experiment(path("\"/chi2/*\"", "\"/runs/*/e/*\""), "normal");
  const Json answer = parse_json(R"({"runs": [{"e": [1, 2]}, {"e": [3]}], "error": 0, "times": [7, 8]})", "answer");
  const auto rows = rows_of(e, jobs_of(e)[0], answer);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[1][3], "7");
  EXPECT_EQ(rows[1][5], "2");
  EXPECT_EQ(rows[2][3], "8");
  EXPECT_EQ(rows[2][5], "3");
}

const char* tables = R"({"claims": [{"id": "prop4", "tables": []}, {"id": "prop3", "tables": [
  {"name": "line", "columns": ["x"], "rows": [[1]]},
  {"name": "plane", "columns": ["lambda* s", "8", "error/bound"], "rows": [[0.5, 2, 7], [0.7, 3, 9]]}]}]})";

TEST_F(Experiments, ClaimsTablesAndColumnsGoByTheirNames) {
  const std::string along = "error = \"/error\"\nalong = {time = \"/times/*\"}";
  const auto values = [&](const std::string& value, const std::string& beside) {
    std::string text;
    const Experiment e = read_experiment(
        path("value = \"/chi2/*\"\n" + along, "value = \"/claims/" + value + "\"\nalong = {time = \"" + beside + "\"}"),
        "normal");
    for (const auto& row : rows_of(e, jobs_of(e)[0], parse_json(tables, "answer"))) text += row[5] + '@' + row[3] + ' ';
    return text;
  };
  // A * within a name is a letter of it, a name that is a number goes before the number, a name alone may hold a /.
  EXPECT_EQ(values("prop3/tables/plane/rows/*/lambda* s", "error/bound"), "0.5@7 0.7@9 ");
  EXPECT_EQ(values("prop3/tables/plane/rows/*/8", "lambda* s"), "2@0.5 3@0.7 ");
  EXPECT_EQ(values("1/tables/1/rows/*/error~1bound", "/claims/prop3/tables/plane/rows/*/1"), "7@2 9@3 ");
}

TEST_F(Experiments, ANameThatATableLacksIsRefusedWithTheNearest) {
  const auto refusal = [&](const std::string& pointer) -> std::string {
    const Experiment e = read_experiment(path("value = \"/chi2/*\"\nerror = \"/error\"\nalong = {time = \"/times/*\"}",
                                              "value = \"" + pointer + "\"\nalong = {time = \"spec:/target\"}"),
                                         "normal");
    try {
      rows_of(e, jobs_of(e)[0], parse_json(tables, "answer"));
    } catch (const SpecError& error) {
      const std::string said = error.what();
      return said.substr(std::min(said.size(), said.find(pointer) + pointer.size()));
    }
    return "";
  };
  EXPECT_EQ(refusal("/claims/prop3/tables/plane/rows/*/eror~1bound"),
            ", did you mean /claims/prop3/tables/plane/rows/*/error~1bound?");
  EXPECT_EQ(refusal("/claims/prop3/tables/plan/rows/*/8"), ", did you mean /claims/prop3/tables/plane?");
  EXPECT_EQ(refusal("/claims/other/tables"), "; /claims has prop4, prop3");
  EXPECT_EQ(refusal("/claims/prop4/tables/*/rows"), "; there, /claims/prop4/tables is []");
}

TEST_F(Experiments, AnAnswerWithoutWhatIsMeasuredIsRefusedUnlessOptional) {
  const auto refusal = [&](const Experiment& e, const char* answer) -> std::string {
    try {
      rows_of(e, jobs_of(e)[0], parse_json(answer, "answer"));
    } catch (const SpecError& error) {
      return error.what();
    }
    return "";
  };
  const Experiment e = read();
  EXPECT_NE(refusal(e, R"({"kl": [1]})")
                .find("mine.toml:25: /measure/0/value: the answer of lml stationary has no "
                      "/chi2/*; it has kl"),
            std::string::npos);
  EXPECT_NE(refusal(e, R"({"chi2": [1], "error": 0})").find("mine.toml:27: /measure/0/along/time"), std::string::npos);
  EXPECT_NE(refusal(e, R"({"chi2": ["much"], "times": [0], "error": 0})").find("must lead to numbers"),
            std::string::npos);
  const Experiment optional =
      read_experiment(path("value = \"/chi2/*\"\nerror = \"/error\"\nalong = {time = \"/times/*\"}",
                           "value = \"/chi2\"\noptional = true\nalong = {time = \"/t\"}"),
                      "normal");
  EXPECT_TRUE(rows_of(optional, jobs_of(optional)[0], parse_json(R"({"t": 0})", "answer")).empty());
  EXPECT_TRUE(rows_of(e, jobs_of(e)[0], parse_json(R"({"exists": false})", "answer")).empty());
}

TEST_F(Experiments, WhatOnlySomeEntriesHaveGivesRowsForThese) {
  const Experiment e = read_experiment(path("\"/chi2/*\"", "\"/runs/*/gain/ratio\""), "normal");
  const Json answer = parse_json(R"({"runs": [{}, {"gain": {"ratio": 2}}], "error": 0, "times": [7, 8]})", "answer");
  const auto rows = rows_of(e, jobs_of(e)[0], answer);
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0][3], "8");
}

// The run without a correction, which the others are compared with, has no lambda.
TEST_F(Experiments, WhatStandsBesideIsEmptyWhereAnEntryLacksIt) {
  const Experiment e =
      read_experiment(path("value = \"/chi2/*\"\nerror = \"/error\"\nalong = {time = \"/times/*\"}",
                           "value = \"/runs/*/e\"\nerror = \"/error\"\nalong = {time = \"/runs/*/lml/lambda\"}"),
                      "normal");
  const Json answer =
      parse_json(R"({"runs": [{"e": 1, "lml": null}, {"e": 2, "lml": {"lambda": 0.5}}], "error": 0})", "answer");
  const auto rows = rows_of(e, jobs_of(e)[0], answer);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0][3], "");
  EXPECT_EQ(rows[1][3], "0.5");
}

TEST_F(Experiments, APointerIntoTheSpecReadsWhatWasAsked) {
  const Experiment e = read_experiment(path("\"/times/*\"", "\"spec:/target\""), "normal");
  const auto rows = rows_of(e, jobs_of(e)[0], parse_json(R"({"chi2": [1], "error": 0})", "answer"));
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0][3], "double_well_1d");
}

// Values 1 and 3: mean 2, deviation sqrt(2), standard error of the mean 1.
TEST_F(Experiments, AnAveragedColumnBecomesMeansAndTheirStandardErrors) {
  const Experiment e = read_experiment(path("key = \"--seed\"", "key = \"--seed\"\naverage = true"), "normal");
  std::vector<std::vector<std::string>> rows{columns_of(e)};
  for (const auto& [law, seed, value] : std::vector<std::tuple<const char*, const char*, const char*>>{
           {"far", "1", "1"}, {"far", "2", "3"}, {"near", "1", "5"}, {"near", "2", ""}})
    rows.push_back({"ito", law, seed, "0", "chi2", value, "0.1"});
  const auto out = averages_of(e, rows);
  ASSERT_EQ(out.size(), 3u);
  EXPECT_EQ(out[0], (std::vector<std::string>{"calculus", "law", "time", "measure", "value", "error"}));
  EXPECT_EQ(out[1], (std::vector<std::string>{"ito", "far", "0", "chi2", "2.0", "1.0"}));
  EXPECT_EQ(out[2], (std::vector<std::string>{"ito", "near", "0", "chi2", "", ""}));
}

}  // namespace
}  // namespace lml
