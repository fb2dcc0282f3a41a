#include "af2/io/torch_zip.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/io/pickle.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

using Kind = PickleKind;
using Role = PickleRole;

constexpr std::size_t kMaxDepth = 100;
constexpr std::size_t kTorchMaxDims = 64;  // torch's own limit
constexpr std::size_t kMaxKey = 200;       // of a storage; torch counts them
constexpr std::size_t kShownName = 300;

// Names of torch.<Type>Storage and torch.<type>, and what they are here.
struct TypeName {
  std::string_view storage, element;
  DType dtype;
};
constexpr TypeName kStorageTypes[] = {
    {"DoubleStorage", "float64", DType::kF64},
    {"FloatStorage", "float32", DType::kF32},
    {"HalfStorage", "float16", DType::kF16},
    {"BFloat16Storage", "bfloat16", DType::kBF16},
    {"LongStorage", "int64", DType::kI64},
    {"IntStorage", "int32", DType::kI32},
    {"ShortStorage", "int16", DType::kI16},
    {"CharStorage", "int8", DType::kI8},
    {"ByteStorage", "uint8", DType::kU8},
    {"BoolStorage", "bool", DType::kBool},
    {"", "float8_e4m3fn", DType::kF8E4M3},
    {"", "float8_e5m2", DType::kF8E5M2},
    {"", "uint64", DType::kU64},
    {"", "uint32", DType::kU32},
    {"", "uint16", DType::kU16},
};

bool begins(std::span<const std::byte> bytes, std::size_t at, std::string_view magic) {
  return bytes.size() >= at && bytes.size() - at >= magic.size() &&
         std::equal(magic.begin(), magic.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::byte b) { return static_cast<std::byte>(a) == b; });
}

// Says what a file is that is no zip archive.
void check_format(std::span<const std::byte> bytes, const std::string& where) {
  using namespace std::string_view_literals;
  constexpr std::string_view kResave = "load it with a current torch and save it again with torch.save";
  // The number that torch.save wrote first before 1.6, as a pickle of protocol 2 (the digits alone in
  // others).
  constexpr std::string_view kOldMagic = "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
  if (begins(bytes, 0, "PK\x03\x04"sv)) return;
  if (begins(bytes, 4, kOldMagic))
    throw model_error("is in the format of torch before 1.6, which is not a zip archive", where,
                      std::string(kResave));
  if (begins(bytes, 257, "ustar"sv))
    throw model_error("is a tar archive, the format of torch before 0.1.10", where, std::string(kResave));
  if (bytes.size() >= 2 && bytes[0] == std::byte{0x80} && bytes[1] >= std::byte{2} &&
      bytes[1] <= std::byte{5})
    throw model_error("is a bare pickle, not an archive of torch.save", where, std::string(kResave));
  if (bytes.size() < 4)
    throw model_error("file truncated: it has " + std::to_string(bytes.size()) + " bytes", where,
                      "copy it again");
  throw model_error("not an archive of torch.save: it does not start like a zip archive", where,
                    "give a .pt file; for .safetensors and .gguf keep those endings");
}

}  // namespace

// Walks the values of the pickle and gives each its path.
class TorchZipParser {
 public:
  explicit TorchZipParser(TorchZip* result) : out_(*result), zip_(result->zip_) {}

  void parse() {
    const ZipEntry& entry = find_pickle();
    const Pickle pickle = Pickle::parse(entry.bytes, zip_.where());
    // Values may be shared, so that a small pickle can unfold into a huge tree. A checkpoint has more bytes
    // of pickle than values; texts and entries of the result may take a fixed multiple of its size.
    visits_left_ = entry.bytes.size() + 1000;
    result_left_ = 64 * entry.bytes.size() + (1u << 20);
    pickle_ = &pickle;
    visit(pickle.root_id());
  }

 private:
  [[noreturn]] void fail(std::string what, std::string hint = "") const {
    throw model_error(std::move(what), zip_.where(), std::move(hint));
  }
  [[noreturn]] void fail_tensor(const std::string& what, std::string hint = "") const {
    fail("tensor " + label() + " " + what, std::move(hint));
  }
  std::string label() const { return path_.empty() ? "(without a name)" : printable(path_, kShownName); }

  const ZipEntry& find_pickle() {
    // Every record lies in one folder, named after the file.
    const ZipEntry* found = nullptr;
    constexpr std::string_view kPickle = "/data.pkl";
    for (const ZipEntry& entry : zip_.entries()) {
      const std::size_t slash = entry.name.find('/');
      if (slash == std::string_view::npos) continue;
      const std::string_view rest = entry.name.substr(slash);
      if (rest == "/constants.pkl" || rest.starts_with("/code/"))
        fail("is a TorchScript program, not a checkpoint",
             "load it with torch.jit.load and save its weights: torch.save(module.state_dict(), path)");
      if (rest != kPickle) continue;
      if (found) fail("has two data.pkl: one archive holds one checkpoint");
      found = &entry;
      root_ = entry.name.substr(0, slash + 1);
    }
    if (!found) fail("is a zip archive without data.pkl, not one of torch.save");
    if (const ZipEntry* order = zip_.find(root_ + "byteorder")) {
      const std::string_view text(reinterpret_cast<const char*>(order->bytes.data()), order->bytes.size());
      if (text == "big") fail("its numbers are big-endian", "re-save it on a little-endian machine");
      if (text != "little") fail("its byteorder record says neither little nor big: " + printable(text));
    }
    return *found;
  }

  const PickleValue& value(PickleId id) const { return (*pickle_)[id]; }

  void visit(PickleId id) {
    const PickleValue& here = value(id);
    if (visits_left_-- == 0) fail("unfolds into more values than its size allows, at " + label());
    switch (here.kind) {
      case Kind::kBool:
        return add_scalar(here.integer != 0, 0);
      case Kind::kInt:
        return add_scalar(here.integer, 0);
      case Kind::kFloat:
        return add_scalar(here.real, 0);
      case Kind::kText:
        return add_scalar(here.text, here.text.size());
      case Kind::kCall:
        return add_tensor(here);
      case Kind::kList:
      case Kind::kTuple:
      case Kind::kDict:
      case Kind::kObject:
        break;
      default:  // None, bytes, types, storages: nothing to hand out
        return;
    }
    if (std::find(open_.begin(), open_.end(), id) != open_.end())
      fail("holds a value that contains itself, at " + label());
    if (open_.size() == kMaxDepth)
      fail("is nested more than " + std::to_string(kMaxDepth) + " levels deep, at " + label());
    open_.push_back(id);
    const std::size_t length = path_.size();
    const bool top = n_parts_ == 0;
    const std::size_t step = here.kind == Kind::kDict ? 2 : 1;
    for (std::size_t i = 0; i < here.items.size(); i += step) {
      if (here.kind == Kind::kObject) {
        visit(here.items[i]);
        continue;
      }
      if (!top) path_ += '.';
      if (here.kind == Kind::kDict)
        add_key(value(here.items[i]));
      else
        path_ += std::to_string(i);
      ++n_parts_;
      visit(here.items[i + step - 1]);
      --n_parts_;
      path_.resize(length);
    }
    open_.pop_back();
  }

  // Appends a dictionary's key to the path, as Python would print it.
  void add_key(const PickleValue& key) {
    charge(key.text.size());
    if (key.kind == Kind::kText) {
      path_ += key.text;
    } else if (key.kind == Kind::kInt) {
      path_ += std::to_string(key.integer);
    } else if (key.kind == Kind::kBool) {
      path_ += key.integer ? "True" : "False";
    } else if (key.kind == Kind::kNone) {
      path_ += "None";
    } else if (key.kind == Kind::kFloat) {
      char digits[32];
      const auto end = std::to_chars(digits, digits + sizeof digits, key.real).ptr;
      path_.append(digits, end);
    } else {
      fail("the dictionary at " + label() + " has a key that is neither text nor a number");
    }
  }

  void charge(std::size_t size) {
    if (size > result_left_) fail("unfolds into more text than its size allows, at " + label());
    result_left_ -= size;
  }

  // Says that the path is used; texts of `size` bytes come with it.
  void claim(std::size_t size) {
    constexpr std::size_t kMapNode = 128;
    charge(kMapNode + path_.size());
    charge(size);
    if (out_.tensors_.contains(path_) || out_.scalars_.contains(path_))
      fail("two values have the path " + label(), "rename one of them");
  }

  template <class T>
  void add_scalar(T scalar, std::size_t size) {
    claim(size);
    if constexpr (std::is_same_v<T, std::string_view>)
      out_.scalars_.emplace(path_, std::string(scalar));
    else
      out_.scalars_.emplace(path_, scalar);
  }

  // --- tensors ---
  void add_tensor(const PickleValue& call) {
    const PickleValue* tensor = &call;
    if (call.role == Role::kParameter || call.role == Role::kParameterState) {
      const PickleValue& arguments = value(call.items[0]);
      // (tensor, requires_grad, hooks) and, in the longer form, attributes set from Python
      if (arguments.items.size() != (call.role == Role::kParameter ? 3u : 4u))
        fail_tensor("is a parameter with " + std::to_string(arguments.items.size()) + " arguments");
      tensor = &value(arguments.items[0]);
    }
    if (tensor->kind != Kind::kCall || (tensor->role != Role::kTensor && tensor->role != Role::kTypedTensor))
      fail_tensor("is a parameter of something that is no tensor");
    claim(path_.size() + sizeof(TensorView));
    TensorView view = read_tensor(tensor->role == Role::kTypedTensor, value(tensor->items[0]));
    charge(view.shape.size() * sizeof(std::int64_t));
    out_.tensors_.emplace(path_, std::move(view));
  }

  // (storage, offset, size, stride, requires_grad, hooks[, element type][, metadata])
  TensorView read_tensor(bool typed, const PickleValue& arguments) {
    const std::size_t n_known = typed ? 7 : 6, n_given = arguments.items.size();
    if (n_given != n_known && n_given != n_known + 1)
      fail_tensor("is described by " + std::to_string(n_given) + " arguments instead of " +
                  std::to_string(n_known));
    const auto argument = [&](std::size_t i) -> const PickleValue& { return value(arguments.items[i]); };
    if (n_given > n_known && argument(n_known).kind != Kind::kNone &&
        !(argument(n_known).kind == Kind::kDict && argument(n_known).items.empty()))
      fail_tensor("is a conjugate or negative view", "save tensor.resolve_conj().resolve_neg() instead");
    if (typed && (argument(6).kind != Kind::kGlobal || argument(6).role != Role::kElementType))
      fail_tensor("has no element type");
    if (argument(0).kind != Kind::kPersistent) fail_tensor("has no storage");

    TensorView view;
    view.name = path_;
    const std::span<const std::byte> storage =
        read_storage(value(argument(0).items[0]), typed ? argument(6).text : std::string_view(), &view.dtype);
    view.shape = read_numbers(argument(2), "size");
    const std::vector<std::int64_t> strides = read_numbers(argument(3), "stride");
    if (strides.size() != view.shape.size()) fail_tensor("has more sizes than strides, or fewer");
    const auto n_bytes = checked_bytes(view.dtype, view.shape);
    if (!n_bytes) fail_tensor("(" + shape_text(view.shape) + ") has a size below zero or beyond 64 bits");
    if (argument(1).kind != Kind::kInt || argument(1).integer < 0)
      fail_tensor("has no proper storage offset");
    if (*n_bytes == 0) return view;

    std::int64_t expected = 1;  // cannot overflow: it stays at most the number of elements
    for (std::size_t d = view.shape.size(); d-- > 0;) {
      if (view.shape[d] != 1 && strides[d] != expected)
        fail_tensor("(" + shape_text(view.shape) + ") is not contiguous (a transposed or sliced view)",
                    "save tensor.contiguous() instead");
      expected *= view.shape[d];
    }
    const auto item = static_cast<std::uint64_t>(block_bytes(view.dtype));
    const auto first = static_cast<std::uint64_t>(argument(1).integer);
    const auto size = static_cast<std::uint64_t>(*n_bytes);
    if (first > storage.size() / item || size > storage.size() - first * item)
      fail_tensor("(" + shape_text(view.shape) + ") needs " + std::to_string(size) + " bytes from element " +
                  std::to_string(first) + " on, but its storage has " + std::to_string(storage.size()));
    view.bytes = storage.subspan(first * item, size);
    return view;
  }

  // ("storage", type, key, device, number of elements). `element` is the name of the tensor's own type, or
  // empty where the storage gives it; then the storage counts elements, otherwise bytes.
  std::span<const std::byte> read_storage(const PickleValue& id, std::string_view element, DType* dtype) {
    const auto part = [&](std::size_t i) -> const PickleValue& { return value(id.items[i]); };
    if (id.items.size() != 5 || part(0).kind != Kind::kText || part(0).text != "storage" ||
        part(1).kind != Kind::kGlobal || part(1).role != Role::kStorageType || part(2).kind != Kind::kText ||
        part(2).text.size() > kMaxKey || part(4).kind != Kind::kInt || part(4).integer < 0)
      fail_tensor("has a storage that is not described as torch does");
    const std::string_view name = element.empty() ? part(1).text : element;
    const auto* type = std::find_if(
        std::begin(kStorageTypes), std::end(kStorageTypes),
        [&](const TypeName& t) { return element.empty() ? t.storage == name : t.element == name; });
    if (type == std::end(kStorageTypes))
      fail_tensor("has the type " + std::string(name) + ", which is not supported",
                  name.find("omplex") != std::string_view::npos ? "save its real and imaginary parts" : "");
    if (!element.empty() && part(1).text != "UntypedStorage") fail_tensor("has two element types");
    *dtype = type->dtype;
    const std::int64_t item = element.empty() ? block_bytes(type->dtype) : 1;
    const std::string record = root_ + "data/" + std::string(part(2).text);
    const ZipEntry* entry = zip_.find(record);
    if (!entry) fail_tensor("lacks its record " + printable(record, kShownName), "copy the file again");
    const std::uint64_t held = entry->bytes.size() / static_cast<std::uint64_t>(item);
    if (held != static_cast<std::uint64_t>(part(4).integer) ||
        entry->bytes.size() % static_cast<std::uint64_t>(item) != 0)
      fail_tensor("has a storage of " + std::to_string(part(4).integer) + " x " + std::to_string(item) +
                  " bytes, but its record " + printable(record, kShownName) + " has " +
                  std::to_string(entry->bytes.size()));
    return entry->bytes;
  }

  std::vector<std::int64_t> read_numbers(const PickleValue& tuple, const char* what) const {
    if (tuple.kind != Kind::kTuple) fail_tensor("has no " + std::string(what));
    if (tuple.items.size() > kTorchMaxDims)
      fail_tensor("has " + std::to_string(tuple.items.size()) + " dimensions");
    std::vector<std::int64_t> numbers;
    for (const PickleId id : tuple.items) {
      if (value(id).kind != Kind::kInt) fail_tensor("has a " + std::string(what) + " that is no number");
      numbers.push_back(value(id).integer);
    }
    return numbers;
  }

  TorchZip& out_;
  const ZipArchive& zip_;
  const Pickle* pickle_ = nullptr;
  std::string root_, path_;
  std::size_t n_parts_ = 0;
  std::vector<PickleId> open_;  // the containers on the way here
  std::size_t visits_left_ = 0, result_left_ = 0;
};

TorchZip TorchZip::parse(std::span<const std::byte> bytes, const std::string& where) {
  check_format(bytes, where);
  TorchZip result;
  result.zip_ = ZipArchive::parse(bytes, where);
  TorchZipParser(&result).parse();
  return result;
}

TorchZip TorchZip::open(const fs::path& path) {
  MappedFile file(path);
  TorchZip result = parse(file.bytes(), path.string());
  result.file_ = std::move(file);
  return result;
}

const TensorView* TorchZip::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const TensorView& TorchZip::get(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;
  throw model_error("lacks the tensor " + std::string(name), where());
}

const TensorView& TorchZip::get(std::string_view name, std::span<const std::int64_t> shape) const {
  return expect_shape(get(name), shape, where());
}

const TorchScalar* TorchZip::find_scalar(std::string_view path) const {
  const auto found = scalars_.find(path);
  if (found != scalars_.end()) return &found->second;
  if (contains(path)) throw model_error(std::string(path) + " is a tensor, not a plain value", where());
  return nullptr;
}

std::optional<bool> TorchZip::find_bool(std::string_view path) const {
  const TorchScalar* scalar = find_scalar(path);
  if (!scalar) return std::nullopt;
  if (const auto* truth = std::get_if<bool>(scalar)) return *truth;
  throw model_error(std::string(path) + " is neither true nor false", where());
}

std::optional<std::int64_t> TorchZip::find_int(std::string_view path) const {
  const TorchScalar* scalar = find_scalar(path);
  if (!scalar) return std::nullopt;
  if (const auto* number = std::get_if<std::int64_t>(scalar)) return *number;
  throw model_error(std::string(path) + " is not a whole number", where());
}

std::optional<double> TorchZip::find_float(std::string_view path) const {
  const TorchScalar* scalar = find_scalar(path);
  if (!scalar) return std::nullopt;
  if (const auto* number = std::get_if<double>(scalar)) return *number;
  if (const auto* whole = std::get_if<std::int64_t>(scalar)) return static_cast<double>(*whole);
  throw model_error(std::string(path) + " is not a number", where());
}

const std::string* TorchZip::find_string(std::string_view path) const {
  const TorchScalar* scalar = find_scalar(path);
  if (!scalar) return nullptr;
  if (const auto* text = std::get_if<std::string>(scalar)) return text;
  throw model_error(std::string(path) + " is not text", where());
}

void TorchZip::verify() const {
  for (const ZipEntry& entry : zip_.entries()) zip_.check_crc(entry);
}

void TorchZip::release(const TensorView& tensor) const {
  const auto whole = file_.bytes();
  if (!whole.empty() && std::less_equal<>{}(whole.data(), tensor.bytes.data()) &&
      std::less_equal<>{}(tensor.bytes.data() + tensor.bytes.size(), whole.data() + whole.size()))
    file_.release(static_cast<std::size_t>(tensor.bytes.data() - whole.data()), tensor.bytes.size());
}

}  // namespace af2
