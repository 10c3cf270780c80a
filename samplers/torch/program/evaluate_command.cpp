// `evaluate` with a feature network.
#include "experiments/document.hpp"
#include "experiments/evaluate.hpp"
#include "samplers/torch/features.hpp"
#include "samplers/torch/program/command.hpp"

namespace lml {

void add_evaluate(CLI::App& app, TorchOptions& o, Chosen& run) {
  CLI::App* command = app.add_subcommand("evaluate", "distances between two sets of images, on a feature network");
  add_spec(*command, o);
  add_common(*command, o);
  static Index batch = 64;
  command->add_option("--batch", batch, "images at a time; bounds the memory")
      ->type_name("N")
      ->check(CLI::Range(1, 1'000'000));
  command->callback([&] {
    run = [&] {
      const Document document = read_document(o.common.spec, o.common.set);
      return evaluate(o.common, document, [&](const Reader& where) {
        const std::shared_ptr<const FeatureNetwork> network = open_features(where.path(), o.type(), o.common.device);
        return FeatureMap{network->name(),
                          [network](const ImageShape& shape, Index n, const auto& images, const auto& progress) {
                            return features_of(*network, shape, n, batch, images, progress);
                          }};
      });
    };
  });
}

}  // namespace lml
