#include "dynamics/checkpoint.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace lml {
namespace {

constexpr char magic[] = "LMLRUN01";
constexpr std::uint64_t most = std::uint64_t(1) << 40;  // numbers; keeps products of sizes within 64 bits

std::uint64_t crc(const char* data, std::size_t size) {
  boost::crc_optimal<64, 0x42F0E1EBA9EA3693u, ~std::uint64_t(0), ~std::uint64_t(0), true, true> out;
  out.process_bytes(data, size);
  return out.checksum();
}

struct Header {
  char magic[8];
  std::uint64_t digest;
  std::int64_t round, step;
  std::uint64_t totals, particles, state_size, record_size;
};
static_assert(sizeof(Header) == 64);

void append(std::string& out, const double* values, Index n) {
  out.append(reinterpret_cast<const char*>(values), std::size_t(n) * sizeof(double));
}

[[noreturn]] void fail(const std::string& path, const std::string& how) {
  throw BadCheckpoint(path + ": " + how + "; remove it to start anew");
}
[[noreturn]] void fail_to_write(const std::string& path) {
  throw BadCheckpoint(path + ": cannot be written: " + std::strerror(errno));
}

void write_flushed(const std::string& path, const std::string& bytes) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (file < 0) fail_to_write(path);
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t n = ::write(file, bytes.data() + done, bytes.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      ::close(file);
      fail_to_write(path);
    }
    done += std::size_t(n);
  }
  const bool flushed = ::fsync(file) == 0;
  if (::close(file) != 0 || !flushed) fail_to_write(path);
}

}  // namespace

std::uint64_t digest(const std::string& text) { return crc(text.data(), text.size()); }

void write_checkpoint(const std::string& path, std::uint64_t digest, const EnsembleState& state) {
  Header h{{},
           digest,
           state.round,
           state.step,
           std::uint64_t(state.totals.size()),
           std::uint64_t(state.states.rows()),
           std::uint64_t(state.states.cols()),
           std::uint64_t(state.records.cols())};
  std::memcpy(h.magic, magic, sizeof h.magic);
  std::string bytes(reinterpret_cast<const char*>(&h), sizeof h);
  append(bytes, state.totals.data(), state.totals.size());
  append(bytes, state.states.data(), state.states.size());
  append(bytes, state.records.data(), state.records.size());
  const std::uint64_t sum = crc(bytes.data(), bytes.size());
  bytes.append(reinterpret_cast<const char*>(&sum), sizeof sum);
  const std::string beside = path + ".new";
  try {
    write_flushed(beside, bytes);
    if (std::rename(beside.c_str(), path.c_str()) != 0) fail_to_write(path);
  } catch (...) {
    ::unlink(beside.c_str());
    throw;
  }
}

std::optional<EnsembleState> read_checkpoint(const std::string& path, std::uint64_t digest) {
  if (!std::filesystem::exists(path)) return std::nullopt;
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) fail(path, "cannot be read");
  Header h;
  if (bytes.size() < sizeof h + 8) fail(path, "is no whole checkpoint: it is truncated");
  std::memcpy(&h, bytes.data(), sizeof h);
  if (std::memcmp(h.magic, magic, sizeof h.magic) != 0) fail(path, "is no checkpoint of this version");
  if (h.totals > most || h.particles > most || h.state_size > most / (h.particles + 1) ||
      h.record_size > most / (h.particles + 1))
    fail(path, "has been altered: its sizes make no sense");
  const std::uint64_t numbers = h.totals + h.particles * (h.state_size + h.record_size);
  if (bytes.size() < sizeof h + 8 * numbers + 8) fail(path, "is no whole checkpoint: it is truncated");
  std::uint64_t sum = 0;
  std::memcpy(&sum, bytes.data() + bytes.size() - 8, 8);
  if (bytes.size() > sizeof h + 8 * numbers + 8 || sum != crc(bytes.data(), bytes.size() - 8))
    fail(path, "has been altered: its checksum is not that of its contents");
  if (h.digest != digest) fail(path, "is of another spec, seed or version");

  EnsembleState out;
  out.round = h.round;
  out.step = h.step;
  out.totals.resize(Index(h.totals));
  out.states.resize(Index(h.particles), Index(h.state_size));
  out.records.resize(Index(h.particles), Index(h.record_size));
  const char* from = bytes.data() + sizeof h;
  const auto take = [&](double* to, Index n) {
    std::memcpy(to, from, std::size_t(n) * sizeof(double));
    from += std::size_t(n) * sizeof(double);
  };
  take(out.totals.data(), out.totals.size());
  take(out.states.data(), out.states.size());
  take(out.records.data(), out.records.size());
  return out;
}

}  // namespace lml
