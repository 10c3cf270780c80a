// `hessian`: the curvature of a pretrained network's log density, and how far Proposition 1's outer product and other
// cheap models of it are off, at every noise level.
#include <c10/core/GradMode.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "dynamics/random.hpp"
#include "experiments/document.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/sampler_options.hpp"
#include "experiments/spec.hpp"
#include "samplers/sampler.hpp"
#include "samplers/torch/damped_source.hpp"
#include "samplers/torch/model_spec.hpp"
#include "samplers/torch/network_run.hpp"
#include "samplers/torch/program/command.hpp"

namespace lml {
namespace {

const std::vector<std::string_view> keys{"model",         "network",    "schedule", "timesteps", "levels",
                                         "images",        "data",       "target",   "sampler",   "probes",
                                         "lanczos_steps", "eigenpairs", "damped"};
constexpr std::uint64_t pick_stream = 64;

// Whether products with F are worth their cost to a sampler.
struct DampedSteps {
  std::vector<Index> steps, products;
  std::vector<double> damping;  // c = lambda sigma^2
  Index reference_steps = 0;
};

struct Query {
  PretrainedModel model;
  Schedule schedule;
  std::vector<Node> nodes;
  std::optional<DampedSteps> damped;
  Index images = 4;
  std::optional<Target> data;            // images that x_0 is drawn from, or
  std::optional<SamplerChoice> sampler;  // how the model draws them
  HessianQuery ask;
  Index dim() const { return model.shape[0] * model.shape[1] * model.shape[2]; }
};

Target read_images(const Reader& r, Index d) {
  Target out = read_target(r);
  if (out.dim() != d)
    r.fail("has " + std::to_string(out.dim()) + " numbers an image, the network takes " + std::to_string(d));
  return out;
}

Node node_of(const Schedule& schedule, double level) {
  if (const auto* discrete = std::get_if<DiscreteSchedule>(&schedule))
    return nodes_of_levels(*discrete, {level}, false)[0];
  if (std::holds_alternative<Edm>(schedule)) return node_at(schedule, level);
  throw BadInput("", "a discrete schedule or edm is looked at by levels; give timesteps");
}

std::vector<Node> read_nodes(const Object& spec, const Schedule& schedule) {
  const auto timesteps = spec.find("timesteps"), levels = spec.find("levels");
  if (timesteps && levels) levels->fail("timesteps or levels, never both");
  if (!timesteps && !levels)
    spec.reader().fail_below("/timesteps", "is missing (where to look, or levels sigma/alpha)");
  std::vector<Node> out;
  for (const Reader& item : (timesteps ? *timesteps : *levels).items()) {
    const double asked = item.number();
    if (levels && !(asked > 0 && std::isfinite(asked))) item.fail("must be > 0");
    out.push_back(within(item, [&] { return timesteps ? node_at(schedule, asked) : node_of(schedule, asked); }));
    if (!(out.back().alpha > 0 && out.back().sigma > 0)) item.fail("must have alpha > 0 and sigma > 0");
  }
  return out;
}

DampedSteps read_damped(const Reader& r, const Query& q) {
  const Object o = r.object({"steps", "products", "damping", "reference_steps"});
  DampedSteps out;
  for (const Reader& item : o.at("steps").items()) out.steps.push_back(item.integer(1, 10'000));
  for (const Reader& item : o.at("products").items()) out.products.push_back(item.integer(1, 1'000));
  for (const Reader& item : o.at("damping").items()) {
    out.damping.push_back(item.number());
    if (!(out.damping.back() > 0)) item.fail("must be > 0");
  }
  out.reference_steps = 4 * *std::max_element(out.steps.begin(), out.steps.end()) *
                        (2 + *std::max_element(out.products.begin(), out.products.end()));
  if (const auto v = o.find("reference_steps")) out.reference_steps = v->integer(2, 1'000'000);
  if (q.nodes.size() < 2) r.fail("goes from the largest level to the smallest: there must be two");
  within(r, [&] { return node_of(q.schedule, noise_level(q.nodes[0])); });
  return out;
}

Query read_query(const Document& document, const TorchOptions& o, Index batch) {
  const Object said = Reader(document).object(keys);
  Query q;
  q.model = read_model(said, o.type(), o.common.device);
  const Document whole = with_the_folders_own(document, q.model);
  const Object spec = Reader(whole).object(keys);
  q.schedule = read_schedule(spec.at("schedule"));
  q.nodes = read_nodes(spec, q.schedule);
  if (const auto v = spec.find("damped")) q.damped = read_damped(*v, q);
  if (const auto v = spec.find("images")) q.images = v->integer(1, 1'000'000);
  FisherProbes& ask = q.ask.ask;
  ask.seed = o.common.seed;
  if (const auto v = spec.find("probes")) ask.probes = v->integer(2, 1'000'000);
  if (const auto v = spec.find("eigenpairs")) ask.eigenpairs = v->integer(1, 10'000);
  ask.steps = 3 * ask.eigenpairs;
  if (const auto v = spec.find("lanczos_steps")) ask.steps = v->integer(ask.eigenpairs, 100'000);
  q.ask.batch = batch;
  if (const auto v = spec.find("target")) q.ask.exact = read_images(*v, q.dim());
  const auto data = spec.find("data"), sampler = spec.find("sampler");
  if (data && sampler) sampler->fail("data or sampler, never both");
  if (sampler) {
    const Json parts{{"schedule", (*whole.root)["schedule"]}, {"sampler", (*whole.root)["sampler"]}};
    const Document own{whole.name, whole.folder, std::make_shared<const Json>(parts)};
    q.sampler = read_sampler(Reader(own).object({"schedule", "sampler", "lml"}));
    if (q.sampler->sampler.chain) sampler->fail("dlg needs the exact law; a network does not have it");
  } else {
    if (data)
      q.data = read_images(*data, q.dim());
    else if (q.ask.exact)
      q.data = q.ask.exact;
    else
      spec.reader().fail_below("/data", "is missing (images to look at, or a sampler for the model's own)");
    if (!q.data->is_points()) spec.at(data ? "data" : "target").fail("must be points, images to look at");
  }
  return q;
}

// Image i is drawn by (seed, i) alone.
Points drawn(const Target& set, Index n, std::uint64_t seed) {
  const Random random(seed, pick_stream);
  Points out(n, set.dim());
  for (Index i = 0; i < n; ++i) {
    double rest = random.uniform(std::uint64_t(i), 0, 0);
    Index k = 0;
    while (k + 1 < set.size() && (rest -= std::exp(set.log_weights()[k])) > 0) ++k;
    out.row(i) = set.means().row(k);
  }
  return out;
}

Points own_samples(const Query& q, std::uint64_t seed) {
  const Node& from = q.sampler->sampler.grid.front().from;
  Points out(q.images, q.dim());
  for (Index first = 0; first < q.images; first += q.ask.batch) {
    const Index n = std::min(q.ask.batch, q.images - first);
    const BatchPlan plan{seed, std::uint64_t(first)};
    BatchState state = begin_batch(
        q.model, network_starts(q.model, from, q.sampler->start_deviation, n, {seed, std::uint64_t(first)}), plan);
    NetworkSource source(q.model);
    finish_batch(q.sampler->sampler, source, plan, state);
    out.middleRows(first, n) = points_of(state.run.x);
  }
  return out;
}

// What is said of a point, with the standard error that random signs leave.
struct Field {
  const char* name;
  Estimated (*of)(const FisherFigures&);
};
const Field fields[] = {
    {"along_u",
     [](const FisherFigures& f) {
       return Estimated{f.along_u, 0};
     }},
    {"u_residual",
     [](const FisherFigures& f) {
       return Estimated{f.u_residual, 0};
     }},
    {"asymmetry", [](const FisherFigures& f) { return f.asymmetry; }},
    {"trace", [](const FisherFigures& f) { return f.trace; }},
    {"norm", [](const FisherFigures& f) { return f.norm; }},
    {"rank_one", [](const FisherFigures& f) { return f.rank_one; }},
    {"rank_one_plain", [](const FisherFigures& f) { return f.rank_one_plain; }},
    {"identity", [](const FisherFigures& f) { return f.identity; }},
    {"scaled_identity", [](const FisherFigures& f) { return f.scaled_identity; }},
    {"rank_k", [](const FisherFigures& f) { return f.rank_k; }},
    {"held", [](const FisherFigures& f) { return f.held; }},
    {"largest",
     [](const FisherFigures& f) {
       return Estimated{f.largest.value, f.largest.residual};
     }},
    {"largest_cosine",
     [](const FisherFigures& f) {
       return Estimated{f.largest.cosine, 0};
     }},
    {"smallest",
     [](const FisherFigures& f) {
       return Estimated{f.smallest.value, f.smallest.residual};
     }},
    {"u_in_deviating",
     [](const FisherFigures& f) {
       double sum = 0;
       for (const Eigenpair& e : f.deviating) sum += e.cosine * e.cosine;
       return Estimated{sum, 0};
     }},
};

// Over the images of a level; their spread holds what the random signs add.
Estimated mean_of(const std::vector<Estimated>& all) {
  const double n = double(all.size());
  double mean = 0, square = 0;
  for (const Estimated& e : all) mean += e.value / n;
  if (all.size() < 2 || !std::isfinite(mean)) return {mean, all[0].standard_error};
  for (const Estimated& e : all) square += std::pow(e.value - mean, 2);
  return {mean, std::sqrt(square / (n - 1) / n)};
}
std::vector<Estimated> values(const Field& field, const std::vector<FisherFigures>& images) {
  std::vector<Estimated> out;
  for (const FisherFigures& f : images) out.push_back(field.of(f));
  return out;
}

Json json_of(const HessianReport& report, std::vector<FisherFigures> HessianLevel::*law) {
  Json out = Json::object();
  for (const Field& field : fields) {
    Json& entry = out[field.name];
    for (const HessianLevel& level : report.levels) {
      const std::vector<Estimated> all = values(field, level.*law);
      const Estimated mean = mean_of(all);
      entry["mean"].push_back(figure(mean.value));
      entry["standard_error"].push_back(figure(mean.standard_error));
      Json each = Json::array(), errors = Json::array();
      for (const Estimated& e : all) {
        each.push_back(figure(e.value));
        errors.push_back(figure(e.standard_error));
      }
      entry["images"].push_back(std::move(each));
      entry["images_error"].push_back(std::move(errors));
    }
  }
  for (const HessianLevel& level : report.levels) {
    Json images = Json::array();
    for (const FisherFigures& f : level.*law) {
      Json pairs = Json::array();
      for (const Eigenpair& e : f.deviating)
        pairs.push_back({{"value", figure(e.value)}, {"residual", figure(e.residual)}, {"cosine", figure(e.cosine)}});
      images.push_back(std::move(pairs));
    }
    out["eigenpairs"].push_back(std::move(images));
  }
  return out;
}

std::string csv_of(const HessianReport& report) {
  std::vector<std::string> columns{"law", "t", "alpha", "sigma"};
  std::vector<std::vector<std::string>> labels;
  for (const Field& field : fields) {
    columns.push_back(field.name);
    columns.push_back(std::string(field.name) + "_standard_error");
  }
  std::vector<std::vector<double>> rows;
  for (const auto law : {&HessianLevel::network, &HessianLevel::exact})
    for (const HessianLevel& level : report.levels) {
      if ((level.*law).empty()) continue;
      labels.push_back({law == &HessianLevel::network ? "network" : "exact"});
      rows.push_back({level.at.t, level.at.alpha, level.at.sigma});
      for (const Field& field : fields) {
        const Estimated mean = mean_of(values(field, level.*law));
        rows.back().push_back(mean.value);
        rows.back().push_back(mean.standard_error);
      }
    }
  return csv(columns, rows, labels);
}

std::string table_of(const HessianReport& report, std::vector<FisherFigures> HessianLevel::*law) {
  const std::vector<std::pair<const char*, const char*>> shown{
      {"rank_one", "u u^T"},    {"identity", "I"},      {"scaled_identity", "c I"}, {"rank_k", "rank k"},
      {"along_u", "u.Gu"},      {"trace", "tr G/d"},    {"norm", "norm"},           {"asymmetry", "asym"},
      {"held", "held"},         {"largest", "largest"}, {"largest_cosine", "cos"},  {"smallest", "smallest"},
      {"u_residual", "u resid"}};
  std::vector<std::vector<std::string>> rows{{"t", "sigma/alpha"}};
  for (const auto& [name, head] : shown) rows[0].emplace_back(head);
  const bool distance = law == &HessianLevel::network && !report.levels[0].distance.empty();
  if (distance) rows[0].emplace_back("to exact");
  for (const HessianLevel& level : report.levels) {
    rows.push_back({brief(level.at.t), brief(noise_level(level.at))});
    for (const auto& [name, head] : shown)
      for (const Field& field : fields)
        if (std::string_view(field.name) == name)
          rows.back().push_back(brief(mean_of(values(field, level.*law)).value));
    if (distance) rows.back().push_back(brief(mean_of(level.distance).value));
  }
  return table(rows, "r");
}

Grid grid_of(const Query& q, Index steps) {
  double least = noise_level(q.nodes[0]), most = least;
  for (const Node& at : q.nodes) {
    least = std::min(least, noise_level(at));
    most = std::max(most, noise_level(at));
  }
  std::vector<Node> nodes;
  for (const double level : karras_levels(least, most, steps + 1)) nodes.push_back(node_of(q.schedule, level));
  const Node end = nodes.back();
  nodes.pop_back();
  return chain(nodes, end);
}

// DDIM with the damped direction in place of eps, beside DDIM and DPM-Solver++ (order 2) with as many passes through
// the network, all from the same states; errors are distances to the finest solution, root mean square over pixels.
Json damped_steps(const Query& q, const Points& x0, std::uint64_t seed, std::string* text) {
  const c10::NoGradGuard no_grad;
  const DampedSteps& ask = *q.damped;
  const Index n = q.images, d = q.dim();
  const Points z = hessian_noise(seed, n, d);
  const auto run = [&](const auto& stepper, Index steps, auto&& make_source) {
    const Grid grid = grid_of(q, steps);
    Points out(n, d);
    for (Index first = 0; first < n; first += q.ask.batch) {
      const Index count = std::min(q.ask.batch, n - first);
      const Node& from = grid.front().from;
      auto source = make_source();
      Model<at::Tensor> model(source);
      NoNoise<at::Tensor> noise;
      const Points start = from.alpha * x0.middleRows(first, count) + from.sigma * z.middleRows(first, count);
      out.middleRows(first, count) =
          points_of(sample(grid, stepper, model, noise, tensor_of(start, q.model, at::kDouble)));
    }
    return out;
  };
  const auto plain = [&] { return NetworkSource(q.model); };
  const auto second_order = [&](Index steps) {
    DpmSolverPlusPlus solver;
    solver.order = 2;
    solver.lower_order_final = false;
    return run(solver, steps, plain);
  };
  Progress progress("damped steps");
  const Points finest = second_order(ask.reference_steps);
  const auto error = [&](const Points& end) {
    return Vec(((end - finest).rowwise().squaredNorm() / double(d)).cwiseSqrt());
  };
  const auto mean = [&](const Vec& v) {
    std::vector<Estimated> all;
    for (const double e : v) all.push_back({e, 0});
    return mean_of(all);
  };
  const double reference_error = error(second_order(ask.reference_steps / 2)).mean();
  Json out = Json::array();
  std::vector<std::vector<std::string>> rows{{"steps", "products", "c", "passes", "error", "+-", "DDIM, same steps",
                                              "DDIM, same passes", "DPM++ 2, same passes"}};
  const double cells = double(ask.steps.size() * ask.products.size() * ask.damping.size());
  for (const Index steps : ask.steps) {
    const Vec same_steps = error(run(Ddim{}, steps, plain));
    for (const Index products : ask.products) {
      const Index passes = steps * (products + 2);
      const Vec ddim = error(run(Ddim{}, passes, plain)), second = error(second_order(passes));
      for (const double c : ask.damping) {
        const Vec damped = error(run(Ddim{}, steps, [&] { return DampedSource(q.model, products, c); }));
        const Estimated e = mean(damped);
        out.push_back({{"steps", steps},
                       {"products", products},
                       {"damping", figure(c)},
                       {"passes", passes},
                       {"error", figure(e.value)},
                       {"standard_error", figure(e.standard_error)},
                       {"ddim_same_steps", figure(same_steps.mean())},
                       {"ddim_same_passes", figure(ddim.mean())},
                       {"second_order_same_passes", figure(second.mean())},
                       {"wins_same_steps", (damped.array() < same_steps.array()).count()},
                       {"wins_same_passes", (damped.array() < ddim.array()).count()},
                       {"reference_error", figure(reference_error)}});
        rows.push_back({std::to_string(steps), std::to_string(products), brief(c), std::to_string(passes),
                        brief(e.value), brief(e.standard_error), brief(same_steps.mean()), brief(ddim.mean()),
                        brief(second.mean())});
        progress.show(double(out.size()) / cells);
      }
    }
  }
  *text =
      "DDIM along (F + (c/sigma^2) I)^-1 eps at the length of eps, from products with F: distance to the finest\n"
      "solution (itself within " +
      brief(reference_error) + "), beside plain solvers\n\n" + table(rows, "r");
  return out;
}

int hessian(const TorchOptions& o, Index batch) {
  const Document document = read_document(o.common.spec, o.common.set);
  const Query q = read_query(document, o, batch);
  const Index n = q.images, levels = Index(q.nodes.size());

  // What it will cost, before it starts.
  const double passes = double(n) * double(levels) * double(q.ask.image_products(q.dim()) + 2);
  {
    const c10::NoGradGuard no_grad;
    NetworkSource source(q.model);
    const Index some = std::min(q.ask.batch, n);
    const at::Tensor x = tensor_of(hessian_noise(o.common.seed, some, q.dim()), q.model, at::kDouble);
    source.epsilon(x, q.nodes[0]);
    const double before = source.seconds();
    source.epsilon(x, q.nodes[0]);
    const double each = (source.seconds() - before) / double(some);
    std::fprintf(stderr,
                 "hessian: %lld levels of %lld images, %.3g passes through the network for an image at about %.2g s, "
                 "about %.2g min%s\n",
                 static_cast<long long>(levels), static_cast<long long>(n), passes, each, passes * each / 60,
                 q.ask.exact ? ", and the exact law" : "");
  }

  HessianReport report;
  Json damped;
  std::string damped_text;
  try {
    const Points x0 = q.sampler ? own_samples(q, o.common.seed) : drawn(*q.data, n, o.common.seed);
    Progress progress("hessian");
    report = network_hessian(q.model, x0, q.nodes, q.ask, [&](double share) { progress.show(std::min(1.0, share)); });
    if (q.damped) damped = damped_steps(q, x0, o.common.seed, &damped_text);
  } catch (const NotFinite& e) {
    throw SpecError(document.name, "/model", e.what());
  }

  Results results;
  const auto axis = [&](const char* name, auto&& of) {
    Json list = Json::array();
    for (const HessianLevel& level : report.levels) list.push_back(figure(of(level)));
    results.put(name, std::move(list));
  };
  axis("t", [](const HessianLevel& l) { return l.at.t; });
  axis("alpha", [](const HessianLevel& l) { return l.at.alpha; });
  axis("sigma", [](const HessianLevel& l) { return l.at.sigma; });
  results.put("images", Json(n));
  results.put("dim", Json(q.dim()));
  results.put("network", json_of(report, &HessianLevel::network));
  if (q.ask.exact) {
    results.put("exact", json_of(report, &HessianLevel::exact));
    axis("distance", [](const HessianLevel& l) { return mean_of(l.distance).value; });
    axis("distance_standard_error", [](const HessianLevel& l) { return mean_of(l.distance).standard_error; });
  }
  axis("evaluation_seconds", [](const HessianLevel& l) { return l.evaluation_seconds; });
  axis("product_seconds", [](const HessianLevel& l) { return l.product_seconds; });
  results.put("products", Json(report.products));
  if (q.damped) results.put("damped", damped);
  const std::string rows = csv_of(report);
  deliver(o.common, "hessian", document, results, report.evaluations, {{"hessian.csv", {rows}}});
  if (o.common.json) return 0;
  print("G = sigma^2 F, F = (d eps_theta/dx)/sigma, at " + std::to_string(n) +
        " images, d = " + std::to_string(q.dim()) + "; u = eps/||eps||\n\n" + table_of(report, &HessianLevel::network));
  if (q.ask.exact) print("\nThe exact law at the same points\n\n" + table_of(report, &HessianLevel::exact));
  print("\nu u^T, I, c I, rank k: error of these models of G relative to ||G||, c = tr G/d, rank k: I and the " +
        std::to_string(q.ask.ask.eigenpairs) +
        "\neigenpairs of the symmetric part farthest from 1, which hold the part `held` of ||G - I||^2; norm:"
        " ||G||/sqrt(d);\nasym: ||G - G^T||/||G||; cos: between u and the eigenvector of the largest eigenvalue.\n");
  if (q.damped) print('\n' + damped_text);
  return 0;
}

}  // namespace

void add_hessian(CLI::App& app, TorchOptions& o, Chosen& run) {
  CLI::App* command = app.add_subcommand("hessian", "the curvature of a pretrained model, and cheap models of it");
  add_spec(*command, o);
  add_common(*command, o);
  static Index batch = 4;
  add_batch(*command, batch);
  command->callback([&] { run = [&] { return hessian(o, batch); }; });
}

}  // namespace lml
