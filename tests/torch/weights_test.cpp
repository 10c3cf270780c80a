// Files of weights: what they hold is read to the bit, and a file that lies is refused in one sentence.
#include "samplers/torch/weights.hpp"

#include <fstream>
#include <sstream>

#include "dynamics/random.hpp"
#include "experiments/errors.hpp"
#include "samplers/torch/state_dict.hpp"
#include "tests/experiments/files.hpp"
#include "tests/torch/hashed.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;
using test::hashed;

std::string complaint(const std::function<void()>& read) {
  try {
    read();
  } catch (const SpecError& e) {
    const std::string what = e.what();
    return what.substr(what.find("/lml-") + 12);  // the folder's name left out
  }
  return "nothing";
}

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

TEST(SafeTensors, WhatIsWrittenIsReadToTheBit) {
  const test::Folder folder;
  Weights w;
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kHalf, at::kBFloat16})
    w.emplace(c10::toString(type), hashed("w", {3, 1, 5}).to(type));
  w.emplace("scalar", hashed("s", {}));
  w.emplace("empty", at::zeros({0, 3}));
  w.emplace("strided", hashed("t", {4, 6}).t());
  w.emplace("long", at::arange(5));
  write_weights(w, folder.path() / "w.safetensors");
  const Weights back = read_weights(folder.path() / "w.safetensors");
  ASSERT_EQ(back.size(), w.size());
  for (const auto& [name, tensor] : w) {
    EXPECT_EQ(back.at(name).scalar_type(), tensor.scalar_type());
    EXPECT_TRUE(at::equal(back.at(name), tensor)) << name;
  }
}

TEST(SafeTensors, LiesAreRefused) {
  const test::Folder folder;
  const std::string data(16, 'x');
  struct Case {
    std::string bytes, what;
  };
  const auto one = [&](const std::string& tensor) { return test::safetensors("{\"w\":" + tensor + "}", data); };
  const std::string huge = "999999999999999999";
  for (const Case& c : {
           Case{"abc", "is no safetensors file"},
           Case{test::bytes_of(std::vector<std::uint64_t>{1ull << 62}) + "{}",
                "claims a header of 4611686018427387904 bytes where there are 2"},
           Case{test::safetensors("[]", ""), "has a header that is no object"},
           Case{test::safetensors("{\"w\":", ""),
                "header: /w: parse error at line 1, column 6: syntax error while parsing value - unexpected end of "
                "input; expected '[', '{', or a literal"},
           Case{one("{}"), "tensor 'w' has no dtype"},
           Case{one(R"({"dtype":"F32","shape":[4],"data_offsets":[0,17]})"),
                "tensor 'w' has data_offsets outside the file"},
           Case{one(R"({"dtype":"F32","shape":[4],"data_offsets":[8,4]})"),
                "tensor 'w' has data_offsets outside the file"},
           Case{one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,16]})"),
                "tensor 'w' has a shape of 12 bytes and data_offsets of 16"},
           Case{one(R"({"dtype":"F32","shape":[)" + huge + "," + huge + R"(],"data_offsets":[0,16]})"),
                "tensor 'w' has a shape whose product overflows"},
           Case{one(R"({"dtype":"F32","shape":[-4],"data_offsets":[0,16]})"),
                "tensor 'w' has a shape with an entry that is no count"},
           Case{one(R"({"dtype":"F8_E4M3","shape":[16],"data_offsets":[0,16]})"),
                "tensor 'w' has the dtype \"F8_E4M3\"; known: F64, F32, F16, BF16, I8 to I64, U8 to U64"},
           Case{one(R"({"dtype":"U64","shape":[2],"data_offsets":[0,16]})"),
                "tensor 'w' has a dtype that no network has"},
           Case{test::safetensors(R"({"v":{"dtype":"F32","shape":[3],"data_offsets":[0,12]},)"
                                  R"("w":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                                  data),
                "tensor 'w' overlaps 'v'"},
       }) {
    const fs::path file = folder.write("w.safetensors", c.bytes);
    EXPECT_EQ(complaint([&] { read_weights(file); }), "w.safetensors: /: " + c.what);
  }
}

TEST(Shards, AreOneSetOfTensors) {
  const test::Folder folder;
  const Weights a{{"a", hashed("a", {2})}, {"b", hashed("b", {3})}}, c{{"c", hashed("c", {4})}};
  write_weights(a, folder.path() / "1.safetensors");
  write_weights(c, folder.path() / "2.safetensors");
  const auto with = [&](const std::string& map) {
    folder.write("diffusion_pytorch_model.safetensors.index.json", map);
    return complaint([&] {
      const WeightFiles files = find_weights(folder.path());
      ASSERT_EQ(files.tensors.size(), 3u);
      EXPECT_TRUE(at::equal(files.tensors.at("c"), c.at("c")));
    });
  };
  const std::string index = "diffusion_pytorch_model.safetensors.index.json: ";
  const std::string good = R"("a":"1.safetensors","b":"1.safetensors",)";
  EXPECT_EQ(with(R"({"metadata":{},"weight_map":{)" + good + R"("c":"2.safetensors"}})"), "nothing");
  EXPECT_EQ(with("{}"), index + "/weight_map: is missing");
  EXPECT_EQ(with(R"({"weight_map":{)" + good + R"("c":"3.safetensors"}})"),
            index + "/weight_map/c: the shard 3.safetensors is missing");
  EXPECT_EQ(with(R"({"weight_map":{)" + good + R"("c":"1.safetensors"}})"),
            index + "/weight_map/c: is not in 1.safetensors");
  EXPECT_EQ(with(R"({"weight_map":{"a":"1.safetensors","c":"2.safetensors"}})"),
            index + "/weight_map: does not say that b is in 1.safetensors");
  EXPECT_EQ(with(R"({"weight_map":{"a":"../x.safetensors"}})"),
            index + "/weight_map/a: must be a file beside the index");
  EXPECT_EQ(with(R"({"weight_map":{"a":1}})"), index + "/weight_map/a: must be the name of a file");
}

TEST(FindWeights, SaysWhatItLacks) {
  const test::Folder folder;
  const auto said = [&] {
    std::string what = complaint([&] { find_weights(folder.path()); });
    return what.substr(what.find(": /: ") + 5);
  };
  EXPECT_EQ(said(), "holds no weights (diffusion_pytorch_model.safetensors or diffusion_pytorch_model.bin)");
  const Weights w{{"a", hashed("a", {2})}};
  write_weights(w, folder.path() / "x.safetensors");
  EXPECT_EQ(find_weights(folder.path()).tensors.size(), 1u);
  write_weights(w, folder.path() / "y.safetensors");
  EXPECT_EQ(said(), "holds several files *.safetensors, and none is diffusion_pytorch_model.safetensors");
  write_weights(w, folder.path() / "diffusion_pytorch_model.safetensors");
  EXPECT_EQ(find_weights(folder.path()).tensors.size(), 1u);
}

// ---- State dicts.

TEST(StateDict, IsWhatTorchSaved) {
  const Weights w = read_state_dict(fs::path(LML_TEST_DATA) / "state_dict.bin");
  const at::Tensor base = hashed("base", {4, 6}).to(at::kFloat);
  const Weights expected{{"double", hashed("double", {2, 3})},
                         {"float", hashed("float", {3}).to(at::kFloat)},
                         {"half", hashed("half", {5, 1}).to(at::kHalf)},
                         {"bfloat16", hashed("bfloat16", {2, 2}).to(at::kBFloat16)},
                         {"scalar", hashed("scalar", {})},
                         {"rows", base.slice(0, 1, 3)},
                         {"transposed", base.t()},
                         {"channels_last", hashed("channels_last", {2, 3, 2, 2}).to(at::kFloat)},
                         {"integers", at::arange(-2, 3)}};
  ASSERT_EQ(w.size(), expected.size());
  for (const auto& [name, tensor] : expected) {
    EXPECT_EQ(w.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(w.at(name), tensor)) << name;
  }
}

// A zip archive of stored entries; the readers look at no checksum.
std::string zip(const std::vector<std::pair<std::string, std::string>>& entries, int method = 0) {
  std::string out, directory;
  const auto put = [](std::string& to, std::uint64_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) to += char(v >> (8 * i) & 255);
  };
  for (const auto& [name, data] : entries) {
    const std::size_t place = out.size();
    std::string shared;  // from "version needed" on
    put(shared, 0, 4), put(shared, std::uint64_t(method), 2), put(shared, 0, 8);
    put(shared, data.size(), 4), put(shared, data.size(), 4), put(shared, name.size(), 2), put(shared, 0, 2);
    put(out, 0x04034B50, 4), out += shared + name + data;
    put(directory, 0x02014B50, 4), put(directory, 0, 2), directory += shared;
    put(directory, 0, 10), put(directory, place, 4), directory += name;
  }
  const std::size_t place = out.size();
  out += directory;
  put(out, 0x06054B50, 4), put(out, 0, 4), put(out, entries.size(), 2), put(out, entries.size(), 2);
  put(out, directory.size(), 4), put(out, place, 4), put(out, 0, 2);
  return out;
}

std::string text(const std::string& s) {
  std::string out = "X";
  for (int i = 0; i < 4; ++i) out += char(s.size() >> (8 * i) & 255);
  return out + s;
}
std::string int32(int v) { return "J" + test::bytes_of(std::vector<int>{v}); }
/// A float tensor over the storage "0" that claims `numbers`.
std::string tensor(int numbers, int offset, std::vector<int> sizes, std::vector<int> strides) {
  std::string out = "ctorch._utils\n_rebuild_tensor_v2\n((" + text("storage") + "ctorch\nFloatStorage\n" + text("0") +
                    text("cpu") + int32(numbers) + "tQ" + int32(offset);
  for (const auto& list : {sizes, strides}) {
    out += "(";
    for (int v : list) out += int32(v);
    out += "t";
  }
  return out + "\x89)tR";
}

TEST(StateDict, AnythingButTensorsIsRefusedByName) {
  const test::Folder folder;
  const auto read = [&](const std::string& bytes) {
    const fs::path file = folder.write("w.bin", bytes);
    return complaint([&] { EXPECT_EQ(read_state_dict(file).size(), 1u); });
  };
  const auto pickle = [&](const std::string& program) {
    return read(zip({{"a/data.pkl", "\x80\x02" + program + "."}, {"a/data/0", std::string(24, '\0')}}));
  };
  const auto dictionary = [&](const std::string& value) { return pickle("}" + text("w") + value + "s"); };
  const std::string more = "w.bin: /: has a pickle with more than tensors in it ";
  EXPECT_EQ(dictionary(tensor(6, 0, {2, 3}, {3, 1})), "nothing");
  EXPECT_EQ(dictionary("cos\nsystem\n" + text("true") + "\x85R"), more + "(os.system)");
  EXPECT_EQ(dictionary("cbuiltins\neval\n"), more + "(builtins.eval)");
  EXPECT_EQ(dictionary(text("os") + text("system") + "\x93"), more + "(os.system)");
  EXPECT_EQ(dictionary("cnumpy.core.multiarray\n_reconstruct\n"), more + "(numpy.core.multiarray._reconstruct)");
  EXPECT_EQ(dictionary("ctorch.nn.modules.conv\nConv2d\n)\x81"), more + "(torch.nn.modules.conv.Conv2d)");
  EXPECT_EQ(pickle("(ios\nsystem\n"), more + "(opcode 105)");
  EXPECT_EQ(dictionary("K\x07"), "w.bin: /: 'w' is no tensor");
  EXPECT_EQ(dictionary("}" + text("v") + tensor(6, 0, {6}, {1}) + "s"), "w.bin: /: 'w' is no tensor");
  EXPECT_EQ(pickle("K\x07"), "w.bin: /: holds no dictionary of tensors");
  EXPECT_EQ(pickle("}K\x01" + tensor(6, 0, {6}, {1}) + "s"), "w.bin: /: holds a tensor whose name is no text");
  EXPECT_EQ(dictionary(tensor(7, 0, {6}, {1})), "w.bin: /: says that the storage 0 has 7 numbers; it has 6");
  EXPECT_EQ(dictionary(tensor(-1, 0, {6}, {1})), "w.bin: /: says that the storage 0 has -1 numbers; it has 6");
  const std::string outside = "w.bin: /: has a tensor that reaches outside its storage";
  EXPECT_EQ(dictionary(tensor(6, 1, {6}, {1})), outside);
  EXPECT_EQ(dictionary(tensor(6, 0, {2, 3}, {4, 1})), outside);
  EXPECT_EQ(dictionary(tensor(6, 0, {1 << 30}, {0})), outside);  // repeats one number
  EXPECT_EQ(dictionary(tensor(6, 0, {1 << 30, 1 << 30, 1 << 30}, {1 << 30, 1 << 30, 1 << 30})), outside);
  EXPECT_EQ(dictionary(tensor(6, 7, {0}, {1})), outside);
  const std::string broken = "w.bin: /: has a broken pickle";
  EXPECT_EQ(dictionary(tensor(6, 0, {-6}, {1})), broken);
  EXPECT_EQ(dictionary(tensor(6, 0, {6}, {1, 1})), broken);
  EXPECT_EQ(pickle("h\x09"), broken);
  EXPECT_EQ(pickle("}u"), broken);
  EXPECT_EQ(pickle(""), broken);
  EXPECT_EQ(pickle("X\xFF\xFF\xFF\xFF"), broken);
  // A list that holds itself, and one as deep as its pickle is long.
  EXPECT_EQ(dictionary("]q\x01h\x01"
                       "a"),
            "w.bin: /: 'w' is no tensor");
  std::string deep = ")";
  for (int i = 0; i < 300000; ++i) deep += "\x85";
  EXPECT_EQ(dictionary(deep), "w.bin: /: 'w' is no tensor");
  EXPECT_EQ(pickle(std::string(5 << 20, 'N')), "w.bin: /: has a pickle too large for one of tensors");
  EXPECT_EQ(read(""), "w.bin: /: is empty");
  EXPECT_EQ(read(std::string("\x80\x02\x8a\x0al\xfc\x9c") + "F\xf9 j\xa8P\x19."),
            "w.bin: /: is no zip archive (a state dict written by torch before 1.6 is not read)");
  EXPECT_EQ(read(zip({{"a/b", "c"}})), "w.bin: /: is a zip archive, but no state dict: it holds no data.pkl");
  EXPECT_EQ(read(zip({{"a/data.pkl", "c"}}, 8)), "w.bin: /: holds a compressed entry (a/data.pkl): torch stores them");
  EXPECT_EQ(read(zip({{"a/data.pkl", "}."}, {"a/byteorder", "big"}})),
            "w.bin: /: is of a machine of another byte order");
  EXPECT_EQ(read(zip({{"a/data.pkl", "\x80\x02}" + text("w") + tensor(6, 0, {6}, {1}) + "s."}})),
            "w.bin: /: lacks the storage 0");
}

// ---- Mutations: each is read or refused, never anything else; what is read can be read to its last number.

void mutate(const std::string& good, std::uint64_t stream, const test::Folder& folder,
            Weights (*read)(const fs::path&)) {
  const Random random(20250522, stream);
  int accepted = 0, refused = 0;
  for (std::uint64_t i = 0; i < 3000; ++i) {
    std::uint64_t step = 0;
    const auto below = [&](std::size_t n) { return std::size_t(random.uniform(i, step++, 0) * double(n)); };
    std::string bytes = good;
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) {
      const std::size_t at = below(bytes.size());
      switch (below(4)) {
        case 0: bytes[at] = char(below(256)); break;
        case 1: bytes[at] = char(bytes[at] ^ char(1 << below(8))); break;
        case 2: bytes.erase(at, below(9)); break;
        default: bytes.insert(at, std::string(1 + below(8), char(below(2) ? 255 : below(256))));
      }
    }
    // A new file each time: to write over one waits for the disk.
    const fs::path file = folder.write("mutation" + std::to_string(i), bytes);
    try {
      for (const auto& [name, tensor] : read(file)) tensor.to(at::kDouble).sum();
      ++accepted;
    } catch (const SpecError&) {
      ++refused;
    }
    fs::remove(file);
  }
  EXPECT_GT(accepted, 100);
  EXPECT_GT(refused, 1000);
}

TEST(Fuzz, WeightFilesAreReadOrRefused) {
  const test::Folder folder;
  write_weights({{"a", hashed("a", {2, 3})}, {"b", hashed("b", {2}).to(at::kHalf)}, {"c", hashed("c", {})}},
                folder.path() / "good.safetensors");
  mutate(content(folder.path() / "good.safetensors"), 21, folder, read_weights);
  const std::string pickle =
      "\x80\x02}" + text("w") + tensor(6, 0, {2, 3}, {3, 1}) + "s" + text("v") + tensor(6, 2, {4}, {1}) + "s.";
  mutate(zip({{"a/data.pkl", pickle}, {"a/data/0", std::string(24, '\0')}}), 22, folder, read_state_dict);
  mutate(content(fs::path(LML_TEST_DATA) / "state_dict.bin"), 23, folder, read_state_dict);
}

}  // namespace
}  // namespace lml
