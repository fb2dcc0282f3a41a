#include "af2/io/tensor_view.h"

#include <algorithm>
#include <iterator>

#include "af2/core/error.h"

namespace af2 {
namespace {

struct DTypeInfo {
  std::string_view name;
  std::int64_t elements, bytes;
};

// In the order of DType.
constexpr DTypeInfo kInfo[] = {
    {"F64", 1, 8},     {"F32", 1, 4},    {"F16", 1, 2},     {"BF16", 1, 2},     {"F8_E4M3", 1, 1},
    {"F8_E5M2", 1, 1}, {"I64", 1, 8},    {"I32", 1, 4},     {"I16", 1, 2},      {"I8", 1, 1},
    {"U64", 1, 8},     {"U32", 1, 4},    {"U16", 1, 2},     {"U8", 1, 1},       {"BOOL", 1, 1},
    {"Q8_0", 32, 34},  {"Q4_0", 32, 18}, {"Q4_1", 32, 20},  {"Q4_K", 256, 144}, {"Q6_K", 256, 210},
    {"Q5_0", 32, 22},  {"Q5_1", 32, 24}, {"Q2_K", 256, 84}, {"Q3_K", 256, 110}, {"Q5_K", 256, 176},
};
static_assert(std::size(kInfo) == kDTypeCount && static_cast<int>(DType::kQ5_K) == kDTypeCount - 1);

const DTypeInfo& info(DType dtype) {
  return kInfo[static_cast<int>(dtype)];
}

bool multiply(std::int64_t a, std::int64_t b, std::int64_t* product) {
  return !__builtin_mul_overflow(a, b, product);
}

}  // namespace

std::string_view dtype_name(DType dtype) {
  return info(dtype).name;
}
std::int64_t block_elements(DType dtype) {
  return info(dtype).elements;
}
std::int64_t block_bytes(DType dtype) {
  return info(dtype).bytes;
}

std::optional<std::int64_t> checked_elements(std::span<const std::int64_t> shape) {
  // A zero anywhere must not hide an overflow elsewhere: strides would still overflow.
  std::int64_t product = 1;
  bool empty = false;
  for (const std::int64_t size : shape) {
    if (size < 0) return std::nullopt;
    if (size == 0)
      empty = true;
    else if (!multiply(product, size, &product))
      return std::nullopt;
  }
  return empty ? 0 : product;
}

std::optional<std::int64_t> checked_bytes(DType dtype, std::span<const std::int64_t> shape) {
  const auto elements = checked_elements(shape);
  if (!elements) return std::nullopt;
  const std::int64_t last = shape.empty() ? 1 : shape.back();
  if (last % block_elements(dtype) != 0) return std::nullopt;
  std::int64_t bytes = 0;
  if (!multiply(*elements / block_elements(dtype), block_bytes(dtype), &bytes)) return std::nullopt;
  return bytes;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (const std::int64_t size : shape) {
    if (!text.empty()) text += 'x';
    text += std::to_string(size);
  }
  return text;
}

std::int64_t TensorView::n_elements() const {
  const auto elements = checked_elements(shape);
  if (!elements) throw internal_error("the shape " + shape_text(shape) + " is too large", name);
  return *elements;
}

std::int64_t TensorView::n_rows() const {
  if (shape.empty()) return 1;
  const auto rows = checked_elements(std::span(shape).first(shape.size() - 1));
  if (!rows) throw internal_error("the shape " + shape_text(shape) + " is too large", name);
  return *rows;
}

std::span<const std::byte> TensorView::rows(std::int64_t first, std::int64_t count) const {
  const std::int64_t total = n_rows();
  if (first < 0 || count < 0 || first > total || count > total - first)
    throw internal_error(
        "rows " + std::to_string(first) + " + " + std::to_string(count) + " of " + std::to_string(total),
        name);
  const auto size = static_cast<std::size_t>(row_bytes());
  return bytes.subspan(static_cast<std::size_t>(first) * size, static_cast<std::size_t>(count) * size);
}

std::string TensorView::describe() const {
  return name + " " + std::string(dtype_name(dtype)) + " " + shape_text(shape);
}

const TensorView& expect_shape(const TensorView& tensor, std::span<const std::int64_t> shape,
                               const std::string& where) {
  const bool equal =
      std::equal(shape.begin(), shape.end(), tensor.shape.begin(), tensor.shape.end(),
                 [](std::int64_t wanted, std::int64_t is) { return wanted == -1 || wanted == is; });
  if (equal) return tensor;
  throw model_error(
      "the tensor " + tensor.name + " is " + shape_text(tensor.shape) + ", not " + shape_text(shape), where);
}

}  // namespace af2
