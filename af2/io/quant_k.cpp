// The quantiser of Q4_K: 256 weights in eight blocks of 32, each with a scale and a minimum of six bits.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "af2/io/quant_blocks.h"

namespace af2 {
namespace {

constexpr int kSubBlock = 32, kSubBlocks = 8;
constexpr float kLevels = 15, kSixBits = 63;
// Steps that are tried: levels between the least and the greatest value of a block.
constexpr std::array<float, 9> kTried = {13.2f, 13.8f, 14.2f, 14.5f, 14.8f, 15.0f, 15.4f, 15.8f, 16.2f};

// x is about step q - minimum, q = 0..15, minimum >= 0.
struct Fit {
  float step = 0, minimum = 0;
};

float error_of(const float* x, const Fit& fit, const std::array<float, kSubBlock>& q) {
  float sum = 0;
  for (int j = 0; j < kSubBlock; ++j) {
    const float off = fit.step * q[j] - fit.minimum - x[j];
    sum += off * off;
  }
  return sum;
}

// Of several roundings the one whose least-squares line is nearest.
Fit fit_block(const float* x) {
  const auto [least, most] = std::minmax_element(x, x + kSubBlock);
  const float low = std::min(*least, 0.0f), range = *most - low;
  Fit best{0, -low};
  if (!(range > 0)) return best;
  float best_error = INFINITY;
  for (const float levels : kTried) {
    const float inverse = levels / range;
    if (!std::isfinite(inverse)) continue;
    std::array<float, kSubBlock> q;
    float sum_q = 0, sum_qq = 0, sum_x = 0, sum_qx = 0;
    for (int j = 0; j < kSubBlock; ++j) {
      q[j] = std::clamp(static_cast<float>(static_cast<int>((x[j] - low) * inverse + 0.5f)), 0.0f, kLevels);
      sum_q += q[j];
      sum_qq += q[j] * q[j];
      sum_x += x[j];
      sum_qx += q[j] * x[j];
    }
    const float spread = kSubBlock * sum_qq - sum_q * sum_q;  // 0 where all values are one level
    Fit fit;
    if (spread > 0) {
      fit.step = (kSubBlock * sum_qx - sum_q * sum_x) / spread;
      fit.minimum = (fit.step * sum_q - sum_x) / kSubBlock;
    }
    if (!(spread > 0) || fit.minimum < 0) {
      fit.minimum = 0;
      fit.step = sum_qx / sum_qq;
    }
    if (!(fit.step > 0)) continue;
    const float error = error_of(x, fit, q);
    if (error < best_error) {
      best_error = error;
      best = fit;
    }
  }
  return best;
}

// `value` in units of `unit`, six bits.
std::uint8_t six_bits(float value, float unit) {
  if (!(unit > 0)) return 0;
  return static_cast<std::uint8_t>(std::clamp(std::nearbyint(value / unit), 0.0f, kSixBits));
}

}  // namespace

Q4KScales q4_k_scales(const std::byte* block) {
  const auto* packed = reinterpret_cast<const std::uint8_t*>(block) + 4;
  Q4KScales result;
  for (int i = 0; i < 4; ++i) {
    // Bytes 0-3 and 4-7 carry scales and minima 0-3 in their low six bits; their top two bits complete
    // scales and minima 4-7, whose low nibbles are in bytes 8-11.
    const int low_scale = packed[i], low_min = packed[i + 4], nibbles = packed[i + 8];
    result.scale[i] = static_cast<std::uint8_t>(low_scale & 63);
    result.minimum[i] = static_cast<std::uint8_t>(low_min & 63);
    result.scale[i + 4] = static_cast<std::uint8_t>((nibbles & 15) | ((low_scale >> 6) << 4));
    result.minimum[i + 4] = static_cast<std::uint8_t>((nibbles >> 4) | ((low_min >> 6) << 4));
  }
  return result;
}

void quantize_q4_k(const float* in, std::byte* out) {
  std::array<Fit, kSubBlocks> fits;
  float largest_step = 0, largest_minimum = 0;
  for (int b = 0; b < kSubBlocks; ++b) {
    fits[b] = fit_block(in + b * kSubBlock);
    largest_step = std::max(largest_step, fits[b].step);
    largest_minimum = std::max(largest_minimum, fits[b].minimum);
  }
  std::uint16_t halves[2] = {f32_to_f16(largest_step / kSixBits), f32_to_f16(largest_minimum / kSixBits)};
  const float d = f16_to_f32(halves[0]), dmin = f16_to_f32(halves[1]);
  std::memcpy(out, halves, sizeof halves);
  Q4KScales s;
  for (int b = 0; b < kSubBlocks; ++b) {
    s.scale[b] = six_bits(fits[b].step, d);
    s.minimum[b] = six_bits(fits[b].minimum, dmin);
  }
  auto* bytes = reinterpret_cast<std::uint8_t*>(out) + 4;
  for (int i = 0; i < 4; ++i) {
    bytes[i] = static_cast<std::uint8_t>(s.scale[i] | ((s.scale[i + 4] >> 4) << 6));
    bytes[i + 4] = static_cast<std::uint8_t>(s.minimum[i] | ((s.minimum[i + 4] >> 4) << 6));
    bytes[i + 8] = static_cast<std::uint8_t>((s.scale[i + 4] & 15) | ((s.minimum[i + 4] & 15) << 4));
  }
  bytes += 12;
  std::memset(bytes, 0, kSubBlocks / 2 * kSubBlock);
  for (int b = 0; b < kSubBlocks; ++b) {
    const float step = d * static_cast<float>(s.scale[b]), minimum = dmin * static_cast<float>(s.minimum[b]);
    const float inverse = step > 0 ? 1 / step : 0;
    std::uint8_t* run = bytes + b / 2 * kSubBlock;
    for (int j = 0; j < kSubBlock; ++j) {
      const float level = (in[b * kSubBlock + j] + minimum) * inverse;
      const int q = std::isfinite(level) ? static_cast<int>(std::clamp(level + 0.5f, 0.0f, kLevels)) : 0;
      run[j] = static_cast<std::uint8_t>(run[j] | (b % 2 == 0 ? q : q << 4));
    }
  }
}

}  // namespace af2
