#include "af2/io/npy.h"

#include <cstring>
#include <optional>
#include <string_view>
#include <type_traits>

#include "af2/core/error.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kNpyMaxDims = 32;  // numpy's own limit until version 2

struct TypeCode {
  std::string_view code;
  DType dtype;
};
constexpr TypeCode kCodes[] = {{"<f4", DType::kF32}, {"<f8", DType::kF64}, {"<i2", DType::kI16},
                               {"<i4", DType::kI32}, {"<i8", DType::kI64}, {"|u1", DType::kU8}};

// Reads the header, a Python dict literal with exactly the keys descr, fortran_order and shape.
class NpyHeader {
 public:
  NpyHeader(std::string_view text, const std::string& where) : text_(text), where_(where) {}

  TensorView read() {
    TensorView result;
    result.name = where_;
    bool has_descr = false, has_order = false, has_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr" && !has_descr) {
        result.dtype = type();
        has_descr = true;
      } else if (key == "fortran_order" && !has_order) {
        check_order();
        has_order = true;
      } else if (key == "shape" && !has_shape) {
        result.shape = shape();
        has_shape = true;
      } else {
        fail("unknown or repeated key '" + std::string(key) + "'");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    if (at_ != text_.size()) fail("text after the dictionary");
    if (!has_descr || !has_order || !has_shape) fail("descr, fortran_order or shape is missing");
    return result;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw data_error("broken .npy header at character " + std::to_string(at_) + ": " + what, where_);
  }
  void skip_spaces() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  bool accept(char c) {
    skip_spaces();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("expected '") + c + "'");
  }
  std::string_view quoted() {
    skip_spaces();
    const char quote = at_ < text_.size() ? text_[at_] : '\0';
    if (quote != '\'' && quote != '"') fail("expected a quoted word");
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a quote is not closed");
    const std::string_view word = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return word;
  }
  DType type() {
    skip_spaces();
    if (at_ < text_.size() && text_[at_] == '[') refuse("is a structured array");
    const std::string_view code = quoted();
    for (const TypeCode& known : kCodes)
      if (known.code == code) return known.dtype;
    refuse("has elements of type '" + std::string(code) + "'");
  }
  [[noreturn]] void refuse(const std::string& what) const {
    throw data_error(what, where_,
                     "save little-endian float32, float64, int16, int32, int64 or uint8 in C order");
  }
  void check_order() {
    skip_spaces();
    if (text_.substr(at_).starts_with("True")) refuse("is in Fortran order");
    if (!text_.substr(at_).starts_with("False")) fail("expected True or False");
    at_ += 5;
  }
  std::vector<std::int64_t> shape() {
    std::vector<std::int64_t> sizes;
    expect('(');
    bool comma = true;
    while (!accept(')')) {
      if (!comma) fail("expected ','");
      if (sizes.size() == kNpyMaxDims) fail("more than 32 dimensions");
      skip_spaces();
      const std::size_t start = at_;
      std::int64_t size = 0;
      while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
        if (__builtin_mul_overflow(size, 10, &size) || __builtin_add_overflow(size, text_[at_] - '0', &size))
          fail("a dimension is too large");
        ++at_;
      }
      if (at_ == start) fail("expected a number");
      sizes.push_back(size);
      comma = accept(',');
    }
    if (sizes.size() == 1 && !comma) fail("a shape of one dimension needs a comma");
    return sizes;
  }

  std::string_view text_;
  const std::string& where_;
  std::size_t at_ = 0;
};

Error truncated(std::size_t has, std::uint64_t needs, const std::string& where) {
  return data_error(
      "file truncated: it has " + std::to_string(has) + " bytes and should have " + std::to_string(needs),
      where, "copy it again");
}

template <class From, class To>
std::vector<To> converted(std::span<const std::byte> bytes) {
  std::vector<To> values(bytes.size() / sizeof(From));
  for (std::size_t i = 0; i < values.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    values[i] = static_cast<To>(value);
  }
  return values;
}

template <class T>
void write_values(const std::filesystem::path& path, std::span<const T> values,
                  const std::vector<std::int64_t>& shape, std::string_view code) {
  const auto elements = checked_elements(shape);
  if (!elements || static_cast<std::size_t>(*elements) != values.size())
    throw internal_error(std::to_string(values.size()) + " values for the shape " + shape_text(shape),
                         path.string());
  std::string header = "{'descr': '" + std::string(code) + "', 'fortran_order': False, 'shape': (";
  for (std::size_t d = 0; d < shape.size(); ++d) header += (d ? ", " : "") + std::to_string(shape[d]);
  header += shape.size() == 1 ? ",), }" : "), }";
  if (!shape.empty()) {
    // numpy leaves room for the first dimension to grow to 21 digits in place.
    const std::size_t digits = std::to_string(shape[0]).size();
    header.append(21 - digits, ' ');
  }
  const std::size_t front = kMagic.size() + 4;
  header.append(63 - (front + header.size()) % 64, ' ');
  header += '\n';
  const auto size = static_cast<std::uint16_t>(header.size());
  AtomicFile file(path);
  file.write(kMagic);
  file.write(std::string_view("\x01\x00", 2));
  file.write(std::as_bytes(std::span(&size, 1)));
  file.write(header);
  file.write(std::as_bytes(values));
  file.commit();
}

}  // namespace

TensorView parse_npy(std::span<const std::byte> bytes, const std::string& where) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (bytes.size() < kMagic.size() + 2) throw truncated(bytes.size(), 64, where);
  if (!text.starts_with(kMagic)) throw data_error("not an .npy file", where);
  const int version = static_cast<unsigned char>(text[6]);
  if ((version != 1 && version != 2) || text[7] != 0)
    throw data_error("an .npy file of version " + std::to_string(version) + "; versions 1 and 2 are read",
                     where);
  const std::size_t front = version == 1 ? 10 : 12;
  if (bytes.size() < front) throw truncated(bytes.size(), 64, where);
  std::uint32_t header_size = 0;
  std::memcpy(&header_size, bytes.data() + 8, front - 8);
  if (header_size > bytes.size() - front)
    throw truncated(bytes.size(), front + std::uint64_t{header_size}, where);

  TensorView view = NpyHeader(text.substr(front, header_size), where).read();
  const auto size = checked_bytes(view.dtype, view.shape);
  const std::span<const std::byte> data = bytes.subspan(front + header_size);
  if (!size) throw data_error("the shape " + shape_text(view.shape) + " is larger than any file", where);
  if (static_cast<std::uint64_t>(*size) > data.size())
    throw truncated(bytes.size(), front + header_size + static_cast<std::uint64_t>(*size), where);
  if (static_cast<std::uint64_t>(*size) < data.size())
    throw data_error(
        "has " + std::to_string(data.size() - static_cast<std::uint64_t>(*size)) + " bytes after its array",
        where);
  view.bytes = data;
  return view;
}

NpyArray NpyArray::open(const std::filesystem::path& path) {
  NpyArray result;
  result.file_ = MappedFile(path);
  result.view_ = parse_npy(result.file_.bytes(), path.string());
  return result;
}

std::vector<float> npy_to_float(const TensorView& view) {
  switch (view.dtype) {
    case DType::kF32:
      return converted<float, float>(view.bytes);
    case DType::kF64:
      return converted<double, float>(view.bytes);
    case DType::kI16:
      return converted<std::int16_t, float>(view.bytes);
    case DType::kI32:
      return converted<std::int32_t, float>(view.bytes);
    case DType::kI64:
      return converted<std::int64_t, float>(view.bytes);
    default:
      return converted<std::uint8_t, float>(view.bytes);
  }
}

std::vector<float> NpyArray::to_float() const {
  return npy_to_float(view_);
}

std::vector<std::int64_t> NpyArray::to_int64() const {
  switch (view_.dtype) {
    case DType::kI16:
      return converted<std::int16_t, std::int64_t>(view_.bytes);
    case DType::kI32:
      return converted<std::int32_t, std::int64_t>(view_.bytes);
    case DType::kI64:
      return converted<std::int64_t, std::int64_t>(view_.bytes);
    case DType::kU8:
      return converted<std::uint8_t, std::int64_t>(view_.bytes);
    default:
      throw data_error("holds " + std::string(dtype_name(view_.dtype)) + ", not integers", view_.name);
  }
}

void write_npy(const std::filesystem::path& path, std::span<const float> values,
               const std::vector<std::int64_t>& shape) {
  write_values(path, values, shape, "<f4");
}

void write_npy(const std::filesystem::path& path, std::span<const std::int64_t> values,
               const std::vector<std::int64_t>& shape) {
  write_values(path, values, shape, "<i8");
}

}  // namespace af2
