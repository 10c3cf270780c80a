// Images as PNG files of 8 bits, grey or red-green-blue (libpng). An array of n images is [n, C H W] with C = 1 or 3,
// as arrays [n, C, H, W] lie in Points.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "experiments/reader.hpp"
#include "samplers/images.hpp"

namespace lml {

/// Of 255 (x - lowest)/(highest - lowest), clamped to [0, 255].
enum class Rounding {
  nearest,   // ties to even: what diffusers' numpy_to_pil does
  truncate,  // towards 0: `(255 * x).astype(uint8)`, half a level darker on average
};
/// A string, the name of one of these.
Rounding read_rounding(const Reader& value);

/// One byte a number, in the same order. The numbers must be finite, and lowest < highest.
std::vector<unsigned char> to_bytes(const PointsRef& images, double lowest, double highest, Rounding rounding);

/// The file of one image [C, H, W]. Throws BadInput unless C is 1 or 3 and no side is 0 or above a million.
std::string png_file(const unsigned char* image, const ImageShape& shape);
/// The file of n images [n, C, H, W] in so many rows, line after line, a black pixel between neighbours.
std::string png_grid(const std::vector<unsigned char>& images, const ImageShape& shape, Index rows);

/// An image of 8 bits without transparency, [C, H, W] as its file has them. Throws BadInput("", "<file name>: ...").
std::pair<ImageShape, std::vector<unsigned char>> read_png(const std::filesystem::path& file);

}  // namespace lml
