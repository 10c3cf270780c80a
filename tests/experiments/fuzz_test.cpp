// Mutations of good specs and array files: each is read or refused by one of the two exceptions made for that, never
// anything else; under sanitizers, never anything worse. LML_FUZZ_SECONDS asks for a longer run.
#include <chrono>
#include <cstdlib>

#include "dynamics/random.hpp"
#include "experiments/arrays.hpp"
#include "experiments/errors.hpp"
#include "experiments/png.hpp"
#include "experiments/point_query.hpp"
#include "experiments/sampler_options.hpp"
#include "samplers/ensemble.hpp"
#include "tests/experiments/files.hpp"

namespace lml {
namespace {

class Mutator {
 public:
  Mutator(std::uint64_t stream, std::vector<std::string> corpus, std::vector<std::string> words)
      : random_(20250522, stream), corpus_(std::move(corpus)), words_(std::move(words)) {}

  std::string operator()(std::uint64_t sample) {
    std::uint64_t step = 0;
    const auto below = [&](std::size_t n) { return std::size_t(random_.uniform(sample, step++, 0) * double(n)); };
    std::string text = corpus_[below(corpus_.size())];
    for (std::size_t edits = below(2) + 1; edits > 0; --edits) {
      const std::size_t at = below(text.size() + 1), length = std::min(text.size() - at, below(12));
      switch (below(8)) {
        case 0: text.erase(at, length); break;
        case 1: text.insert(at, words_[below(words_.size())]); break;
        case 2: text.replace(at, length, words_[below(words_.size())]); break;
        case 3: text.insert(at, text.substr(below(text.size() + 1), below(40))); break;
        case 4: text.resize(at); break;
        case 5:
          if (at < text.size()) text[at] = char(below(256));
          break;
        default:  // another number where there is one: what is still well-formed reaches further
          if (const std::size_t digit = text.find_first_of("0123456789", at); digit != std::string::npos)
            text[digit] = char('0' + below(10));
      }
    }
    return text;
  }

 private:
  Random random_;
  std::vector<std::string> corpus_, words_;
};

// Calls body(i) for i = 0, 1, ...: a fixed number of times, or until LML_FUZZ_SECONDS are over.
template <class Body>
void repeat(std::uint64_t count, const Body& body) {
  const char* seconds = std::getenv("LML_FUZZ_SECONDS");
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds ? std::atof(seconds) : 0);
  for (std::uint64_t i = 0; i < count || (seconds && std::chrono::steady_clock::now() < end); ++i) body(i);
}

TEST(Fuzz, SpecsAreReadOrRefusedByName) {
  Mutator mutate(
      1,
      {R"({"target":{"kind":"gaussian_mixture","weights":[1.0,3.0],"means":[[1.5,-0.5],[-1,0.25]],"covariances":[0.2,[[0.5,0.1],[0.1,0.3]]]},"alpha":0.8,"sigma":0.6,"at":[[0.4,0.1]],"hessian":true})",
       R"({"target":{"kind":"points","points":[[0,1],[1,0.5]],"weights":[1,2],"limit":2},"schedule":{"name":"scaled_linear","beta_start":0.00085,"beta_end":0.012,"num_train_timesteps":10},"t":4,"at":[[0.2,0.3]]})",
       R"({"target":"ring8","schedule":{"name":"trained_betas","betas":[0.1,0.2,1e-3]},"t":1,"at":[[1e2,-3.5E-1],[0,0]]})"},
      {"[",
       "]",
       "{",
       "}",
       ",",
       ":",
       "\"",
       "null",
       "true",
       "1e999",
       "-1",
       "1e308",
       "1e-320",
       "0",
       "NaN",
       "\\u0000",
       "\xFF",
       "\"sigma\":1,",
       "\"t\":0.5,",
       "[[[[",
       "{\"kind\":\"points\"}",
       "\"two_points\"",
       "vp_sde",
       "edm",
       "linear",
       "-0.0",
       "18446744073709551616"});
  std::uint64_t accepted = 0, refused = 0;
  repeat(30000, [&](std::uint64_t i) {
    try {
      const Document document = parse_document(mutate(i));
      const PointQuery q = read_point_query(document);
      if (q.at.rows() <= 4 && q.marginal.dim() <= 4)
        for_each_point(q, [](Index, const Local& local) { local.hessian(); });
      ++accepted;
    } catch (const SpecError& e) {
      ASSERT_TRUE(std::string(e.what()).starts_with("-: /")) << e.what();
      ++refused;
    }
  });
  // Both ways must have been gone, else the corpus or the mutations are no good.
  EXPECT_GT(accepted, 500u);
  EXPECT_GT(refused, 10000u);
}

// Samplers of every kind; a short run is run too.
TEST(Fuzz, SamplersAreReadOrRefusedByName) {
  const std::string linear = R"("schedule":{"name":"linear","beta_start":0.0001,"beta_end":0.02})";
  Mutator mutate(
      9,
      {"{" + linear + R"(,"sampler":{"name":"ddim","steps":5,"eta":0.5,"timestep_spacing":"trailing"}})",
       "{" + linear +
           R"(,"sampler":{"name":"dpm_solver++","steps":6,"solver_order":3,"use_karras_sigmas":true},"lml":{"form":"stable","kappa":0.1,"lambda":0.5}})",
       "{" + linear +
           R"(,"sampler":{"name":"dpm_solver","timesteps":[900,500,31],"solver_type":"heun"},"lml":{"form":"increment","kappa":0.1,"lambda":0.5}})",
       R"({"schedule":{"name":"edm"},"sampler":{"name":"heun","steps":6,"sigma_max":40,"sigma_min":0.01,"rho":5}})",
       R"({"schedule":{"name":"vp_sde","beta_min":0.2,"beta_max":15},"sampler":{"name":"ddim","timesteps":[1,0.6,0.2,0.01]},"lml":{"form":"printed","kappa":0.1,"lambda":0.5}})",
       R"({"schedule":{"name":"trained_betas","betas":[0.01,0.2,0.3,0.4]},"sampler":{"name":"dlg","steps":3,"langevin_steps":2,"denoiser":"ddim"}})"},
      {"[",
       "]",
       "{",
       "}",
       ",",
       ":",
       "\"",
       "null",
       "true",
       "false",
       "1e999",
       "-1",
       "1e308",
       "1e-320",
       "0",
       "NaN",
       "0.5",
       "\"steps\":3,",
       "\"eta\":1,",
       "\"name\":\"heun\",",
       "\"solver_order\":2,",
       "rectified_flow",
       "euler",
       "unipc",
       "pndm",
       "ipndm",
       "deis",
       "ddpm",
       "dlg",
       "leading",
       "linspace",
       "zero",
       "sigma_min",
       "printed",
       "999",
       "\xFF"});
  ExactSource source(Target::points(Points{{1, 0}, {-0.5, 1}}));
  std::uint64_t accepted = 0, refused = 0, failed = 0;
  repeat(6000, [&](std::uint64_t i) {
    try {
      const Document document = parse_document(mutate(i));
      const SamplerChoice choice = read_sampler(Reader(document).object({"schedule", "sampler", "lml"}));
      if (choice.sampler.steps() > 64) return;
      try {
        const SampleSet set = sample(choice.sampler, source, noise_starts(choice.start_deviation, 3, 2, {i}), {i});
        ASSERT_TRUE(set.samples.allFinite());
        ++accepted;
      } catch (const NotFinite& e) {
        ASSERT_TRUE(std::string(e.what()).starts_with("sample ")) << e.what();
        ++failed;
      }
    } catch (const SpecError& e) {
      ASSERT_TRUE(std::string(e.what()).starts_with("-: /")) << e.what();
      ++refused;
    }
  });
  EXPECT_GT(accepted, 300u);
  EXPECT_GT(refused, 1000u);
  EXPECT_LT(failed, accepted);
}

TEST(Fuzz, ArrayFilesAreReadOrRefused) {
  const std::string data = test::bytes_of(std::vector<double>{1, 2, 3, 4, 5, 6});
  const std::vector<std::string> words{"(",
                                       ")",
                                       ",",
                                       "9999999999",
                                       "0",
                                       "-1",
                                       "18446744073709551615",
                                       "True",
                                       "<f4",
                                       "|u1",
                                       ">i8",
                                       "'shape'",
                                       "{",
                                       "}",
                                       "\"U8\"",
                                       "\"F16\"",
                                       "[0,48]",
                                       std::string(4, '\xFF'),
                                       std::string(8, '\0'),
                                       "\x1F\x8B"};
  const std::string idx = test::idx({3, 4}, std::string(12, 'x'));
  const std::tuple<const char*, std::vector<std::string>> formats[] = {
      {"x.npy",
       {test::npy("<f8", "(2, 3)", data), test::npy("<f4", "(2, 6)", data, true),
        test::npy("|u1", "(4, 3, 2, 2)", data, true, 2)}},
      {"x.safetensors",
       {test::safetensors(R"({"x":{"dtype":"F64","shape":[2,3],"data_offsets":[0,48]}})", data),
        test::safetensors(
            R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"samples":{"dtype":"BF16","shape":[2,2],"data_offsets":[4,12]}})",
            data)}},
      {"x", {idx, test::gzip(idx)}},
      {"x.bin", {std::string(3073, '\x01')}},
      {"x.png", {png_file(reinterpret_cast<const unsigned char*>(idx.data()), {3, 2, 3})}},
  };
  const test::Folder folder;
  std::uint64_t accepted = 0, refused = 0, stream = 2;
  for (const auto& [name, corpus] : formats) {
    Mutator mutate(stream++, corpus, words);
    repeat(600, [&, name = name](std::uint64_t i) {
      const auto path = folder.write(name, mutate(i));
      try {
        if (path.extension() == ".png") return void(++(read_png(path).second.empty() ? refused : accepted));
        const Points y = read_array(path, {{}, i % 3 ? std::nullopt : std::optional<Index>(1)});
        ASSERT_TRUE(y.allFinite());
        ASSERT_GT(y.size(), 0);
        ++accepted;
      } catch (const BadInput&) {
        ++refused;
      }
    });
  }
  EXPECT_GT(accepted, 100u);
  EXPECT_GT(refused, 1000u);
}

}  // namespace
}  // namespace lml
