// Dot products of one row with float activations: the inner loops of QMatrix.
#pragma once

#include <cstddef>
#include <cstdint>

namespace af2 {

// x has 32 floats per block; `sums` holds the sum of each 32 of them (Q4_1's offset needs only that).
float dot_q4_1(const std::byte* row, const float* x, const float* sums, std::int64_t n_blocks);
float dot_q8_0(const std::byte* row, const float* x, std::int64_t n_blocks);
// y[i * y_stride] = w . x[i], i < n; x rows are k apart.
void dot_f32(const float* w, const float* x, std::int64_t n, std::int64_t k, float* y, std::int64_t y_stride);

}  // namespace af2
