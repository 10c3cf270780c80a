#include "experiments/spec.hpp"

#include <cmath>

#include "experiments/arrays.hpp"
#include "experiments/json.hpp"
#include "experiments/targets.hpp"

namespace lml {
namespace {

Covariance read_covariance(const Reader& c) {
  if (c.is_number()) return c.number();
  if (!c.is_matrix()) return c.numbers();
  return Mat(c.matrix());
}

Target read_mixture(const Reader& target) {
  const Object o = target.object({"kind", "weights", "means", "covariances"});
  const Vec weights = o.at("weights").numbers();
  Points means = o.at("means").matrix();
  std::vector<Covariance> covariances;
  for (const Reader& c : o.at("covariances").items()) covariances.push_back(read_covariance(c));
  return within(target, [&] { return Target::gaussian_mixture(weights, std::move(means), covariances); });
}

ArrayOptions read_array_options(const Object& o) {
  ArrayOptions out;
  if (const auto limit = o.find("limit")) out.limit = limit->integer(1, INT64_MAX);
  if (const auto scale = o.find("scale")) {
    const Vec v = scale->numbers();
    if (v.size() != 2 || !std::isfinite(v[1] - v[0])) scale->fail("must be [lo,hi], what 0 and 255 become");
    out.scale = {v[0], v[1]};
  }
  return out;
}

Target read_point_set(const Reader& target) {
  const Object o = target.object({"kind", "points", "file", "weights", "scale", "limit"});
  const ArrayOptions options = read_array_options(o);
  const auto file = o.find("file");
  if (file && o.has("points")) file->fail("points or file, never both");
  if (!file && options.scale) o.at("scale").fail("maps the bytes of a file; there is no file");
  Points y = file ? within(*file, [&] { return read_array(file->path(), options); }) : o.at("points").matrix();
  if (options.limit && *options.limit < y.rows()) y.conservativeResize(*options.limit, y.cols());
  const auto weights = o.find("weights");
  const Vec w = weights ? weights->numbers() : Vec();
  return within(target, [&] { return Target::points(std::move(y), w); });
}

double positive(const Reader& r) {
  const double v = r.number();
  if (!(v > 0)) r.fail("must be > 0, is " + digits(v));
  return v;
}

double not_negative(const Reader& r) {
  const double v = r.number();
  if (!(v >= 0)) r.fail("must be >= 0, is " + digits(v));
  return v;
}

DiscreteSchedule read_betas(const Object& o, const std::string& name) {
  const auto count = o.find("num_train_timesteps");
  const Index n = count ? count->integer(1, 1000000) : 1000;
  if (name == "squaredcos_cap_v2") {
    // diffusers' files carry both keys for this schedule too, without a meaning.
    for (const char* key : {"beta_start", "beta_end"})
      if (const auto unused = o.find(key)) unused->number();
    return DiscreteSchedule::squaredcos_cap_v2(n);
  }
  const double start = o.at("beta_start").number(), end = o.at("beta_end").number();
  return name == "linear" ? DiscreteSchedule::linear(start, end, n) : DiscreteSchedule::scaled_linear(start, end, n);
}

}  // namespace

Target read_target(const Reader& target) {
  if (target.is_string()) {
    const std::string name = target.string();
    const BuiltinTarget* builtin = find_builtin_target(name);
    if (builtin) return within(target, builtin->make);
    std::vector<std::string_view> names;
    for (const BuiltinTarget& t : builtin_targets()) names.push_back(t.name);
    const auto meant = nearest(name, names);
    target.fail("no built-in target is called \"" + name + "\"" +
                (meant ? ", did you mean " + std::string(*meant) + "?" : "; `lml targets` lists them"));
  }
  // Both kinds' keys, so that `kind` itself is read before its keys are judged.
  const Object o = target.object({"kind", "weights", "means", "covariances", "points", "file", "scale", "limit"});
  if (o.at("kind").one_of({"gaussian_mixture", "points"}) == "points") return read_point_set(target);
  return read_mixture(target);
}

std::string read_schedule_name(const Reader& schedule) {
  // All schedules' keys, so that `name` is judged before the others.
  return schedule.object({"name", "beta_start", "beta_end", "num_train_timesteps", "betas", "beta_min", "beta_max"})
      .at("name")
      .one_of({"linear", "scaled_linear", "squaredcos_cap_v2", "trained_betas", "vp_sde", "edm", "rectified_flow"});
}

Schedule read_schedule(const Reader& schedule) {
  const std::string name = read_schedule_name(schedule);
  return within(schedule, [&]() -> Schedule {
    if (name == "edm" || name == "rectified_flow") {
      schedule.object({"name"});
      if (name == "edm") return Edm{};
      return RectifiedFlow{};
    }
    if (name == "vp_sde") {
      const Object o = schedule.object({"name", "beta_min", "beta_max"});
      VpSde out;
      if (const auto v = o.find("beta_min")) out.beta_min = not_negative(*v);
      if (const auto v = o.find("beta_max")) out.beta_max = positive(*v);
      return out;
    }
    if (name == "trained_betas") {
      const Vec betas = schedule.object({"name", "betas"}).at("betas").numbers();
      return DiscreteSchedule::trained_betas({betas.begin(), betas.end()});
    }
    return read_betas(schedule.object({"name", "beta_start", "beta_end", "num_train_timesteps"}), name);
  });
}

Time read_time(const Object& spec) {
  const auto schedule = spec.find("schedule"), t = spec.find("t");
  if (!schedule && !t) {
    if (!spec.has("alpha") && !spec.has("sigma"))
      spec.reader().fail_below("/alpha", "is missing (the time is alpha and sigma, or schedule and t)");
    return {not_negative(spec.at("alpha")), positive(spec.at("sigma"))};
  }
  for (const char* key : {"alpha", "sigma"})
    if (const auto given = spec.find(key)) given->fail("alpha and sigma, or schedule and t, never both");
  const Schedule noise = read_schedule(spec.at("schedule"));
  const Reader when = spec.at("t");
  const double value = when.number();
  const Time out = within(spec.reader(), [&] { return at(noise, value); });
  if (!(out.sigma > 0 && std::isfinite(out.alpha) && std::isfinite(out.sigma)))
    when.fail("is where this schedule has no noise: sigma is " + digits(out.sigma));
  return out;
}

Points read_points(const Reader& where, Index dim) {
  Points out = where.is_string() ? within(where, [&] { return read_array(where.path()); }) : where.matrix();
  if (out.cols() != dim) {
    const std::string message =
        "must have " + std::to_string(dim) + " coordinates like the target, has " + std::to_string(out.cols());
    if (where.is_string()) where.fail(message);
    where.fail_below("/0", message);
  }
  return out;
}

}  // namespace lml
