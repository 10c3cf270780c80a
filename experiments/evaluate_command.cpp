// `evaluate`: distances between two sets of samples.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "experiments/arrays.hpp"
#include "experiments/command.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/spec.hpp"
#include "samplers/distances.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

// Few samples are in the result itself.
Points read_result(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  try {
    const Document document = parse_document(text, file.string());
    if (!document.root->is_object() || !document.root->contains("samples")) throw BadInput("", "has no samples");
    Json alone{{"samples", (*document.root)["samples"]}};
    const Document samples{file.string(), {}, std::make_shared<const Json>(std::move(alone))};
    return Reader(samples).object({"samples"}).at("samples").matrix();
  } catch (const SpecError& e) {
    throw BadInput("", e.what());
  }
}

bool holds_images(const fs::path& folder) {
  std::error_code none;
  for (const fs::directory_entry& e : fs::directory_iterator(folder, none)) {
    const std::string extension = e.path().extension().string();
    if (extension == ".png" || extension == ".jpg" || extension == ".jpeg") return true;
  }
  return false;
}

Points read_set(const Reader& where) {
  if (!where.is_string()) return where.matrix();
  const fs::path path = where.path();
  return within(where, [&] {
    std::error_code none;
    if (!fs::is_directory(path, none)) return read_array(path);
    for (const char* name : {"samples.npy", "samples.safetensors"})
      if (fs::exists(path / name, none)) return read_array(path / name);
    if (fs::exists(path / "result.json", none)) return read_result(path / "result.json");
    if (holds_images(path))
      throw NotHere("lml: " + one_line(path.string()) +
                    ": folders of image files need the LibTorch part, which this version does not have; array files "
                    "(.npy, .safetensors) do not");
    throw BadInput("", path.filename().string() + ": is no folder of samples: it has no samples.npy");
  });
}

struct Query {
  Points a, b;
  std::vector<std::string> metrics;
  std::optional<double> bandwidth;
  Index directions = 128;
};

Query read_query(const Document& document) {
  const Object spec = Reader(document).object({"a", "b", "metrics", "features", "bandwidth", "directions"});
  Query q;
  bool features = false;
  for (const Reader& metric : spec.at("metrics").items()) {
    const std::string name = metric.one_of({"moments", "mmd", "sliced_w2", "kid", "fd"});
    if (std::find(q.metrics.begin(), q.metrics.end(), name) != q.metrics.end()) metric.fail("is given twice");
    features = features || name == "kid" || name == "fd";
    q.metrics.push_back(name);
  }
  const auto has = [&](const char* name) {
    return std::find(q.metrics.begin(), q.metrics.end(), name) != q.metrics.end();
  };
  if (const auto bandwidth = spec.find("bandwidth")) {
    if (!has("mmd")) bandwidth->fail("goes with the metric mmd");
    q.bandwidth = bandwidth->number();
    if (!(*q.bandwidth > 0)) bandwidth->fail("must be > 0, is " + digits(*q.bandwidth));
  }
  if (const auto directions = spec.find("directions")) {
    if (!has("sliced_w2")) directions->fail("goes with the metric sliced_w2");
    q.directions = directions->integer(2, 1'000'000);
  }
  if (const auto network = spec.find("features")) {
    if (!features) network->fail("goes with the metrics kid and fd");
    network->string();
  } else if (features) {
    spec.at("features");
  }
  if (features)
    throw NotHere(
        "lml: kid and fd are computed on a network's features, by the LibTorch part, which this version does not have; "
        "moments, mmd and sliced_w2 do without");
  q.a = read_set(spec.at("a"));
  q.b = read_set(spec.at("b"));
  if (q.a.cols() != q.b.cols())
    spec.at("b").fail("must have " + std::to_string(q.a.cols()) + " coordinates like a, has " +
                      std::to_string(q.b.cols()));
  return q;
}

Json finite(double v) {
  if (!std::isfinite(v)) throw BadInput("/a", "and b hold numbers whose squares are beyond double");
  return v;
}

Json entry(const Query& q, const Estimate& e) {
  return {{"value", finite(e.value)},
          {"standard_error", finite(e.standard_error)},
          {"n_a", q.a.rows()},
          {"n_b", q.b.rows()}};
}

struct Answer {
  Json metrics = Json::object();
  std::vector<std::vector<std::string>> rows{{"", "value", "standard error", "same law"}};
  void add(const std::string& label, const Estimate& e, double same_law) {
    rows.push_back({label, brief(e.value), brief(e.standard_error), brief(same_law)});
  }
};

void add_mmd(Answer& out, const Query& q) {
  const double h = q.bandwidth ? *q.bandwidth : median_distance(q.a, q.b);
  Progress progress("mmd");
  const Estimate e = mmd_squared(q.a, q.b, h, [&](double share) { progress.show(share); });
  Json j = entry(q, e);
  j["quantity"] = "MMD^2, unbiased";
  j["kernel"] = "mean of Gaussians of bandwidths h/4, h/2, h, 2h, 4h";
  j["bandwidth"] = figure(h);
  out.metrics["mmd"] = std::move(j);
  out.add("MMD^2", e, 0);
}

void add_sliced(Answer& out, const Query& q, std::uint64_t seed) {
  const SlicedDistance s = sliced_w2(q.a, q.b, q.directions, seed);
  Json j = entry(q, s.distance);
  j["quantity"] = "root of the mean of W_2^2 over directions";
  j["directions"] = q.a.cols() == 1 ? 1 : q.directions;
  j["same_law"] = finite(s.same_law);
  out.metrics["sliced_w2"] = std::move(j);
  out.add("sliced W_2", s.distance, s.same_law);
}

void add_moments(Answer& out, const Query& q) {
  const MomentDistance m = moment_distance(q.a, q.b);
  Json j = entry(q, m.mean);
  j["quantity"] = "norm of the difference of the means";
  j["same_law"] = finite(m.mean_same_law);
  Json c = entry(q, m.covariance);
  c["quantity"] = "Frobenius norm of the difference of the covariances";
  c["same_law"] = finite(m.covariance_same_law);
  j["covariance"] = std::move(c);
  out.metrics["moments"] = std::move(j);
  out.add("means", m.mean, m.mean_same_law);
  out.add("covariances", m.covariance, m.covariance_same_law);
}

std::string readable(const Query& q, const Answer& answer) {
  return std::to_string(q.a.rows()) + " and " + std::to_string(q.b.rows()) +
         " samples, d = " + std::to_string(q.a.cols()) + "\n\n" + table(answer.rows) +
         "\n\"same law\": what two sets of these sizes out of one law show on average.\n";
}

}  // namespace

int evaluate_command(const Common& common) {
  const Document document = read_document(common.spec, common.set);
  const Query q = read_query(document);
  const Answer answer = within(Reader(document), [&] {
    Answer out;
    for (const std::string& metric : q.metrics) {
      if (metric == "mmd") add_mmd(out, q);
      if (metric == "sliced_w2") add_sliced(out, q, common.seed);
      if (metric == "moments") add_moments(out, q);
    }
    return out;
  });
  Results results;
  results.put("metrics", answer.metrics);
  deliver(common, "evaluate", document, results, 0);
  if (!common.json) print(readable(q, answer));
  return 0;
}

}  // namespace lml
