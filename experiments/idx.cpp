// IDX, the format of MNIST and Fashion-MNIST: 0 0 type axes, the axes' lengths (4 bytes each, big-endian), the numbers.
// Plain or gzip; only unsigned bytes, which is what those data sets hold.
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <deque>

#include "experiments/array_formats.hpp"

namespace lml::formats {
namespace {

Layout header_of(const Source& source) {
  unsigned char magic[4];
  source(magic, 4);
  if (magic[0] != 0 || magic[1] != 0)
    throw BadInput("", "is no array file: known are .npy, .safetensors, IDX (plain or .gz) and CIFAR-10's .bin");
  if (magic[2] != 8) throw BadInput("", "is an IDX file of another type than unsigned bytes");
  Layout out;
  for (int a = 0; a < magic[3]; ++a) {
    unsigned char b[4];
    source(b, 4);
    out.shape.push_back(std::uint64_t(b[0]) << 24 | std::uint64_t(b[1]) << 16 | std::uint64_t(b[2]) << 8 | b[3]);
  }
  return out;
}

// Inflates as it is asked. The end of the text is known only when it is reached, so nothing is allocated on trust.
class Inflater {
 public:
  explicit Inflater(const std::filesystem::path& path) : file_(gzopen(path.c_str(), "rb")) {
    if (!file_) throw BadInput("", "cannot be read");
    gzbuffer(file_, 1 << 17);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { gzclose_r(file_); }

  /// Up to n bytes; fewer at the end.
  std::size_t some(unsigned char* to, std::size_t n) {
    const int got = gzread(file_, to, unsigned(n));
    int error = Z_OK;
    gzerror(file_, &error);
    if (got < 0 || (error != Z_OK && error != Z_STREAM_END)) throw BadInput("", "is damaged or truncated (gzip)");
    return std::size_t(got);
  }

 private:
  gzFile file_;
};

ArrayFile read_gzip(const std::filesystem::path& path, const ArrayOptions& options) {
  Inflater inflater(path);
  const Layout layout = header_of([&](unsigned char* to, std::size_t n) {
    if (inflater.some(to, n) != n) throw BadInput("", "is truncated");
  });
  const std::uint64_t claimed = payload(layout);
  const std::uint64_t row = claimed / layout.shape[0];
  const std::uint64_t kept =
      row * std::min<std::uint64_t>(layout.shape[0], std::uint64_t(options.limit.value_or(INT64_MAX)));

  // As bytes first, an eighth of what they become; each chunk is dropped as soon as it is decoded.
  constexpr std::size_t chunk = 1 << 20;
  std::deque<std::vector<unsigned char>> chunks;
  std::uint64_t there = 0, held = 0;
  std::vector<unsigned char> buffer(chunk);
  while (const std::size_t got = inflater.some(buffer.data(), chunk)) {
    const std::size_t keep = std::size_t(std::min<std::uint64_t>(got, kept - held));
    if (keep > 0) chunks.emplace_back(buffer.begin(), buffer.begin() + std::ptrdiff_t(keep));
    held += keep;
    there += got;
    if (there > claimed)
      throw BadInput("", "holds more bytes than the " + std::to_string(claimed) + " its header claims");
  }
  require_size(claimed, there);
  std::size_t used = 0;
  return decode(
      layout,
      [&](unsigned char* to, std::size_t n) {
        while (n > 0) {
          const std::size_t part = std::min(n, chunks.front().size() - used);
          std::memcpy(to, chunks.front().data() + used, part);
          to += part;
          n -= part;
          used += part;
          if (used < chunks.front().size()) continue;
          chunks.pop_front();
          used = 0;
        }
      },
      options);
}

}  // namespace

ArrayFile read_idx(const std::filesystem::path& path, const ArrayOptions& options) {
  File file(path);
  if (file.size() < 4) throw BadInput("", "is no array file: it has " + std::to_string(file.size()) + " bytes");
  unsigned char magic[2];
  file.read(magic, 2);
  if (magic[0] == 0x1F && magic[1] == 0x8B) return read_gzip(path, options);
  File whole(path);
  const Layout layout = header_of(whole.source());
  require_size(payload(layout), whole.left());
  return decode(layout, whole.source(), options);
}

}  // namespace lml::formats
