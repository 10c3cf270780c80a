// `evaluate`: distances between two sets of samples or images.
#include <cmath>
#include <nlohmann/json.hpp>

#include "experiments/command.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/evaluate.hpp"
#include "experiments/hand_over.hpp"
#include "experiments/output.hpp"
#include "experiments/png.hpp"
#include "experiments/progress.hpp"
#include "experiments/samples.hpp"
#include "experiments/spec.hpp"

namespace lml {
namespace {

// Below, the bias of the Frechet distance, of order d/n, is most of it.
constexpr Index fewest_for_frechet = 2048;

/// A set, with the place that named it.
struct Set {
  Reader where;
  Samples samples;
  const Points& values() const { return samples.values; }
  Index n() const { return samples.values.rows(); }
  std::string name() const { return where.pointer().substr(1); }
};

struct Query {
  std::vector<std::string> metrics;
  std::optional<Reader> features, n_b;
  std::optional<double> bandwidth;
  Index directions = 128, replicates = 32;
  std::optional<Index> limit;
  std::optional<Range> range;
  std::optional<Rounding> rounding = Rounding::nearest;
  Object spec;
  explicit Query(Object s) : spec(std::move(s)) {}
  bool has(std::string_view name) const { return std::find(metrics.begin(), metrics.end(), name) != metrics.end(); }
  bool has_any(const std::vector<std::string_view>& names) const {
    return std::any_of(names.begin(), names.end(), [&](std::string_view n) { return has(n); });
  }
};

// All but the sets themselves.
Query read_query(const Document& document) {
  const Object spec =
      Reader(document).object({"a", "b", "metrics", "features", "bandwidth", "directions", "limit", "range", "rounding",
                               "n_b", "replicates", "floor", "reference", "coarser"});
  Query q(spec);
  for (const Reader& metric : spec.at("metrics").items()) {
    const std::string name = metric.one_of({"moments", "mmd", "sliced_w2", "kid", "fd", "paired", "image_statistics"});
    if (q.has(name)) metric.fail("is given twice");
    q.metrics.push_back(name);
  }
  // A key, if it is there, which only these metrics know.
  const auto of = [&](const char* key, const std::vector<std::string_view>& metrics) {
    const auto value = spec.find(key);
    if (value && !q.has_any(metrics)) {
      std::string names;
      for (std::size_t i = 0; i < metrics.size(); ++i)
        names += (i == 0 ? "" : i + 1 == metrics.size() ? " and " : ", ") + std::string(metrics[i]);
      value->fail(std::string("goes with the metric") + (metrics.size() > 1 ? "s " : " ") + names);
    }
    return value;
  };
  if (const auto v = of("bandwidth", {"mmd"})) {
    q.bandwidth = v->number();
    if (!(*q.bandwidth > 0)) v->fail("must be > 0, is " + digits(*q.bandwidth));
  }
  if (const auto v = of("directions", {"sliced_w2"})) q.directions = v->integer(2, 1'000'000);
  if (const auto v = of("replicates", {"fd"})) q.replicates = v->integer(2, 100'000);
  if (const auto v = spec.find("limit")) q.limit = v->integer(1, 1'000'000'000);
  if (const auto v = of("range", {"kid", "fd", "paired", "image_statistics"})) q.range = read_range(*v);
  if (const auto v = of("rounding", {"kid", "fd"})) {
    q.rounding = std::nullopt;
    if (v->one_of({"nearest", "truncate", "none"}) != "none") q.rounding = read_rounding(*v);
  }
  of("floor", {"kid", "fd"});
  of("reference", {"paired", "image_statistics"});
  if (const auto v = of("coarser", {"paired"}); v && !spec.has("reference")) spec.at("reference");
  q.n_b = of("n_b", {"fd"});
  q.features = of("features", {"kid", "fd"});
  if (q.has_any({"kid", "fd"})) spec.at("features").string();
  return q;
}

Set read_set(const Query& q, const char* key) {
  const Reader where = q.spec.at(key);
  return {where, read_samples(where, q.limit)};
}

const Set* there(const std::optional<Set>& set) { return set ? &*set : nullptr; }

void require_like(const Set& a, const Set& b) {
  if (a.values().cols() != b.values().cols())
    b.where.fail("must have " + std::to_string(a.values().cols()) + " coordinates like " + a.name() + ", has " +
                 std::to_string(b.values().cols()));
}
void require_count(const Set& a, const Set& b, const std::string& what) {
  if (a.n() != b.n())
    b.where.fail("must hold " + std::to_string(a.n()) + " like " + a.name() + " for " + what + ", holds " +
                 std::to_string(b.n()) + " (`limit` takes the first of each)");
}

// Distances between pixels mean something on one scale only.
void require_same_range(const Set& a, const Set& b) {
  if (a.samples.range && b.samples.range && *a.samples.range != *b.samples.range)
    b.where.fail("has another range than " + a.name() + ", so that no pixel of one can be compared with the other's");
}

Json finite(double v) {
  if (!std::isfinite(v)) throw BadInput("/a", "and b hold numbers whose squares are beyond double");
  return v;
}

Json entry(const Estimate& e) { return {{"value", finite(e.value)}, {"standard_error", finite(e.standard_error)}}; }
Json entry(const Estimate& e, Index n_a, Index n_b) {
  Json out = entry(e);
  out["n_a"] = n_a;
  out["n_b"] = n_b;
  return out;
}

struct Answer {
  Json metrics = Json::object();
  std::vector<std::vector<std::string>> rows{{"", "value", "standard error", "same law"}};
  void add(const std::string& label, const Estimate& e, std::optional<double> same_law = {}) {
    rows.push_back({label, brief(e.value), brief(e.standard_error), same_law ? brief(*same_law) : ""});
  }
};

void add_mmd(Answer& out, const Query& q, const Points& a, const Points& b) {
  const double h = q.bandwidth ? *q.bandwidth : median_distance(a, b);
  Progress progress("mmd");
  const Estimate e = mmd_squared(a, b, h, [&](double share) { progress.show(share); });
  Json j = entry(e, a.rows(), b.rows());
  j["quantity"] = "MMD^2, unbiased";
  j["kernel"] = "mean of Gaussians of bandwidths h/4, h/2, h, 2h, 4h";
  j["bandwidth"] = figure(h);
  out.metrics["mmd"] = std::move(j);
  out.add("MMD^2", e, 0);
}

void add_sliced(Answer& out, const Query& q, const Points& a, const Points& b, std::uint64_t seed) {
  const SlicedDistance s = sliced_w2(a, b, q.directions, seed);
  Json j = entry(s.distance, a.rows(), b.rows());
  j["quantity"] = "root of the mean of W_2^2 over directions";
  j["directions"] = a.cols() == 1 ? 1 : q.directions;
  j["same_law"] = finite(s.same_law);
  out.metrics["sliced_w2"] = std::move(j);
  out.add("sliced W_2", s.distance, s.same_law);
}

void add_moments(Answer& out, const Points& a, const Points& b) {
  const MomentDistance m = moment_distance(a, b);
  Json j = entry(m.mean, a.rows(), b.rows());
  j["quantity"] = "norm of the difference of the means";
  j["same_law"] = finite(m.mean_same_law);
  Json c = entry(m.covariance, a.rows(), b.rows());
  c["quantity"] = "Frobenius norm of the difference of the covariances";
  c["same_law"] = finite(m.covariance_same_law);
  j["covariance"] = std::move(c);
  out.metrics["moments"] = std::move(j);
  out.add("means", m.mean, m.mean_same_law);
  out.add("covariances", m.covariance, m.covariance_same_law);
}

// ---- On features of a network

Points features_of(const Query& q, const FeatureMap& map, const Set& set) {
  const ImageLayout layout = image_layout(set.where, set.samples, q.range);
  const auto [lowest, highest] = layout.range;
  const Points& x = set.values();
  const auto scaled = [&, lowest = lowest, highest = highest](Index i, Index k) -> Points {
    const auto rows = x.middleRows(i, k);
    if (!q.rounding) return ((rows.array() - lowest) / (highest - lowest)).max(0).min(1);
    const std::vector<unsigned char> bytes = to_bytes(rows, lowest, highest, *q.rounding);
    using Bytes = Eigen::Matrix<unsigned char, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    return Eigen::Map<const Bytes>(bytes.data(), k, x.cols()).cast<double>() / 255;
  };
  Progress progress("features of " + set.name());
  return within(set.where, [&] {
    return map.features(layout.shape, set.n(), scaled, [&](double share) { progress.show(share); });
  });
}

// What kid and fd are computed from.
struct Features {
  std::string network;
  Points a, b, floor;                        // no rows where there is no such set
  std::optional<FittedGaussian> statistics;  // in place of b
};

Features read_features(const Query& q, const OpenFeatures& open, const std::optional<std::pair<Vec, Mat>>& stored,
                       const Set& a, const Set* b, const Set* floor) {
  for (const Set* set : {&a, b, floor}) {
    if (!set) continue;
    image_layout(set->where, set->samples, q.range);
    if (!q.has("fd")) continue;
    if (set->n() < fewest_for_frechet)
      set->where.fail("must hold at least " + std::to_string(fewest_for_frechet) + " images for fd, holds " +
                      std::to_string(set->n()) + " (kid and paired take fewer)");
    require_count(a, *set, "fd");
  }
  Features out;
  if (stored)
    out.statistics = within(q.spec.at("b"), [&] {
      try {
        return stored_gaussian(stored->first, stored->second, Index(q.n_b->integer(2, 1'000'000'000)));
      } catch (const BadInput& e) {
        throw BadInput("", "tensor '" + e.pointer().substr(1) + "' " + e.what());
      }
    });
  const FeatureMap map = open(*q.features);
  out.network = map.name;
  out.a = features_of(q, map, a);
  if (out.statistics && out.statistics->mean.size() != out.a.cols())
    q.spec.at("b").fail("holds statistics of " + std::to_string(out.statistics->mean.size()) + " features, " +
                        map.name + " has " + std::to_string(out.a.cols()));
  if (b) out.b = features_of(q, map, *b);
  if (floor) out.floor = features_of(q, map, *floor);
  return out;
}

void add_kid(Answer& out, const Features& s) {
  const auto distance = [](const Points& x, const Points& y) {
    Progress progress("kid");
    return kernel_inception_distance(x, y, [&](double share) { progress.show(share); });
  };
  const Estimate e = distance(s.a, s.b);
  Json j = entry(e, s.a.rows(), s.b.rows());
  j["quantity"] = "KID-" + s.network + ", unbiased";
  j["features"] = s.network;
  j["kernel"] = "(x.y/" + std::to_string(s.a.cols()) + " + 1)^3";
  out.add("KID-" + s.network, e, 0);
  if (s.floor.rows() > 0) {
    const Estimate floor = distance(s.floor, s.b);
    j["floor"] = entry(floor, s.floor.rows(), s.b.rows());
    out.add("  of floor", floor);
  }
  out.metrics["kid"] = std::move(j);
}

void add_frechet(Answer& out, const Query& q, const Features& s, std::uint64_t seed) {
  const auto distance = [&](const Points& x) {
    Progress progress("fd");
    const auto show = [&](double share) { progress.show(share); };
    return s.statistics ? frechet_estimate(x, *s.statistics, q.replicates, seed, show)
                        : frechet_estimate(x, s.b, q.replicates, seed, show);
  };
  const auto put = [&](const FrechetEstimate& e, Index n_a) {
    Json j = entry(e.distance, n_a, s.statistics ? s.statistics->n : s.b.rows());
    if (!s.statistics) j["same_law"] = finite(e.same_law);
    return j;
  };
  const auto same_law = [&](const FrechetEstimate& e) {
    return s.statistics ? std::nullopt : std::optional<double>(e.same_law);
  };
  const FrechetEstimate e = distance(s.a);
  Json j = put(e, s.a.rows());
  j["quantity"] = "FD-" + s.network;
  j["features"] = s.network;
  j["replicates"] = q.replicates;
  if (s.statistics)
    j["note"] =
        "against stored statistics of another number of images: not to be compared with distances between "
        "equal counts";
  out.add("FD-" + s.network, e.distance, same_law(e));
  if (s.floor.rows() > 0) {
    const FrechetEstimate floor = distance(s.floor);
    j["floor"] = put(floor, s.floor.rows());
    out.add("  of floor", floor.distance, same_law(floor));
  }
  out.metrics["fd"] = std::move(j);
}

// ---- Without a network

Json spectrum(const Points& each) {
  Json power = Json::array(), error = Json::array(), frequency = Json::array();
  for (Index k = 0; k < each.cols(); ++k) {
    const Estimate e = mean_of(each.col(k));
    frequency.push_back(k + 1);
    power.push_back(finite(e.value));
    error.push_back(finite(e.standard_error));
  }
  return {{"frequency", frequency}, {"power", power}, {"standard_error", error}};
}

ImageFigures figures_of(const Query& q, const Set& set) {
  const ImageLayout layout = image_layout(set.where, set.samples, q.range);
  return within(set.where,
                [&] { return image_figures(set.values(), layout.shape, layout.range.first, layout.range.second); });
}

const std::pair<const char*, Vec ImageFigures::*> figure_names[] = {{"saturation", &ImageFigures::saturation},
                                                                    {"contrast", &ImageFigures::contrast},
                                                                    {"sharpness", &ImageFigures::sharpness}};

void add_image_statistics(Answer& out, const Query& q, const std::vector<const Set*>& sets) {
  Json j = Json::object();
  for (const Set* set : sets) {
    const ImageFigures f = figures_of(q, *set);
    Json of_set{{"n", set->n()}};
    for (const auto& [name, which] : figure_names) {
      const Estimate e = mean_of(f.*which);
      of_set[name] = entry(e);
      out.add(std::string(name) + " of " + set->name(), e);
    }
    of_set["spectrum"] = spectrum(f.spectrum);
    j[set->name()] = std::move(of_set);
  }
  out.metrics["image_statistics"] = std::move(j);
}

void add_paired(Answer& out, const Query& q, const Set& a, const Set& b, const std::optional<Set>& reference) {
  require_count(a, b, "paired");
  require_same_range(a, b);
  Json j;
  if (!reference) {
    const Estimate e = mean_of(rms_distances(a.values(), b.values()));
    j = entry(e, a.n(), b.n());
    j["quantity"] = "root mean square distance between a and b, a pair";
    out.add("|a - b|", e);
  } else {
    require_like(a, *reference);
    require_count(a, *reference, "paired");
    require_same_range(a, *reference);
    const Vec of_a = rms_distances(a.values(), reference->values()),
              of_b = rms_distances(b.values(), reference->values());
    const Estimate ea = mean_of(of_a), eb = mean_of(of_b), difference = mean_of(of_a - of_b);
    const SignTest t = sign_test(of_a, of_b);
    j = entry(difference, a.n(), b.n());
    j["quantity"] = "root mean square distance of a to the reference less that of b, a pair";
    j["a"] = entry(ea);
    j["b"] = entry(eb);
    j["wins"] = {{"a", t.wins},
                 {"b", t.losses},
                 {"ties", t.ties},
                 {"share_of_a", t.share},
                 {"interval", {t.lower, t.upper}},
                 {"p_value", t.p_value}};
    out.add("|a - reference|", ea);
    out.add("|b - reference|", eb);
    out.add("difference", difference);
    out.rows.push_back({"wins of a", std::to_string(t.wins) + " of " + std::to_string(t.wins + t.losses),
                        "p = " + brief(t.p_value), ""});
    if (q.spec.has("coarser")) {
      const Set coarser = read_set(q, "coarser");
      require_like(a, coarser);
      require_count(a, coarser, "paired");
      const Estimate e = mean_of(rms_distances(coarser.values(), reference->values()));
      j["reference_error"] = entry(e);
      out.add("|coarser - reference|", e);
    }
  }
  // Differences of what each pair shows, where they are images of a known range.
  if (a.samples.shape.size() > 2 && (q.range || (a.samples.range && b.samples.range))) {
    const ImageFigures fa = figures_of(q, a), fb = figures_of(q, b);
    for (const auto& [name, which] : figure_names) {
      const Estimate e = mean_of(fa.*which - fb.*which);
      j[name] = entry(e);
      out.add(std::string(name) + ", a - b", e);
    }
    j["spectrum"] = spectrum(fa.spectrum - fb.spectrum);
  }
  out.metrics["paired"] = std::move(j);
}

std::string readable(const Set& a, Index n_b, const Answer& answer) {
  return std::to_string(a.n()) + " and " + std::to_string(n_b) + " samples, d = " + std::to_string(a.values().cols()) +
         "\n\n" + table(answer.rows) + "\n\"same law\": what two sets of these sizes out of one law show on average.\n";
}

}  // namespace

bool wants_features(const Document& document) { return read_query(document).features.has_value(); }

int evaluate(const Common& common, const Document& document, const OpenFeatures& open) {
  const Query q = read_query(document);
  // b may be statistics, where nothing but fd is asked.
  std::optional<std::pair<Vec, Mat>> stored;
  if (q.metrics == std::vector<std::string>{"fd"}) stored = read_statistics(q.spec.at("b"));
  if (stored)
    q.spec.at("n_b").integer(2, 1'000'000'000);
  else if (q.n_b)
    q.n_b->fail("goes with a b that holds statistics (tensors mean and cov), and with no metric but fd");
  const Set a = read_set(q, "a");
  std::optional<Set> b, reference, floor;
  if (!stored) b = read_set(q, "b");
  if (b && q.has_any({"moments", "mmd", "sliced_w2", "paired"})) require_like(a, *b);
  if (q.spec.has("reference")) reference = read_set(q, "reference");
  if (q.spec.has("floor")) floor = read_set(q, "floor");
  for (const Set* set : {static_cast<const Set*>(&a), there(b)})
    if (set && set->n() < 2 && q.has_any({"paired", "image_statistics"})) set->where.fail("must hold two samples");

  const Answer answer = within(Reader(document), [&] {
    Answer out;
    Features features;
    if (q.features) features = read_features(q, open, stored, a, there(b), there(floor));
    for (const std::string& metric : q.metrics) {
      if (metric == "mmd") add_mmd(out, q, a.values(), b->values());
      if (metric == "sliced_w2") add_sliced(out, q, a.values(), b->values(), common.seed);
      if (metric == "moments") add_moments(out, a.values(), b->values());
      if (metric == "kid") add_kid(out, features);
      if (metric == "fd") add_frechet(out, q, features, common.seed);
      if (metric == "paired") add_paired(out, q, a, *b, reference);
      if (metric == "image_statistics") {
        std::vector<const Set*> sets{&a, &*b};
        if (reference) sets.push_back(&*reference);
        add_image_statistics(out, q, sets);
      }
    }
    return out;
  });
  Results results;
  results.put("metrics", answer.metrics);
  deliver(common, "evaluate", document, results, 0);
  if (!common.json) print(readable(a, b ? b->n() : Index(q.n_b->integer(2, 1'000'000'000)), answer));
  return 0;
}

int evaluate_command(const Common& common) {
  const Document document = read_document(common.spec, common.set);
  if (wants_features(document)) hand_over(common, &document);
  if (common.device == "cuda") throw NotHere("lml: distances without a feature network run on the CPU");
  return evaluate(common, document, {});
}

}  // namespace lml
