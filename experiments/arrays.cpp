#include "experiments/arrays.hpp"

#include <sys/stat.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "experiments/array_formats.hpp"

namespace lml {
namespace formats {
namespace {

static_assert(std::endian::native == std::endian::little, "array files are decoded on little-endian machines only");

double half(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31, fraction = bits & 1023;
  double v;
  if (exponent == 31)
    v = fraction ? NAN : HUGE_VAL;
  else if (exponent == 0)
    v = std::ldexp(fraction, -24);
  else
    v = std::ldexp(1024 + fraction, exponent - 25);
  return bits & 0x8000 ? -v : v;
}

template <class T>
double as(const unsigned char* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return double(v);
}

double number_at(const unsigned char* p, Element e) {
  switch (e) {
    case Element::f64: return as<double>(p);
    case Element::f32: return as<float>(p);
    case Element::f16: return half(std::uint16_t(p[0] | p[1] << 8));
    case Element::bf16: return double(std::bit_cast<float>(std::uint32_t(p[0] | p[1] << 8) << 16));
    case Element::u8: return p[0];
    case Element::i8: return as<std::int8_t>(p);
    case Element::u16: return as<std::uint16_t>(p);
    case Element::i16: return as<std::int16_t>(p);
    case Element::u32: return as<std::uint32_t>(p);
    case Element::i32: return as<std::int32_t>(p);
    case Element::u64: return as<std::uint64_t>(p);
    case Element::i64: return as<std::int64_t>(p);
  }
  throw std::logic_error("unknown element");
}

// Where the entries of a Fortran-ordered array belong in C order, one after the other as the file has them.
class FortranOrder {
 public:
  explicit FortranOrder(const std::vector<std::uint64_t>& shape)
      : shape_(shape), index_(shape.size()), stride_(shape.size(), 1) {
    for (std::size_t a = shape.size() - 1; a > 0; --a) stride_[a - 1] = stride_[a] * shape[a];
  }
  std::uint64_t next() {
    const std::uint64_t here = offset_;
    for (std::size_t a = 0; a < shape_.size(); ++a) {
      offset_ += stride_[a];
      if (++index_[a] < shape_[a]) break;
      offset_ -= stride_[a] * shape_[a];
      index_[a] = 0;
    }
    return here;
  }

 private:
  std::vector<std::uint64_t> shape_, index_, stride_;
  std::uint64_t offset_ = 0;
};

}  // namespace

std::size_t size_of(Element e) {
  switch (e) {
    case Element::u8:
    case Element::i8: return 1;
    case Element::f16:
    case Element::bf16:
    case Element::u16:
    case Element::i16: return 2;
    case Element::f32:
    case Element::u32:
    case Element::i32: return 4;
    default: return 8;
  }
}

std::uint64_t payload(const Layout& layout) {
  const auto& shape = layout.shape;
  if (shape.size() < 2 || shape.size() > 8)
    throw BadInput("", "has " + std::to_string(shape.size()) + " axes; points are [n,d] or [n,C,H,W]");
  std::uint64_t bytes = size_of(layout.element);
  for (std::uint64_t axis : shape) {
    if (axis == 0) throw BadInput("", "is empty: an axis has length 0");
    if (__builtin_mul_overflow(bytes, axis, &bytes) || bytes > std::uint64_t(INT64_MAX))
      throw BadInput("", "has a header that claims more bytes than any file holds");
  }
  return bytes;
}

void require_size(std::uint64_t claimed, std::uint64_t there) {
  if (claimed != there)
    throw BadInput("", "has a header that claims " + std::to_string(claimed) + " bytes of numbers where there are " +
                           std::to_string(there));
}

ArrayFile decode(const Layout& layout, const Source& source, const ArrayOptions& options) {
  if (options.scale && layout.element != Element::u8)
    throw BadInput("", "does not hold bytes, and scale maps bytes (0..255) only");
  const std::uint64_t total = payload(layout) / size_of(layout.element);
  const Index n = Index(layout.shape[0]), d = Index(total / layout.shape[0]);
  const Index kept = std::min(n, options.limit.value_or(n));
  std::array<double, 256> byte{};
  for (int v = 0; v < 256; ++v)
    byte[std::size_t(v)] =
        options.scale ? options.scale->first + (options.scale->second - options.scale->first) * (v / 255.0) : v;

  ArrayFile file{Points(kept, d), {}, layout.element == Element::u8};
  file.shape.assign(layout.shape.begin(), layout.shape.end());
  file.shape[0] = kept;
  Points& out = file.values;
  FortranOrder order(layout.shape);
  const std::size_t width = size_of(layout.element);
  const std::uint64_t wanted = layout.fortran ? total : std::uint64_t(kept) * std::uint64_t(d);
  constexpr std::uint64_t block = 1 << 16;
  std::vector<unsigned char> buffer(std::size_t(std::min(block, wanted)) * width);
  for (std::uint64_t done = 0; done < wanted;) {
    const std::size_t count = std::size_t(std::min(block, wanted - done));
    source(buffer.data(), count * width);
    for (std::size_t i = 0; i < count; ++i, ++done) {
      unsigned char* p = &buffer[i * width];
      if (layout.big_endian) std::reverse(p, p + width);
      const std::uint64_t to = layout.fortran ? order.next() : done;
      if (to >= std::uint64_t(kept) * std::uint64_t(d)) continue;
      const double v = layout.element == Element::u8 ? byte[p[0]] : number_at(p, layout.element);
      if (!std::isfinite(v))
        throw BadInput("", "holds a number that is not finite at point " + std::to_string(to / std::uint64_t(d)) +
                               ", coordinate " + std::to_string(to % std::uint64_t(d)));
      out.data()[to] = v;
    }
  }
  return file;
}

File::File(const std::filesystem::path& path) {
  struct stat status {};
  const auto unreadable = [] { return BadInput("", std::string("cannot be read: ") + std::strerror(errno)); };
  if (::stat(path.c_str(), &status) != 0) throw unreadable();
  if (!S_ISREG(status.st_mode)) throw BadInput("", "is not a regular file");  // opening a pipe could wait for ever
  file_.reset(std::fopen(path.c_str(), "rb"));
  if (!file_ || ::fstat(::fileno(file_.get()), &status) != 0) throw unreadable();
  size_ = std::uint64_t(status.st_size);
}

void File::read(unsigned char* to, std::size_t n) {
  if (n > left() || std::fread(to, 1, n, file_.get()) != n) throw BadInput("", "is truncated");
  position_ += n;
}

std::string File::text(std::size_t n) {
  if (n > left()) throw BadInput("", "is truncated");
  std::string out(n, '\0');
  read(reinterpret_cast<unsigned char*>(out.data()), n);
  return out;
}

void File::skip(std::uint64_t n) {
  if (n > left() || ::fseeko(file_.get(), off_t(n), SEEK_CUR) != 0) throw BadInput("", "is truncated");
  position_ += n;
}

}  // namespace formats

ArrayFile read_array_file(const std::filesystem::path& path, const ArrayOptions& options) {
  try {
    const std::string extension = path.extension().string();
    std::error_code none;
    if (extension == ".npy") return formats::read_npy(path, options);
    if (extension == ".safetensors") return formats::read_safetensors(path, options);
    if (extension == ".bin" || std::filesystem::is_directory(path, none)) return formats::read_cifar(path, options);
    return formats::read_idx(path, options);
  } catch (const BadInput& e) {
    throw BadInput("", path.filename().string() + ": " + e.what());
  } catch (const std::bad_alloc&) {
    throw BadInput("", path.filename().string() + ": does not fit into memory; `limit` takes the first points only");
  }
}

Points read_array(const std::filesystem::path& path, const ArrayOptions& options) {
  return read_array_file(path, options).values;
}

}  // namespace lml
