#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

#include "paper_checks/engine.hpp"

namespace lml::checks {
namespace {

[[noreturn]] void fail(const std::filesystem::path& file, const std::string& what) {
  throw std::runtime_error(file.filename().string() + ": " + what);
}

class Keys {
 public:
  Keys(const std::filesystem::path& file, const toml::table& table) : file_(file), table_(table) {}

  std::string text(const std::string& key, bool needed) {
    const toml::node* n = find(key, needed);
    if (!n) return {};
    if (!n->is_string()) fail(file_, key + " must be a string");
    return n->as_string()->get();
  }
  double number(const std::string& key, bool needed) {
    const toml::node* n = find(key, needed);
    if (!n) return 0;
    const auto v = n->value<double>();
    if (!v || !n->is_number()) fail(file_, key + " must be a number");
    return *v;
  }
  std::vector<std::string> list(const std::string& key) {
    std::vector<std::string> out;
    const toml::node* n = find(key, false);
    if (!n) return out;
    if (!n->is_array()) fail(file_, key + " must be a list of strings");
    for (const toml::node& e : *n->as_array()) {
      if (!e.is_string()) fail(file_, key + " must be a list of strings");
      out.push_back(e.as_string()->get());
    }
    return out;
  }
  void refuse_others() const {
    for (const auto& [key, value] : table_)
      if (!asked_.count(std::string(key.str()))) fail(file_, "unknown key " + std::string(key.str()));
  }

 private:
  const toml::node* find(const std::string& key, bool needed) {
    asked_.insert(key);
    const toml::node* n = table_.get(key);
    if (!n && needed) fail(file_, key + " is missing");
    return n;
  }
  const std::filesystem::path& file_;
  const toml::table& table_;
  std::set<std::string> asked_;
};

Verdict verdict_named(const std::filesystem::path& file, const std::string& text) {
  for (Verdict v : {Verdict::supported, Verdict::refuted, Verdict::inconclusive, Verdict::not_run})
    if (text == name(v)) return v;
  fail(file, "recorded must be supported, refuted, inconclusive or not_run, is " + text);
}

Claim read(const std::filesystem::path& file) {
  const toml::parse_result parsed = toml::parse_file(file.string());
  if (!parsed)
    fail(file, "line " + std::to_string(parsed.error().source().begin.line) + ": " +
                   std::string(parsed.error().description()));
  Keys keys(file, parsed.table());
  Claim c;
  c.id = keys.text("id", true);
  if (c.id != file.stem().string()) fail(file, "id must be the file's name, is " + c.id);
  c.source = keys.text("source", true);
  c.group = keys.text("group", true);
  c.title = keys.text("title", true);
  c.statement = keys.text("statement", true);
  c.recorded = verdict_named(file, keys.text("recorded", true));
  const bool runs = c.recorded != Verdict::not_run;
  c.assumptions = keys.text("assumptions", false);
  c.quantity = keys.text("quantity", runs);
  c.relation = keys.text("relation", runs);
  if (runs && c.relation != "<=" && c.relation != ">=") fail(file, "relation must be <= or >=");
  c.threshold = keys.number("threshold", runs);
  c.basis = keys.text("basis", runs);
  c.method = keys.text("method", runs);
  c.second_method = keys.text("second_method", false);
  c.control = keys.text("control", runs);
  c.finding = keys.text("finding", runs);
  c.cost = keys.number("cost", runs);
  c.needs = keys.list("needs");
  c.takes_target = keys.text("takes_target", false);
  if (!c.takes_target.empty() && c.takes_target != "any" && c.takes_target != "points" && c.takes_target != "images")
    fail(file, "takes_target must be any, points or images");
  c.why = keys.text("why", !runs);
  keys.refuse_others();
  return c;
}

// The order of the paper: by section, not by letter ("eq10" after "eq9", propositions among their equations).
int place(const Claim& c) {
  static const std::vector<std::string> order{
      "eq1-",  "eq3",  "eq4",   "eq6",    "eq13",     "eq14",    "eq15",  "prop1", "prop2", "eq8",
      "eq7",   "def2", "prop3", "sec21",  "prop4",    "remark2", "eq9",   "eq10",  "alg1",  "secB2",
      "sec55", "fig9", "fig10", "tables", "table1-d", "table5",  "secD4", "real",  "table", "fig8"};
  for (std::size_t i = 0; i < order.size(); ++i)
    if (c.id.rfind(order[i], 0) == 0) return int(i);
  return int(order.size());
}

}  // namespace

std::vector<Claim> load_claims(const std::string& folder) {
  std::vector<Claim> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error))
    if (entry.path().extension() == ".toml") out.push_back(read(entry.path()));
  if (error) throw std::runtime_error(folder + ": " + error.message());
  std::sort(out.begin(), out.end(), [](const Claim& a, const Claim& b) {
    const int pa = place(a), pb = place(b);
    return pa != pb ? pa < pb : a.id < b.id;
  });
  return out;
}

std::vector<const Claim*> named(const std::vector<Claim>& all, const std::string& word) {
  const auto whole = std::find_if(all.begin(), all.end(), [&](const Claim& c) { return c.id == word; });
  if (whole != all.end()) return {&*whole};
  std::vector<const Claim*> out;
  for (const Claim& c : all)
    if (c.id.starts_with(word)) out.push_back(&c);
  return out;
}

}  // namespace lml::checks
