#include "experiments/measurements.hpp"

#include <algorithm>

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
  Answers(const Experiment& e, const Json& answer) : e_(e), answer_(answer) {}

  /// A number as text; empty where there is none. `place` is the pointer's own place in the file.
  std::string number(const std::string& pointer, const Entries& entries, const std::string& place,
                     bool optional) const {
    const Json* v = find(answer_, tokens_of(pointer), entries);
    if (!v && !optional) missing(pointer, place);
    if (!v || v->is_null()) return "";
    if (v->is_boolean()) return v->get<bool>() ? "1" : "0";
    if (v->is_number()) return dump(*v);
    if (v->is_string() && (*v == "inf" || *v == "-inf")) return v->get<std::string>();
    fail(place, "must lead to numbers; the answer has there: " + dump(*v).substr(0, 60));
  }
  std::string text(const std::string& pointer, const Entries& entries, const std::string& place) const {
    const Json* v = find(answer_, tokens_of(pointer), entries);
    if (!v) missing(pointer, place);
    return v->is_string() ? v->get<std::string>() : v->is_null() ? "" : dump(*v);
  }
  [[noreturn]] void missing(const std::string& pointer, const std::string& place) const {
    std::string known;
    for (const auto& [key, unused] : answer_.items()) known += (known.empty() ? "" : ", ") + key;
    fail(place, "the answer of lml " + e_.command + " has no " + pointer + "; it has " + known);
  }

 private:
  [[noreturn]] void fail(const std::string& place, const std::string& message) const {
    throw SpecError(e_.file.place(place), place, message);
  }
  const Experiment& e_;
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
  const Answers found(e, answer);
  std::vector<std::vector<std::string>> out;
  for (const Measure& m : e.measures) {
    std::vector<Entries> all;
    Entries none;
    expand(answer, tokens_of(m.value), 0, none, all);
    if (all.empty() && !m.optional) found.missing(m.value, m.pointer + "/value");
    for (const Entries& entries : all) {
      std::vector<std::string> row = job.labels;
      row.resize(columns.size());
      for (const auto& [column, pointer] : m.along)
        row[std::size_t(std::find(columns.begin(), columns.end(), column) - columns.begin())] =
            found.text(pointer, entries, m.pointer + "/along/" + column);
      row[columns.size() - 3] = m.name;
      row[columns.size() - 2] = found.number(m.value, entries, m.pointer + "/value", m.optional);
      if (!m.error.empty()) row[columns.size() - 1] = found.number(m.error, entries, m.pointer + "/error", m.optional);
      out.push_back(std::move(row));
    }
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
