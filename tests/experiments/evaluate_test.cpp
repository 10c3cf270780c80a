// `evaluate` on images, with the pixels themselves in place of a network's features.
#include "experiments/evaluate.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "dynamics/random.hpp"
#include "experiments/arrays.hpp"
#include "experiments/errors.hpp"
#include "experiments/png.hpp"
#include "samplers/frechet.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

constexpr ImageShape shape{1, 2, 2};

FeatureMap pixels(const Reader&) {
  return {"Pixels", [](const ImageShape& s, Index n, const auto& images, const auto& progress) {
            EXPECT_EQ(s, shape);
            Points out(n, s.size());
            for (Index i = 0; i < n; i += 100)
              out.middleRows(i, std::min<Index>(100, n - i)) = images(i, std::min<Index>(100, n - i));
            progress(1);
            return out;
          }};
}

// About [-1, 1], some of it outside.
Points images(Index n, std::uint64_t stream) { return 0.5 * Random(20250528, stream).normals(0, 0, n, 4); }

// What a network sees of them.
Points seen(const Points& x, Rounding rounding) {
  return x.unaryExpr([&](double v) {
    const double level = std::clamp(127.5 * (v + 1), 0.0, 255.0);
    return (rounding == Rounding::nearest ? std::nearbyint(level) : std::floor(level)) / 255;
  });
}

class Evaluation : public testing::Test {
 protected:
  test::Folder folder_;

  void write(const std::string& name, const Points& x, const std::vector<Index>& axes = {1, 2, 2}) {
    std::vector<Index> shape{x.rows()};
    shape.insert(shape.end(), axes.begin(), axes.end());
    folder_.write(name,
                  npy_header(shape) + std::string(reinterpret_cast<const char*>(x.data()), std::size_t(x.size()) * 8));
  }
  Json metrics(const std::string& text) {
    Common c;
    c.json = true;
    c.spec = folder_.write("s.json", text).string();
    testing::internal::CaptureStdout();
    EXPECT_EQ(evaluate(c, read_document(c.spec), pixels), 0);
    return parse_json(testing::internal::GetCapturedStdout(), "answer")["metrics"];
  }
  std::string refusal(const std::string& text) {
    Common c;
    c.json = true;
    c.spec = folder_.write("s.json", text).string();
    testing::internal::CaptureStdout();
    std::string out = "accepted";
    try {
      evaluate(c, read_document(c.spec), pixels);
    } catch (const SpecError& e) {
      out = std::string(e.what()).substr(c.spec.size() + 2);
    }
    const std::string printed = testing::internal::GetCapturedStdout();
    EXPECT_EQ(printed.empty(), out != "accepted");
    return out;
  }
};

// The same numbers by the same code: to the last bit, but for the parts of a batch.
TEST_F(Evaluation, KidAndFrechetAreOfTheFeaturesOfRoundedImages) {
  const Points a = images(2100, 1), b = 1.1 * images(2048, 2), c = images(2048, 3);
  write("a.npy", a);
  write("b.npy", b);
  write("c.npy", c);
  const std::string sets = R"({"a":"a.npy","b":"b.npy","limit":2048,"range":[-1,1],"features":"f",)";
  for (const Rounding rounding : {Rounding::nearest, Rounding::truncate}) {
    const std::string named = rounding == Rounding::nearest ? "" : R"("rounding":"truncate",)";
    const Json m = metrics(sets + named + R"("floor":"c.npy","replicates":4,"metrics":["kid","fd"]})");
    const Points fa = seen(a.topRows(2048), rounding), fb = seen(b, rounding), fc = seen(c, rounding);
    EXPECT_EQ(m["kid"]["value"], kernel_inception_distance(fa, fb).value);
    EXPECT_EQ(m["kid"]["floor"]["value"], kernel_inception_distance(fc, fb).value);
    const FrechetEstimate e = frechet_estimate(fa, fb, 4, 0);
    EXPECT_EQ(m["fd"]["value"], e.distance.value);
    EXPECT_EQ(m["fd"]["standard_error"], e.distance.standard_error);
    EXPECT_EQ(m["fd"]["same_law"], e.same_law);
    EXPECT_EQ(m["fd"]["floor"]["value"], frechet_distance(fit_gaussian(fc), fit_gaussian(fb)));
    EXPECT_EQ(m["fd"]["quantity"], "FD-Pixels");
    EXPECT_EQ(m["fd"]["n_a"], 2048);
  }
  const Json plain = metrics(sets + R"("rounding":"none","metrics":["kid"]})");
  const auto clamped = [](const Points& x) -> Points { return ((x.array() + 1) / 2).max(0).min(1); };
  EXPECT_EQ(plain["kid"]["value"], kernel_inception_distance(clamped(a.topRows(2048)), clamped(b)).value);
}

TEST_F(Evaluation, FrechetAgainstStoredStatisticsIsThatAgainstTheirSamples) {
  const Points a = images(2048, 4), b = 1.2 * images(3000, 5);
  write("a.npy", a);
  const FittedGaussian g = fit_gaussian(seen(b, Rounding::nearest));
  const Mat c = g.root * g.root.transpose();
  const std::string data = test::bytes_of(std::vector<double>(g.mean.data(), g.mean.data() + 4)) +
                           test::bytes_of(std::vector<double>(c.data(), c.data() + 16));
  const auto statistics = [&](const char* shape) {
    folder_.write("b.safetensors",
                  test::safetensors(std::string(R"({"mean":{"dtype":"F64","shape":[4],"data_offsets":[0,32]},)") +
                                        R"("cov":{"dtype":"F64","shape":)" + shape + R"(,"data_offsets":[32,160]}})",
                                    data));
  };
  statistics("[4,4]");
  const std::string spec =
      R"({"a":"a.npy","b":"b.safetensors","range":[-1,1],"features":"f","metrics":["fd"],"replicates":2)";
  const Json m = metrics(spec + R"(,"n_b":3000})");
  // Well-conditioned covariances of trace 0.25: 1e2 roundings.
  EXPECT_NEAR(m["fd"]["value"].get<double>(), frechet_distance(fit_gaussian(seen(a, Rounding::nearest)), g),
              1e2 * 0x1p-53);
  EXPECT_EQ(m["fd"]["n_b"], 3000);
  EXPECT_FALSE(m["fd"].contains("same_law"));
  EXPECT_EQ(refusal(spec + "}"), "/n_b: is missing");
  statistics("[2,8]");
  EXPECT_EQ(refusal(spec + R"(,"n_b":3000})"), "/b: tensor 'cov' must be 4 x 4 like the mean");
}

// By hand: distances of a to the reference 1, 2, 3, of b 2, 2, 2: one win each, one tie.
TEST_F(Evaluation, PairedImagesAreComparedOneByOne) {
  Points reference = Points::Zero(3, 4), a(3, 4), b(3, 4);
  a << 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3;
  b.setConstant(-2);
  b(0, 0) = 2;
  write("a.npy", a);
  write("b.npy", b);
  write("r.npy", reference);
  write("half.npy", reference.array() + 0.5);
  const std::string sets = R"({"a":"a.npy","b":"b.npy","metrics":["paired"])";
  const Json m = metrics(sets + R"(,"reference":"r.npy","coarser":"half.npy","range":[0,2]})")["paired"];
  EXPECT_EQ(m["a"]["value"], 2);
  EXPECT_DOUBLE_EQ(m["a"]["standard_error"].get<double>(), std::sqrt(1.0 / 3));
  EXPECT_EQ(m["b"]["value"], 2);
  EXPECT_EQ(m["b"]["standard_error"], 0);
  EXPECT_EQ(m["value"], 0);
  EXPECT_EQ(m["wins"]["a"], 1);
  EXPECT_EQ(m["wins"]["b"], 1);
  EXPECT_EQ(m["wins"]["ties"], 1);
  EXPECT_EQ(m["wins"]["p_value"], 1);
  EXPECT_EQ(m["reference_error"]["value"], 0.5);
  // Outside [0, 2]: none, none and all of a; three, all and all of b.
  EXPECT_DOUBLE_EQ(m["saturation"]["value"].get<double>(), (0 + 0 + 1 - 0.75 - 1 - 1) / 3);
  EXPECT_EQ(m["spectrum"]["frequency"], Json::array({1}));
  const Json alone = metrics(sets + "}")["paired"];
  EXPECT_DOUBLE_EQ(alone["value"].get<double>(), (std::sqrt((3 * 9 + 1) / 4.0) + 4 + 5) / 3);
  EXPECT_FALSE(alone.contains("saturation"));
}

TEST_F(Evaluation, FoldersOfPngFilesAreArraysOfBytes) {
  std::filesystem::create_directories(folder_.path() / "png");
  const std::vector<unsigned char> bytes{0, 50, 100, 255, 1, 2, 3, 4, 250, 200, 150, 9};
  for (std::size_t i = 0; i < 3; ++i)
    folder_.write("png/" + std::to_string(i) + ".png", png_file(bytes.data() + 4 * i, shape));
  folder_.write("bytes.npy", test::npy("|u1", "(3, 2, 2)", test::bytes_of(bytes)));
  const auto of = [&](const char* set) {
    return metrics(R"({"a":")" + std::string(set) + R"(","b":"bytes.npy","metrics":["image_statistics","paired"]})");
  };
  EXPECT_EQ(of("png"), of("bytes.npy"));
  EXPECT_EQ(of("png")["paired"]["value"], 0);
  folder_.write("png/3.png", png_file(bytes.data(), {1, 2, 3}));
  EXPECT_EQ(refusal(R"({"a":"png","b":"bytes.npy","metrics":["paired"]})"),
            "/a: 3.png: has another size or number of channels than 0.png");
}

// A folder of `sample` says the range of its images.
TEST_F(Evaluation, TheRangeIsTheSpecsTheFoldersOrThatOfBytes) {
  std::filesystem::create_directories(folder_.path() / "run");
  write("run/samples.npy", images(8, 6));
  write("a.npy", images(8, 6));
  const std::string folders = R"({"a":"run","b":"run","metrics":["image_statistics"]})";
  const std::string arrays = R"({"a":"a.npy","b":"a.npy","metrics":["image_statistics"],"range":[-1,1]})";
  EXPECT_EQ(refusal(folders), "/range: is missing: a holds no bytes");
  folder_.write("run/result.json", R"({"samples":"samples.npy","range":[-1,1]})");
  EXPECT_EQ(metrics(folders), metrics(arrays));
  folder_.write("run/result.json", R"({"samples":"samples.npy","range":[1,1]})");
  EXPECT_NE(refusal(folders).find("/range: must be [lowest, highest], rising"), std::string::npos);
}

TEST_F(Evaluation, PairsOfDifferentRangesAreRefused) {
  std::filesystem::create_directories(folder_.path() / "run");
  write("run/samples.npy", images(3, 6));
  folder_.write("run/result.json", R"({"range":[-1,1]})");
  folder_.write("bytes.npy", test::npy("|u1", "(3, 1, 2, 2)", std::string(12, '\1')));
  EXPECT_EQ(refusal(R"({"a":"run","b":"bytes.npy","metrics":["paired"]})"),
            "/b: has another range than a, so that no pixel of one can be compared with the other's");
}

TEST_F(Evaluation, EveryMistakeIsNamedByItsPlace) {
  write("few.npy", images(10, 7));
  write("many.npy", images(2048, 8));
  write("more.npy", images(2049, 9));
  write("points.npy", images(2048, 8), {4});
  write("two.npy", images(2048, 8), {2, 1, 2});
  const auto of = [&](const std::string& a, const std::string& b, const std::string& more) {
    return refusal(R"({"a":")" + a + R"(","b":")" + b + R"(",)" + more + "}");
  };
  const std::string fd = R"("metrics":["fd"],"features":"f","range":[-1,1])";
  EXPECT_EQ(of("few.npy", "few.npy", fd),
            "/a: must hold at least 2048 images for fd, holds 10 (kid and paired take fewer)");
  EXPECT_EQ(of("many.npy", "more.npy", fd),
            "/b: must hold 2048 like a for fd, holds 2049 (`limit` takes the first of each)");
  EXPECT_EQ(of("many.npy", "many.npy", fd + R"(,"floor":"few.npy")"),
            "/floor: must hold at least 2048 images for fd, holds 10 (kid and paired take fewer)");
  EXPECT_EQ(of("points.npy", "many.npy", fd), "/a: must hold images, [n, C, H, W] with C = 1 or 3 or [n, H, W]");
  EXPECT_EQ(of("many.npy", "two.npy", fd), "/b: must hold images, [n, C, H, W] with C = 1 or 3 or [n, H, W]");
  EXPECT_EQ(of("many.npy", "many.npy", R"("metrics":["kid"],"features":"f")"), "/range: is missing: a holds no bytes");
  EXPECT_EQ(of("many.npy", "many.npy", fd + R"(,"n_b":4000)"),
            "/n_b: goes with a b that holds statistics (tensors mean and cov), and with no metric but fd");
  EXPECT_EQ(of("many.npy", "many.npy", fd + R"(,"rounding":"up")"),
            "/rounding: is not known: \"up\"; known: nearest, truncate or none");
  EXPECT_EQ(of("many.npy", "many.npy", fd + R"(,"replicates":1)").find("/replicates: must lie in 2.."), 0u);
  EXPECT_EQ(of("few.npy", "many.npy", R"("metrics":["paired"])"),
            "/b: must hold 10 like a for paired, holds 2048 (`limit` takes the first of each)");
  EXPECT_EQ(of("few.npy", "few.npy", R"("metrics":["paired"],"coarser":"few.npy")"), "/reference: is missing");
  EXPECT_EQ(of("few.npy", "few.npy", R"("metrics":["paired"],"limit":1)"), "/a: must hold two samples");
  EXPECT_EQ(of("few.npy", "few.npy", R"("metrics":["moments"],"range":[-1,1])"),
            "/range: goes with the metrics kid, fd, paired and image_statistics");
  EXPECT_EQ(of("few.npy", "few.npy", R"("metrics":["paired"],"range":[1,-1])"),
            "/range: must be [lowest, highest], rising");
  EXPECT_EQ(of("few.npy", "few.npy", R"("metrics":["mmd"],"floor":"few.npy")"),
            "/floor: goes with the metrics kid and fd");
}

}  // namespace
}  // namespace lml
