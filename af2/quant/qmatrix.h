// A weight matrix that stays in the 16-bit values or low-bit blocks of its file: products with float
// activations, single rows.
//
// Frozen weights at inference only. The product uses exactly the values that `dequantize` gives. On
// processors with products of bytes, Q4_0, Q4_1, Q4_K and Q8_0 are packed for them at their first product
// (packed_rows.h); elsewhere these and BF16 have fused kernels with float sums for one x, and all else goes
// through `dequantize` row by row. Thread rule: const use from any thread. Work is split by rows
// (core/threads.h), so that results do not depend on the thread count.
//
//   QMatrix w(gguf.get("blk.0.ffn_up.weight"));
//   w.multiply(x, n, y);   // x [n, columns], y [n, rows]
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "af2/io/tensor_view.h"
#include "af2/quant/packed_rows.h"

namespace af2 {

class QMatrix {
 public:
  // `view` must be 2-D and outlive the matrix. `row_order[r]` is the stored row that is row r of the matrix
  // (empty: as stored). Throws kModel for a type without float form.
  explicit QMatrix(TensorView view, std::vector<std::int64_t> row_order = {});

  std::int64_t rows() const { return rows_; }
  std::int64_t columns() const { return columns_; }
  DType dtype() const { return view_.dtype; }

  // y[i, r] = sum over k of x[i, k] * w[r, k], for i < n.
  void multiply(const float* x, std::int64_t n, float* y) const;
  // The same, each x by the product of a single one: bit for bit what multiply gives for it alone. Reads the
  // matrix once for all of them; for a few x.
  void multiply_each(const float* x, std::int64_t n, float* y) const;
  // multiply_each of several matrices of as many columns with the same x; where they are packed, their work
  // is shared out at once.
  struct Product {
    const QMatrix* matrix;
    float* y;
  };
  static void multiply_all(const std::vector<Product>& products, const float* x, std::int64_t n);
  // Row r as it is stored.
  std::span<const std::byte> row_bytes(std::int64_t r) const {
    return {stored_row(r), static_cast<std::size_t>(row_bytes_)};
  }
  // All rows in one piece, where they lie in the file in the order of the matrix; else null.
  const std::byte* rows_in_order() const { return row_order_.empty() ? view_.bytes.data() : nullptr; }
  // Row r as floats.
  void row(std::int64_t r, float* out) const;

 private:
  const std::byte* stored_row(std::int64_t r) const {
    return view_.bytes.data() + (row_order_.empty() ? r : row_order_[r]) * row_bytes_;
  }

  const PackedRows& packed() const;

  TensorView view_;
  std::vector<std::int64_t> row_order_;
  std::int64_t rows_, columns_, row_bytes_;
  mutable std::once_flag pack_once_;
  mutable std::unique_ptr<const PackedRows> packed_;
};

}  // namespace af2
