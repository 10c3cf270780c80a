// One of the processes of mpirun: `lml run FOLDER/mine.toml --out FOLDER/shared`, its jobs given to FOLDER/program.
#include <omp.h>

#include <filesystem>

#include "experiments/run_command.hpp"

int main(int, char** argv) {
  const std::filesystem::path folder = argv[1];
  lml::Common common;
  common.out = folder / "shared";
  lml::RunOptions options;
  options.names = {folder / "mine.toml"};
  options.program = folder / "program";
  omp_set_num_threads(1);
  lml::run_command(common, options);  // its status says that a job failed, as the test wants
}
