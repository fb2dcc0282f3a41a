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

}  // namespace

float dot_q4_1(const std::byte* row, const float* x, const float* sums, std::int64_t n_blocks) {
  float total = 0;
  for (std::int64_t b = 0; b < n_blocks; ++b, row += 20, x += 32) {
    const auto* packed = reinterpret_cast<const std::uint8_t*>(row + 4);
    float block = 0;
    for (int i = 0; i < 16; ++i)
      block += static_cast<float>(packed[i] & 15) * x[i] + static_cast<float>(packed[i] >> 4) * x[16 + i];
    total += read_f16(row) * block + read_f16(row + 2) * sums[b];
  }
  return total;
}

float dot_q8_0(const std::byte* row, const float* x, std::int64_t n_blocks) {
  float total = 0;
  for (std::int64_t b = 0; b < n_blocks; ++b, row += 34, x += 32) {
    const auto* values = reinterpret_cast<const std::int8_t*>(row + 2);
    float block = 0;
    for (int i = 0; i < 32; ++i) block += static_cast<float>(values[i]) * x[i];
    total += read_f16(row) * block;
  }
  return total;
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
