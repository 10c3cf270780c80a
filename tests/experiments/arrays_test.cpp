#include "experiments/arrays.hpp"

#include <algorithm>
#include <cmath>

#include "tests/experiments/files.hpp"

namespace lml {
namespace {

using test::bytes_of;
using test::Folder;
using test::idx;
using test::npy;
using test::safetensors;

const std::vector<double> six{1, 2, 3, 4, 5, 6.5};

Points expected() {
  Points y(2, 3);
  y << 1, 2, 3, 4, 5, 6.5;
  return y;
}

std::string refusal(const std::filesystem::path& path, const ArrayOptions& options = {}) {
  try {
    read_array(path, options);
  } catch (const BadInput& e) {
    EXPECT_EQ(e.pointer(), "");
    return e.what();
  }
  return "accepted";
}

TEST(Npy, ReadsEveryVersionOrderAndByteOrder) {
  const Folder f;
  std::string swapped = bytes_of(six);
  for (std::size_t i = 0; i < swapped.size(); i += 8) std::reverse(&swapped[i], &swapped[i] + 8);
  const std::string columns = bytes_of(std::vector<double>{1, 4, 2, 5, 3, 6.5});
  EXPECT_EQ(read_array(f.write("1.npy", npy("<f8", "(2, 3)", bytes_of(six)))), expected());
  EXPECT_EQ(read_array(f.write("2.npy", npy("<f8", "(2, 3)", bytes_of(six), false, 2))), expected());
  EXPECT_EQ(read_array(f.write("3.npy", npy("<f8", "(2, 3,)", bytes_of(six), false, 3))), expected());
  EXPECT_EQ(read_array(f.write("big.npy", npy(">f8", "(2, 3)", swapped))), expected());
  EXPECT_EQ(read_array(f.write("columns.npy", npy("<f8", "(2, 3)", columns, true))), expected());
}

TEST(Npy, ReadsSmallerTypes) {
  const Folder f;
  Points whole(1, 3);
  whole << 1, 2, 250;
  EXPECT_EQ(read_array(f.write("f4.npy", npy("<f4", "(1, 3)", bytes_of(std::vector<float>{1, 2, 250})))), whole);
  EXPECT_EQ(read_array(f.write("u1.npy", npy("|u1", "(1, 3)", "\x01\x02\xFA"))), whole);
  EXPECT_EQ(read_array(f.write("i4.npy", npy("<i4", "(1, 3)", bytes_of(std::vector<std::int32_t>{1, 2, 250})))), whole);
  EXPECT_EQ(read_array(f.write("i8.npy", npy("<i8", "(1, 3)", bytes_of(std::vector<std::int64_t>{1, 2, 250})))), whole);
  EXPECT_EQ(read_array(f.write("f2.npy", npy("<f2", "(1, 3)", std::string("\x00\x3C\x00\x40\xD0\x5B", 6)))), whole);
}

TEST(Npy, ImagesAreFlattenedBehindTheFirstAxisInEitherOrder) {
  const Folder f;
  std::vector<double> c(24), fortran;
  for (std::size_t i = 0; i < 24; ++i) c[i] = double(i);
  for (int w = 0; w < 2; ++w)
    for (int h = 0; h < 2; ++h)
      for (int ch = 0; ch < 3; ++ch)
        for (int n = 0; n < 2; ++n) fortran.push_back(c[std::size_t(((n * 3 + ch) * 2 + h) * 2 + w)]);
  const Points a = read_array(f.write("c.npy", npy("<f8", "(2, 3, 2, 2)", bytes_of(c))));
  EXPECT_EQ(a.rows(), 2);
  EXPECT_EQ(a(1, 11), 23);
  EXPECT_EQ(read_array(f.write("f.npy", npy("<f8", "(2, 3, 2, 2)", bytes_of(fortran), true))), a);
  EXPECT_EQ(read_array(f.path() / "f.npy", {{}, 1}), a.topRows(1));
}

TEST(Npy, AHeaderThatLiesIsRefused) {
  const Folder f;
  const std::string data = bytes_of(six);
  const std::pair<const char*, std::string> cases[] = {
      {"claims 56 bytes of numbers where there are 48", npy("<f8", "(7, 1)", data)},
      {"claims 40 bytes of numbers where there are 48", npy("<f8", "(5, 1)", data)},
      {"claims 8000000000 bytes", npy("<f8", "(1000000000, 1)", data)},
      {"claims more bytes than any file holds", npy("<f8", "(4294967296, 4294967296)", data)},
      {"claims more bytes than any file holds", npy("<f8", "(999999999999999999, 999999999999999999)", data)},
      {"not numpy's", npy("<f8", "(9999999999999999999999, 1)", data)},
      {"not numpy's", npy("<f8", "(-2, 3)", data)},
      {"has 1 axes", npy("<f8", "(6,)", data)},
      {"has 0 axes", npy("<f8", "()", data.substr(0, 8))},
      {"is empty", npy("<f8", "(0, 3)", "")},
      {"entries of type '<c16'", npy("<c16", "(1, 3)", data)},
      {"entries of type '|O'", npy("|O", "(2, 3)", data)},
      {"version 9", npy("<f8", "(2, 3)", data, false, 9)},
      {"is truncated", std::string("\x93NUMPY\x01\x00\xFF\x00{'descr'", 18)},
      {"has a header of", std::string("\x93NUMPY\x02\x00\xFF\xFF\xFF\xFF{", 13)},
      {"is no .npy file", "PK"},
      {"is no .npy file", ""},
      {"not finite at point 1, coordinate 0", npy("<f8", "(2, 1)", bytes_of(std::vector<double>{1, NAN}))},
      {"not finite at point 0, coordinate 1", npy("<f4", "(1, 2)", bytes_of(std::vector<float>{1, HUGE_VALF}))},
  };
  for (const auto& [what, bytes] : cases)
    EXPECT_NE(refusal(f.write("x.npy", bytes)).find(what), std::string::npos) << refusal(f.path() / "x.npy");
  EXPECT_NE(refusal(f.path() / "none.npy").find("none.npy: cannot be read: No such file"), std::string::npos);
  EXPECT_NE(refusal("/dev/zero").find("not a regular file"), std::string::npos);
}

TEST(Npy, HeaderRoundTripsThroughTheReader) {
  const Folder f;
  const std::string header = npy_header({2, 3});
  EXPECT_EQ(header.size() % 64, 0u);
  EXPECT_EQ(read_array(f.write("x.npy", header + bytes_of(six))), expected());
}

TEST(Safetensors, ReadsTheOnlyTensorOrTheNamedOne) {
  const Folder f;
  const std::string data = bytes_of(six);
  const std::string one = R"({"x":{"dtype":"F64","shape":[2,3],"data_offsets":[0,48]}})";
  const std::string two =
      R"({"a":{"dtype":"U8","shape":[1,1],"data_offsets":[0,1]},"samples":{"dtype":"F64","shape":[2,3],"data_offsets":[1,49]},"__metadata__":{"k":"v"}}  )";
  EXPECT_EQ(read_array(f.write("1.safetensors", safetensors(one, data))), expected());
  EXPECT_EQ(read_array(f.write("2.safetensors", safetensors(two, "\x07" + data))), expected());
}

TEST(Safetensors, ReadsHalvesExactly) {
  const Folder f;
  const auto read = [&](const char* dtype, std::vector<std::uint16_t> bits) {
    const std::string header = std::string(R"({"x":{"dtype":")") + dtype + R"(","shape":[1,)" +
                               std::to_string(bits.size()) + R"(],"data_offsets":[0,)" +
                               std::to_string(2 * bits.size()) + "]}}";
    return read_array(f.write("h.safetensors", safetensors(header, bytes_of(bits))));
  };
  Points half(1, 5), brain(1, 3);
  half << 1, -2, 0x1p-24, 65504, 0x1p-14;
  brain << 1, -3.140625, 0x1p-133;
  EXPECT_EQ(read("F16", {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x0400}), half);
  EXPECT_EQ(read("BF16", {0x3F80, 0xC049, 0x0001}), brain);
}

TEST(Safetensors, AHeaderThatLiesIsRefused) {
  const Folder f;
  const std::string data = bytes_of(six);
  const std::pair<const char*, std::string> cases[] = {
      {"has a shape of 64 bytes and data_offsets of 48",
       R"({"x":{"dtype":"F64","shape":[2,4],"data_offsets":[0,48]}})"},
      {"outside the file", R"({"x":{"dtype":"F64","shape":[2,4],"data_offsets":[0,64]}})"},
      {"outside the file", R"({"x":{"dtype":"F64","shape":[2,3],"data_offsets":[48,0]}})"},
      {"outside the file", R"({"x":{"dtype":"F64","shape":[2,3],"data_offsets":[0]}})"},
      {"a shape whose product overflows",
       R"({"x":{"dtype":"F64","shape":[18446744073709551615,2],"data_offsets":[0,48]}})"},
      {"entry that is no count", R"({"x":{"dtype":"F64","shape":[-2,-3],"data_offsets":[0,48]}})"},
      {"has the dtype \"C64\"", R"({"x":{"dtype":"C64","shape":[2,3],"data_offsets":[0,48]}})"},
      {"has no dtype", R"({"x":{"shape":[2,3],"data_offsets":[0,48]}})"},
      {"has no dtype", R"({"x":[]})"},
      {"/x: is given twice", R"({"x":1,"x":2})"},
      {"holds no tensor", R"({"__metadata__":{}})"},
      {"holds 2 tensors",
       R"({"a":{"dtype":"F64","shape":[3],"data_offsets":[0,24]},"b":{"dtype":"F64","shape":[3],"data_offsets":[24,48]}})"},
      {"has no dtype", R"({"a":1,"b":2})"},
      {"is no object", "[1]"},
      {"unexpected end of input", R"({"x":)"},
  };
  for (const auto& [what, header] : cases)
    EXPECT_NE(refusal(f.write("x.safetensors", safetensors(header, data))).find(what), std::string::npos)
        << refusal(f.path() / "x.safetensors");
  EXPECT_NE(refusal(f.write("x.safetensors", std::string(8, '\xFF') + "{}")).find("claims a header"),
            std::string::npos);
  EXPECT_NE(refusal(f.write("x.safetensors", "abc")).find("is no safetensors file"), std::string::npos);
}

TEST(Idx, PlainAndGzipGiveTheSamePoints) {
  const Folder f;
  const std::string file = idx({3, 2, 2}, std::string("\x00\x01\x02\x03\x10\x20\x30\x40\xFF\xFE\xFD\xFC", 12));
  const Points plain = read_array(f.write("plain", file));
  EXPECT_EQ(plain.rows(), 3);
  EXPECT_EQ(plain.cols(), 4);
  EXPECT_EQ(plain(2, 3), 252);
  EXPECT_EQ(read_array(f.write("packed.gz", test::gzip(file))), plain);
  EXPECT_EQ(read_array(f.path() / "packed.gz", {{}, 2}), plain.topRows(2));
}

TEST(Idx, ScaleMapsBytesLinearly) {
  const Folder f;
  const Points y = read_array(f.write("x", idx({1, 3}, std::string("\x00\x33\xFF", 3))), {std::pair{-1.0, 1.0}, {}});
  EXPECT_EQ(y(0, 0), -1);
  EXPECT_DOUBLE_EQ(y(0, 1), -0.6);
  EXPECT_EQ(y(0, 2), 1);
  EXPECT_NE(refusal(f.write("x.npy", npy("<f8", "(2, 3)", bytes_of(six))), {std::pair{-1.0, 1.0}, {}})
                .find("scale maps bytes"),
            std::string::npos);
}

TEST(Idx, AHeaderThatLiesIsRefused) {
  const Folder f;
  const std::string data(12, 'x');
  const std::pair<const char*, std::string> cases[] = {
      {"claims 16 bytes of numbers where there are 12", idx({4, 4}, data)},
      {"any file holds", idx({0xFFFFFFFF, 0xFFFFFFFF, 0xFFFFFFFF}, data)},
      {"has 1 axes", idx({12}, data)},
      {"is empty", idx({0, 12}, "")},
      {"another type", idx({3, 4}, data, 13)},
      {"is no array file", "hello, world"},
  };
  for (const auto& [what, bytes] : cases) {
    EXPECT_NE(refusal(f.write("x", bytes)).find(what), std::string::npos) << refusal(f.path() / "x");
    EXPECT_NE(refusal(f.write("x.gz", test::gzip(bytes))).find(what), std::string::npos) << refusal(f.path() / "x.gz");
  }
  EXPECT_NE(refusal(f.write("x.gz", test::gzip(idx({2, 2}, data)))).find("more bytes than the 4"), std::string::npos);
  const std::string packed = test::gzip(idx({3, 4}, data));
  EXPECT_NE(refusal(f.write("x.gz", packed.substr(0, packed.size() / 2))).find("gzip"), std::string::npos);
  EXPECT_NE(refusal(f.write("x", idx({3, 4}, data).substr(0, 6))).find("is truncated"), std::string::npos);
}

TEST(Cifar, AFolderIsItsBatchesInOrder) {
  const Folder f;
  const auto record = [](char label, char pixel) { return label + std::string(3072, pixel); };
  f.write("data_batch_2.bin", record(1, '\x03'));
  f.write("data_batch_1.bin", record(9, '\x01') + record(0, '\x02'));
  const Points y = read_array(f.path());
  ASSERT_EQ(y.rows(), 3);
  EXPECT_EQ(y.cols(), 3072);
  for (Index k = 0; k < 3; ++k) EXPECT_TRUE((y.row(k).array() == double(k + 1)).all());
  EXPECT_EQ(read_array(f.path() / "data_batch_1.bin", {{}, 1}), y.topRows(1));
  EXPECT_NE(refusal(f.write("x.bin", record(10, 'a'))).find("has the label 10"), std::string::npos);
  EXPECT_NE(refusal(f.write("x.bin", "abc")).find("3 bytes are no whole records"), std::string::npos);
  EXPECT_NE(refusal("/").find("folder without CIFAR-10's"), std::string::npos);
}

}  // namespace
}  // namespace lml
