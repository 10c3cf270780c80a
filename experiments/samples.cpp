#include "experiments/samples.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "experiments/array_formats.hpp"
#include "experiments/errors.hpp"
#include "experiments/png.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

constexpr Range byte_range{0, 255};

Document read_result(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  try {
    Document out = parse_document(text, file.string());
    if (!out.root->is_object()) throw BadInput("", "result.json: is no object");
    return out;
  } catch (const SpecError& e) {
    throw BadInput("", e.what());
  }
}

// One member of a result, read strictly.
template <class Read>
auto member(const Document& result, const char* key, const Read& read) {
  try {
    Json alone{{key, (*result.root)[key]}};
    const Document document{result.name, {}, std::make_shared<const Json>(std::move(alone))};
    return read(Reader(document).object({key}).at(key));
  } catch (const SpecError& e) {
    throw BadInput("", e.what());
  }
}

Samples of_points(Points p, std::optional<Index> limit) {
  if (limit && *limit < p.rows()) p.conservativeResize(*limit, Eigen::NoChange);
  const std::vector<Index> shape{p.rows(), p.cols()};
  return {std::move(p), shape, {}};
}

Samples of_array(const fs::path& file, std::optional<Index> limit) {
  ArrayFile array = read_array_file(file, {{}, limit});
  return {std::move(array.values), std::move(array.shape),
          array.bytes ? std::optional<Range>(byte_range) : std::nullopt};
}

std::vector<fs::path> images_in(const fs::path& folder) {
  std::vector<fs::path> out;
  std::error_code none;
  for (const fs::directory_entry& e : fs::directory_iterator(folder, none))
    if (e.path().extension() == ".png") out.push_back(e.path());
  std::sort(out.begin(), out.end());
  return out;
}

Samples of_images(std::vector<fs::path> files, std::optional<Index> limit) {
  if (limit && std::size_t(*limit) < files.size()) files.resize(std::size_t(*limit));
  const Index n = Index(files.size());
  Samples out;
  out.range = byte_range;
  ImageShape first{};
  for (Index i = 0; i < n; ++i) {
    const auto [shape, bytes] = read_png(files[std::size_t(i)]);
    if (i == 0) {
      first = shape;
      out.values.resize(n, shape.size());
      out.shape = {n, shape.channels, shape.height, shape.width};
    }
    if (shape != first)
      throw BadInput("", files[std::size_t(i)].filename().string() + ": has another size or number of channels than " +
                             files[0].filename().string());
    for (Index k = 0; k < shape.size(); ++k) out.values(i, k) = bytes[std::size_t(k)];
  }
  return out;
}

Samples of_folder(const fs::path& folder, std::optional<Index> limit) {
  std::error_code none;
  const fs::path result_file = folder / "result.json";
  std::optional<Document> result;
  if (fs::exists(result_file, none)) result = read_result(result_file);
  std::optional<Samples> out;
  for (const char* name : {"samples.npy", "samples.safetensors"})
    if (!out && fs::exists(folder / name, none)) out = of_array(folder / name, limit);
  if (!out && result && result->root->contains("samples") && (*result->root)["samples"].is_array())
    out = of_points(member(*result, "samples", [](const Reader& r) { return r.matrix(); }), limit);
  if (out) {
    if (!out->range && result && result->root->contains("range")) out->range = member(*result, "range", read_range);
    return *std::move(out);
  }
  if (const std::vector<fs::path> images = images_in(folder); !images.empty()) return of_images(images, limit);
  for (const fs::directory_entry& e : fs::directory_iterator(folder, none))
    if (e.path().filename().string().starts_with("data_batch_")) return of_array(folder, limit);
  throw BadInput("", folder.filename().string() + ": is no folder of samples: it has no samples.npy and no .png");
}

}  // namespace

Samples read_samples(const Reader& where, std::optional<Index> limit) {
  if (!where.is_string()) return of_points(where.matrix(), limit);
  const fs::path path = where.path();
  return within(where, [&] {
    std::error_code none;
    return fs::is_directory(path, none) ? of_folder(path, limit) : of_array(path, limit);
  });
}

Range read_range(const Reader& range) {
  const Vec ends = range.numbers();
  if (ends.size() != 2 || !(ends[0] < ends[1])) range.fail("must be [lowest, highest], rising");
  return {ends[0], ends[1]};
}

ImageLayout image_layout(const Reader& where, const Samples& samples, const std::optional<Range>& range) {
  std::vector<Index> shape = samples.shape;
  if (shape.size() == 3) shape.insert(shape.begin() + 1, 1);
  if (shape.size() != 4 || (shape[1] != 1 && shape[1] != 3))
    where.fail("must hold images, [n, C, H, W] with C = 1 or 3 or [n, H, W]");
  if (!samples.range && !range)
    throw SpecError(where.document().name, "/range", "is missing: " + where.pointer().substr(1) + " holds no bytes");
  return {{shape[1], shape[2], shape[3]}, samples.range ? *samples.range : *range};
}

std::optional<std::pair<Vec, Mat>> read_statistics(const Reader& where) {
  if (!where.is_string() || where.path().extension() != ".safetensors") return std::nullopt;
  const fs::path path = where.path();
  return within(where, [&]() -> std::optional<std::pair<Vec, Mat>> {
    try {
      formats::File file(path);
      const auto tensors = formats::read_safetensors_header(file);
      const auto mean = tensors.find("mean"), cov = tensors.find("cov");
      if (mean == tensors.end() || cov == tensors.end()) return std::nullopt;
      const auto read = [&](formats::TensorEntry tensor) {
        if (tensor.layout.shape.size() == 1) tensor.layout.shape.insert(tensor.layout.shape.begin(), 1);
        formats::require_size(formats::payload(tensor.layout), tensor.end - tensor.begin);
        formats::File whole(path);
        whole.skip(tensor.begin);
        return formats::decode(tensor.layout, whole.source(), {}).values;
      };
      const Points m = read(mean->second);
      if (m.rows() != 1) throw BadInput("", "tensor 'mean' must be a list");
      return std::pair<Vec, Mat>(m.transpose(), read(cov->second));
    } catch (const BadInput& e) {
      throw BadInput("", path.filename().string() + ": " + e.what());
    }
  });
}

}  // namespace lml
