#include "experiments/png.hpp"

#include <functional>

#include "tests/experiments/files.hpp"

namespace lml {
namespace {

using Bytes = std::vector<unsigned char>;

Bytes counted(std::size_t n) {
  Bytes out(n);
  for (std::size_t i = 0; i < n; ++i) out[i] = static_cast<unsigned char>(37 * i + 11);
  return out;
}

TEST(Png, AnImageComesBackByteForByte) {
  const test::Folder f;
  for (const ImageShape shape : {ImageShape{1, 5, 7}, ImageShape{3, 4, 3}}) {
    const Bytes image = counted(std::size_t(shape.size()));
    const auto [got, bytes] = read_png(f.write("image.png", png_file(image.data(), shape)));
    EXPECT_EQ(got, shape);
    EXPECT_EQ(bytes, image);
  }
}

// Five images of 2 x 3 in two rows: three columns, the sixth place black like the gaps.
TEST(Png, AGridGoesLineAfterLineWithOnePixelBetween) {
  const test::Folder f;
  const ImageShape shape{3, 2, 3};
  const Bytes images = counted(std::size_t(5 * shape.size()));
  const auto [whole, grid] = read_png(f.write("grid.png", png_grid(images, shape, 2)));
  ASSERT_EQ(whole, (ImageShape{3, 2 * 3 - 1, 3 * 4 - 1}));
  std::size_t drawn = 0;
  for (Index c = 0; c < 3; ++c)
    for (Index y = 0; y < whole.height; ++y)
      for (Index x = 0; x < whole.width; ++x) {
        const Index i = y / 3 * 3 + x / 4, h = y % 3, w = x % 4;
        const bool inside = h < 2 && w < 3 && i < 5;
        const int wanted = inside ? images[std::size_t(((i * 3 + c) * 2 + h) * 3 + w)] : 0;
        EXPECT_EQ(int(grid[std::size_t((c * whole.height + y) * whole.width + x)]), wanted);
        drawn += inside;
      }
  EXPECT_EQ(drawn, images.size());
}

// Levels k + 1/2 and neighbours, in a range where they are exact: ties go to even, truncation goes down.
TEST(Png, RoundsToEvenOrTowardsZeroAndClamps) {
  Points x(1, 8);
  x << -1, 0, 0.5, 1.5, 2.5, 2.75, 254.5, 300;
  EXPECT_EQ(to_bytes(x, 0, 255, Rounding::nearest), (Bytes{0, 0, 0, 2, 2, 3, 254, 255}));
  EXPECT_EQ(to_bytes(x, 0, 255, Rounding::truncate), (Bytes{0, 0, 0, 1, 2, 2, 254, 255}));
  Points y(1, 4);
  y << -1, 0, 1, 7;
  EXPECT_EQ(to_bytes(y, -1, 1, Rounding::nearest), (Bytes{0, 128, 255, 255}));  // 127.5 to even
  EXPECT_EQ(to_bytes(y, -1, 1, Rounding::truncate), (Bytes{0, 127, 255, 255}));
}

void expect_refusal(const std::function<void()>& act, const std::string& message) {
  try {
    act();
    ADD_FAILURE() << "accepted, where it should say " << message;
  } catch (const BadInput& e) {
    EXPECT_EQ(std::string(e.what()).find(message), 0u) << e.what();
  }
}

TEST(Png, RefusesWhatIsNoImage) {
  const test::Folder f;
  const Bytes bytes = counted(36);
  expect_refusal([&] { png_file(bytes.data(), {2, 3, 6}); }, "an image file has 1 or 3 channels, not 2");
  expect_refusal([&] { png_file(bytes.data(), {1, 0, 6}); }, "an image file has sides of 1 to 1000000 pixels, not 0");
  const auto reading = [&](const std::string& text) { return [&f, text] { read_png(f.write("image.png", text)); }; };
  const std::string good = png_file(bytes.data(), {1, 6, 6});
  expect_refusal(reading("no image"), "image.png: is no PNG image: ");
  expect_refusal(reading(""), "image.png: is no PNG image: ");
  expect_refusal(reading(good.substr(0, good.size() / 2)), "image.png: is ");
  std::string broken = good;
  broken[good.size() - 20] = char(broken[good.size() - 20] ^ 0x55);
  expect_refusal(reading(broken), "image.png: is a broken PNG image: ");
  expect_refusal([&] { read_png(f.path() / "none.png"); }, "none.png: cannot be read: ");
}

// A header of a million by a million pixels, its checksum right, over no pixels.
TEST(Png, AHeaderThatLiesAboutItsSizeAllocatesNothing) {
  const test::Folder f;
  const auto number = [](std::uint32_t v) {
    std::string out;
    for (int i = 3; i >= 0; --i) out += char(v >> (8 * i) & 255);
    return out;
  };
  const auto chunk = [&](const std::string& name, const std::string& data) {
    const std::string body = name + data;
    return number(std::uint32_t(data.size())) + body +
           number(std::uint32_t(::crc32(0, reinterpret_cast<const Bytef*>(body.data()), uInt(body.size()))));
  };
  const std::string lie = "\x89PNG\r\n\x1a\n" +
                          chunk("IHDR", number(1'000'000) + number(1'000'000) + std::string("\x08\x02\0\0\0", 5)) +
                          chunk("IDAT", "") + chunk("IEND", "");
  expect_refusal([&] { read_png(f.write("image.png", lie)); }, "image.png: claims more pixels than its bytes can hold");
}

}  // namespace
}  // namespace lml
