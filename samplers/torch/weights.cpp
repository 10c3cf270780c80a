#include "samplers/torch/weights.hpp"

#include <bit>
#include <memory>
#include <nlohmann/json.hpp>

#include "experiments/array_formats.hpp"
#include "experiments/errors.hpp"
#include "experiments/json.hpp"
#include "experiments/output.hpp"
#include "experiments/reader.hpp"
#include "samplers/torch/mapping.hpp"
#include "samplers/torch/state_dict.hpp"
#include "theory/types.hpp"

namespace lml {
namespace {

static_assert(std::endian::native == std::endian::little, "safetensors are little-endian");

at::ScalarType type_of(formats::Element e, const std::string& name) {
  using formats::Element;
  switch (e) {
    case Element::f64: return at::kDouble;
    case Element::f32: return at::kFloat;
    case Element::f16: return at::kHalf;
    case Element::bf16: return at::kBFloat16;
    case Element::u8: return at::kByte;
    case Element::i8: return at::kChar;
    case Element::i16: return at::kShort;
    case Element::i32: return at::kInt;
    case Element::i64: return at::kLong;
    default: throw BadInput("", "tensor '" + name + "' has a dtype that no network has");
  }
}

const char* name_of(at::ScalarType type) {
  switch (type) {
    case at::kDouble: return "F64";
    case at::kFloat: return "F32";
    case at::kHalf: return "F16";
    case at::kBFloat16: return "BF16";
    case at::kByte: return "U8";
    case at::kLong: return "I64";
    default: throw std::logic_error("a tensor of a type that is not written");
  }
}

}  // namespace

Weights read_weights(const std::filesystem::path& path) try {
  formats::File file(path);
  const auto entries = formats::read_safetensors_header(file);
  const auto mapping = std::make_shared<Mapping>(path, file.size());
  Weights out;
  for (const auto& [name, entry] : entries) {
    const at::ScalarType type = type_of(entry.layout.element, name);
    std::vector<std::int64_t> shape(entry.layout.shape.begin(), entry.layout.shape.end());
    at::Tensor tensor = at::from_blob(
        mapping->data() + entry.begin, shape, [mapping](void*) {}, type);
    // The format does not align a tensor to its numbers where another precision came before.
    out.emplace(name, entry.begin % formats::size_of(entry.layout.element) == 0 ? tensor : tensor.clone());
  }
  return out;
} catch (const BadInput& e) {
  throw SpecError(path, "", e.what());
}

namespace {

namespace fs = std::filesystem;

Weights read_file(const fs::path& file) {
  return file.extension() == ".safetensors" ? read_weights(file) : read_state_dict(file);
}

// Each tensor in the shard that the index says, and none beside them.
Weights read_shards(const fs::path& index) {
  const Document document = read_document(index);
  const Reader root(document);
  if (!document.root->is_object() || !document.root->contains("weight_map"))
    root.fail_below("/weight_map", "is missing");
  const Json& map = (*document.root)["weight_map"];
  if (!map.is_object() || map.empty()) root.fail_below("/weight_map", "must be an object of tensors' files");
  std::map<std::string, Weights> shards;
  Weights out;
  for (const auto& [name, shard] : map.items()) {
    const std::string place = child("/weight_map", name);
    if (!shard.is_string()) root.fail_below(place, "must be the name of a file");
    const std::string file = shard.get<std::string>();
    if (file.find_first_of("/\\") != std::string::npos) root.fail_below(place, "must be a file beside the index");
    if (!shards.contains(file)) {
      if (!fs::exists(index.parent_path() / file)) root.fail_below(place, "the shard " + file + " is missing");
      shards.emplace(file, read_file(index.parent_path() / file));
    }
    const auto it = shards.at(file).find(name);
    if (it == shards.at(file).end()) root.fail_below(place, "is not in " + file);
    out.insert(*it);
  }
  for (const auto& [file, tensors] : shards)
    for (const auto& [name, tensor] : tensors)
      if (!map.contains(name) || map[name] != file)
        root.fail_below("/weight_map", "does not say that " + name + " is in " + file);
  return out;
}

}  // namespace

WeightFiles find_weights(const fs::path& folder) {
  const std::string stem = "diffusion_pytorch_model";
  std::string names;
  for (const char* kind : {".safetensors", ".bin"}) {
    if (const fs::path one = folder / (stem + kind); fs::exists(one)) return {one, read_file(one)};
    if (const fs::path index = folder / (stem + kind + ".index.json"); fs::exists(index))
      return {index, read_shards(index)};
    std::vector<fs::path> found;
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.path().extension() == kind) found.push_back(entry.path());
    if (found.size() > 1)
      throw SpecError(folder, "", std::string("holds several files *") + kind + ", and none is " + stem + kind);
    if (found.size() == 1) return {found[0], read_file(found[0])};
    names += (names.empty() ? "" : " or ") + stem + kind;
  }
  throw SpecError(folder, "", "holds no weights (" + names + ")");
}

namespace {

std::string shape_text(at::IntArrayRef shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) out += (i ? "," : "") + std::to_string(shape[i]);
  return out + "]";
}

}  // namespace

std::string listed(const std::vector<std::string>& names) {
  constexpr std::size_t most = 6;
  std::string out;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) out += (i ? ", " : "") + names[i];
  return names.size() > most ? out + " and " + std::to_string(names.size() - most) + " more" : out;
}

Weights fitted(const WeightFiles& files, const WeightShapes& shapes, at::ScalarType type, at::Device device) {
  std::vector<std::string> missing, extra, wrong;
  for (const auto& [name, shape] : shapes) {
    const auto it = files.tensors.find(name);
    if (it == files.tensors.end())
      missing.push_back(name);
    else if (it->second.sizes() != at::IntArrayRef(shape))
      wrong.push_back(name + " is " + shape_text(it->second.sizes()) + " and must be " + shape_text(shape));
    else if (!it->second.is_floating_point())
      wrong.push_back(name + " is of integers");
  }
  for (const auto& [name, tensor] : files.tensors)
    if (!shapes.contains(name)) extra.push_back(name);
  std::string what;
  const auto add = [&](const char* kind, const std::vector<std::string>& names) {
    if (!names.empty()) what += (what.empty() ? "" : "; ") + std::string(kind) + ": " + listed(names);
  };
  add("missing tensors", missing);
  add("tensors that the network does not have", extra);
  add("tensors of another shape or kind", wrong);
  if (!what.empty()) throw SpecError(files.file, "", what);
  Weights out;
  for (const auto& [name, tensor] : files.tensors) {
    at::Tensor t = tensor.to(device, type);
    if (t.dim() == 4 && type != at::kDouble) t = t.contiguous(at::MemoryFormat::ChannelsLast);
    out.emplace(name, std::move(t));
  }
  return out;
}

void write_weights(const Weights& weights, const std::filesystem::path& path) {
  Json header = Json::object();
  std::vector<at::Tensor> tensors;
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : weights) {
    tensors.push_back(tensor.detach().cpu().contiguous());
    const std::uint64_t bytes = tensors.back().nbytes();
    header[name] = {{"dtype", name_of(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + bytes}}};
    offset += bytes;
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  const std::string field(reinterpret_cast<const char*>(&length), sizeof length);
  OutputFile file{path.filename(), {field, text}};
  for (const at::Tensor& t : tensors) file.parts.push_back({static_cast<const char*>(t.data_ptr()), t.nbytes()});
  write_files(path.parent_path(), {file});
}

}  // namespace lml
