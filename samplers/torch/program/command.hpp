// The commands of `lml-torch`, the program that `lml` starts when a spec names a model. It takes the same arguments.
#pragma once
#include <ATen/ATen.h>

#include <CLI/CLI.hpp>
#include <functional>

#include "experiments/command.hpp"

namespace lml {

/// Options that all commands share.
struct TorchOptions {
  Common common;
  int threads = 0;                    // 0: as many as the machine has
  std::string precision = "float32";  // of the network
  at::ScalarType type() const;
};

void add_common(CLI::App& command, TorchOptions& o);
void add_spec(CLI::App& command, TorchOptions& o);
void add_batch(CLI::App& command, Index& batch);

/// What the chosen command will do.
using Chosen = std::function<int()>;

void add_bench(CLI::App& app, TorchOptions& o, Chosen& run);
void add_compare(CLI::App& app, TorchOptions& o, Chosen& run);
void add_hessian(CLI::App& app, TorchOptions& o, Chosen& run);
void add_sample(CLI::App& app, TorchOptions& o, Chosen& run);
void add_evaluate(CLI::App& app, TorchOptions& o, Chosen& run);
void add_network_error(CLI::App& app, TorchOptions& o, Chosen& run);
void add_train(CLI::App& app, TorchOptions& o, Chosen& run);

}  // namespace lml
