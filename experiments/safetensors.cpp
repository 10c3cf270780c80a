// safetensors: a length (8 bytes, little-endian), that much JSON, then the tensors' bytes.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "experiments/array_formats.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"

namespace lml::formats {
namespace {

constexpr std::uint64_t longest_header = std::uint64_t(100) << 20;  // the format's own limit

[[noreturn]] void refuse(const std::string& name, const std::string& what) {
  throw BadInput("", "tensor '" + name + "' " + what);
}

const Json& member(const Json& tensor, const std::string& name, const char* key) {
  if (!tensor.is_object() || !tensor.contains(key)) refuse(name, std::string("has no ") + key);
  return tensor[key];
}

std::vector<std::uint64_t> counts(const Json& list, const std::string& name, const char* key) {
  if (!list.is_array()) refuse(name, std::string("has a ") + key + " that is no list");
  std::vector<std::uint64_t> out;
  for (const Json& v : list) {
    if (!v.is_number_unsigned()) refuse(name, std::string("has a ") + key + " with an entry that is no count");
    out.push_back(v.get<std::uint64_t>());
  }
  return out;
}

Element element_of(const Json& dtype, const std::string& name) {
  static const std::pair<const char*, Element> known[] = {
      {"F64", Element::f64}, {"F32", Element::f32}, {"F16", Element::f16}, {"BF16", Element::bf16},
      {"U8", Element::u8},   {"I8", Element::i8},   {"U16", Element::u16}, {"I16", Element::i16},
      {"U32", Element::u32}, {"I32", Element::i32}, {"U64", Element::u64}, {"I64", Element::i64}};
  for (const auto& [text, element] : known)
    if (dtype == text) return element;
  refuse(name, "has the dtype " + dump(dtype) + "; known: F64, F32, F16, BF16, I8 to I64, U8 to U64");
}

// Which of them is meant by a file as an array.
const std::string& array_name(const std::map<std::string, TensorEntry>& tensors) {
  if (tensors.size() == 1) return tensors.begin()->first;
  for (const char* name : {"samples", "images"})
    if (const auto it = tensors.find(name); it != tensors.end()) return it->first;
  throw BadInput("", "holds " + std::to_string(tensors.size()) + " tensors, and none is named samples or images");
}

// A scalar has no axes and takes one element, which `payload` (lists of points) would refuse.
std::uint64_t bytes_of(const Layout& layout, const std::string& name) {
  std::uint64_t bytes = size_of(layout.element);
  for (std::uint64_t n : layout.shape)
    if (__builtin_mul_overflow(bytes, n, &bytes)) refuse(name, "has a shape whose product overflows");
  return bytes;
}

}  // namespace

std::map<std::string, TensorEntry> read_safetensors_header(File& file) {
  if (file.size() < 8) throw BadInput("", "is no safetensors file");
  std::uint64_t length = 0;
  const std::string field = file.text(8);
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | static_cast<unsigned char>(field[i]);
  if (length > longest_header || length > file.left())
    throw BadInput(
        "", "claims a header of " + std::to_string(length) + " bytes where there are " + std::to_string(file.left()));
  Json header;
  try {
    header = parse_json(file.text(std::size_t(length)), "header");
  } catch (const SpecError& e) {
    throw BadInput("", e.what());
  }
  if (!header.is_object()) throw BadInput("", "has a header that is no object");
  const std::uint64_t data = 8 + length, there = file.left();
  std::map<std::string, TensorEntry> out;
  for (const auto& [name, tensor] : header.items()) {
    if (name == "__metadata__") continue;
    Layout layout;
    layout.element = element_of(member(tensor, name, "dtype"), name);
    layout.shape = counts(member(tensor, name, "shape"), name, "shape");
    const auto offsets = counts(member(tensor, name, "data_offsets"), name, "data_offsets");
    if (offsets.size() != 2 || offsets[0] > offsets[1] || offsets[1] > there)
      refuse(name, "has data_offsets outside the file");
    if (bytes_of(layout, name) != offsets[1] - offsets[0])
      refuse(name, "has a shape of " + std::to_string(bytes_of(layout, name)) + " bytes and data_offsets of " +
                       std::to_string(offsets[1] - offsets[0]));
    out.emplace(name, TensorEntry{std::move(layout), data + offsets[0], data + offsets[1]});
  }
  std::vector<std::pair<std::uint64_t, const std::string*>> starts;
  for (const auto& [name, entry] : out)
    if (entry.begin < entry.end) starts.emplace_back(entry.begin, &name);
  std::sort(starts.begin(), starts.end());
  for (std::size_t i = 1; i < starts.size(); ++i)
    if (out.at(*starts[i - 1].second).end > starts[i].first)
      refuse(*starts[i].second, "overlaps '" + *starts[i - 1].second + "'");
  return out;
}

ArrayFile read_safetensors(const std::filesystem::path& path, const ArrayOptions& options) {
  File file(path);
  const std::map<std::string, TensorEntry> tensors = read_safetensors_header(file);
  if (tensors.empty()) throw BadInput("", "holds no tensor");
  const std::string& name = array_name(tensors);
  const TensorEntry& tensor = tensors.at(name);
  require_size(payload(tensor.layout), tensor.end - tensor.begin);
  file.skip(tensor.begin - (file.size() - file.left()));
  return decode(tensor.layout, file.source(), options);
}

}  // namespace lml::formats

namespace lml {

std::string safetensors_header(const std::string& name, const std::string& dtype, const std::vector<Index>& shape) {
  std::int64_t bytes = dtype == "F64" ? 8 : dtype == "F32" ? 4 : 1;
  for (Index n : shape) bytes *= n;
  std::string text = Json{{name, {{"dtype", dtype}, {"shape", shape}, {"data_offsets", {0, bytes}}}}}.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string out;
  for (int i = 0; i < 8; ++i) out += char(text.size() >> (8 * i) & 255);
  return out + text;
}

}  // namespace lml
