// lml-torch train SPEC --out DIR: a small U-net trained on an array of images; DIR is a folder that `sample` takes.
#include <ATen/Parallel.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "dynamics/checkpoint.hpp"
#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/progress.hpp"
#include "experiments/spec.hpp"
#include "samplers/torch/program/command.hpp"
#include "samplers/torch/train.hpp"
#include "samplers/torch/unet2d.hpp"
#include "samplers/torch/weights.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

constexpr const char* checkpoint_name = "checkpoint.safetensors";
const std::vector<std::string> log_columns{"step", "images", "loss", "learning_rate", "seconds"};

struct Query {
  Json network_config;
  UNet2dConfig network;
  at::Tensor data;
  TrainingPlan plan;
  std::int64_t log_every;  // images
  std::uint64_t digest;
};

double positive(const Reader& r) {
  const double v = r.number();
  if (!(v > 0) || !std::isfinite(v)) r.fail("must be > 0, is " + digits(v));
  return v;
}

Query read_query(const Document& document, const TorchOptions& o) {
  const Object spec = Reader(document).object(
      {"data", "network", "batch", "images", "learning_rate", "warm_up", "ema", "noise", "sigma_data", "log_every"});
  Query q;
  const Reader network = spec.at("network");
  q.network = read_unet2d(network);
  if (q.network.sample_size == 0) network.fail_below("/sample_size", "is missing");
  if (q.network.in_channels != q.network.out_channels)
    network.fail_below("/out_channels", "must be in_channels, is " + std::to_string(q.network.out_channels));
  q.network_config = document.root->at("network");
  q.network_config["_class_name"] = "UNet2DModel";

  TrainingPlan& p = q.plan;
  constexpr long long most = 1'000'000'000'000;
  p.images = spec.at("images").integer(1, most);
  if (const auto v = spec.find("batch")) p.batch = v->integer(1, 1 << 20);
  if (const auto v = spec.find("learning_rate")) p.learning_rate = positive(*v);
  if (const auto v = spec.find("warm_up")) p.warm_up = v->integer(0, most);
  p.ema = double(p.images) / 10;
  if (const auto v = spec.find("ema")) p.ema = positive(*v);
  if (const auto v = spec.find("noise")) {
    const Object noise = v->object({"mean", "deviation"});
    p.mean = noise.at("mean").number();
    p.deviation = positive(noise.at("deviation"));
  }
  q.log_every = std::max<std::int64_t>(p.batch, p.images / 200);
  if (const auto v = spec.find("log_every")) q.log_every = v->integer(1, most);
  p.seed = o.common.seed;
  p.bfloat16 = o.type() == at::kBFloat16;
  p.workers = o.common.device == "cpu" ? at::get_num_threads() : 1;

  const Reader data = spec.at("data");
  const Target target = read_target(data);
  if (!target.is_points()) data.fail("must be images: points, not a mixture with spread");
  const Points& images = target.means();
  const Index c = q.network.in_channels, side = q.network.sample_size;
  if (images.cols() != c * side * side)
    data.fail("has " + std::to_string(images.cols()) + " numbers an image, the network takes " + std::to_string(c) +
              " x " + std::to_string(side) + " x " + std::to_string(side));
  p.sigma_data = std::sqrt(images.squaredNorm() / double(images.size()));
  if (const auto v = spec.find("sigma_data")) p.sigma_data = positive(*v);
  if (p.sigma_data == 0) data.fail("is 0 everywhere");
  const at::ScalarType type = o.type() == at::kDouble ? at::kDouble : at::kFloat;
  q.data = at::from_blob(const_cast<double*>(images.data()), {images.rows(), c, side, side}, at::kDouble)
               .to(type, false, true)
               .to(o.common.device);
  q.digest =
      digest(dump(*document.root) + ' ' + std::to_string(o.common.seed) + ' ' + o.precision + " train " LML_VERSION +
             std::string(static_cast<const char*>(q.data.cpu().contiguous().data_ptr()), q.data.nbytes()));
  return q;
}

// The run as it stands, with its log.
struct Record {
  std::vector<std::vector<double>> rows;
  double sum = 0;  // of the losses since the last row
  std::int64_t steps = 0;
  double seconds = 0;

  Weights state() const {
    at::Tensor log = at::empty({std::int64_t(rows.size()), std::int64_t(log_columns.size())}, at::kDouble);
    for (std::size_t i = 0; i < rows.size(); ++i)
      std::copy(rows[i].begin(), rows[i].end(), log.data_ptr<double>() + i * log_columns.size());
    return {{"log", log}, {"since", at::tensor({sum, double(steps), seconds}, at::kDouble)}};
  }
  void resume(const Weights& w) {
    const at::Tensor log = w.at("log"), since = w.at("since");
    for (std::int64_t i = 0; i < log.size(0); ++i) {
      const double* p = log.data_ptr<double>() + i * log.size(1);
      rows.emplace_back(p, p + log.size(1));
    }
    sum = since[0].item<double>();
    steps = std::int64_t(since[1].item<double>());
    seconds = since[2].item<double>();
  }
};

void save(const fs::path& file, const Trainer& trainer, const Record& record, std::uint64_t digest) {
  Weights all = trainer.state();
  all.merge(record.state());
  all.emplace("digest", at::full({1}, std::int64_t(digest), at::kLong));
  std::error_code error;
  fs::create_directories(file.parent_path(), error);
  write_weights(all, file);
}

bool resume(const fs::path& file, Trainer& trainer, Record& record, std::uint64_t digest) {
  std::error_code error;
  if (!fs::exists(file, error)) return false;
  const Weights all = read_weights(file);
  const auto found = all.find("digest");
  if (found == all.end() || found->second.scalar_type() != at::kLong || found->second.numel() != 1 ||
      std::uint64_t(found->second.item<std::int64_t>()) != digest)
    throw UsageError(file.string() + ": is of another run: delete it, or give another --out");
  trainer.resume(all);
  record.resume(all);
  return true;
}

// The layout of diffusers.
void write_folder(const fs::path& out, const Query& q, const Trainer& trainer) {
  const Json index{{"_class_name", "DiffusionPipeline"},
                   {"scheduler", {"diffusers", "EDMEulerScheduler"}},
                   {"unet", {"diffusers", "UNet2DModel"}}};
  const Json scheduler{{"_class_name", "EDMEulerScheduler"},
                       {"num_train_timesteps", 1000},
                       {"prediction_type", "epsilon"},
                       {"rho", 7.0},
                       {"sigma_data", q.plan.sigma_data},
                       {"sigma_max", 80.0},
                       {"sigma_min", 0.002},
                       {"sigma_schedule", "karras"}};
  Weights half;
  for (const auto& [name, w] : trainer.average()) half.emplace(name, w.to(at::kHalf));
  const std::string config = dump(q.network_config, 1) + '\n', steps = dump(scheduler, 1) + '\n',
                    names = dump(index, 1) + '\n';
  write_files(out / "unet", {{"config.json", {config}}});
  write_weights(half, out / "unet" / "diffusion_pytorch_model.safetensors");
  write_files(out / "scheduler", {{"scheduler_config.json", {steps}}});
  write_files(out, {{"model_index.json", {names}}});
}

int train(const TorchOptions& o, double save_seconds) {
  if (o.common.out.empty()) throw UsageError("train needs --out DIR, the folder that the model becomes");
  const Document document = read_document(o.common.spec, o.common.set);
  Query q = read_query(document, o);
  const fs::path out = o.common.out, checkpoint = out / checkpoint_name;
  const at::ScalarType type = q.data.scalar_type();

  Weights weights = initial_weights(unet2d_shapes(q.network), "conv_out", q.plan.seed, type);
  std::int64_t parameters = 0;
  for (auto& [name, w] : weights) {
    w = w.to(o.common.device);
    parameters += w.numel();
  }
  const std::unique_ptr<Network> network = make_unet2d(q.network, std::move(weights));
  if (q.plan.workers > 1) at::set_num_threads(1);  // outside the workers there is too little to share
  Trainer trainer(*network, q.data, q.plan);
  Record record;
  const bool resumed = resume(checkpoint, trainer, record, q.digest);
  std::fprintf(stderr, "%lld parameters, %lld images of sigma_data %.4f, %lld steps of %lld; %s\n",
               (long long)parameters, (long long)q.data.size(0), q.plan.sigma_data, (long long)q.plan.steps(),
               (long long)q.plan.batch,
               resumed ? ("goes on at step " + std::to_string(trainer.steps_done())).c_str() : "starts");

  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  Clock::time_point saved = start;
  const auto since = [](Clock::time_point t) { return std::chrono::duration<double>(Clock::now() - t).count(); };
  const double before = record.seconds;
  const std::int64_t first = trainer.steps_done(), steps = q.plan.steps();
  const std::int64_t rows_every = std::max<std::int64_t>(1, q.log_every / q.plan.batch);
  Progress progress("train");
  while (trainer.steps_done() < steps) {
    const double rate = trainer.learning_rate(trainer.steps_done());
    record.sum += trainer.step();
    ++record.steps;
    record.seconds = before + since(start);
    const std::int64_t done = trainer.steps_done();
    progress.show(double(done) / double(steps), "loss " + brief(record.sum / double(record.steps)) + ", " +
                                                    brief(double((done - first) * q.plan.batch) / since(start)) +
                                                    " images/s");
    if (done % rows_every == 0 || done == steps) {
      record.rows.push_back({double(done), double(done * q.plan.batch), record.sum / double(record.steps), rate,
                             std::round(record.seconds)});
      record.sum = 0;
      record.steps = 0;
    }
    if (since(saved) > save_seconds) {
      save(checkpoint, trainer, record, q.digest);
      saved = Clock::now();
    }
  }

  write_folder(out, q, trainer);
  at::set_num_threads(int(q.plan.workers));  // as the manifest says
  const std::string log = csv(log_columns, record.rows);
  Results results;
  results.put("parameters", Json(parameters));
  results.put("images", Json(trainer.steps_done() * q.plan.batch));
  results.put("sigma_data", figure(q.plan.sigma_data));
  results.put("loss", record.rows.empty() ? Json(nullptr) : figure(record.rows.back()[2]));
  results.put("seconds", figure(record.seconds));
  results.put("threads", Json(q.plan.workers));
  deliver(o.common, "train", document, results, trainer.steps_done(), {{"training.csv", {log}}});
  std::error_code none;
  fs::remove(checkpoint, none);
  if (!o.common.json)
    print(out.string() + ": " + std::to_string(trainer.steps_done() * q.plan.batch) + " images seen in " +
          brief(record.seconds) + " s, loss " + brief(record.rows.back()[2]) + "\n");
  return 0;
}

}  // namespace

void add_train(CLI::App& app, TorchOptions& o, Chosen& run) {
  CLI::App& command = *app.add_subcommand("train", "train a small U-net on images; --out is a model folder");
  add_common(command, o);
  add_spec(command, o);
  static double save_seconds = 60;
  command.add_option("--save-seconds", save_seconds, "between checkpoints; the same command resumes")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber);
  command.callback([&] { run = [&o] { return train(o, save_seconds); }; });
}

}  // namespace lml
