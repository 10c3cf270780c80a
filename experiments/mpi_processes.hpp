// The processes of an mpirun, or just this one.
#pragma once
#include <memory>

#include "dynamics/processes.hpp"

namespace lml {

/// Whether this process was started beside others by mpirun (Open MPI, MPICH, Slurm's PMI), and is not the first: it
/// must neither print nor write.
bool is_other_process();

/// Joins the others on first use; without mpirun, one process. Throws NotHere where this build has no MPI.
const Processes& processes();

}  // namespace lml
