// `lml`: reads the command line, calls the command, turns what it throws into an exit status and one line.
#include <omp.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <memory>
#include <sstream>
#include <string>

#include "experiments/as_called.hpp"
#include "experiments/bench_dynamics.hpp"
#include "experiments/bench_samplers.hpp"
#include "experiments/bench_score.hpp"
#include "experiments/check_command.hpp"
#include "experiments/command.hpp"
#include "experiments/errors.hpp"
#include "experiments/hand_over.hpp"
#include "experiments/mpi_processes.hpp"
#include "experiments/output.hpp"
#include "experiments/plot_command.hpp"
#include "experiments/reader.hpp"
#include "experiments/report_command.hpp"
#include "experiments/run_command.hpp"
#include "experiments/seed.hpp"

namespace {

constexpr const char* welcome =
    "lml settles the claims of arXiv 2505.24222 (damped Langevin dynamics for\n"
    "diffusion sampling) by exact computation.\n"
    "\n"
    "  lml check              run the paper's claims: the main job\n"
    "  lml run NAME           an experiment: what a figure or table shows; --list\n"
    "  lml report             one page of all results: is the paper right?\n"
    "  lml plot RESULT        the figure of a result\n"
    "\n"
    "  lml targets            the built-in targets\n"
    "  lml score SPEC         exact density, score and Hessian at points\n"
    "  lml bound SPEC         Propositions 1 and 2 at points\n"
    "  lml stationary SPEC    stationary law of a Langevin variant\n"
    "  lml gap SPEC           spectral gap of a metric\n"
    "  lml converge SPEC      divergence along the flow of the law\n"
    "  lml sample SPEC        run a diffusion sampler on a target or a network\n"
    "  lml compare SPEC       many samplers: their errors against evaluations\n"
    "  lml evaluate SPEC      distances between two sets of samples\n"
    "  lml train SPEC         train a small network on images\n"
    "  lml hessian SPEC       the curvature of a network\n"
    "  lml network-error SPEC how wrong a network's score is\n"
    "  lml bench PART         speed beside peers: score, dynamics, samplers, networks\n"
    "\n"
    "  lml doctor             what is here, what is missing, what to do about it\n"
    "  lml completion         completion of all this for bash, zsh and fish\n"
    "  lml test               build everything and run the test suite\n"
    "\n"
    "lml COMMAND --help says more about each, with examples.\n"
    "\n";

// What to do next, from what is in results/.
const char* next_step() {
  const auto here = [](const char* file) { return ::access(file, R_OK) == 0; };
  if (here("results/report.html"))
    return "Next: open results/report.html in a browser; lml report renews it, and\n"
           "lml run --list names the experiments that add to it.\n";
  if (here("results/check/result.json")) return "Next: lml report makes one page of what is in results/.\n";
  return "Next: lml check prop2-jacobian   one claim, seconds\n"
         "      lml check                  all of them, into results/\n";
}

// Options and commands in 80 columns, whatever CLI11 does.
class Narrow : public CLI::Formatter {
 public:
  std::string make_usage(const CLI::App* command, std::string name) const override {
    std::string out = CLI::Formatter::make_usage(command, name);
    if (command->get_prefix_command()) out.insert(out.find_last_not_of('\n') + 1, " SPEC");  // lml-torch reads it
    return out;
  }
  std::string make_option(const CLI::Option* option, bool positional) const override {
    return folded(CLI::Formatter::make_option(option, positional));
  }
  std::string make_subcommand(const CLI::App* command) const override {
    return folded(CLI::Formatter::make_subcommand(command));
  }

 private:
  static std::string folded(std::string text) {
    constexpr std::size_t width = 80, margin = 30;
    for (std::size_t start = 0;;) {
      const std::size_t end = std::min(text.find('\n', start), text.size());
      if (end - start > width) {
        const std::size_t space = text.rfind(' ', start + width);
        if (space != std::string::npos && space > start + margin) {
          text.replace(space, 1, '\n' + std::string(margin, ' '));
          start = space + 1;
          continue;
        }
      }
      if (end == text.size()) return text;
      start = end + 1;
    }
  }
};

struct Options {
  lml::Common common;
  int threads = 0;
  std::string precision;
  long long batch = 0;
};

void add_common(CLI::App& command, Options& o) {
  command.add_flag("--json", o.common.json, "print one JSON document instead of a table");
  command.add_option("--out", o.common.out, "folder for results, figures and manifest.json")->type_name("DIR");
  command.add_option("--seed", o.common.seed, "seed of every random stream")
      ->type_name("N")
      ->check(lml::refusal_of_seed);
  command.add_option("--threads", o.threads, "threads; results do not depend on them")
      ->type_name("N")
      ->check(CLI::Range(1, 4096));
  command.add_option("--device", o.common.device, "cpu or cuda")
      ->type_name("NAME")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  command.add_option("--precision", o.precision, "of a network: float64, float32 or bfloat16")
      ->type_name("NAME")
      ->check(CLI::IsMember({"float64", "float32", "bfloat16"}));
}

void add_spec(CLI::App& command, Options& o) {
  command.add_option("SPEC", o.common.spec, "JSON file, or - for standard input, or only --set");
  command.add_option("--set", o.common.set, "change one value: --set alpha=1 --set target=ring8")
      ->type_name("KEY.PATH=VALUE")
      ->allow_extra_args(false);
}

// Of an option that is none: the nearest of the command that was to take it.
std::string nearest_option(const CLI::App& app, const std::vector<std::string>& arguments) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  std::vector<std::string> names;
  for (const CLI::Option* option : command->get_options({}))
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  for (const std::string& argument : arguments) {
    const std::string word = argument.substr(0, argument.find('='));
    if (!word.starts_with("--") || std::find(names.begin(), names.end(), word) != names.end()) continue;
    const auto meant = lml::nearest(word, {names.begin(), names.end()});
    return (meant ? "; did you mean " + std::string(*meant) + "?" : "") + " (lml " + command->get_name() +
           (command == &app ? "" : " ") + "--help names them all)";
  }
  return "";
}

void require_spec(const Options& o, const char* command) {
  if (o.common.spec.empty() && o.common.set.empty())
    throw lml::UsageError(std::string("lml ") + command +
                          ": wants a SPEC file, - for standard input, or --set; see lml " + command + " --help");
}

}  // namespace

int main(int argc, char** argv) {
  if (lml::is_other_process() && !(std::freopen("/dev/null", "w", stdout) && std::freopen("/dev/null", "w", stderr)))
    return 2;
  Options o;
  o.common.arguments.assign(argv + (argc > 0), argv + argc);
  std::function<int()> run;
  CLI::App app("Claims of arXiv 2505.24222, settled by exact computation.", "lml");
  app.set_version_flag("--version", LML_VERSION);
  app.require_subcommand(0, 1);
  app.formatter(std::make_shared<Narrow>());
  app.footer(
      "Of the launcher ./lml:\n"
      "  doctor                      what is here, what is missing, what to do about it\n"
      "  completion                  completion of all this for bash, zsh and fish\n"
      "  test                        build everything and run the test suite\n");

  CLI::App* score =
      app.add_subcommand("score", "exact density, score, noise prediction, posterior mean, Hessian at points");
  score->footer(
      "The spec's keys:\n"
      "  target         the law of the data: a name (lml targets), or an object:\n"
      "                 {\"kind\": \"gaussian_mixture\", \"weights\", \"means\",\n"
      "                 \"covariances\"} or {\"kind\": \"points\", \"points\" or \"file\"}\n"
      "  alpha, sigma   of the forward process x_t = alpha x_0 + sigma z; or\n"
      "  schedule, t    {\"name\": linear, .., and its numbers}, and a time of it\n"
      "  at             points: a list, or an array file\n"
      "  hessian        true: the Hessian of log p_t too\n"
      "\n"
      "Example:\n  lml score --set target=ring8 --set alpha=0.8 --set sigma=0.6 \\\n            --set "
      "'at=[[1,0],[0,1]]' --set "
      "hessian=true --json");
  add_spec(*score, o);
  add_common(*score, o);
  score->callback([&] {
    require_spec(o, "score");
    run = [&] { return lml::score_command(o.common); };
  });

  CLI::App* bound = app.add_subcommand("bound", "Propositions 1 and 2 at points");
  bound->footer(
      "The spec's keys: target, alpha and sigma or schedule and t, at, hessian, as of\n"
      "lml score. --json and --out give the error in three readings, and each bound.\n"
      "\n"
      "Example:\n  lml bound --set target=two_points --set alpha=0.9 --set sigma=0.5 \\\n            --set "
      "'at=[[0.1,0.4,0.2]]'");
  add_spec(*bound, o);
  add_common(*bound, o);
  bound->callback([&] {
    require_spec(o, "bound");
    run = [&] { return lml::bound_command(o.common); };
  });

  const auto add_spec_command = [&](const char* name, const char* what, const std::string& example,
                                    int (*command)(const lml::Common&)) {
    CLI::App* law = app.add_subcommand(name, what);
    law->footer(example);
    add_spec(*law, o);
    add_common(*law, o);
    law->callback([&o, &run, name, command] {
      require_spec(o, name);
      run = [&o, command] { return command(o.common); };
    });
  };
  const std::string law_keys =
      "The spec's keys:\n"
      "  target, and alpha and sigma or schedule and t, as of lml score\n"
      "  metric     {\"curvature\": exact, rank_one, rank_one_scaled, identity, rank_k\n"
      "             (with \"rank\") or constant (with \"matrix\"), \"damping\": lambda;\n"
      "             perhaps \"sign\", \"prefactor\": corrected or printed}\n";
  const std::string calculus_key =
      "  calculus   what of div D is in the drift: ito none, half half, corrected all;\n"
      "             stratonovich: that equation with the symmetric root of 2 D\n";
  add_spec_command("stationary", "stationary law of a Langevin variant",
                   law_keys + calculus_key +
                       "  method     quadrature, generator or simulation; left out: the best here\n"
                       "  step, particles, time, burn_in, integrator   of a simulation, the last\n"
                       "             euler_maruyama, heun, weak2, metropolis, ula, mala or baoab\n\n"
                       "Example:\n  lml stationary --set target=double_well_1d --set alpha=0.8 --set sigma=0.6 \\\n"
                       "            --set 'metric={\"curvature\":\"exact\",\"damping\":3.5}' \\\n"
                       "            --set calculus=ito",
                   lml::stationary_command);
  add_spec_command("gap", "spectral gap and Poincare constant of a metric",
                   law_keys +
                       "\nExample:\n  lml gap --set target=double_well_1d --set alpha=0.8 --set sigma=0.6 \\\n"
                       "            --set 'metric={\"curvature\":\"identity\"}'",
                   lml::gap_command);
  add_spec_command("converge", "divergence to the target along the law's flow",
                   law_keys + calculus_key +
                       "  initial    the law of x at time 0: a mixture as of target\n"
                       "  times      a list of times >= 0\n\n"
                       "Example:\n  lml converge --set target=double_well_1d --set alpha=0.8 --set sigma=0.6 \\\n"
                       "            --set 'metric={\"curvature\":\"identity\"}' --set calculus=corrected \\\n"
                       "            --set 'initial={\"kind\":\"gaussian_mixture\",\"weights\":[1],\n"
                       "                    \"means\":[[0.5]],\"covariances\":[0.25]}' --set 'times=[0,1,2]'",
                   lml::converge_command);

  add_spec_command("sample", "run a diffusion sampler on an analytic target or a pretrained model",
                   "The spec's keys:\n"
                   "  target     a name (lml targets) or an object: the law of the data\n"
                   "  model      in its place: the folder of a pretrained model, with network,\n"
                   "             the name of one where it holds several\n"
                   "  schedule   {\"name\": linear, scaled_linear, squaredcos_cap_v2, trained_betas,\n"
                   "             vp_sde, edm or rectified_flow, and its numbers}\n"
                   "  sampler    {\"name\": .., \"steps\": n or \"timesteps\": [..], options as in\n"
                   "             diffusers' schedulers}; a wrong name lists those there are\n"
                   "  samples    how many, or start: their starts (a list or an array file)\n"
                   "  lml        the correction; left out: none. {\"form\": printed (Algorithm 1),\n"
                   "             stable (without its cancellation), increment (the published\n"
                   "             code), \"kappa\": in [0, 1], \"lambda\": > 0}; form adaptive takes\n"
                   "             neither, exact_fisher (of a target) lambda alone\n"
                   "  trajectory, inline   true: the states of all steps; all in the document\n"
                   "  output, rounding, solver_precision   of a network: float32, float64 or\n"
                   "             uint8; nearest or truncate; float64 or float32\n"
                   "\n"
                   "With --out a state is saved there every half minute: after a kill the same\n"
                   "command goes on, and ends with the same bits. mpirun -n N shares the samples.\n"
                   "\n"
                   "Example:\n"
                   "  lml sample --set target=ring8 --set samples=1000 --set sampler.name=ddim \\\n"
                   "    --set sampler.steps=20 --set schedule.name=linear \\\n"
                   "    --set schedule.beta_start=1e-4 --set schedule.beta_end=0.02 --out results/s",
                   lml::sample_command);
  add_spec_command("compare", "many samplers at many numbers of steps: errors against evaluations",
                   "The spec's keys: target or model, schedule, samples or start as of lml sample,\n"
                   "  samplers   a list of objects as of lml sample, without steps\n"
                   "  steps      a list of numbers of steps\n"
                   "  lml        a list of corrections, each beside no correction; on a network\n"
                   "             perhaps with \"precision\": \"float32\", or {\"form\": \"noise\",\n"
                   "             \"like\": a correction}: noise of the size of its changes\n"
                   "  grid       of a network: {\"from\", \"to\", perhaps \"rho\"}, for all samplers\n"
                   "  reference  of a network: {\"sampler\", \"steps\"} of the finest solution\n"
                   "Each run's error is the distance to where the exact flow takes the same starts.\n"
                   "\n"
                   "Example:\n"
                   "  lml compare --set target=ring8 --set samples=200 --set 'steps=[10,20,40]' \\\n"
                   "    --set 'samplers=[{\"name\":\"ddim\"},{\"name\":\"dpm_solver++\"}]' \\\n"
                   "    --set 'lml=[{\"form\":\"stable\",\"kappa\":0.001,\"lambda\":0.004}]' \\\n"
                   "    --set schedule.name=linear --set schedule.beta_start=1e-4 \\\n"
                   "    --set schedule.beta_end=0.02 --out results/compare\n"
                   "  lml plot results/compare",
                   lml::compare_command);
  add_spec_command("evaluate", "distances between two sets of samples",
                   "The spec's keys:\n"
                   "  a, b         array files, folders that lml sample --out wrote or of PNG\n"
                   "               files, or lists\n"
                   "  metrics      a list of moments, mmd, sliced_w2; of images kid and fd, on\n"
                   "               a network, paired and image_statistics, without one\n"
                   "  features     the feature network of kid and fd: ResNet56 or MobileNetV2\n"
                   "  floor        of kid and fd: a third set, compared with b beside a\n"
                   "  reference    of paired: what a and b are both compared with, pair by pair;\n"
                   "               coarser: the same by half as many steps, for its error\n"
                   "  range        [lowest, highest] of images that are not bytes\n"
                   "  rounding     to bytes before the network: nearest, truncate or none\n"
                   "  limit        at most the first n of each set\n"
                   "  bandwidth    of mmd; left out: the median distance\n"
                   "  directions   of sliced_w2; left out: 128\n"
                   "  replicates   of fd's bootstrap; left out: 32\n"
                   "  n_b          of fd, where b holds statistics (tensors mean and cov)\n"
                   "The two sets must be independent of each other, but those of paired.\n"
                   "\n"
                   "Example:\n"
                   "  lml evaluate --set a=results/a --set b=results/b \\\n"
                   "               --set 'metrics=[\"moments\",\"mmd\",\"sliced_w2\"]'",
                   lml::evaluate_command);

  lml::CheckOptions check_options;
  CLI::App* check = app.add_subcommand("check", "run the paper's claims: verdicts, results and a report");
  check->footer(
      "Results go to results/check; those of --target T to results/check-T (its name,\n"
      "or the file's name without .json). With claims named, results/check keeps what\n"
      "the others gave before. --out DIR holds this run alone.\n"
      "\n"
      "Examples:\n  lml check                         all claims that this machine can run\n"
      "  lml check prop2                   those about Proposition 2\n"
      "  lml check --list                  what there is\n"
      "  lml check --claim prop2-fisher --target my_target.json");
  check->add_option("ID", check_options.ids, "claims, or the beginning of their names; none: all");
  check->add_option("--claim", check_options.ids, "the same")->type_name("ID");
  check
      ->add_option("--target", check_options.target,
                   "a target's JSON file, or a built-in target's name, to run the claims on")
      ->type_name("T.json");
  check->add_flag("--list", check_options.list, "name the claims, run none");
  check->add_flag("--full", check_options.full, "longer searches, tighter figures");
  add_common(*check, o);
  check->callback([&] { run = [&] { return lml::check_command(o.common, check_options); }; });

  lml::RunOptions run_options;
  CLI::App* experiment = app.add_subcommand("run", "run experiments: measurements behind figures and tables");
  experiment->footer(
      "Examples:\n  lml run --list                    what there is, and what it costs\n"
      "  lml run NAME                      results/NAME; computes nothing twice\n"
      "  lml run --quick all               every one, small\n"
      "  lml run NAME --set damping=[1,2]  other values of a column or key\n"
      "  lml run mine.toml                 an experiment of your own");
  experiment->add_option("NAME", run_options.names, "experiments, or files that end in .toml, or all");
  experiment->add_flag("--list", run_options.list, "name the experiments, run none");
  CLI::Option* quick = experiment->add_flag("--quick", run_options.quick, "small: minutes for all of them");
  experiment->add_flag("--full", run_options.full, "more samples, seeds and values")->excludes(quick);
  experiment->add_flag("--fresh", run_options.fresh, "compute again what the cache holds");
  experiment->add_option("--set", o.common.set, "change one value: --set samples=100")
      ->type_name("KEY.PATH=VALUE")
      ->allow_extra_args(false);
  add_common(*experiment, o);
  for (const char* option : {"--seed", "--precision"}) experiment->get_option(option)->group("");  // told why, below
  experiment->callback([&, experiment] {
    for (const char* option : {"--seed", "--precision"})
      if (experiment->count(option) > 0)
        throw lml::UsageError(std::string("lml run: ") + option +
                              " belongs to an experiment's file ([[vary]] key = \"--seed\")");
    run = [&] { return lml::run_command(o.common, run_options); };
  });

  CLI::App* targets = app.add_subcommand("targets", "the built-in targets");
  targets->footer("Example:\n  lml targets --json");
  targets->add_flag("--json", o.common.json, "print one JSON document instead of a table");
  targets->callback([&] { run = [&] { return lml::targets_command(o.common); }; });

  lml::BenchScore bench_options;
  CLI::App* bench = app.add_subcommand("bench", "speed beside peers and beside this machine's limit");
  bench->require_subcommand(1);
  CLI::App* bench_score = bench->add_subcommand("score", "points per second of score and Hessian");
  bench_score->footer("Example:\n  lml bench score --peers --out results/bench");
  bench_score->add_flag("--quick", bench_options.quick, "fewer points and shorter repeats");
  bench_score->add_flag("--peers", bench_options.peers,
                        "beside numpy, PyTorch and JAX; the first time installs them (5 GB) under build/peers");
  add_common(*bench_score, o);
  bench_score->callback([&] { run = [&] { return lml::bench_score_command(o.common, bench_options); }; });

  lml::BenchDynamics dynamics_options;
  CLI::App* bench_dynamics = bench->add_subcommand("dynamics", "what a step of a simulation costs");
  bench_dynamics->footer("Example:\n  lml bench dynamics --peers --out results/bench");
  bench_dynamics->add_flag("--quick", dynamics_options.quick, "shorter repeats");
  bench_dynamics->add_flag(
      "--peers", dynamics_options.peers,
      "beside JAX, blackjax and fplanck; the first time installs them (0.7 GB) under build/peers-dynamics");
  add_common(*bench_dynamics, o);
  bench_dynamics->callback([&] { run = [&] { return lml::bench_dynamics_command(o.common, dynamics_options); }; });

  lml::BenchSamplers samplers_options;
  CLI::App* bench_samplers = bench->add_subcommand("samplers", "what a step of a diffusion sampler costs");
  bench_samplers->footer("Example:\n  lml bench samplers --peers --out results/bench");
  bench_samplers->add_flag("--quick", samplers_options.quick, "fewer samples and shorter repeats");
  bench_samplers->add_flag("--peers", samplers_options.peers,
                           "beside diffusers, numpy and JAX; the first time installs them (5 GB) under "
                           "build/peers-samplers");
  add_common(*bench_samplers, o);
  bench_samplers->callback([&] { run = [&] { return lml::bench_samplers_command(o.common, samplers_options); }; });

  lml::PlotOptions plot_options;
  CLI::App* plot = app.add_subcommand("plot", "the figure of a result of lml run, compare, converge or stationary");
  plot->footer(
      "Example:\n  lml converge spec.json --out results/flow && lml plot results/flow\n"
      "  lml converge spec.json --json | lml plot - --out flow.pdf");
  plot->add_option("RESULT", plot_options.result,
                   "a folder that --out wrote, or a document of --json; - for standard input")
      ->required();
  plot->add_option("--out", plot_options.out,
                   "one file, .svg, .pdf, .png or .gif if it moves; else SVG, PNG beside the result")
      ->type_name("FILE");
  plot->callback([&] { run = [&]() -> int { lml::plot_command(plot_options); }; });

  lml::ReportOptions report_options;
  CLI::App* report = app.add_subcommand("report", "one page of all results: is the paper right?");
  report->footer(
      "Examples:\n  lml check && lml report              results/report.html, for any browser\n"
      "  lml report --findings FINDINGS.md    the findings, from the results here\n"
      "  lml report --record experiments/results/claims.json\n"
      "                                       adds what lml check found to these");
  report->add_option("--results", report_options.results, "where lml check and lml run left theirs")
      ->type_name("DIR")
      ->capture_default_str();
  CLI::Option* page = report->add_option("--out", report_options.out, "the page; else report.html in --results");
  CLI::Option* findings = report->add_option("--findings", report_options.findings, "write the findings instead");
  CLI::Option* record = report->add_option("--record", report_options.record, "add results of claims to this file");
  for (CLI::Option* option : {page, findings, record}) option->type_name("FILE");
  page->excludes(findings)->excludes(record);
  findings->excludes(record);
  report->callback([&] { run = [&]() -> int { lml::report_command(report_options); }; });

  for (CLI::App* command :
       {app.get_subcommand("sample"), app.get_subcommand("compare"), app.get_subcommand("evaluate")})
    command->add_option("--batch", o.batch, "of a network: images at a time; bounds the memory")
        ->type_name("N")
        ->check(CLI::Range(1, 1'000'000));
  // These are lml-torch's own; it has their options. Their help stands here, for it must not need LibTorch.
  const auto add_network_command = [&](CLI::App& parent, const char* name, const char* what, const std::string& keys) {
    CLI::App* command = parent.add_subcommand(name, what);
    command->prefix_command();
    command->footer(
        "Networks run on LibTorch, which ./lml installs at first need. SPEC is a JSON\n"
        "file, - for standard input, or only --set; further options:\n"
        "--set KEY.PATH=VALUE, --json, --out DIR, --seed N, --threads N, --device NAME,\n"
        "--precision NAME" +
        keys);
    command->callback([&] { run = [&]() -> int { lml::hand_over(o.common); }; });
  };
  add_network_command(*bench, "networks", "what an evaluation of a network costs",
                      ",\n--quick, --peers (PyTorch and diffusers; the first time installs 5 GB under\n"
                      "build/peers-samplers).\n"
                      "\n"
                      "The spec's keys: model, network and schedule, as of lml sample.\n"
                      "\n"
                      "Example:\n"
                      "  lml bench networks --set model=fashion28 --quick");
  add_network_command(app, "train", "train a small network on images",
                      ",\n--save-seconds N (between checkpoints; the same command resumes).\n"
                      "\n"
                      "The spec's keys:\n"
                      "  data           the images: a target's name, or an object with points\n"
                      "  network        a UNet2DModel's config.json: sample_size, in_channels, ..\n"
                      "  images         how many to learn from in all; batch of them at a time\n"
                      "  learning_rate, warm_up, ema, noise {mean, deviation}, sigma_data, log_every\n"
                      "\n"
                      "Example, a minute's try:\n"
                      "  lml train - --set images=2000 --out results/net <<'SPEC'\n"
                      "  {\"data\": \"fashion-mnist\", \"network\": {\"sample_size\": 28,\n"
                      "    \"in_channels\": 1, \"out_channels\": 1, \"block_out_channels\": [16, 32],\n"
                      "    \"layers_per_block\": 1, \"norm_num_groups\": 8,\n"
                      "    \"down_block_types\": [\"DownBlock2D\", \"DownBlock2D\"],\n"
                      "    \"up_block_types\": [\"UpBlock2D\", \"UpBlock2D\"]}}\n"
                      "  SPEC");
  add_network_command(app, "hessian", "the curvature of a trained network, and cheap models of it",
                      ",\n--batch N (images at a time).\n"
                      "\n"
                      "The spec's keys:\n"
                      "  model        the folder of a pretrained model, or fashion28\n"
                      "  levels       noise levels sigma/alpha, or timesteps\n"
                      "  data         images to look at, or sampler: those of the model's own\n"
                      "  target       the training images, for the exact law beside it\n"
                      "  images, probes, eigenpairs, lanczos_steps   how many of each\n"
                      "  damped       {\"steps\", \"products\", \"damping\"}: steps damped by the Fisher\n"
                      "\n"
                      "Examples:\n"
                      "  lml hessian experiments/specs/network-hessian.json\n"
                      "  lml hessian --set model=fashion28 --set target=fashion-mnist \\\n"
                      "              --set 'levels=[1]' --set images=1");
  add_network_command(app, "network-error", "how wrong a network's score is, against the exact one",
                      ".\n"
                      "\n"
                      "The spec's keys:\n"
                      "  model        the folder of a pretrained model, or fashion28\n"
                      "  target       its training images: the law whose score is exact\n"
                      "  held_out     other images of the same kind, for the difference\n"
                      "  t            the times to look at; samples at each; batch\n"
                      "\n"
                      "Example:\n"
                      "  lml network-error --set model=fashion28 --set target=fashion-mnist \\\n"
                      "                    --set samples=16 --set 't=[10,1.36,0.1]'");

  try {
    app.parse(argc, argv);
    if (!run) {
      lml::print(lml::as_called(std::string(welcome) + next_step()));
      return 0;
    }
    if (o.common.device == "cuda" && !app.got_subcommand("sample") && !app.got_subcommand("compare") &&
        !app.got_subcommand("evaluate") && !app.got_subcommand("run"))
      throw lml::NotHere("lml: only networks run on a GPU: leave --device away, or use --device cpu");
    if (!o.common.out.empty()) lml::require_folder(o.common.out);
    if (o.threads > 0) omp_set_num_threads(o.threads);
    return run();
  } catch (const CLI::Success& e) {
    std::ostringstream said;
    app.exit(e, said, said);  // --help, --version
    std::fputs(lml::as_called(said.str()).c_str(), stdout);
    return 0;
  } catch (const CLI::ParseError& e) {
    std::string said = e.what();
    if (argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty()) {
      std::vector<std::string> names{"completion", "doctor", "test"};  // the launcher's own
      for (const CLI::App* command : app.get_subcommands({})) names.push_back(command->get_name());
      const auto meant = lml::nearest(argv[1], {names.begin(), names.end()});
      said = "no command is called " + std::string(argv[1]) +
             (meant ? "; did you mean " + std::string(*meant) + "?" : "") + " (lml --help names them all)";
    } else if (dynamic_cast<const CLI::ExtrasError*>(&e))
      said += nearest_option(app, o.common.arguments);
    std::fprintf(stderr, "lml: %s\n", lml::as_called(lml::one_line(said)).c_str());
    return 2;
  } catch (...) {
    return lml::status_of_what_ended();
  }
}
