#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include <cstdio>

#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/seed.hpp"
#include "samplers/torch/program/command.hpp"

namespace lml {

at::ScalarType TorchOptions::type() const {
  return precision == "float64" ? at::kDouble : precision == "bfloat16" ? at::kBFloat16 : at::kFloat;
}

void add_common(CLI::App& command, TorchOptions& o) {
  command.add_flag("--json", o.common.json, "print one JSON document instead of a table");
  command.add_option("--out", o.common.out, "folder for results, images and manifest.json")->type_name("DIR");
  command.add_option("--seed", o.common.seed, "seed of every random stream")->type_name("N")->check(refusal_of_seed);
  command.add_option("--threads", o.threads, "threads")->type_name("N")->check(CLI::Range(1, 4096));
  command.add_option("--device", o.common.device, "cpu or cuda")
      ->type_name("NAME")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  command.add_option("--precision", o.precision, "of the network: float64, float32 or bfloat16")
      ->type_name("NAME")
      ->check(CLI::IsMember({"float64", "float32", "bfloat16"}));
}

void add_spec(CLI::App& command, TorchOptions& o) {
  command.add_option("SPEC", o.common.spec, "JSON file, or - for standard input, or only --set");
  command.add_option("--set", o.common.set, "change one value: --set model=DIR --set sampler.steps=20")
      ->type_name("KEY.PATH=VALUE")
      ->allow_extra_args(false);
}

void add_batch(CLI::App& command, Index& batch) {
  command.add_option("--batch", batch, "images at a time; bounds the memory")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
}

}  // namespace lml

int main(int argc, char** argv) {
  lml::TorchOptions o;
  o.common.arguments.assign(argv + (argc > 0), argv + argc);
  lml::Chosen run;
  CLI::App app("Networks under the samplers of lml.", "lml-torch");
  app.set_version_flag("--version", LML_VERSION);
  app.require_subcommand(1);
  lml::add_bench(app, o, run);
  lml::add_compare(app, o, run);
  lml::add_hessian(app, o, run);
  lml::add_sample(app, o, run);
  lml::add_evaluate(app, o, run);
  lml::add_network_error(app, o, run);
  lml::add_train(app, o, run);

  try {
    app.parse(argc, argv);
    if (o.common.device == "cuda" && !at::hasCUDA())
      throw lml::NotHere("no CUDA device here, or LibTorch without CUDA: leave --device away, or use --device cpu");
    if (!o.common.out.empty()) lml::require_folder(o.common.out);
    if (o.threads > 0) at::set_num_threads(o.threads);
    // float32 means float32.
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowTF32CuDNN(false);
    return run();
  } catch (const CLI::Success& e) {
    return app.exit(e);  // --help, --version
  } catch (const CLI::ParseError& e) {
    std::fprintf(stderr, "lml: %s\n", lml::one_line(e.what()).c_str());
    return 2;
  } catch (const c10::Error& e) {
    std::fprintf(stderr, "lml: LibTorch: %s\n", lml::one_line(e.what_without_backtrace()).c_str());
    return 2;
  } catch (...) {
    return lml::status_of_what_ended();
  }
}
