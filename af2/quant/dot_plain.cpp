// The same products as dot.cpp in plain loops, for builds without Highway.
#ifndef AF2_WITH_HIGHWAY
#include <cstring>

#include "af2/io/quant_blocks.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

float read_f16(const std::byte* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, 2);
  return f16_to_f32(bits);
}

// Blocks of a half as scale, `header` bytes before 16 bytes of nibbles; `offset_of` a block.
template <class OffsetOf>
void dot_q4(const BlockRows& rows, const float* x, const float* sums, float* y, std::int64_t header,
            const OffsetOf& offset_of) {
  for (std::int64_t r = 0; r < rows.n_rows; ++r) {
    const std::byte* block = rows.first + r * rows.row_bytes;
    float total = 0;
    for (std::int64_t b = 0; b < rows.n_blocks; ++b, block += header + 16) {
      const auto* packed = reinterpret_cast<const std::uint8_t*>(block + header);
      const float* low = x + b * 32;
      float sum = 0;
      for (int i = 0; i < 16; ++i)
        sum += static_cast<float>(packed[i] & 15) * low[i] + static_cast<float>(packed[i] >> 4) * low[16 + i];
      total += read_f16(block) * sum + offset_of(block) * sums[b];
    }
    y[r] = total;
  }
}

}  // namespace

void dot_q4_0(const BlockRows& rows, const float* x, const float* sums, float* y) {
  dot_q4(rows, x, sums, y, 2, [](const std::byte* block) { return -8 * read_f16(block); });
}

void dot_q4_1(const BlockRows& rows, const float* x, const float* sums, float* y) {
  dot_q4(rows, x, sums, y, 4, [](const std::byte* block) { return read_f16(block + 2); });
}

void dot_bf16(const BlockRows& rows, const float* x, float* y) {
  for (std::int64_t r = 0; r < rows.n_rows; ++r) {
    const std::byte* row = rows.first + r * rows.row_bytes;
    float sum = 0;
    for (std::int64_t i = 0; i < rows.n_blocks * 32; ++i) {
      std::uint16_t bits;
      std::memcpy(&bits, row + 2 * i, 2);
      sum += bf16_to_f32(bits) * x[i];
    }
    y[r] = sum;
  }
}

void dot_q8_0(const BlockRows& rows, const float* x, float* y) {
  for (std::int64_t r = 0; r < rows.n_rows; ++r) {
    const std::byte* block = rows.first + r * rows.row_bytes;
    float total = 0;
    for (std::int64_t b = 0; b < rows.n_blocks; ++b, block += 34) {
      const auto* values = reinterpret_cast<const std::int8_t*>(block + 2);
      float sum = 0;
      for (int i = 0; i < 32; ++i) sum += static_cast<float>(values[i]) * x[b * 32 + i];
      total += read_f16(block) * sum;
    }
    y[r] = total;
  }
}

void dot_f32(const float* w, const float* x, std::int64_t n, std::int64_t k, float* y,
             std::int64_t y_stride) {
  for (std::int64_t i = 0; i < n; ++i) {
    float sum = 0;
    for (std::int64_t j = 0; j < k; ++j) sum += w[j] * x[i * k + j];
    y[i * y_stride] = sum;
  }
}

}  // namespace af2
#endif
