#include "experiments/png.hpp"

#include <png.h>

#include <algorithm>
#include <cmath>

#include "experiments/array_formats.hpp"

namespace lml {
namespace {

constexpr Index longest_side = 1'000'000;  // libpng's own limit

struct Image : png_image {
  Image() : png_image{} { version = PNG_IMAGE_VERSION; }
  Image(const Image&) = delete;
  Image& operator=(const Image&) = delete;
  ~Image() { png_image_free(this); }
};

void require_shape(const ImageShape& s) {
  if (s.channels != 1 && s.channels != 3)
    throw BadInput("", "an image file has 1 or 3 channels, not " + std::to_string(s.channels));
  for (const Index side : {s.height, s.width})
    if (side < 1 || side > longest_side)
      throw BadInput("", "an image file has sides of 1 to 1000000 pixels, not " + std::to_string(side));
}

// [H, W, C].
std::string encode(const std::vector<unsigned char>& pixels, const ImageShape& s) {
  Image image;
  image.width = png_uint_32(s.width);
  image.height = png_uint_32(s.height);
  image.format = s.channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png_alloc_size_t bytes = 0;
  std::string out;
  // Once for the size, once for the file.
  for (int pass = 0; pass < 2; ++pass) {
    if (!png_image_write_to_memory(&image, pass ? out.data() : nullptr, &bytes, 0, pixels.data(), 0, nullptr))
      throw BadInput("", std::string("cannot be made an image file: ") + image.message);
    out.resize(bytes);
  }
  return out;
}

}  // namespace

Rounding read_rounding(const Reader& value) {
  return value.one_of({"nearest", "truncate"}) == "nearest" ? Rounding::nearest : Rounding::truncate;
}

std::vector<unsigned char> to_bytes(const PointsRef& images, double lowest, double highest, Rounding rounding) {
  std::vector<unsigned char> out(std::size_t(images.size()));
  auto to = out.begin();
  for (Index i = 0; i < images.rows(); ++i)
    for (Index j = 0; j < images.cols(); ++j) {
      const double v = std::clamp(255 * ((images(i, j) - lowest) / (highest - lowest)), 0.0, 255.0);
      *to++ = static_cast<unsigned char>(rounding == Rounding::nearest ? std::nearbyint(v) : std::floor(v));
    }
  return out;
}

std::string png_file(const unsigned char* image, const ImageShape& s) {
  require_shape(s);
  std::vector<unsigned char> pixels(std::size_t(s.size()));
  const Index plane = s.height * s.width;
  for (Index c = 0; c < s.channels; ++c)
    for (Index k = 0; k < plane; ++k) pixels[std::size_t(k * s.channels + c)] = image[c * plane + k];
  return encode(pixels, s);
}

std::string png_grid(const std::vector<unsigned char>& images, const ImageShape& s, Index rows) {
  require_shape(s);
  const Index n = Index(images.size()) / s.size();
  if (n < 1 || rows < 1) throw BadInput("", "a grid has at least one image and one row");
  const Index columns = (n + rows - 1) / rows;
  const ImageShape whole{s.channels, rows * (s.height + 1) - 1, columns * (s.width + 1) - 1};
  require_shape(whole);
  std::vector<unsigned char> pixels(std::size_t(whole.size()), 0);
  const unsigned char* from = images.data();
  for (Index i = 0; i < n; ++i)
    for (Index c = 0; c < s.channels; ++c)
      for (Index h = 0; h < s.height; ++h)
        for (Index w = 0; w < s.width; ++w) {
          const Index y = i / columns * (s.height + 1) + h, x = i % columns * (s.width + 1) + w;
          pixels[std::size_t((y * whole.width + x) * s.channels + c)] = *from++;
        }
  return encode(pixels, whole);
}

std::pair<ImageShape, std::vector<unsigned char>> read_png(const std::filesystem::path& path) try {
  formats::File file(path);
  const std::string text = file.text(std::size_t(file.size()));
  Image image;
  if (!png_image_begin_read_from_memory(&image, text.data(), text.size()))
    throw BadInput("", std::string("is no PNG image: ") + image.message);
  if (image.format & PNG_FORMAT_FLAG_LINEAR) throw BadInput("", "has 16 bits a channel; known: 8");
  if (image.format & PNG_FORMAT_FLAG_ALPHA) throw BadInput("", "is transparent; known: grey and red-green-blue");
  const bool colour = image.format & PNG_FORMAT_FLAG_COLOR;
  const ImageShape shape{colour ? 3 : 1, Index(image.height), Index(image.width)};
  // A pixel takes at least a bit, and deflate packs at most 1032 bytes into one.
  if (shape.height * shape.width / 8 > 1032 * Index(text.size()))
    throw BadInput("", "claims more pixels than its bytes can hold");
  image.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
  std::vector<unsigned char> pixels(std::size_t(shape.size())), out(pixels.size());
  if (!png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr))
    throw BadInput("", std::string("is a broken PNG image: ") + image.message);
  const Index plane = shape.height * shape.width;
  for (Index c = 0; c < shape.channels; ++c)
    for (Index k = 0; k < plane; ++k) out[std::size_t(c * plane + k)] = pixels[std::size_t(k * shape.channels + c)];
  return {shape, std::move(out)};
} catch (const BadInput& e) {
  throw BadInput("", path.filename().string() + ": " + e.what());
}

}  // namespace lml
