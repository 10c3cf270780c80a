#include "experiments/spec.hpp"

#include "experiments/errors.hpp"
#include "experiments/point_query.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

// What a person sees, or "accepted".
std::string message(const std::string& text, const std::string& name = "s.json") {
  try {
    const Document document = parse_document(text, name);
    read_point_query(document);
    return "accepted";
  } catch (const SpecError& e) {
    return e.what();
  }
}

// A correct spec with one of its members replaced.
std::string spec(const std::string& key, const std::string& value) {
  const std::pair<const char*, const char*> members[] = {
      {"target", R"({"kind":"points","points":[[1,0],[0,1]]})"}, {"alpha", "0.8"}, {"sigma", "0.6"}, {"at", "[[1,2]]"}};
  std::string out;
  bool replaced = false;
  for (const auto& [k, v] : members) {
    const std::string& text = k == key ? value : v;
    replaced = replaced || k == key;
    if (!text.empty()) out += (out.empty() ? "" : ",") + ('"' + std::string(k)) + "\":" + text;
  }
  if (!replaced) out += ",\"" + key + "\":" + value;
  return "{" + out + "}";
}

std::string mixture(const std::string& weights, const std::string& means, const std::string& covariances) {
  return spec("target", R"({"kind":"gaussian_mixture","weights":)" + weights + ",\"means\":" + means +
                            ",\"covariances\":" + covariances + "}");
}

std::string timed(const std::string& schedule, const std::string& t) {
  return R"({"target":"two_points","at":[[1,2,3]],"schedule":)" + schedule + (t.empty() ? "" : ",\"t\":" + t) + "}";
}

TEST(Spec, CorrectOnesAreAccepted) {
  EXPECT_EQ(message(spec("alpha", "0")), "accepted");
  EXPECT_EQ(message(spec("target", "\"ring8\"")), "accepted");
  EXPECT_EQ(message(spec("hessian", "true")), "accepted");
  EXPECT_EQ(message(mixture("[1,3]", "[[1,2],[3,4]]", "[0.2,[[1,0.1],[0.1,1]]]")), "accepted");
  EXPECT_EQ(message(mixture("[1,0]", "[[1,2],[3,4]]", "[[1,2],0]")), "accepted");
  for (const char* name : {"linear", "scaled_linear", "squaredcos_cap_v2"})
    EXPECT_EQ(message(timed("{\"name\":\"" + std::string(name) + "\",\"beta_start\":1e-4,\"beta_end\":0.02}", "999")),
              "accepted");
  EXPECT_EQ(message(timed(R"({"name":"trained_betas","betas":[0.1,0.2]})", "1")), "accepted");
  EXPECT_EQ(message(timed(R"({"name":"vp_sde"})", "0.5")), "accepted");
  EXPECT_EQ(message(timed(R"({"name":"edm"})", "80")), "accepted");
}

TEST(Spec, EveryMistakeIsNamedByItsPlace) {
  const std::string deep(300, '[');
  const std::pair<std::string, const char*> cases[] = {
      // weights
      {mixture("[1,-3]", "[[1,2],[3,4]]", "[1,1]"), "/target/weights/1: must be >= 0, is -3"},
      {mixture("[0,0]", "[[1,2],[3,4]]", "[1,1]"), "/target/weights: must have a positive sum"},
      {mixture("[1]", "[[1,2],[3,4]]", "[1,1]"), "/target/weights: must have 2 entries like means, has 1"},
      {mixture("[1,\"a\"]", "[[1,2],[3,4]]", "[1,1]"), "/target/weights/1: must be a number, is the string \"a\""},
      {mixture("[]", "[[1,2],[3,4]]", "[1,1]"), "/target/weights: must not be empty"},
      {mixture("2", "[[1,2],[3,4]]", "[1,1]"), "/target/weights: must be a list of numbers, is the number 2"},
      // ragged and empty arrays, dimensions
      {mixture("[1,1]", "[[1,2],[3]]", "[1,1]"), "/target/means/1: must have 2 entries like the first, has 1"},
      {mixture("[1,1]", "[]", "[1,1]"), "/target/means: must not be empty"},
      {mixture("[1,1]", "[[],[]]", "[1,1]"), "/target/means/0: must not be empty"},
      {mixture("[1,1]", "[[1,2],3]", "[1,1]"), "/target/means/1: must be a list of numbers, is the number 3"},
      {spec("at", "[[1,2],[3]]"), "/at/1: must have 2 entries like the first, has 1"},
      {spec("at", "[[1,2,3]]"), "/at/0: must have 2 coordinates like the target, has 3"},
      {spec("at", "[[1,\"2\"]]"), "/at/0/1: must be a number, is the string \"2\""},
      {spec("at", "[1,2]"), "/at/0: must be a list of numbers, is the number 1"},
      {spec("at", "[[1,null]]"), "/at/0/1: must be a number, is null"},
      {spec("at", "[[1,true]]"), "/at/0/1: must be a number, is true"},
      {spec("at", "[]"), "/at: must not be empty"},
      {spec("at", "\"none.npy\""), "/at: none.npy: cannot be read: No such file or directory"},
      {spec("at", "\"\""), "/at: must name a file"},
      // covariances
      {mixture("[1,1]", "[[1,2],[3,4]]", "[1]"), "/target/covariances: must have 2 entries like means, has 1"},
      {mixture("[1,1]", "[[1,2],[3,4]]", "[1,-1]"), "/target/covariances/1: must be a finite variance >= 0, is -1"},
      {mixture("[1,1]", "[[1,2],[3,4]]", "[1,[1,2,3]]"), "/target/covariances/1: must have 2 entries, has 3"},
      {mixture("[1,1]", "[[1,2],[3,4]]", "[1,[[1,0.1],[0.2,1]]]"), "/target/covariances/1: must be symmetric"},
      {mixture("[1,1]", "[[1,2],[3,4]]", "[1,[[1,0.1],[0.1]]]"),
       "/target/covariances/1/1: must have 2 entries like the first, has 1"},
      {mixture("[1,1]", "[[1,2],[3,4]]", "[1,[]]"), "/target/covariances/1: must not be empty"},
      {mixture("[1,1]", "[[1,2],[3,4]]", "[1,\"a\"]"),
       "/target/covariances/1: must be a list of numbers, is the string \"a\""},
      // not finite, not JSON
      {spec("at", "[[1,NaN]]"), "/at/0/1: parse error"},
      {spec("at", "[[1,-Infinity]]"), "/at/0/1: parse error"},
      {spec("at", "[[1,1e999]]"), "/at/0/1: number overflow parsing '1e999'"},
      {spec("sigma", "1e400"), "/sigma: number overflow parsing '1e400'"},
      {"", "/: parse error"},
      {"[1,2]", "/: must be an object, is a list"},
      {"null", "/: must be an object, is null"},
      {spec("at", "[[1,2]]") + "x", "/: parse error"},
      {spec("at", "[[1,2]]") + "{}", "/: parse error"},
      {std::string("{}\0", 3), "/: is not JSON: holds a NUL byte"},
      {spec("at", "[[0."), "/at/0/0: parse error"},
      {R"({"target":"ri)", "/target: parse error"},
      {"{\"target\":\"\xFF\"}", "/target: parse error"},
      {spec("at", deep), "is nested deeper than 200"},
      // keys
      {spec("hesian", "true"), "/hesian: unknown key, did you mean hessian?"},
      {spec("zzzzzzzz", "1"), "/zzzzzzzz: unknown key; known: target, alpha, sigma, schedule, t, at or hessian"},
      {spec("a/b~c", "1"), "/a~1b~0c: unknown key"},
      {R"({"sigma":1,"sigma":1})", "/sigma: is given twice"},
      {R"({"target":{"kind":"points","points":[],"kind":1}})", "/target/kind: is given twice"},
      {spec("target", R"({"kind":"points","points":[[1,2]],"wieghts":[1]})"),
       "/target/wieghts: unknown key, did you mean weights?"},
      {spec("target", R"({"kind":"points","points":[[1,2]],"means":[[1,2]]})"), "/target/means: unknown key"},
      {spec("target", ""), "/target: is missing"},
      {spec("at", ""), "/at: is missing"},
      {spec("sigma", ""), "/sigma: is missing"},
      {spec("alpha", ""), "/alpha: is missing"},
      {spec("target", "{}"), "/target/kind: is missing"},
      {spec("target", R"({"kind":"points"})"), "/target/points: is missing"},
      {spec("target", R"({"kind":"gaussian_mixture","weights":[1],"means":[[1,2]]})"),
       "/target/covariances: is missing"},
      {spec("target", R"({"kind":"point","points":[[1,2]]})"),
       "/target/kind: is not known: \"point\", did you mean points?"},
      {spec("target", "\"ripe8\""), "/target: no built-in target is called \"ripe8\"; `lml targets` lists them"},
      {spec("target", "\"ring9\""), "/target: no built-in target is called \"ring9\", did you mean ring8?"},
      {spec("target", "3"), "/target: must be an object, is the number 3"},
      {spec("hessian", "1"), "/hessian: must be true or false, is the number 1"},
      // time
      {spec("sigma", "0"), "/sigma: must be > 0, is 0"},
      {spec("sigma", "\"a\""), "/sigma: must be a number, is the string \"a\""},
      {spec("alpha", "-1"), "/alpha: must be >= 0, is -1"},
      {spec("t", "3"), "/alpha: alpha and sigma, or schedule and t, never both"},
      {R"({"target":"two_points","at":[[1,2,3]]})",
       "/alpha: is missing (the time is alpha and sigma, or schedule and t)"},
      {timed(R"({"name":"edm"})", ""), "/t: is missing"},
      {timed(R"({"name":"edm"})", "0"), "/t: must be finite and > 0"},
      {timed(R"({"name":"edm","betas":[1]})", "1"), "/schedule/betas: unknown key"},
      {timed(R"({"name":"liner"})", "1"), "/schedule/name: is not known: \"liner\", did you mean linear?"},
      {timed(R"({"name":"linear"})", "1"), "/schedule/beta_start: is missing"},
      {timed(R"({"name":"linear","beta_start":0,"beta_end":0.1})", "1"),
       "/schedule/beta_start: must lie between 0 and 1"},
      {timed(R"({"name":"linear","beta_start":0.1,"beta_end":0.2,"num_train_timesteps":1e18})", "1"),
       "/schedule/num_train_timesteps: must "},
      {timed(R"({"name":"trained_betas","betas":[0.1,1]})", "1"), "/schedule/betas/1: must lie between 0 and 1"},
      {timed(R"({"name":"trained_betas","betas":[1e-20]})", "0"), "/t: is where this schedule has no noise"},
      {timed(R"({"name":"trained_betas","betas":[0.1]})", "1"), "/t: must lie in 0..0"},
      {timed(R"({"name":"trained_betas","betas":[0.1,0.1]})", "0.5"), "/t: must be an integer"},
      {timed(R"({"name":"vp_sde"})", "1.5"), "/t: must lie in (0, 1]"},
      // files
      {spec("target", R"({"kind":"points","file":"none.npy"})"),
       "/target/file: none.npy: cannot be read: No such file or directory"},
      {spec("target", R"({"kind":"points","file":"x","points":[[1,2]]})"), "/target/file: points or file, never both"},
      {spec("target", R"({"kind":"points","points":[[1,2]],"scale":[0,1]})"),
       "/target/scale: maps the bytes of a file"},
      {spec("target", R"({"kind":"points","file":"x","scale":[0]})"), "/target/scale: must be [lo,hi]"},
      {spec("target", R"({"kind":"points","file":"x","limit":0})"), "/target/limit: must lie in 1.."},
      {spec("target", R"({"kind":"points","file":"x","limit":1.5})"),
       "/target/limit: must be an integer, is the number 1.5"},
  };
  for (const auto& [text, expected] : cases) {
    const std::string got = message(text);
    EXPECT_TRUE(got.starts_with("s.json: /")) << got;
    EXPECT_NE(got.find(expected), std::string::npos)
        << text.substr(0, 200) << "\n  gives " << got << "\n  wants " << expected;
    EXPECT_EQ(got.find('\n'), std::string::npos) << got;
  }
}

TEST(Spec, IndefiniteCovariancesAreRefused) {
  EXPECT_TRUE(message(mixture("[1]", "[[1,2]]", "[[[1,2],[2,1]]]"))
                  .starts_with("s.json: /target/covariances/0: must be positive semidefinite, has the eigenvalue -1"));
}

TEST(Spec, MessagesStayOneLineWhateverTheKey) {
  const std::string got = message("{\"a\\n\\u0000b\":1}");
  EXPECT_EQ(got, "s.json: /a??b: unknown key; known: target, alpha, sigma, schedule, t, at or hessian");
}

TEST(Spec, PathsAreRelativeToTheSpecsFolder) {
  const test::Folder f;
  f.write("y.npy", test::npy("<f8", "(3, 2)", test::bytes_of(std::vector<double>{1, 2, 3, 4, 5, 6})));
  f.write("s.json", spec("target", R"({"kind":"points","file":"y.npy","limit":2,"weights":[1,3]})"));
  const Document document = read_document((f.path() / "s.json").string());
  const PointQuery q = read_point_query(document);
  ASSERT_EQ(q.marginal.target().size(), 2);
  EXPECT_EQ(q.marginal.target().means()(1, 0), 3);
}

TEST(Spec, SetChangesOneValue) {
  const test::Folder f;
  const std::string name = f.write("s.json", spec("sigma", "0")).string();
  const Document changed = read_document(name, {"sigma=0.5", "target.points.1=[3,4]", "hessian=true"});
  const PointQuery q = read_point_query(changed);
  EXPECT_EQ(q.marginal.time().sigma, 0.5);
  EXPECT_EQ(q.marginal.target().means()(1, 1), 4);
  EXPECT_TRUE(q.hessian);
  const Document alone = read_document("", {"target=ring8", "alpha=1", "sigma=1", "at=[[0,0]]"});
  EXPECT_EQ(read_point_query(alone).marginal.target().size(), 8);
}

TEST(Spec, SetRefusesPathsThatLeadNowhere) {
  const test::Folder f;
  const std::string name = f.write("s.json", spec("sigma", "1")).string();
  const std::pair<const char*, const char*> cases[] = {
      {"sigma", "--set: /: wants key.path=value"},
      {"=3", "--set: /: wants key.path=value"},
      {"a..b=3", "--set: /a: 'a..b' has an empty key"},
      {"sigma.x=3", "--set: /sigma/x: cannot be set"},
      {"at.7=[1,2]", "--set: /at/7: is no entry of a list of 1"},
      {"at.x=[1,2]", "--set: /at/x: is no entry of a list of 1"},
      {"at=[[1,2", "--set: /at/0/2: parse error"},
      {"target={\"kind\":1,\"kind\":2}", "--set: /target/kind: is given twice"},
  };
  for (const auto& [assignment, expected] : cases) try {
      read_document(name, {assignment});
      ADD_FAILURE() << assignment;
    } catch (const SpecError& e) {
      EXPECT_TRUE(std::string(e.what()).starts_with(expected)) << e.what();
    }
}

TEST(Spec, ForeignFilesAreRefused) {
  const auto refusal = [](const std::string& name) {
    try {
      read_document(name);
    } catch (const SpecError& e) {
      return std::string(e.what());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(refusal("/none.json"), "/none.json: /: cannot be read: No such file or directory");
  EXPECT_EQ(refusal("/"), "/: /: cannot be read: Is a directory");
  const test::Folder f;
  EXPECT_NE(refusal(f.write("b", std::string("\x7F"
                                             "ELF\x00\x01",
                                             6))
                        .string())
                .find("NUL byte"),
            std::string::npos);
}

}  // namespace
}  // namespace lml
