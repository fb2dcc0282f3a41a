// Low-bit rows laid out sixteen at a time, for processors that multiply bytes (AVX-512 VNNI): several times
// faster than turning weights into floats, and as fast as memory gives them.
//
// The weights are those of the file, block scales and all; only x is rounded, to 16-bit steps of its block's
// largest value (a part in 65,000; bfloat16 activations would be a part in 256). Costs a copy of the matrix.
// Thread rule: constant after construction; work is split by rows, so results do not depend on the threads.
//
//   if (PackedRows::usable(view.dtype)) PackedRows(view, order).multiply(x, 1, y);
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "af2/core/pages.h"
#include "af2/io/tensor_view.h"

namespace af2 {

class PackedRows {
 public:
  // Whether this processor has the instructions and the type a layout: Q4_0, Q4_1, Q4_K, Q8_0.
  static bool usable(DType dtype);
  // `order` as in QMatrix. The bytes of `view` are not needed afterwards.
  PackedRows(const TensorView& view, const std::vector<std::int64_t>& order);
  // y[i, r] = row r . x[i]; x [n, columns], y [n, rows]. What one x gives does not depend on the others.
  void multiply(const float* x, std::int64_t n, float* y) const { multiply_all({{this, y}}, x, n); }
  // The same for several matrices of as many columns, whose work is shared out at once.
  struct Product {
    const PackedRows* matrix;
    float* y;
  };
  static void multiply_all(const std::vector<Product>& products, const float* x, std::int64_t n);

 private:
  DType dtype_;
  std::int64_t rows_, columns_, n_blocks_, group_bytes_;
  AlignedBytes groups_;
};

}  // namespace af2
