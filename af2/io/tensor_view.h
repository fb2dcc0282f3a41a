// What every weight format hands out: a named, typed, shaped window onto bytes that somebody else owns.
//
// Not a tensor class: no arithmetic, no ownership. The bytes live as long as the reader (SafeTensors, Gguf)
// that gave the view. Shapes are row-major, outermost dimension first, whatever the file's own order.
// Thread rule: plain values.
//
//   const TensorView& w = file.get("model.norm.weight");
//   std::vector<float> values = to_float(w);   // af2/io/quant_blocks.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

// Element types of safetensors, GGUF and npy. Those that store blocks of elements (kQ…) have a block size
// along the last dimension; those from kQ5_0 on can be listed and copied but not turned into floats.
enum class DType {
  kF64,
  kF32,
  kF16,
  kBF16,
  kF8E4M3,
  kF8E5M2,
  kI64,
  kI32,
  kI16,
  kI8,
  kU64,
  kU32,
  kU16,
  kU8,
  kBool,
  kQ8_0,
  kQ4_0,
  kQ4_1,
  kQ4_K,
  kQ6_K,
  kQ5_0,
  kQ5_1,
  kQ2_K,
  kQ3_K,
  kQ5_K,
};
inline constexpr int kDTypeCount = 25;

// "F32", "BF16", "Q4_K" …
std::string_view dtype_name(DType dtype);
// Elements in one block (1 for plain types) and bytes of one block.
std::int64_t block_elements(DType dtype);
std::int64_t block_bytes(DType dtype);

// Product of a shape; 1 for the empty shape. Nothing when a dimension is negative or the product exceeds
// int64.
std::optional<std::int64_t> checked_elements(std::span<const std::int64_t> shape);
// Bytes of such a tensor; nothing on overflow or when the last dimension is not a whole number of blocks.
std::optional<std::int64_t> checked_bytes(DType dtype, std::span<const std::int64_t> shape);

// "3072x1024"; "scalar" for the empty shape.
std::string shape_text(std::span<const std::int64_t> shape);

struct TensorView {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;   // outermost first; empty for a scalar
  std::span<const std::byte> bytes;  // may lie at any alignment: copy, do not cast

  // Readers guarantee that the shape's product fits and agrees with bytes.size().
  std::int64_t n_elements() const;
  std::int64_t row_elements() const { return shape.empty() ? 1 : shape.back(); }  // last dimension
  std::int64_t n_rows() const;                                                    // product of the others
  std::int64_t row_bytes() const { return row_elements() / block_elements(dtype) * block_bytes(dtype); }
  // Bytes of rows [first, first + count). Throws kInternal outside the tensor.
  std::span<const std::byte> rows(std::int64_t first, std::int64_t count) const;
  // "model.norm.weight F32 576", for messages and listings.
  std::string describe() const;
};

// The tensor, if it has this shape (-1 allows any size there). Throws kModel with both shapes and `where` (a
// path).
const TensorView& expect_shape(const TensorView& tensor, std::span<const std::int64_t> shape,
                               const std::string& where);

}  // namespace af2
