#include "af2/io/gguf.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <tuple>
#include <type_traits>

#include "af2/core/error.h"
#include "af2/io/gguf_detail.h"

namespace af2 {
namespace {

using namespace gguf_detail;

// Value types of the format; 0 to 8 and 10 to 12 are in the order of GgufValue's scalars, 9 says "array".
constexpr std::string_view kTypeNames[] = {"uint8",   "int8",    "uint16", "int16",  "uint32", "int32",
                                           "float32", "boolean", "string", "uint64", "int64",  "float64"};
constexpr std::size_t kScalars = std::size(kTypeNames);
static_assert(std::variant_size_v<GgufValue> == 2 * kScalars);

constexpr std::uint32_t kMaxVersion = 3;
constexpr std::uint64_t kMaxName = 65535;
}  // namespace

// Reads values from the front of the bytes; every read is checked.
class GgufParser {
 public:
  GgufParser(std::span<const std::byte> bytes, Gguf* result) : bytes_(bytes), out_(*result) {}

  void parse() {
    if (bytes_.size() < 4 || std::memcmp(bytes_.data(), "GGUF", 4) != 0)
      fail(bytes_.size() < 4 ? "file truncated: it has " + std::to_string(bytes_.size()) + " bytes"
                             : "not a GGUF file: it does not start with \"GGUF\"");
    at_ = 4;
    out_.version_ = read<std::uint32_t>();
    if ((out_.version_ & 0xffffu) == 0 && out_.version_ != 0)
      fail("a big-endian GGUF file, which is not supported");
    if (out_.version_ < 2 || out_.version_ > kMaxVersion)
      fail("GGUF version " + std::to_string(out_.version_) + "; versions 2 and 3 are supported");
    const std::uint64_t n_tensors = read<std::uint64_t>();
    const std::uint64_t n_keys = read<std::uint64_t>();
    // Smallest entries: key length, type, one byte; name length, dimension count, type, offset.
    check_count(n_keys, 8 + 4 + 1, "metadata keys");
    check_count(n_tensors, 8 + 4 + 4 + 8, "tensors");
    for (std::uint64_t i = 0; i < n_keys; ++i) read_key();
    read_tensors(n_tensors);
  }

 private:
  [[noreturn]] void fail(std::string what) const { throw model_error(std::move(what), out_.where_); }

  std::uint64_t remaining() const { return bytes_.size() - at_; }

  void need(std::uint64_t size) const {
    if (size > remaining())
      throw model_error("file truncated: it has " + std::to_string(bytes_.size()) + " bytes and needs " +
                            std::to_string(size) + " more at byte " + std::to_string(at_),
                        out_.where_, "copy it again");
  }

  void check_count(std::uint64_t count, std::uint64_t least_size, const char* of) const {
    if (count > remaining() / least_size)
      fail("file truncated or broken: " + std::to_string(count) + " " + of + " cannot fit in the " +
           std::to_string(remaining()) + " bytes after byte " + std::to_string(at_));
  }

  template <class T>
  T read() {
    need(sizeof(T));
    T value;
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  template <class T>
  T read_value() {
    if constexpr (std::is_same_v<T, std::string>) {
      const std::uint64_t size = read<std::uint64_t>();
      need(size);
      std::string text(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
      at_ += size;
      return text;
    } else if constexpr (std::is_same_v<T, bool>) {
      const auto value = read<std::uint8_t>();
      if (value > 1)
        fail("a boolean with the value " + std::to_string(value) + " at byte " + std::to_string(at_ - 1));
      return value == 1;
    } else {
      return read<T>();
    }
  }

  std::string read_name(const char* of) {
    const std::size_t start = at_;
    const std::uint64_t size = read<std::uint64_t>();
    if (size > kMaxName)
      fail(std::string("a ") + of + " name of " + std::to_string(size) + " bytes at byte " +
           std::to_string(start));
    at_ = start;
    return read_value<std::string>();
  }

  template <class T>
  std::vector<T> read_array() {
    const std::uint64_t count = read<std::uint64_t>();
    check_count(count,
                std::is_same_v<T, std::string> ? 8
                : std::is_same_v<T, bool>      ? 1
                                               : sizeof(T),
                "array elements");
    std::vector<T> values;
    values.reserve(count);
    for (std::uint64_t i = 0; i < count; ++i) values.push_back(read_value<T>());
    return values;
  }

  // The scalar of GgufValue with this index, or the array of it.
  template <std::size_t I = 0>
  GgufValue read_typed(std::size_t index, bool array) {
    if constexpr (I == kScalars) {
      fail("value of an unknown type");
    } else {
      if (index != I) return read_typed<I + 1>(index, array);
      using T = std::variant_alternative_t<I, GgufValue>;
      if (array) return GgufValue(std::in_place_index<kScalars + I>, read_array<T>());
      return GgufValue(std::in_place_index<I>, read_value<T>());
    }
  }

  void read_key() {
    std::string key = read_name("key");
    if (key.empty()) fail("an empty metadata key before byte " + std::to_string(at_));
    std::uint32_t type = read<std::uint32_t>();
    const bool array = type == kArray;
    if (array) type = read<std::uint32_t>();
    if (type == kArray || type > kScalars)
      fail("the key " + key + (array ? " is an array of" : " has") +
           (type == kArray ? " arrays" : " the unknown type " + std::to_string(type)));
    if (!out_.key_index_.emplace(key, out_.metadata_.size()).second)
      fail("the key " + key + " is given twice");
    const std::size_t index = type < kArray ? type : type - 1;
    out_.metadata_.emplace_back(std::move(key), read_typed(index, array));
  }

  struct Placed {
    std::uint64_t first, size;
    std::size_t index;
  };

  void read_tensors(std::uint64_t count) {
    std::uint64_t alignment = kDefaultAlignment;
    if (const GgufValue* value = out_.find_value(kAlignmentKey)) {
      const auto* number = std::get_if<std::uint32_t>(value);
      if (!number || !std::has_single_bit(*number)) fail("general.alignment is not a power of two (uint32)");
      alignment = *number;
    }
    std::vector<Placed> places;
    for (std::uint64_t i = 0; i < count; ++i) places.push_back(read_tensor(alignment));
    if (count == 0) {
      if (remaining() >= alignment)
        fail(std::to_string(remaining()) + " bytes after the metadata of no tensors");
      return;
    }
    const std::uint64_t start = aligned(at_, alignment);  // at_ and alignment are far below 2^63
    std::sort(places.begin(), places.end(), [](const Placed& a, const Placed& b) {
      return std::tie(a.first, a.size, a.index) < std::tie(b.first, b.size, b.index);
    });
    std::uint64_t end = 0;
    for (const Placed& place : places) {
      const TensorView& tensor = out_.tensors_[place.index];
      if (place.first < end) fail("tensor " + tensor.name + " overlaps the one before it");
      if (place.first > aligned(end, alignment))
        fail("tensor " + tensor.name + " leaves a hole of " + std::to_string(place.first - end) + " bytes");
      if (__builtin_add_overflow(place.first, place.size, &end) || end > INT64_MAX - start - alignment)
        fail("tensor " + tensor.name + " lies outside any file");
    }
    if (start + end > bytes_.size())
      throw model_error("file truncated: it has " + std::to_string(bytes_.size()) +
                            " bytes and should have " + std::to_string(start + end),
                        out_.where_, "copy it again");
    if (start + aligned(end, alignment) < bytes_.size())
      fail("has " + std::to_string(bytes_.size() - start - end) + " bytes after its last tensor");
    for (const Placed& place : places)
      out_.tensors_[place.index].bytes = bytes_.subspan(start + place.first, place.size);
  }

  Placed read_tensor(std::uint64_t alignment) {
    TensorView tensor;
    tensor.name = read_name("tensor");
    const auto n_dims = read<std::uint32_t>();
    if (n_dims > kMaxDims) fail("tensor " + tensor.name + " has " + std::to_string(n_dims) + " dimensions");
    for (std::uint32_t d = 0; d < n_dims; ++d) {
      const auto size = read<std::uint64_t>();
      if (size > INT64_MAX) fail("tensor " + tensor.name + " has a dimension of " + std::to_string(size));
      tensor.shape.insert(tensor.shape.begin(), static_cast<std::int64_t>(size));
    }
    const auto type = read<std::uint32_t>();
    const auto offset = read<std::uint64_t>();
    const auto* known = std::find_if(std::begin(kTensorTypes), std::end(kTensorTypes),
                                     [&](const TypeNumber& t) { return t.number == type; });
    if (known == std::end(kTensorTypes))
      throw model_error("tensor " + tensor.name + " has the unsupported type number " + std::to_string(type),
                        out_.where_,
                        "use a file with F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K weights");
    tensor.dtype = known->dtype;
    const auto size = checked_bytes(tensor.dtype, tensor.shape);
    if (!size)
      fail("tensor " + tensor.describe() + " is too large, or its rows are not whole blocks of " +
           std::to_string(block_elements(tensor.dtype)));
    if (offset % alignment != 0)
      fail("tensor " + tensor.name + " starts at " + std::to_string(offset) + ", not a multiple of " +
           std::to_string(alignment));
    if (offset > INT64_MAX) fail("tensor " + tensor.name + " lies outside any file");
    const std::size_t index = out_.tensors_.size();
    if (!out_.tensor_index_.emplace(tensor.name, index).second)
      fail("tensor " + tensor.name + " is given twice");
    out_.tensors_.push_back(std::move(tensor));
    return {offset, static_cast<std::uint64_t>(*size), index};
  }

  std::span<const std::byte> bytes_;
  Gguf& out_;
  std::size_t at_ = 0;
};

Gguf Gguf::open(const std::filesystem::path& path) {
  Gguf result;
  result.where_ = path.string();
  result.file_ = MappedFile(path);
  GgufParser(result.file_.bytes(), &result).parse();
  return result;
}

Gguf Gguf::parse(std::span<const std::byte> bytes, const std::string& where) {
  Gguf result;
  result.where_ = where;
  GgufParser(bytes, &result).parse();
  return result;
}

std::string gguf_type_name(const GgufValue& value) {
  const std::size_t index = value.index();
  return (index < kScalars ? "" : "array of ") + std::string(kTypeNames[index % kScalars]);
}

namespace {

Error wrong_type(const Gguf& file, std::string_view key, const GgufValue& value, const char* wanted) {
  return model_error(
      "the metadata key " + std::string(key) + " is " + gguf_type_name(value) + ", not " + wanted,
      file.where());
}

const GgufValue& required(const Gguf& file, std::string_view key) {
  if (const GgufValue* value = file.find_value(key)) return *value;
  throw model_error("lacks the metadata key " + std::string(key), file.where());
}

template <class T>
const T& as(const Gguf& file, std::string_view key, const GgufValue& value, const char* wanted) {
  if (const T* found = std::get_if<T>(&value)) return *found;
  throw wrong_type(file, key, value, wanted);
}

template <class T>
constexpr bool kIsInteger = std::is_integral_v<T> && !std::is_same_v<T, bool>;

template <class Wanted>
Wanted as_integer(const Gguf& file, std::string_view key, const GgufValue& value) {
  return std::visit(
      [&](const auto& v) -> Wanted {
        using T = std::decay_t<decltype(v)>;
        if constexpr (kIsInteger<T>) {
          if (std::in_range<Wanted>(v)) return static_cast<Wanted>(v);
          throw model_error("the metadata key " + std::string(key) + " is out of range: " + std::to_string(v),
                            file.where());
        } else {
          throw wrong_type(file, key, value, "an integer");
        }
      },
      value);
}

float as_float(const Gguf& file, std::string_view key, const GgufValue& value) {
  if (const auto* wide = std::get_if<double>(&value)) return static_cast<float>(*wide);
  return as<float>(file, key, value, "a float");
}

}  // namespace

const GgufValue* Gguf::find_value(std::string_view key) const {
  const auto found = key_index_.find(key);
  return found == key_index_.end() ? nullptr : &metadata_[found->second].second;
}

const std::string& Gguf::get_string(std::string_view key) const {
  return as<std::string>(*this, key, required(*this, key), "a string");
}
std::uint64_t Gguf::get_uint(std::string_view key) const {
  return as_integer<std::uint64_t>(*this, key, required(*this, key));
}
std::int64_t Gguf::get_int(std::string_view key) const {
  return as_integer<std::int64_t>(*this, key, required(*this, key));
}
float Gguf::get_float(std::string_view key) const {
  return as_float(*this, key, required(*this, key));
}
bool Gguf::get_bool(std::string_view key) const {
  return as<bool>(*this, key, required(*this, key), "a boolean");
}
const std::vector<std::string>& Gguf::get_strings(std::string_view key) const {
  return as<std::vector<std::string>>(*this, key, required(*this, key), "an array of strings");
}

std::vector<std::int64_t> Gguf::get_ints(std::string_view key) const {
  const GgufValue& value = required(*this, key);
  return std::visit(
      [&](const auto& v) -> std::vector<std::int64_t> {
        using T = std::decay_t<decltype(v)>;
        if constexpr (requires { typename T::value_type; }) {
          if constexpr (kIsInteger<typename T::value_type> && !std::is_same_v<T, std::string>) {
            std::vector<std::int64_t> values;
            values.reserve(v.size());
            for (const auto item : v) {
              if (!std::in_range<std::int64_t>(item))
                throw model_error("the metadata key " + std::string(key) + " has an element out of range",
                                  where_);
              values.push_back(static_cast<std::int64_t>(item));
            }
            return values;
          }
        }
        throw wrong_type(*this, key, value, "an array of integers");
      },
      value);
}

std::vector<float> Gguf::get_floats(std::string_view key) const {
  const GgufValue& value = required(*this, key);
  if (const auto* wide = std::get_if<std::vector<double>>(&value)) {
    std::vector<float> values;
    for (const double item : *wide) values.push_back(static_cast<float>(item));
    return values;
  }
  return as<std::vector<float>>(*this, key, value, "an array of floats");
}

const std::string* Gguf::find_string(std::string_view key) const {
  return has(key) ? &get_string(key) : nullptr;
}
std::optional<std::uint64_t> Gguf::find_uint(std::string_view key) const {
  return has(key) ? std::optional(get_uint(key)) : std::nullopt;
}
std::optional<std::int64_t> Gguf::find_int(std::string_view key) const {
  return has(key) ? std::optional(get_int(key)) : std::nullopt;
}
std::optional<float> Gguf::find_float(std::string_view key) const {
  return has(key) ? std::optional(get_float(key)) : std::nullopt;
}
std::optional<bool> Gguf::find_bool(std::string_view key) const {
  return has(key) ? std::optional(get_bool(key)) : std::nullopt;
}
const std::vector<std::string>* Gguf::find_strings(std::string_view key) const {
  return has(key) ? &get_strings(key) : nullptr;
}

const TensorView* Gguf::find(std::string_view name) const {
  const auto found = tensor_index_.find(name);
  return found == tensor_index_.end() ? nullptr : &tensors_[found->second];
}

const TensorView& Gguf::get(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;
  throw model_error("lacks the tensor " + std::string(name), where_);
}

const TensorView& Gguf::get(std::string_view name, std::span<const std::int64_t> shape) const {
  return expect_shape(get(name), shape, where_);
}

void Gguf::release(const TensorView& tensor) const {
  const auto whole = file_.bytes();
  if (whole.empty()) return;
  file_.release(static_cast<std::size_t>(tensor.bytes.data() - whole.data()), tensor.bytes.size());
}

}  // namespace af2
