#include "samplers/torch/state_dict.hpp"

#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "experiments/array_formats.hpp"
#include "experiments/errors.hpp"
#include "samplers/torch/mapping.hpp"
#include "theory/types.hpp"

namespace lml {
namespace {

[[noreturn]] void refuse(const std::string& what) { throw BadInput("", what); }

template <class T>
T little(const char* at) {
  T out;
  std::memcpy(&out, at, sizeof out);
  return out;
}

// ---- The archive.

/// Names and places of a zip archive's entries, all within the file.
class Archive {
 public:
  explicit Archive(std::string_view bytes) : bytes_(bytes) {
    const std::size_t end = end_record();
    std::uint64_t count = little<std::uint16_t>(at(end + 10, 2)), size = little<std::uint32_t>(at(end + 12, 4)),
                  offset = little<std::uint32_t>(at(end + 16, 4));
    if (end >= 20 && little<std::uint32_t>(at(end - 20, 4)) == 0x07064B50) {  // where the zip64 record is
      const auto record = little<std::uint64_t>(at(end - 12, 8));
      if (little<std::uint32_t>(at(record, 4)) != 0x06064B50) refuse("has a broken zip64 directory");
      count = little<std::uint64_t>(at(record, 40) + 32);
      size = little<std::uint64_t>(at(record, 48) + 40);
      offset = little<std::uint64_t>(at(record, 56) + 48);
    }
    std::uint64_t place = offset;
    at(offset, size);
    for (std::uint64_t i = 0; i < count; ++i) place = read_entry(place);
  }
  std::optional<std::string_view> find(const std::string& name) const {
    const auto it = entries_.find(name);
    return it == entries_.end() ? std::nullopt : std::optional(it->second);
  }
  /// The folder in which data.pkl lies, with its slash.
  std::string root() const {
    for (const auto& [name, bytes] : entries_)
      if (name.ends_with("/data.pkl")) return name.substr(0, name.size() - 8);
    refuse("is a zip archive, but no state dict: it holds no data.pkl");
  }

 private:
  const char* at(std::uint64_t place, std::uint64_t size) const {
    if (place > bytes_.size() || size > bytes_.size() - place) refuse("has a zip directory that points outside it");
    return bytes_.data() + place;
  }
  // The last record, before a comment of at most 64 KiB.
  std::size_t end_record() const {
    constexpr std::size_t record = 22;
    if (bytes_.size() >= record)
      for (std::size_t back = record; back <= std::min(bytes_.size(), record + 65535); ++back)
        if (little<std::uint32_t>(bytes_.data() + bytes_.size() - back) == 0x06054B50) return bytes_.size() - back;
    refuse("is no zip archive (a state dict written by torch before 1.6 is not read)");
  }
  std::uint64_t read_entry(std::uint64_t place) {
    const char* p = at(place, 46);
    if (little<std::uint32_t>(p) != 0x02014B50) refuse("has a broken zip directory");
    const auto method = little<std::uint16_t>(p + 10), name_size = little<std::uint16_t>(p + 28),
               extra_size = little<std::uint16_t>(p + 30), comment_size = little<std::uint16_t>(p + 32);
    std::uint64_t packed = little<std::uint32_t>(p + 20), size = little<std::uint32_t>(p + 24),
                  local = little<std::uint32_t>(p + 42);
    const std::string name(at(place + 46, name_size), name_size);
    const std::string_view extra(at(place + 46 + name_size, extra_size), extra_size);
    for (std::size_t i = 0; i + 4 <= extra.size();) {
      const std::size_t length = little<std::uint16_t>(extra.data() + i + 2);
      if (length > extra.size() - i - 4) break;
      if (little<std::uint16_t>(extra.data() + i) == 1) {  // zip64: those numbers that did not fit
        std::size_t from = i + 4;
        for (std::uint64_t* number : {&size, &packed, &local})
          if (*number == 0xFFFFFFFF && from + 8 <= i + 4 + length) {
            *number = little<std::uint64_t>(extra.data() + from);
            from += 8;
          }
      }
      i += 4 + length;
    }
    if (method != 0 || packed != size) refuse("holds a compressed entry (" + name + "): torch stores them");
    const char* header = at(local, 30);
    if (little<std::uint32_t>(header) != 0x04034B50) refuse("has a broken zip directory");
    const std::uint64_t data = local + 30 + little<std::uint16_t>(header + 26) + little<std::uint16_t>(header + 28);
    entries_.insert_or_assign(name, std::string_view(at(data, size), size));
    return place + 46 + name_size + extra_size + comment_size;
  }

  std::string_view bytes_;
  std::map<std::string, std::string_view> entries_;
};

// ---- The pickle.

enum class Kind { mark, none, boolean, integer, real, text, tuple, list, dictionary, global, storage, tensor };

/// A value; all of them belong to the reader, so that neither depth nor cycles matter.
struct Value {
  Kind kind = Kind::none;
  std::int64_t integer = 0;
  std::string text;           // of text, and of a global its name
  std::vector<Value*> items;  // of a dictionary: key, value, key, value ...
  at::Tensor tensor;          // of storage and tensor
};

std::optional<at::ScalarType> type_of_storage(std::string_view name) {
  static const std::pair<std::string_view, at::ScalarType> known[] = {
      {"torch.FloatStorage", at::kFloat},       {"torch.DoubleStorage", at::kDouble}, {"torch.HalfStorage", at::kHalf},
      {"torch.BFloat16Storage", at::kBFloat16}, {"torch.LongStorage", at::kLong},     {"torch.IntStorage", at::kInt},
      {"torch.ShortStorage", at::kShort},       {"torch.CharStorage", at::kChar},     {"torch.ByteStorage", at::kByte},
      {"torch.BoolStorage", at::kBool}};
  for (const auto& [storage, type] : known)
    if (storage == name) return type;
  return std::nullopt;
}

class Pickle {
 public:
  Pickle(const Archive& archive, std::string root, std::shared_ptr<const Mapping> mapping)
      : archive_(&archive), root_(std::move(root)), mapping_(std::move(mapping)) {
    constexpr std::size_t longest = 4 << 20;  // thousands of tensors take a tenth of it
    bytes_ = *archive.find(root_ + "data.pkl");
    if (bytes_.size() > longest) refuse("has a pickle too large for one of tensors");
  }

  Weights read() {
    const Value* top = run();
    if (top->kind != Kind::dictionary) refuse("holds no dictionary of tensors");
    Weights out;
    for (std::size_t i = 0; i < top->items.size(); i += 2) {
      const Value &name = *top->items[i], &value = *top->items[i + 1];
      if (name.kind != Kind::text) refuse("holds a tensor whose name is no text");
      if (value.kind != Kind::tensor) refuse("'" + name.text + "' is no tensor");
      out.insert_or_assign(name.text, value.tensor);
    }
    return out;
  }

 private:
  const Value* run() {
    for (;;) {
      const auto code = static_cast<unsigned char>(*take(1));
      switch (code) {
        case '.': return pop();
        case 0x80: take(1); break;  // PROTO
        case 0x95: take(8); break;  // FRAME
        case '(': push(Kind::mark); break;
        case 'N': push(Kind::none); break;
        case 0x88: push(Kind::boolean)->integer = 1; break;
        case 0x89: push(Kind::boolean); break;
        case 'K': push(Kind::integer)->integer = number<std::uint8_t>(); break;
        case 'M': push(Kind::integer)->integer = number<std::uint16_t>(); break;
        case 'J': push(Kind::integer)->integer = number<std::int32_t>(); break;
        case 0x8A: push(Kind::integer)->integer = long_integer(); break;
        case 'G': take(8), push(Kind::real); break;  // its value is of no use
        case 'X': push_text(number<std::uint32_t>()); break;
        case 0x8C: push_text(number<std::uint8_t>()); break;
        case 0x8D: push_text(number<std::uint64_t>()); break;
        case 'U': push_text(number<std::uint8_t>()); break;
        case 'T': push_text(number<std::uint32_t>()); break;
        case ')': push(Kind::tuple); break;
        case ']': push(Kind::list); break;
        case '}': push(Kind::dictionary); break;
        case 't': push_tuple(from_mark()); break;
        case 0x85: push_tuple(last(1)); break;
        case 0x86: push_tuple(last(2)); break;
        case 0x87: push_tuple(last(3)); break;
        case 'a': append(Kind::list, last(1)); break;
        case 'e': append(Kind::list, from_mark()); break;
        case 's': append(Kind::dictionary, last(2)); break;
        case 'u': append(Kind::dictionary, from_mark()); break;
        case '0': pop(); break;
        case 'q': memo_[number<std::uint8_t>()] = top(); break;
        case 'r': memo_[number<std::uint32_t>()] = top(); break;
        case 0x94: {
          const std::uint64_t next = memo_.size();
          memo_[next] = top();
          break;
        }
        case 'h': push_memo(number<std::uint8_t>()); break;
        case 'j': push_memo(number<std::uint32_t>()); break;
        case 'c': {
          const std::string module = line();
          push_global(module, line());
          break;
        }
        case 0x93: {
          const std::vector<Value*> names = last(2);
          if (names[0]->kind != Kind::text || names[1]->kind != Kind::text) broken();
          push_global(names[0]->text, names[1]->text);
          break;
        }
        case 'Q': push_storage(*pop()); break;
        case 'R': {
          const std::vector<Value*> call = last(2);
          reduce(*call[0], *call[1]);
          break;
        }
        case 'b': {  // attributes of a dictionary (a state dict's _metadata) are no tensors
          pop();
          if (top()->kind != Kind::dictionary) refuse("has a pickle that sets attributes of an object");
          break;
        }
        default: refuse("has a pickle with more than tensors in it (opcode " + std::to_string(code) + ")");
      }
    }
  }

  [[noreturn]] static void broken() { refuse("has a broken pickle"); }
  const char* take(std::uint64_t n) {
    if (n > bytes_.size() - position_) broken();
    const char* out = bytes_.data() + position_;
    position_ += n;
    return out;
  }
  template <class T>
  T number() {
    return little<T>(take(sizeof(T)));
  }
  std::int64_t long_integer() {
    const std::size_t n = number<std::uint8_t>();
    const char* p = take(n);
    if (n > 8) refuse("has a pickle with an integer of more than 64 bits");
    std::int64_t out = n > 0 && p[n - 1] < 0 ? -1 : 0;
    std::memcpy(&out, p, n);
    return out;
  }
  std::string line() {
    const std::size_t end = bytes_.find('\n', position_);
    if (end == std::string_view::npos) broken();
    std::string out(bytes_.substr(position_, end - position_));
    position_ = end + 1;
    return out;
  }

  Value* push(Kind kind) {
    values_.push_back({});
    values_.back().kind = kind;
    stack_.push_back(&values_.back());
    return stack_.back();
  }
  void push_text(std::uint64_t n) {
    const char* p = take(n);
    push(Kind::text)->text.assign(p, n);
  }
  void push_tuple(std::vector<Value*> items) { push(Kind::tuple)->items = std::move(items); }
  void push_memo(std::uint64_t key) {
    const auto it = memo_.find(key);
    if (it == memo_.end()) broken();
    stack_.push_back(it->second);
  }
  void push_global(const std::string& module, const std::string& name) {
    const std::string full = module + "." + name;
    const bool known = full == "collections.OrderedDict" || full == "torch._utils._rebuild_tensor_v2" ||
                       full == "torch._utils._rebuild_parameter" || type_of_storage(full);
    if (!known) refuse("has a pickle with more than tensors in it (" + full + ")");
    push(Kind::global)->text = full;
  }
  Value* top() const {
    if (stack_.empty()) broken();
    return stack_.back();
  }
  Value* pop() {
    Value* out = top();
    stack_.pop_back();
    return out;
  }
  std::vector<Value*> last(std::size_t n) {
    if (stack_.size() < n) broken();
    std::vector<Value*> out(stack_.end() - std::ptrdiff_t(n), stack_.end());
    stack_.resize(stack_.size() - n);
    return out;
  }
  std::vector<Value*> from_mark() {
    std::size_t n = 0;
    while (n < stack_.size() && stack_[stack_.size() - 1 - n]->kind != Kind::mark) ++n;
    std::vector<Value*> out = last(n);
    pop();
    return out;
  }
  void append(Kind kind, const std::vector<Value*>& items) {
    Value* to = top();
    if (to->kind != kind || (kind == Kind::dictionary && items.size() % 2 != 0)) broken();
    to->items.insert(to->items.end(), items.begin(), items.end());
  }

  // ("storage", its type, key, where it was, numbers)
  void push_storage(const Value& id) {
    if (id.kind != Kind::tuple || id.items.size() != 5 || id.items[0]->text != "storage" ||
        id.items[1]->kind != Kind::global || id.items[2]->kind != Kind::text || id.items[4]->kind != Kind::integer)
      broken();
    const auto type = type_of_storage(id.items[1]->text);
    const auto bytes = archive_->find(root_ + "data/" + id.items[2]->text);
    if (!type) broken();
    if (!bytes) refuse("lacks the storage " + id.items[2]->text);
    const std::int64_t n = id.items[4]->integer, size = std::int64_t(c10::elementSize(*type));
    if (n < 0 || std::uint64_t(n) > bytes->size() / std::uint64_t(size))
      refuse("says that the storage " + id.items[2]->text + " has " + std::to_string(n) + " numbers; it has " +
             std::to_string(bytes->size() / std::uint64_t(size)));
    char* data = mapping_->data() + (bytes->data() - mapping_->data());
    at::Tensor out = at::from_blob(
        data, {n}, [mapping = mapping_](void*) {}, *type);
    const bool aligned = reinterpret_cast<std::uintptr_t>(data) % std::uintptr_t(size) == 0;
    push(Kind::storage)->tensor = aligned ? out : out.clone();
  }

  static std::vector<std::int64_t> counts(const Value& v) {
    if (v.kind != Kind::tuple || v.items.size() > 16) broken();
    std::vector<std::int64_t> out;
    for (const Value* item : v.items) {
      if (item->kind != Kind::integer || item->integer < 0) broken();
      out.push_back(item->integer);
    }
    return out;
  }
  // A view of its storage that stays within it, and does not hold more numbers than it.
  static at::Tensor rebuilt(const std::vector<Value*>& a) {
    if (a.size() < 4 || a[0]->kind != Kind::storage || a[1]->kind != Kind::integer || a[1]->integer < 0) broken();
    const std::vector<std::int64_t> sizes = counts(*a[2]), strides = counts(*a[3]);
    if (sizes.size() != strides.size()) broken();
    const std::int64_t there = a[0]->tensor.numel();
    std::int64_t last = a[1]->integer, numbers = 1;
    bool fits = true;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      std::int64_t reach = 0;
      fits = fits && !__builtin_mul_overflow(numbers, sizes[i], &numbers) &&
             !__builtin_mul_overflow(std::max<std::int64_t>(sizes[i] - 1, 0), strides[i], &reach) &&
             !__builtin_add_overflow(last, reach, &last);
    }
    if (!fits || numbers > there || (numbers > 0 && last >= there) || a[1]->integer > there)
      refuse("has a tensor that reaches outside its storage");
    return a[0]->tensor.as_strided(sizes, strides, a[1]->integer);
  }
  void reduce(const Value& function, const Value& arguments) {
    if (function.kind != Kind::global || arguments.kind != Kind::tuple) broken();
    const std::vector<Value*>& a = arguments.items;
    if (function.text == "collections.OrderedDict") {
      if (!a.empty()) broken();
      push(Kind::dictionary);
    } else if (function.text == "torch._utils._rebuild_tensor_v2") {
      push(Kind::tensor)->tensor = rebuilt(a);
    } else if (function.text == "torch._utils._rebuild_parameter") {
      if (a.empty() || a[0]->kind != Kind::tensor) broken();
      stack_.push_back(a[0]);
    } else {
      broken();
    }
  }

  const Archive* archive_;
  std::string root_;
  std::shared_ptr<const Mapping> mapping_;
  std::string_view bytes_;
  std::size_t position_ = 0;
  std::deque<Value> values_;
  std::vector<Value*> stack_;
  std::unordered_map<std::uint64_t, Value*> memo_;
};

}  // namespace

Weights read_state_dict(const std::filesystem::path& path) try {
  const std::uint64_t size = formats::File(path).size();
  if (size == 0) refuse("is empty");
  const auto mapping = std::make_shared<const Mapping>(path, size);
  const Archive archive(std::string_view(mapping->data(), size));
  const std::string root = archive.root();
  if (const auto order = archive.find(root + "byteorder"); order && *order != "little")
    refuse("is of a machine of another byte order");
  return Pickle(archive, root, mapping).read();
} catch (const BadInput& e) {
  throw SpecError(path, "", e.what());
}

}  // namespace lml
