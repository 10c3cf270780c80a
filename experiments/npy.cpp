// numpy's .npy, versions 1 to 3 (numpy.lib.format).
#include <array>
#include <cstring>
#include <utility>

#include "experiments/array_formats.hpp"

namespace lml {
namespace formats {
namespace {

constexpr std::size_t longest_header = 1 << 16;

// The header is a Python literal, {'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }, and nothing more
// general.
class Header {
 public:
  explicit Header(std::string text) : text_(std::move(text)) {}

  Layout layout() {
    Layout out;
    bool descr = false, order = false, shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !std::exchange(descr, true))
        type(quoted(), out);
      else if (key == "fortran_order" && !std::exchange(order, true))
        out.fortran = truth();
      else if (key == "shape" && !std::exchange(shape, true))
        out.shape = tuple();
      else
        refuse();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_space();
    if (at_ != text_.size() || !descr || !order || !shape) refuse();
    return out;
  }

 private:
  [[noreturn]] static void refuse() { throw BadInput("", "has a header that is not numpy's"); }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) refuse();
  }
  std::string quoted() {
    skip_space();
    const char quote = at_ < text_.size() ? text_[at_] : ' ';
    if (quote != '\'' && quote != '"')  // a structured type is a list
      throw BadInput("", "holds no plain numbers, or has a header that is not numpy's");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string::npos) refuse();
    const std::string out = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return out;
  }
  bool truth() {
    skip_space();
    for (const char* word : {"True", "False"})
      if (text_.compare(at_, std::strlen(word), word) == 0) {
        at_ += std::strlen(word);
        return word[0] == 'T';
      }
    refuse();
  }
  std::vector<std::uint64_t> tuple() {
    std::vector<std::uint64_t> out;
    expect('(');
    while (!accept(')')) {
      skip_space();
      std::uint64_t v = 0;
      const std::size_t first = at_;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) {
        if (at_ - first >= 18) refuse();
        v = 10 * v + std::uint64_t(text_[at_] - '0');
      }
      if (at_ == first || out.size() >= 64) refuse();
      out.push_back(v);
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return out;
  }
  static void type(const std::string& descr, Layout& out) {
    static constexpr std::array<std::pair<const char*, Element>, 11> known{{{"f8", Element::f64},
                                                                            {"f4", Element::f32},
                                                                            {"f2", Element::f16},
                                                                            {"u1", Element::u8},
                                                                            {"i1", Element::i8},
                                                                            {"u2", Element::u16},
                                                                            {"i2", Element::i16},
                                                                            {"u4", Element::u32},
                                                                            {"i4", Element::i32},
                                                                            {"u8", Element::u64},
                                                                            {"i8", Element::i64}}};
    const bool prefixed = !descr.empty() && std::strchr("<>|=", descr[0]);
    out.big_endian = prefixed && descr[0] == '>';
    for (const auto& [name, element] : known)
      if (descr.substr(prefixed ? 1 : 0) == name) {
        out.element = element;
        return;
      }
    throw BadInput("", "holds entries of type '" + descr + "'; known: f2, f4, f8, i1 to i8, u1 to u8");
  }

  std::string text_;
  std::size_t at_ = 0;
};

}  // namespace

ArrayFile read_npy(const std::filesystem::path& path, const ArrayOptions& options) {
  File file(path);
  const std::string magic = file.left() < 8 ? "" : file.text(8);
  if (!magic.starts_with("\x93NUMPY")) throw BadInput("", "is no .npy file");
  const int version = magic[6];
  if (version < 1 || version > 3)
    throw BadInput("", "has version " + std::to_string(version) + " of .npy; known: 1 to 3");
  std::size_t length = 0;
  const std::string field = file.text(version == 1 ? 2 : 4);
  for (std::size_t i = field.size(); i-- > 0;) length = length << 8 | static_cast<unsigned char>(field[i]);
  if (length > longest_header) throw BadInput("", "has a header of " + std::to_string(length) + " bytes");
  const Layout layout = Header(file.text(length)).layout();
  require_size(payload(layout), file.left());
  return decode(layout, file.source(), options);
}

}  // namespace formats

std::string npy_header(const std::vector<Index>& shape, const std::string& descr) {
  std::string text = "{'descr': '" + descr + "', 'fortran_order': False, 'shape': (";
  for (Index axis : shape) text += std::to_string(axis) + ", ";
  text += "), }";
  text.append(63 - (10 + text.size()) % 64, ' ');  // magic, version and length are 10 bytes; data starts on 64
  text += '\n';
  std::string out("\x93NUMPY\x01\x00", 8);
  out += char(text.size() & 255);
  out += char(text.size() >> 8);
  return out + text;
}

}  // namespace lml
