// lml-torch network-error SPEC: how far a network's noise prediction is from the exact one of its training images, at
// every noise level, and why.
#include <c10/core/GradMode.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "dynamics/random.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/spec.hpp"
#include "samplers/torch/model_spec.hpp"
#include "samplers/torch/network_source.hpp"
#include "samplers/torch/program/command.hpp"
#include "samplers/torch/score_error.hpp"

namespace lml {
namespace {

const std::vector<std::string_view> keys{"model", "network", "schedule", "target", "held_out", "t", "samples", "batch"};

struct Query {
  PretrainedModel model;
  Target target;
  std::optional<Target> held_out;
  std::vector<Node> nodes;
  Index samples = 128, batch = 64;
};

Target read_images(const Reader& r, const std::vector<std::int64_t>& shape) {
  Target out = read_target(r);
  if (!out.is_points()) r.fail("must be points, the network's training images");
  const std::int64_t d = shape[0] * shape[1] * shape[2];
  if (out.dim() != d)
    r.fail("has " + std::to_string(out.dim()) + " numbers an image, the network takes " + std::to_string(d));
  return out;
}

Query read_query(const Document& document, const TorchOptions& o) {
  const Object said = Reader(document).object(keys);
  PretrainedModel model = read_model(said, o.type(), o.common.device);
  const Document whole = with_the_folders_own(document, model);
  const Object spec = Reader(whole).object(keys);
  const Schedule schedule = read_schedule(spec.at("schedule"));
  std::vector<Node> nodes;
  if (const auto t = spec.find("t")) {
    for (const Reader& item : t->items())
      nodes.push_back(within(item, [&] { return node_at(schedule, item.number()); }));
  } else if (std::holds_alternative<Edm>(schedule)) {
    for (const double level : log_uniform_levels(0.002, 80, 14)) nodes.push_back(node_at(schedule, level));
  } else {
    spec.at("t");
  }
  for (std::size_t i = 0; i < nodes.size(); ++i)
    if (!(nodes[i].alpha > 0)) spec.at("t").items()[i].fail("has alpha = 0, where there is nothing but noise");
  Target target = read_images(spec.at("target"), model.shape);
  Query q{std::move(model), std::move(target), {}, std::move(nodes)};
  if (const auto v = spec.find("held_out")) q.held_out = read_images(*v, q.model.shape);
  if (const auto v = spec.find("samples")) q.samples = v->integer(2, 1'000'000);
  if (const auto v = spec.find("batch")) q.batch = v->integer(1, 1 << 20);
  return q;
}

// Image i of a set is drawn by (seed, i) alone, so that all noise levels share images and noise.
struct Draws {
  at::Tensor y, z;
};
Draws draws_from(const Target& set, Index n, std::uint64_t seed, std::uint64_t stream) {
  const Random pick(seed, stream), noise(seed, stream + 1);
  Points y(n, set.dim());
  for (Index i = 0; i < n; ++i) {
    double u = pick.uniform(std::uint64_t(i), 0, 0);
    Index k = 0;
    while (k + 1 < set.size() && (u -= std::exp(set.log_weights()[k])) > 0) ++k;
    y.row(i) = set.means().row(k);
  }
  Points z = noise.normals(0, 0, n, set.dim());
  const auto tensor = [](Points& p) { return at::from_blob(p.data(), {p.rows(), p.cols()}, at::kDouble).clone(); };
  return {tensor(y), tensor(z)};
}

at::Tensor answer(const PretrainedModel& model, const at::Tensor& x, const Node& at, Index batch) {
  NetworkSource source(model);
  std::vector<at::Tensor> out;
  for (const at::Tensor& part : x.split(batch)) {
    const at::Tensor images = part.view({-1, model.shape[0], model.shape[1], model.shape[2]});
    out.push_back(source.epsilon(images.to(model.network->options().device()), at).flatten(1).cpu());
    if (!out.back().isfinite().all().item<bool>())
      throw std::runtime_error("network-error: the network's answer at t = " + digits(at.t) + " is not finite");
  }
  return at::cat(out);
}

Json figures(const std::vector<ScoreError>& rows, bool second_way) {
  Json out = Json::object();
  const auto list = [&](const char* name, auto&& f) {
    for (const ScoreError& r : rows) out[name].push_back(figure(f(r)));
  };
  const auto estimate = [&](const std::string& name, Estimate ScoreError::*m) {
    list(name.c_str(), [&](const ScoreError& r) { return (r.*m).value; });
    list((name + "_standard_error").c_str(), [&](const ScoreError& r) { return (r.*m).standard_error; });
  };
  estimate("error", &ScoreError::error);
  if (second_way) estimate("error_from_losses", &ScoreError::from_losses);
  estimate("network_loss", &ScoreError::network_loss);
  estimate("exact_loss", &ScoreError::exact_loss);
  list("size", [](const ScoreError& r) { return r.size; });
  list("nearest_weight", [](const ScoreError& r) { return r.nearest; });
  list("bandwidth", [](const ScoreError& r) { return r.bandwidth; });
  list("left_of_smoothed", [](const ScoreError& r) { return r.smoothed; });
  list("along_nearest", [](const ScoreError& r) { return r.along_nearest; });
  list("among_neighbours", [](const ScoreError& r) { return r.among_neighbours; });
  return out;
}

std::string readable(const std::string& title, const std::vector<ScoreError>& rows) {
  std::vector<std::vector<std::string>> cells{
      {"t", "sigma/alpha", "delta_2", "+-", "||eps||", "loss", "exact loss", "nearest", "h", "left", "along", "among"}};
  for (const ScoreError& r : rows)
    cells.push_back({brief(r.at.t), brief(noise_level(r.at)), brief(r.error.value), brief(r.error.standard_error),
                     brief(r.size), brief(r.network_loss.value), brief(r.exact_loss.value), brief(r.nearest),
                     brief(r.bandwidth), brief(r.smoothed), brief(r.along_nearest), brief(r.among_neighbours)});
  return title + "\n\n" + table(cells, "r") + "\n";
}

std::string rows_text(const std::vector<ScoreError>& training, const std::vector<ScoreError>& held_out) {
  std::vector<std::vector<double>> rows;
  std::vector<std::vector<std::string>> labels;
  for (const auto* set : {&training, &held_out})
    for (const ScoreError& r : *set) {
      labels.push_back({set == &training ? "training" : "held_out"});
      rows.push_back({r.at.t, r.at.alpha, r.at.sigma, r.error.value, r.error.standard_error,
                      set == &training ? r.from_losses.value : NAN,
                      set == &training ? r.from_losses.standard_error : NAN, r.network_loss.value,
                      r.network_loss.standard_error, r.exact_loss.value, r.exact_loss.standard_error, r.size, r.nearest,
                      r.bandwidth, r.smoothed, r.along_nearest, r.among_neighbours});
    }
  return csv({"images", "t", "alpha", "sigma", "error", "error_standard_error", "error_from_losses",
              "error_from_losses_standard_error", "network_loss", "network_loss_standard_error", "exact_loss",
              "exact_loss_standard_error", "size", "nearest_weight", "bandwidth", "left_of_smoothed", "along_nearest",
              "among_neighbours"},
             rows, labels);
}

int network_error(const TorchOptions& o) {
  const c10::NoGradGuard no_grad;
  const Document document = read_document(o.common.spec, o.common.set);
  const Query q = read_query(document, o);
  const SmoothedPoints data(q.target);
  const Draws own = draws_from(q.target, q.samples, o.common.seed, 1);
  std::optional<Draws> others;
  if (q.held_out) others = draws_from(*q.held_out, q.samples, o.common.seed, 3);

  std::vector<ScoreError> training, held_out;
  Progress progress("levels");
  for (std::size_t i = 0; i < q.nodes.size(); ++i) {
    const Node& at = q.nodes[i];
    progress.show(double(i) / double(q.nodes.size()));
    const auto network = [&](const at::Tensor& x) { return answer(q.model, x, at, q.batch); };
    training.push_back(score_error(data, own.y, own.z, at, network));
    if (others) held_out.push_back(score_error(data, others->y, others->z, at, network));
  }

  Results results;
  const auto axis = [&](const char* name, auto&& f) {
    Json list = Json::array();
    for (const Node& n : q.nodes) list.push_back(figure(f(n)));
    results.put(name, std::move(list));
  };
  axis("t", [](const Node& n) { return n.t; });
  axis("alpha", [](const Node& n) { return n.alpha; });
  axis("sigma", [](const Node& n) { return n.sigma; });
  results.put("samples", Json(q.samples));
  results.put("training", figures(training, true));
  if (others) results.put("held_out", figures(held_out, false));
  const std::int64_t asked = q.samples * std::int64_t(q.nodes.size()) * (others ? 2 : 1);
  const std::string rows = rows_text(training, held_out);
  deliver(o.common, "network-error", document, results, asked, {{"error.csv", {rows}}});
  if (o.common.json) return 0;
  print(readable("Error of eps_theta against the exact eps of its " + std::to_string(q.target.size()) +
                     " images, a component; draws from them",
                 training));
  if (others) print('\n' + readable("Draws from held-out images", held_out));
  print(
      "\nnearest: mean weight of the nearest image in the exact score; h: the smoothing of the data set that comes "
      "nearest\n"
      "to the network, left: the part of delta_2^2 that it leaves; along, among: its parts towards the nearest image "
      "and\n"
      "within the span of the differences of the " +
      std::to_string(score_error_neighbours + 1) + " nearest.\n");
  return 0;
}

}  // namespace

void add_network_error(CLI::App& app, TorchOptions& o, Chosen& run) {
  CLI::App& command = *app.add_subcommand("network-error", "a network's error against the exact score of its images");
  add_common(command, o);
  add_spec(command, o);
  command.callback([&] { run = [&o] { return network_error(o); }; });
}

}  // namespace lml
