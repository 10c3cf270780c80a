// What a command leaves behind: a folder of results written all or none, one JSON document, or a table for a person.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "experiments/json.hpp"
#include "theory/types.hpp"

namespace lml {

struct Common;
struct Document;

/// A file, perhaps in a folder below, as the pieces that follow one another in it.
struct OutputFile {
  std::string name;
  std::vector<std::string_view> parts;
};
/// Each file is written and flushed beside its place first; only when all are, they are renamed into it. On failure
/// nothing is left, not even a folder if it was made here. Throws UsageError.
void write_files(const std::filesystem::path& folder, const std::vector<OutputFile>& files);

/// A field of RFC 4180: in quotes where it holds a comma, a quote or a line break.
std::string csv_field(const std::string& text);
/// RFC 4180: a line of names, then a line a row, after its labels if there are any; `inf` as such, an empty field for
/// NaN.
std::string csv(const std::vector<std::string>& columns, const std::vector<std::vector<double>>& rows,
                const std::vector<std::vector<std::string>>& labels = {});

struct Array {
  std::vector<Index> shape;
  std::vector<double> values;  // C order
};

/// A command's answer, in the order in which it was put.
class Results {
 public:
  using Entry = std::variant<std::shared_ptr<const Json>, Array>;
  void put(std::string name, Json value);
  void put(std::string name, Array array);
  /// With every array inside.
  Json document() const;
  /// With the arrays of more than `most` numbers replaced by `<name>.npy`.
  Json document(std::size_t most) const;
  const std::vector<std::pair<std::string, Entry>>& entries() const { return entries_; }

 private:
  std::vector<std::pair<std::string, Entry>> entries_;
};

/// Refuses an --out that cannot become a folder, before the work is done.
void require_folder(const std::string& out);

/// Writes result.json, its large arrays, `extra` and manifest.json into --out, if given; prints the document, if
/// --json. `evaluations` is how often the law was evaluated at a point.
void deliver(const Common& common, const std::string& command, const Document& spec, const Results& results,
             std::int64_t evaluations, const std::vector<OutputFile>& extra = {});

/// manifest.json: how the result came about.
Json manifest_of(const Common& common, const std::string& command, const Document& spec, std::int64_t evaluations);

/// A line on standard error. Whether anybody can read it changes nothing.
void say(std::string line);

/// Writes on standard output and makes sure that it arrived; throws UsageError.
void print(std::string_view text);

/// Columns two blanks apart; `sides` says of each whether it is flush left (l) or right (r), its last letter of the
/// rest.
std::string table(const std::vector<std::vector<std::string>>& rows, std::string_view sides = "lr");
/// Four significant digits; `inf`.
std::string brief(double value);

}  // namespace lml
