#include "experiments/measurements.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "experiments/errors.hpp"
#include "experiments/output.hpp"

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

// The value there; nullptr where there is none.
const Json* find(const Json& answer, const std::vector<std::string>& tokens, const Entries& entries) {
  const Json* at = &answer;
  std::size_t star = 0;
  for (const std::string& token : tokens) {
    if (at->is_array()) {
      std::size_t index = 0;
      if (token == "*")
        index = entries[star++];
      else if (token.empty() || token.size() > 9 || !std::all_of(token.begin(), token.end(), ::isdigit))
        return nullptr;
      else
        index = std::stoul(token);
      if (index >= at->size()) return nullptr;
      at = &(*at)[index];
    } else if (at->is_object() && token != "*") {
      const auto it = at->find(token);
      if (it == at->end()) return nullptr;
      at = &*it;
    } else {
      return nullptr;
    }
  }
  return at;
}

// All combinations of entries, in order.
void expand(const Json& at, const std::vector<std::string>& tokens, std::size_t from, Entries& entries,
            std::vector<Entries>& out) {
  const auto star = std::find(tokens.begin() + std::ptrdiff_t(from), tokens.end(), "*");
  const Json* list = find(at, {tokens.begin() + std::ptrdiff_t(from), star}, {});
  if (star == tokens.end()) {
    out.push_back(entries);
    return;
  }
  if (!list || !list->is_array()) return;
  for (std::size_t i = 0; i < list->size(); ++i) {
    entries.push_back(i);
    expand((*list)[i], tokens, std::size_t(star - tokens.begin()) + 1, entries, out);
    entries.pop_back();
  }
}

class Answers {
 public:
  Answers(const Experiment& e, const Json& spec, const Json& answer) : e_(e), spec_(spec), answer_(answer) {}

  /// The value there, or nullptr.
  const Json* find(const std::string& pointer, const Entries& entries) const {
    return lml::find(root(pointer), tokens(pointer), entries);
  }
  std::vector<Entries> all(const std::string& pointer) const {
    std::vector<Entries> out;
    Entries none;
    expand(root(pointer), tokens(pointer), 0, none, out);
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
  [[noreturn]] void missing(const std::string& pointer, const std::string& place) const {
    std::string known;
    for (const auto& [key, unused] : root(pointer).items()) known += (known.empty() ? "" : ", ") + key;
    fail(place, std::string(in_spec(pointer) ? "the spec" : "the answer") + " of lml " + e_.command + " has no " +
                    pointer + "; it has " + known);
  }
  /// Whether it says that there is no such law, so that nothing can be measured on it.
  bool says_none() const { return answer_.is_object() && answer_.value("exists", Json()) == false; }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& message) const {
    throw SpecError(e_.file.place(place), place, message);
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
