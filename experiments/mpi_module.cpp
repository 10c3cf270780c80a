// MPI behind four C functions, in a module of its own: `lml` opens it only when a simulation runs under mpirun, so that
// nothing else pays for loading MPI.
#include <mpi.h>

#include <cstddef>
#include <vector>

extern "C" {

void lml_mpi_start(int* rank, int* count) {
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  MPI_Comm_rank(MPI_COMM_WORLD, rank);
  MPI_Comm_size(MPI_COMM_WORLD, count);
}

/// On rank 0: how many numbers each process has, and then all of them; `take` is called with the total and returns
/// where they go.
void lml_mpi_gather(const double* mine, std::size_t n, void* context, double* (*take)(void*, std::size_t)) {
  int rank = 0, count = 0;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &count);
  unsigned long long size = n;
  std::vector<unsigned long long> sizes(std::size_t(count), 0);
  MPI_Gather(&size, 1, MPI_UNSIGNED_LONG_LONG, sizes.data(), 1, MPI_UNSIGNED_LONG_LONG, 0, MPI_COMM_WORLD);
  // A process at a time, in pieces that an int can count.
  constexpr unsigned long long piece = 1u << 28;
  if (rank > 0) {
    for (unsigned long long done = 0; done < size; done += piece)
      MPI_Send(mine + done, int(size - done < piece ? size - done : piece), MPI_DOUBLE, 0, 0, MPI_COMM_WORLD);
    return;
  }
  unsigned long long total = 0;
  for (const unsigned long long s : sizes) total += s;
  double* to = take(context, std::size_t(total));
  for (std::size_t i = 0; i < n; ++i) *to++ = mine[i];
  for (int from = 1; from < count; ++from)
    for (unsigned long long left = sizes[std::size_t(from)]; left > 0;) {
      const int now = int(left < piece ? left : piece);
      MPI_Recv(to, now, MPI_DOUBLE, from, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
      to += now;
      left -= static_cast<unsigned long long>(now);
    }
}

void lml_mpi_broadcast(double* values, std::size_t n) { MPI_Bcast(values, int(n), MPI_DOUBLE, 0, MPI_COMM_WORLD); }

void lml_mpi_finish() { MPI_Finalize(); }
}
