#include "experiments/measurements.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "experiments/errors.hpp"
#include "experiments/output.hpp"
#include "experiments/reader.hpp"

namespace lml {
namespace {

// A pointer's tokens, unescaped (RFC 6901).
std::vector<std::string> tokens_of(const std::string& pointer) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < pointer.size(); ++i) {
    if (pointer[i] == '/')
      out.emplace_back();
    else if (pointer[i] == '~' && i + 1 < pointer.size() && (pointer[i + 1] == '0' || pointer[i + 1] == '1'))
      out.back() += pointer[++i] == '0' ? '~' : '/';
    else
      out.back() += pointer[i];
  }
  return out;
}

// Entries of lists that the *s stand for.
using Entries = std::vector<std::size_t>;

// What an entry of a list is called: a claim or a table by itself (`id` or `name`), a number in a table's row by its
// column; nullptr where it has no name.
const Json* name_of(const Json& list, std::size_t i, const Json* columns) {
  const Json* name = nullptr;
  if (list[i].is_object()) {
    auto own = list[i].find("id");
    if (own == list[i].end()) own = list[i].find("name");
    if (own != list[i].end()) name = &*own;
  } else if (!list[i].is_array() && columns && columns->is_array() && columns->size() == list.size()) {
    name = &(*columns)[i];
  }
  return name && name->is_string() ? name : nullptr;
}

// An entry by its name, which no other may have, or else its number; list.size() where there is none.
std::size_t index_of(const Json& list, const std::string& token, const Json* columns) {
  std::size_t found = list.size();
  for (std::size_t i = 0; i < list.size(); ++i)
    if (const Json* name = name_of(list, i, columns); name && *name->get_ptr<const std::string*>() == token) {
      if (found < i) return list.size();
      found = i;
    }
  if (found < list.size() || token.empty() || token.size() > 9 || !std::all_of(token.begin(), token.end(), ::isdigit))
    return found;
  return std::min<std::size_t>(std::stoul(token), list.size());
}

// A place in a document, and the names of the columns if it lies in a table.
struct Place {
  const Json* at;  // nullptr: there is none
  const Json* columns = nullptr;
};

Place find(const Json& answer, const std::vector<std::string>& tokens, const Entries& entries) {
  Place p{&answer};
  std::size_t star = 0;
  for (const std::string& token : tokens) {
    if (p.at->is_array()) {
      const std::size_t index = token == "*" ? entries[star++] : index_of(*p.at, token, p.columns);
      if (index >= p.at->size()) return {nullptr};
      p.at = &(*p.at)[index];
    } else if (p.at->is_object() && token != "*") {
      const auto it = p.at->find(token), columns = p.at->find("columns");
      if (it == p.at->end()) return {nullptr};
      p = {&*it, columns == p.at->end() ? nullptr : &*columns};
    } else {
      return {nullptr};
    }
  }
  return p;
}

// All combinations of entries, in order; those of the first *s are given.
void expand(const Json& answer, const std::vector<std::string>& tokens, Entries& entries, std::vector<Entries>& out) {
  auto star = std::find(tokens.begin(), tokens.end(), "*");
  for (std::size_t n = 0; n < entries.size(); ++n) star = std::find(star + 1, tokens.end(), "*");
  if (star == tokens.end()) return out.push_back(entries);
  const Json* list = find(answer, {tokens.begin(), star}, entries).at;
  if (!list || !list->is_array()) return;
  for (std::size_t i = 0; i < list->size(); ++i) {
    entries.push_back(i);
    expand(answer, tokens, entries, out);
    entries.pop_back();
  }
}

class Answers {
 public:
  Answers(const Experiment& e, const Json& spec, const Json& answer) : e_(e), spec_(spec), answer_(answer) {}

  /// The value there, or nullptr.
  const Json* find(const std::string& pointer, const Entries& entries) const {
    return lml::find(root(pointer), tokens(pointer), entries).at;
  }
  std::vector<Entries> all(const std::string& pointer) const {
    std::vector<Entries> out;
    Entries none;
    expand(root(pointer), tokens(pointer), none, out);
    return out;
  }
  /// A number as text; `place` is the pointer's own place in the file.
  std::string number(const Json& v, const std::string& place) const {
    if (v.is_null()) return "";
    if (v.is_boolean()) return v.get<bool>() ? "1" : "0";
    if (v.is_number()) return dump(v);
    if (v == "inf" || v == "-inf") return v.get<std::string>();
    fail(place, "must lead to numbers; the answer has there: " + dump(v).substr(0, 60));
  }
  /// Of the value's pointer one that stands beside it.
  const Json& beside(const std::string& pointer, const Entries& entries, const std::string& place) const {
    const Json* v = find(pointer, entries);
    if (!v) missing(pointer, place);
    return *v;
  }
  /// Says how far the pointer leads, and what there is.
  [[noreturn]] void missing(const std::string& pointer, const std::string& place) const {
    const std::vector<std::string> way = tokens(pointer);
    const Entries first(way.size(), 0);
    Place end{&root(pointer)};
    std::size_t steps = 0;
    std::string led;
    for (; steps < way.size(); ++steps) {
      const Place next = lml::find(root(pointer), {way.begin(), way.begin() + std::ptrdiff_t(steps) + 1}, first);
      if (!next.at) break;
      end = next;
      led = child(led, way[steps]);
    }
    const std::vector<std::string> known = names_at(end);
    const auto meant = steps < way.size() ? nearest(way[steps], {known.begin(), known.end()}) : std::nullopt;
    std::string there;
    for (const std::string& name : known) there += (there.empty() ? "" : ", ") + name;
    fail(place, std::string(in_spec(pointer) ? "the spec" : "the answer") + " of lml " + e_.command + " has no " +
                    pointer +
                    (meant           ? ", did you mean " + child(led, *meant) + "?"
                     : there.empty() ? "; there, " + led + " is " + dump(*end.at).substr(0, 60)
                                     : "; " + (led.empty() ? "it" : led) + " has " + there));
  }
  /// Whether it says that there is no such law, so that nothing can be measured on it.
  bool says_none() const { return answer_.is_object() && answer_.value("exists", Json()) == false; }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& message) const {
    throw SpecError(e_.file.place(place), place, message);
  }
  static std::vector<std::string> names_at(const Place& p) {
    std::vector<std::string> out;
    if (p.at->is_object())
      for (const auto& [key, unused] : p.at->items()) out.push_back(key);
    if (p.at->is_array())
      for (std::size_t i = 0; i < p.at->size(); ++i)
        if (const Json* name = name_of(*p.at, i, p.columns); name && index_of(*p.at, *name, p.columns) == i)
          out.push_back(*name);
    return out;
  }
  static bool in_spec(const std::string& pointer) { return pointer.starts_with("spec:"); }
  static std::vector<std::string> tokens(const std::string& pointer) {
    return tokens_of(in_spec(pointer) ? pointer.substr(5) : pointer);
  }
  const Json& root(const std::string& pointer) const { return in_spec(pointer) ? spec_ : answer_; }
  const Experiment& e_;
  const Json& spec_;
  const Json& answer_;
};

}  // namespace

std::vector<std::string> columns_of(const Experiment& e) {
  std::vector<std::string> out;
  for (const Varied& v : e.vary) out.push_back(v.name);
  for (const Measure& m : e.measures)
    for (const auto& [column, unused] : m.along)
      if (std::find(out.begin(), out.end(), column) == out.end()) out.push_back(column);
  out.insert(out.end(), {"measure", "value", "error"});
  return out;
}

std::vector<std::vector<std::string>> rows_of(const Experiment& e, const Job& job, const Json& answer) {
  const std::vector<std::string> columns = columns_of(e);
  const Answers found(e, job.spec, answer);
  std::vector<std::vector<std::string>> out;
  for (const Measure& m : e.measures) {
    bool any = false;
    const std::size_t before = out.size();
    std::set<std::string> nowhere;  // columns whose pointer has led to nothing yet
    for (const auto& [column, unused] : m.along) nowhere.insert(column);
    for (const Entries& entries : found.all(m.value)) {
      const Json* value = found.find(m.value, entries);
      any = any || value;
      if (!value || value->is_null()) continue;
      std::vector<std::string> row = job.labels;
      row.resize(columns.size());
      for (const auto& [column, pointer] : m.along) {
        // A run without correction has no lambda, but is the one to compare with.
        const Json* v = found.find(pointer, entries);
        if (!v) continue;
        nowhere.erase(column);
        row[std::size_t(std::find(columns.begin(), columns.end(), column) - columns.begin())] =
            v->is_string() ? v->get<std::string>()
            : v->is_null() ? ""
                           : dump(*v);
      }
      row[columns.size() - 3] = m.name;
      row[columns.size() - 2] = found.number(*value, m.pointer + "/value");
      const std::string place = m.pointer + "/error";
      if (!m.error.empty()) row[columns.size() - 1] = found.number(found.beside(m.error, entries, place), place);
      out.push_back(std::move(row));
    }
    if (!any && !m.optional && !found.says_none()) found.missing(m.value, m.pointer + "/value");
    for (const auto& [column, pointer] : m.along)
      if (out.size() > before && nowhere.count(column)) found.missing(pointer, m.pointer + "/along/" + column);
  }
  return out;
}

std::vector<std::vector<std::string>> averages_of(const Experiment& e,
                                                  const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> out;
  std::vector<std::vector<std::vector<std::string>>> groups;  // of a row that stands for several: values and errors
  std::map<std::vector<std::string>, std::size_t> places;
  for (const auto& row : rows) {
    std::vector<std::string> shared;
    for (std::size_t i = 0; i < row.size(); ++i)
      if (i >= e.vary.size() || !e.vary[i].average) shared.push_back(row[i]);
    std::vector<std::string> own(shared.end() - 2, shared.end());
    shared.resize(shared.size() - 2);
    const auto [place, fresh] = places.insert({shared, groups.size()});
    if (fresh) {
      out.push_back(shared);
      groups.emplace_back();
    }
    groups[place->second].push_back(std::move(own));
  }
  std::size_t whole = 1;
  for (const Varied& v : e.vary)
    if (v.average) whole *= v.values.size();
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const auto& group = groups[g];
    if (g == 0 || (group.size() == 1 && whole == 1)) {  // the names of the columns, or nothing to average
      out[g].insert(out[g].end(), group[0].begin(), group[0].end());
      continue;
    }
    const double n = double(group.size());
    double mean = 0, squares = 0;
    bool missing = group.size() != whole;  // a mean of those that have an answer is another quantity
    for (const auto& own : group) missing = missing || own[0].empty();
    for (const auto& own : group) mean += missing ? 0 : std::strtod(own[0].c_str(), nullptr) / n;
    for (const auto& own : group) squares += missing ? 0 : std::pow(std::strtod(own[0].c_str(), nullptr) - mean, 2);
    out[g].push_back(missing || std::isnan(mean) ? "" : std::isinf(mean) ? (mean > 0 ? "inf" : "-inf") : digits(mean));
    out[g].push_back(missing || !std::isfinite(mean) ? "" : digits(std::sqrt(squares / (n - 1) / n)));
  }
  return out;
}

std::string csv_text(const std::vector<std::vector<std::string>>& rows) {
  std::string out;
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) out += (i ? "," : "") + csv_field(row[i]);
    out += '\n';
  }
  return out;
}

}  // namespace lml
