#include "experiments/mpi_processes.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <cstdlib>

#include "experiments/errors.hpp"

namespace lml {
namespace {

int variable(std::initializer_list<const char*> names, int otherwise) {
  for (const char* name : names)
    if (const char* text = std::getenv(name)) return std::atoi(text);
  return otherwise;
}

class Mpi : public Processes {
 public:
  explicit Mpi(const char* module) {
    library_ = ::dlopen(module, RTLD_NOW | RTLD_GLOBAL);
    if (!library_) throw NotHere(std::string("MPI could not be opened: ") + ::dlerror());
    find("lml_mpi_start", start_);
    find("lml_mpi_gather", gather_);
    find("lml_mpi_broadcast", broadcast_);
    find("lml_mpi_finish", finish_);
    start_(&rank_, &count_);
  }
  ~Mpi() override { finish_(); }
  int rank() const override { return rank_; }
  int count() const override { return count_; }
  std::vector<double> gather(const std::vector<double>& mine) const override {
    std::vector<double> all;
    gather_(mine.data(), mine.size(), &all, [](void* context, std::size_t n) {
      auto& to = *static_cast<std::vector<double>*>(context);
      to.resize(n);
      return to.data();
    });
    return all;
  }
  std::vector<double> broadcast(const std::vector<double>& first) const override {
    std::vector<double> out = first;
    broadcast_(out.data(), out.size());
    return out;
  }

 private:
  template <class Function>
  void find(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library_, name));
    if (!function) throw NotHere(std::string("MPI module: ") + ::dlerror());
  }
  void* library_;
  int rank_ = 0, count_ = 1;
  void (*start_)(int*, int*);
  void (*gather_)(const double*, std::size_t, void*, double* (*)(void*, std::size_t));
  void (*broadcast_)(double*, std::size_t);
  void (*finish_)();
};

std::unique_ptr<const Processes> join() {
  if (variable({"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"}, 1) < 2) return std::make_unique<Processes>();
#ifdef LML_MPI_MODULE
  return std::make_unique<Mpi>(LML_MPI_MODULE);
#else
  throw NotHere("this build has no MPI: install libopenmpi-dev and build again, or run one process");
#endif
}

}  // namespace

bool is_other_process() { return variable({"OMPI_COMM_WORLD_RANK", "PMI_RANK"}, 0) > 0; }

const Processes& processes() {
  static const std::unique_ptr<const Processes> all = join();
  return *all;
}

}  // namespace lml
