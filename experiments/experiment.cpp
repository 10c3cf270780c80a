#include "experiments/experiment.hpp"

#include <algorithm>
#include <set>

#include "experiments/errors.hpp"
#include "experiments/reader.hpp"
#include "experiments/toml.hpp"

namespace lml {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t most_jobs = 100000;
const std::vector<std::string_view> commands{"score",   "bound",    "stationary",    "gap",     "converge", "sample",
                                             "compare", "evaluate", "network-error", "hessian", "check"};
const std::vector<std::string_view> job_options{"--seed", "--precision", "--batch"};
const std::vector<std::string_view> own_columns{"measure", "value", "error"};

// The names of the files with this ending in a folder, without it.
std::vector<std::string> names_in(const fs::path& folder, const std::string& ending) {
  std::vector<std::string> out;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none))
    if (entry.path().extension() == ending && !entry.path().filename().string().starts_with("_"))
      out.push_back(entry.path().stem().string());
  std::sort(out.begin(), out.end());
  return out;
}

std::string one_of(const Reader& r, const std::vector<std::string>& names) {
  return r.one_of({names.begin(), names.end()});
}

std::string line(const Reader& r) {
  const std::string text = r.string();
  if (text.find('\n') != std::string::npos) r.fail("must be one line");
  return text;
}

std::vector<std::string> strings(const Reader& r) {
  std::vector<std::string> out;
  if (!r.value().is_array() || !r.value().empty())
    for (const Reader& entry : r.items()) out.push_back(entry.string());
  return out;
}

std::string column_name(const Reader& r) {
  const std::string name = line(r);
  if (name.empty()) r.fail("must not be empty");
  if (std::find(own_columns.begin(), own_columns.end(), name) != own_columns.end())
    r.fail("is a column that every experiment has: \"" + name + '"');
  return name;
}

std::string spec_key(const Reader& r) {
  if (r.string().starts_with("--")) return r.one_of(job_options);
  const std::string key = r.string();
  if (('.' + key + '.').find("..") != std::string::npos) r.fail("has an empty step");
  return key;
}

std::string text_of(const Json& value) { return value.is_string() ? value.get<std::string>() : dump(value); }

// The column's text for every entry: given labels, or the values where they are plain.
std::vector<std::string> labels_of(const std::vector<Reader>& entries, const std::optional<Reader>& given) {
  if (given) {
    const std::vector<std::string> out = strings(*given);
    if (out.size() != entries.size())
      given->fail("must name each of the " + std::to_string(entries.size()) + " values, names " +
                  std::to_string(out.size()));
    return out;
  }
  std::vector<std::string> out;
  for (const Reader& entry : entries) {
    const Json& value = entry.value();
    const Json& shown = value.is_array() && !value.empty() ? value.front() : value;
    if (shown.is_structured()) entry.fail("needs a label (labels = [..]) to stand in a column");
    out.push_back(text_of(shown));
  }
  return out;
}

void set_entries(Varied& v, const Reader& values, const std::optional<Reader>& labels) {
  const std::vector<Reader> entries = values.items();
  v.values.clear();
  for (const Reader& entry : entries) {
    if (v.keys.size() == 1) {
      v.values.push_back({entry.value()});
      continue;
    }
    std::vector<Json> row;
    for (const Reader& value : entry.items()) row.push_back(value.value());
    if (row.size() != v.keys.size())
      entry.fail("must hold " + std::to_string(v.keys.size()) + " values, one a key, holds " +
                 std::to_string(row.size()));
    v.values.push_back(std::move(row));
  }
  if (v.keys.size() == 1 && !labels)
    for (const Reader& entry : entries)
      if (entry.value().is_structured()) entry.fail("needs a label (labels = [..]) to stand in a column");
  v.labels = labels_of(entries, labels);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < v.labels.size(); ++i)
    if (!seen.insert(v.labels[i]).second)
      (labels ? *labels : values).fail_below(child("", i), "is given twice: " + v.labels[i]);
}

Varied read_varied(const Reader& r) {
  const Object o = r.object({"name", "key", "keys", "values", "labels", "average"});
  Varied out;
  if (const auto average = o.find("average")) out.average = average->boolean();
  out.pointer = r.pointer();
  out.name = column_name(o.at("name"));
  const auto key = o.find("key"), keys = o.find("keys");
  if (key && keys) keys->fail("key or keys, never both");
  if (!key && !keys) o.at("key");
  if (key) out.keys = {spec_key(*key)};
  if (keys)
    for (const Reader& k : keys->items()) out.keys.push_back(spec_key(k));
  set_entries(out, o.at("values"), o.find("labels"));
  return out;
}

// Its *s that are a step of their own.
std::size_t stars(const std::string& pointer) {
  std::size_t out = 0;
  for (std::size_t at = pointer.find("/*"); at != std::string::npos; at = pointer.find("/*", at + 1))
    out += at + 2 == pointer.size() || pointer[at + 2] == '/';
  return out;
}

bool is_pointer(const std::string& text) { return text.starts_with('/') || text.starts_with("spec:/"); }

std::string value_pointer(const Reader& r) {
  const std::string text = r.string();
  if (!is_pointer(text))
    r.fail("must be a JSON pointer into the answer (\"/chi2\", \"/runs/*/error\"), is \"" + text + '"');
  return text;
}

// A pointer, or the name of what stands beside the value.
std::string pointer_beside(const Reader& r, const std::string& value) {
  const std::string text = r.string();
  if (text.empty()) r.fail("must not be empty");
  if (is_pointer(text)) {
    if (stars(text) > stars(value)) r.fail("has more * than the value that it goes with");
    return text;
  }
  return child(value.substr(0, value.rfind('/')), text);
}

Measure read_measure(const Reader& r) {
  const Object o = r.object({"name", "value", "error", "along", "optional"});
  Measure out;
  out.pointer = r.pointer();
  out.name = line(o.at("name"));
  out.value = value_pointer(o.at("value"));
  if (const auto error = o.find("error")) out.error = pointer_beside(*error, out.value);
  if (const auto optional = o.find("optional")) out.optional = optional->boolean();
  if (const auto along = o.find("along")) {
    if (!along->value().is_object()) along->fail("must be a table of columns, {time = \"/times/*\"}");
    std::vector<std::string_view> columns;
    for (const auto& [name, unused] : along->value().items()) columns.push_back(name);
    const Object table = along->object(columns);
    for (const std::string_view name : columns) {
      const Reader entry = table.at(name);
      if (std::find(own_columns.begin(), own_columns.end(), name) != own_columns.end())
        entry.fail("is a column that every experiment has");
      out.along.emplace_back(name, pointer_beside(entry, out.value));
    }
  }
  return out;
}

Varied* find_varied(std::vector<Varied>& all, const std::string& name) {
  const auto it = std::find_if(all.begin(), all.end(), [&](const Varied& v) { return v.name == name; });
  return it == all.end() ? nullptr : &*it;
}

std::vector<std::string_view> keys_of(const Json& object) {
  std::vector<std::string_view> out;
  for (const auto& [key, unused] : object.items()) out.push_back(key);
  return out;
}

// A table whose keys are columns that vary.
Object by_column(const Reader& r, const std::vector<Varied>& vary) {
  std::vector<std::string_view> names;
  for (const Varied& v : vary) names.push_back(v.name);
  return r.object(names);
}

bool holds(const std::string& outer, const std::string& inner) {
  return outer == inner || inner.starts_with(outer + '.');
}

// Where a column has labels, a size names those that it wants, unless it brings labels of its own.
void choose_entries(Varied& v, const Reader& wanted) {
  Varied out = v;
  out.values.clear(), out.labels.clear();
  for (const Reader& r : wanted.items()) {
    const std::string label = one_of(r, v.labels);
    out.labels.push_back(label);
    out.values.push_back(v.values[std::size_t(std::find(v.labels.begin(), v.labels.end(), label) - v.labels.begin())]);
  }
  v = std::move(out);
}

void apply_size(Experiment& e, const Reader& size, const std::set<std::string>& labelled, bool wanted) {
  const Object o = size.object({"set", "values", "labels"});
  if (const auto set = o.find("set")) {
    if (!set->value().is_object()) set->fail("must be a table, {\"sampler.steps\" = 10}");
    for (const auto& [key, value] : set->value().items()) {
      for (const Varied& v : e.vary)
        for (const std::string& varied : v.keys)
          if (holds(varied, key)) set->fail_below(child("", key), "varies in this experiment, as " + v.name);
      Json trial = e.spec;
      set_value(wanted ? e.spec : trial, key, value, size.document().place(child(set->pointer(), key)));
      if (wanted) e.changed[key] = child(set->pointer(), key);
    }
  }
  const auto values = o.find("values"), labels = o.find("labels");
  std::vector<Varied> changed = e.vary;
  if (values) {
    const Object columns = by_column(*values, e.vary);
    std::optional<Object> names;
    if (labels) names = by_column(*labels, e.vary);
    for (Varied& v : changed) {
      const auto entries = columns.find(v.name);
      const auto texts = names ? names->find(v.name) : std::nullopt;
      if (!entries && texts) texts->fail("goes with values of the same column");
      if (!entries) continue;
      if (labelled.count(v.name) && !texts)
        choose_entries(v, *entries);
      else
        set_entries(v, *entries, texts);
    }
  } else if (labels) {
    labels->fail("goes with values");
  }
  if (wanted) e.vary = std::move(changed);
}

void require_distinct(const Experiment& e) {
  const Reader root(e.file);
  std::set<std::string> names;
  std::vector<std::string> keys;
  for (const Varied& v : e.vary) {
    if (!names.insert(v.name).second) root.fail_below(v.pointer + "/name", "two columns are called " + v.name);
    for (const std::string& key : v.keys) {
      for (const std::string& before : keys)
        if (holds(key, before)) root.fail_below(v.pointer, "sets " + key + " again, which " + before + " has set");
      keys.push_back(key);
    }
  }
  for (const Measure& m : e.measures)
    for (const auto& [column, unused] : m.along)
      if (names.count(column)) root.fail_below(m.pointer + "/along/" + column, "is a column that varies already");
  double count = 1;
  for (const Varied& v : e.vary) count *= double(v.values.size());
  if (count > double(most_jobs))
    root.fail_below("/vary",
                    "makes " + std::to_string((long long)count) + " jobs; the most are " + std::to_string(most_jobs));
}

void require_columns(const Experiment& e, const Reader& axes) {
  std::vector<std::string> known{"value"};
  for (const Varied& v : e.vary) known.push_back(v.name);
  for (const Measure& m : e.measures) {
    known.push_back(m.name);
    for (const auto& [column, unused] : m.along) known.push_back(column);
  }
  const Object columns = axes.object({known.begin(), known.end()});
  for (const auto& [name, unused] : axes.value().items()) columns.at(name).object({"label", "unit", "scale"});
}

void apply_set(Experiment& e, const std::string& assignment) {
  auto [key, value] = read_assignment(assignment);
  Varied* v = find_varied(e.vary, key);
  if (!v) {
    for (Varied& other : e.vary)
      if (std::any_of(other.keys.begin(), other.keys.end(), [&](const std::string& k) { return holds(k, key); }))
        throw SpecError("--set", "", key + " varies in this experiment: set its column, " + other.name + "=[..]");
    if (e.command == "check" && !holds("claims", key)) {  // has no other key
      std::vector<std::string_view> known{"claims"};
      for (const Varied& column : e.vary) known.push_back(column.name);
      const Document document{"--set", {}, std::make_shared<const Json>(Json{{key, value}})};
      Reader(document).object(known);
    }
    e.changed[key].clear();
    return set_value(e.spec, key, std::move(value), "--set");
  }
  v->set = true;
  const Json list = value.is_array() ? value : Json::array({value});
  const Document document{"--set", {}, std::make_shared<const Json>(Json{{key, list}})};
  const Reader entries = Reader(document).object({key}).at(key);
  if (v->values.empty() || v->keys.size() > 1 || v->values.front().front().is_structured())
    choose_entries(*v, entries);
  else
    set_entries(*v, entries, std::nullopt);
}

}  // namespace

Experiment read_experiment(const std::string& path, const std::string& size, const std::vector<std::string>& sets) {
  Experiment e;
  e.name = fs::path(path).stem().string();
  e.file = read_toml(path);
  const Reader root(e.file);
  if (e.name.empty() || e.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") != std::string::npos ||
      e.name == "cache" || e.name == "check")
    root.fail("an experiment is called by its file's name: small letters, digits, - and _, not cache or check");
  const Object o = root.object({"title", "question", "paper", "claims", "command", "figure", "needs", "sizes", "files",
                                "cost", "spec", "vary", "measure", "quick", "full", "axes", "draw"});
  e.title = line(o.at("title"));
  e.question = line(o.at("question"));
  e.paper = line(o.at("paper"));
  const std::vector<std::string> claims = names_in(LML_SOURCE_DIR "/paper_checks/claims", ".toml");
  if (const auto list = o.find("claims"); list && !strings(*list).empty())
    for (const Reader& claim : list->items()) e.claims.push_back(one_of(claim, claims));
  e.command = o.at("command").one_of(commands);
  e.figure = one_of(o.at("figure"), names_in(LML_SOURCE_DIR "/plots/figures", ".py"));
  if (const auto files = o.find("files")) e.files = files->boolean();
  if (const auto needs = o.find("needs")) e.needs = strings(*needs);
  e.sizes = {"quick", "normal", "full"};
  if (const auto sizes = o.find("sizes")) {
    e.sizes.clear();
    for (const Reader& r : sizes->items()) e.sizes.push_back(r.one_of({"quick", "normal", "full"}));
  }
  e.spec = o.at("spec").object(keys_of(o.at("spec").value())).reader().value();
  std::set<std::string> labelled;
  if (const auto vary = o.find("vary"))
    for (const Reader& r : vary->items()) {
      e.vary.push_back(read_varied(r));
      if (r.value().contains("labels")) labelled.insert(e.vary.back().name);
    }
  if (const auto measures = o.find("measure"))
    for (const Reader& r : measures->items()) e.measures.push_back(read_measure(r));
  if (e.measures.empty() && !e.files) o.at("measure");
  require_distinct(e);
  if (const auto axes = o.find("axes")) {
    require_columns(e, *axes);
    e.axes = axes->value();
  }
  if (const auto draw = o.find("draw")) e.draw = draw->object(keys_of(draw->value())).reader().value();
  if (const auto cost = o.find("cost")) {
    const Object sizes = cost->object({"quick", "normal", "full"});
    for (const char* name : {"quick", "normal", "full"})
      if (const auto seconds = sizes.find(name); seconds && !(seconds->number() > 0)) seconds->fail("must be > 0");
    if (const auto seconds = sizes.find(size)) e.cost = seconds->number();
  }
  // Both are judged whichever is asked for.
  for (const char* name : {"quick", "full"})
    if (const auto changes = o.find(name)) apply_size(e, *changes, labelled, size == name);
  for (const std::string& assignment : sets) apply_set(e, assignment);
  require_distinct(e);
  return e;
}

std::vector<Job> jobs_of(const Experiment& e) {
  std::size_t count = 1;
  for (const Varied& v : e.vary) count *= v.values.size();
  std::vector<Job> out;
  for (std::size_t number = 0; number < count; ++number) {
    Job job{e.command, e.spec, {}, {}};
    std::size_t stride = count;
    for (const Varied& v : e.vary) {
      stride /= v.values.size();
      const std::size_t entry = number / stride % v.values.size();
      job.labels.push_back(v.labels[entry]);
      for (std::size_t k = 0; k < v.keys.size(); ++k) {
        const Json& value = v.values[entry][k];
        if (v.keys[k].starts_with("--"))
          job.options.insert(job.options.end(), {v.keys[k], text_of(value)});
        else
          set_value(job.spec, v.keys[k], value, e.file.place(v.pointer));
      }
    }
    if (job.command == "check") {
      const Document spec{e.file.place("/spec"), {}, std::make_shared<const Json>(job.spec)};
      strings(Reader(spec).object({"claims"}).at("claims"));
    }
    out.push_back(std::move(job));
  }
  return out;
}

std::string Experiment::origin(const std::string& spec_pointer) const {
  const auto touches = [&](std::string key) {
    std::replace(key.begin(), key.end(), '.', '/');
    return (spec_pointer + '/').starts_with('/' + key + '/');
  };
  std::string pointer = spec_pointer.starts_with('/') && spec_pointer.size() > 1 ? "/spec" + spec_pointer : "/spec";
  for (const auto& [key, where] : changed)
    if (touches(key)) pointer = where;
  if (pointer.empty()) return "--set: " + spec_pointer;
  for (const Varied& v : vary)
    for (const std::string& key : v.keys)
      if (touches(key)) {
        if (v.set) return "--set: /" + v.name;
        pointer = v.pointer;
      }
  return file.place(pointer) + ": " + pointer;
}

std::vector<std::string> experiment_names() { return names_in(LML_SOURCE_DIR "/experiments", ".toml"); }

std::string find_experiment(const std::string& name) {
  if (name.ends_with(".toml")) return name;
  const std::vector<std::string> all = experiment_names();
  if (std::find(all.begin(), all.end(), name) != all.end()) return LML_SOURCE_DIR "/experiments/" + name + ".toml";
  const auto meant = nearest(name, {all.begin(), all.end()});
  throw UsageError("no experiment is called " + one_line(name) +
                   (meant ? "; did you mean " + std::string(*meant) + "?" : "") + " (lml run --list names them all)");
}

}  // namespace lml
