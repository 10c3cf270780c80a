// Every fixture of tests/parity (made by the peers' own code, see its README) through the code behind `lml sample`.
#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "samplers/ensemble.hpp"

namespace lml {
namespace {

std::vector<Json> read_fixtures() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::filesystem::path(LML_TEST_DATA).parent_path() / "parity"))
    if (entry.path().extension() == ".json") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  std::vector<Json> out;
  for (const auto& file : files) {
    const Document list = read_document(file.string());
    for (const Json& fixture : list.root->at("fixtures")) out.push_back(fixture);
  }
  return out;
}

const std::vector<Json>& fixtures() {
  static const std::vector<Json> all = read_fixtures();
  return all;
}

Points points_of(const Json& rows) {
  Points out(Index(rows.size()), Index(rows.at(0).size()));
  for (Index i = 0; i < out.rows(); ++i)
    for (Index j = 0; j < out.cols(); ++j) out(i, j) = rows.at(std::size_t(i)).at(std::size_t(j)).get<double>();
  return out;
}

/// The normals that the peer was given.
struct GivenNoise {
  const Json* draws;
  Points operator()(Index step, int stage) const {
    EXPECT_EQ(stage, 0);
    return points_of(draws->at(std::size_t(step)));
  }
};

class Recorder : public Source<Points> {
 public:
  explicit Recorder(ExactSource& source) : source_(&source) {}
  Points epsilon(const Points& x, const Node& at) override {
    calls.push_back(at);
    return source_->epsilon(x, at);
  }
  Points data(const Points& x, const Node& at) override {
    calls.push_back(at);
    return source_->data(x, at);
  }
  std::vector<Node> calls;

 private:
  ExactSource* source_;
};

SampleSet sample_with(const Sampler& sampler, ExactSource& source, const Points& start, const GivenNoise& noise) {
  Recorder recorder(source);
  Model<Points> model(recorder, sampler.correction, sampler.clipping);
  Run<Points> run{start};
  SampleSet out{{}, {start}, {}};
  advance(sampler, model, noise, run, [&](const Run<Points>& r) { out.trajectory.push_back(r.x); });
  out.samples = run.x;
  out.calls = std::move(recorder.calls);
  return out;
}

void expect_rows(const Json& expected, const Points& got, double rtol, double atol, const std::string& what) {
  const Points want = points_of(expected);
  ASSERT_EQ(got.rows(), want.rows()) << what;
  ASSERT_EQ(got.cols(), want.cols()) << what;
  for (Index i = 0; i < want.rows(); ++i) {
    const double off = (got.row(i) - want.row(i)).cwiseAbs().maxCoeff(), scale = want.row(i).cwiseAbs().maxCoeff();
    EXPECT_LE(off, atol + rtol * scale) << what << ", sample " << i << ": got " << got.row(i) << ", expected "
                                        << want.row(i);
  }
}

class Parity : public testing::TestWithParam<std::size_t> {};

TEST_P(Parity, WithThePeer) {
  const Json& fixture = fixtures().at(GetParam());
  const Document document{fixture.at("name").get<std::string>(), {}, std::make_shared<const Json>(fixture.at("spec"))};
  const Object spec =
      Reader(document).object({"target", "schedule", "sampler", "lml", "start", "trajectory", "inline"});
  ExactSource source(read_target(spec.at("target")));
  const Sampler sampler = read_sampler(spec).sampler;
  const Points start = spec.at("start").matrix();
  const auto noise = fixture.find("noise");
  const SampleSet got = noise == fixture.end() ? sample(sampler, source, start, {0, 0, true})
                                               : sample_with(sampler, source, start, GivenNoise{&*noise});

  const Json& expected = fixture.at("expected");
  const double rtol = fixture.at("rtol").get<double>(), atol = fixture.at("atol").get<double>();
  const Json& times = expected.at("timesteps");
  EXPECT_EQ(got.calls.size(), expected.at("nfe").get<std::size_t>());
  ASSERT_EQ(got.calls.size(), times.size());
  for (std::size_t i = 0; i < times.size(); ++i) {
    const double t = times[i].get<double>();
    EXPECT_NEAR(got.calls[i].t, t, atol + rtol * t) << "call " << i;
  }
  const Json& trajectory = expected.at("trajectory");
  ASSERT_EQ(got.trajectory.size(), trajectory.size());
  for (std::size_t i = 0; i < trajectory.size(); ++i)
    expect_rows(trajectory[i], got.trajectory[i], rtol, atol, "trajectory/" + std::to_string(i));
  expect_rows(expected.at("samples"), got.samples, rtol, atol, "samples");
}

std::string test_name(const testing::TestParamInfo<std::size_t>& info) {
  std::string out = fixtures().at(info.param).at("name").get<std::string>();
  for (char& c : out)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = c == '+' ? 'p' : '_';
  return out;
}

INSTANTIATE_TEST_SUITE_P(Fixtures, Parity, testing::Range<std::size_t>(0, fixtures().size()), test_name);

TEST(ParityFixtures, AreThere) { EXPECT_FALSE(fixtures().empty()); }

}  // namespace
}  // namespace lml
