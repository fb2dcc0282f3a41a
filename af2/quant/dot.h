// Dot products of rows with float activations: the inner loops of QMatrix.
#pragma once

#include <cstddef>
#include <cstdint>

namespace af2 {

// Stored rows, `row_bytes` apart; each has n_blocks blocks of 32 weights.
struct BlockRows {
  const std::byte* first;
  std::int64_t row_bytes, n_rows, n_blocks;
};

// y[r] = row r . x, x [n_blocks * 32]. A row's result does not depend on the rows beside it. `sums` holds the
// sum of each 32 floats of x (the offsets of 4-bit types need only that).
void dot_q4_0(const BlockRows& rows, const float* x, const float* sums, float* y);
void dot_q4_1(const BlockRows& rows, const float* x, const float* sums, float* y);
void dot_q8_0(const BlockRows& rows, const float* x, float* y);
void dot_bf16(const BlockRows& rows, const float* x, float* y);  // "blocks" of 32 plain values
// y[i * y_stride] = w . x[i], i < n; x rows are k apart.
void dot_f32(const float* w, const float* x, std::int64_t n, std::int64_t k, float* y, std::int64_t y_stride);

}  // namespace af2
