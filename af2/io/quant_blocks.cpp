#include "af2/io/quant_blocks.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "af2/core/error.h"

namespace af2 {
namespace {

static_assert(std::endian::native == std::endian::little,
              "weight files are read in place: little-endian only");

constexpr int kBlock = 32;        // elements of Q8_0, Q4_0, Q4_1
constexpr int kSuperBlock = 256;  // elements of Q4_K, Q6_K

std::uint16_t load16(const std::uint8_t* p) {
  std::uint16_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

void store16(std::uint8_t* p, std::uint16_t value) {
  std::memcpy(p, &value, sizeof value);
}

float load_half(const std::uint8_t* p) {
  return f16_to_f32(load16(p));
}

// Each function below turns n_blocks blocks at `in` into floats at `out`.

// d: half; q[32]: int8.   x = d q
void from_q8_0(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n_blocks) {
  for (std::size_t b = 0; b < n_blocks; ++b, in += 34, out += kBlock) {
    const float d = load_half(in);
    for (int j = 0; j < kBlock; ++j) out[j] = d * static_cast<float>(static_cast<std::int8_t>(in[2 + j]));
  }
}

// d: half; 16 bytes: low nibbles are elements 0-15, high nibbles 16-31.   x = d (q - 8)
void from_q4_0(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n_blocks) {
  for (std::size_t b = 0; b < n_blocks; ++b, in += 18, out += kBlock) {
    const float d = load_half(in);
    for (int j = 0; j < kBlock / 2; ++j) out[j] = d * static_cast<float>((in[2 + j] & 15) - 8);
    for (int j = 0; j < kBlock / 2; ++j) out[j + 16] = d * static_cast<float>((in[2 + j] >> 4) - 8);
  }
}

// d, m: half; nibbles as in Q4_0.   x = d q + m
void from_q4_1(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n_blocks) {
  for (std::size_t b = 0; b < n_blocks; ++b, in += 20, out += kBlock) {
    const float d = load_half(in), m = load_half(in + 2);
    for (int j = 0; j < kBlock / 2; ++j) out[j] = d * static_cast<float>(in[4 + j] & 15) + m;
    for (int j = 0; j < kBlock / 2; ++j) out[j + 16] = d * static_cast<float>(in[4 + j] >> 4) + m;
  }
}

// d, dmin: half; 12 bytes: eight 6-bit scales and eight 6-bit minima; 128 bytes of nibbles, where each run of
// 32 bytes holds 32 elements in its low and the next 32 in its high nibbles.   x = (d scale) q - dmin min
void from_q4_k(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n_blocks) {
  for (std::size_t b = 0; b < n_blocks; ++b, in += 144, out += kSuperBlock) {
    const float d = load_half(in), dmin = load_half(in + 2);
    const Q4KScales six = q4_k_scales(reinterpret_cast<const std::byte*>(in));
    float scale[8], minimum[8];
    for (int i = 0; i < 8; ++i) {
      scale[i] = d * static_cast<float>(six.scale[i]);
      minimum[i] = dmin * static_cast<float>(six.minimum[i]);
    }
    for (int run = 0; run < 4; ++run) {
      const std::uint8_t* q = in + 16 + 32 * run;
      float* x = out + 64 * run;
      const float s0 = scale[2 * run], m0 = minimum[2 * run];
      const float s1 = scale[2 * run + 1], m1 = minimum[2 * run + 1];
      for (int j = 0; j < 32; ++j) x[j] = s0 * static_cast<float>(q[j] & 15) - m0;
      for (int j = 0; j < 32; ++j) x[j + 32] = s1 * static_cast<float>(q[j] >> 4) - m1;
    }
  }
}

// 128 bytes of low nibbles, 64 bytes of top bit pairs, sixteen int8 scales (one per 16 elements), d: half.
// x = (d scale) (q - 32)
void from_q6_k(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n_blocks) {
  for (std::size_t b = 0; b < n_blocks; ++b, in += 210, out += kSuperBlock) {
    const float d = load_half(in + 208);
    for (int half = 0; half < 2; ++half) {  // 128 elements from 64 low bytes and 32 bytes of bit pairs
      const std::uint8_t* low = in + 64 * half;
      const std::uint8_t* high = in + 128 + 32 * half;
      const std::uint8_t* scales = in + 192 + 8 * half;
      for (int quarter = 0; quarter < 4; ++quarter) {  // 32 elements each
        const std::uint8_t* q = low + 32 * (quarter & 1);
        const int nibble_shift = quarter < 2 ? 0 : 4, pair_shift = 2 * quarter;
        float* x = out + 128 * half + 32 * quarter;
        for (int group = 0; group < 2; ++group) {
          const float s = d * static_cast<float>(static_cast<std::int8_t>(scales[2 * quarter + group]));
          for (int j = 16 * group; j < 16 * group + 16; ++j) {
            const int value = ((q[j] >> nibble_shift) & 15) | (((high[j] >> pair_shift) & 3) << 4);
            x[j] = s * static_cast<float>(value - 32);
          }
        }
      }
    }
  }
}

void from_f16(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = load_half(in + 2 * i);
}

void from_bf16(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) out[i] = bf16_to_f32(load16(in + 2 * i));
}

void from_f64(const std::uint8_t* __restrict in, float* __restrict out, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    double value;
    std::memcpy(&value, in + 8 * i, sizeof value);
    out[i] = static_cast<float>(value);
  }
}

// The scale as stored. `scale` is finite or the values were not.
std::uint16_t half_scale(float scale) {
  const std::uint16_t half = f32_to_f16(scale);
  if ((half & 0x7c00u) == 0x7c00u)
    throw model_error("cannot quantise: a value is not finite or too large for a half-precision scale");
  return half;
}

float largest_magnitude(const float* in) {
  float largest = 0;
  for (int j = 0; j < kBlock; ++j) {
    // A comparison with NaN is false: written so that NaN is taken.
    if (!(std::fabs(in[j]) <= largest)) largest = std::fabs(in[j]);
    if (std::isnan(largest)) break;
  }
  return largest;
}

float inverse(float scale) {
  return scale == 0 ? 0.0f : 1.0f / scale;
}

void to_q8_0(const float* in, std::uint8_t* out) {
  const float d = largest_magnitude(in) / 127.0f;
  store16(out, half_scale(d));
  const float id = inverse(d);
  // d may be so small that its inverse overflows; such values are zero at half precision anyway.
  for (int j = 0; j < kBlock; ++j) {
    const float q = std::isinf(id) ? 0.0f : std::round(in[j] * id);
    out[2 + j] = static_cast<std::uint8_t>(static_cast<std::int8_t>(std::clamp(q, -127.0f, 127.0f)));
  }
}

void to_q4_0(const float* in, std::uint8_t* out) {
  // The value of largest magnitude (the first such) becomes -8.
  float extreme = in[0];
  for (int j = 0; j < kBlock; ++j)
    if (!(std::fabs(in[j]) <= std::fabs(extreme))) extreme = in[j];
  const float d = extreme / -8.0f;
  if (std::isnan(largest_magnitude(in))) extreme = NAN;
  store16(out, half_scale(std::isnan(extreme) ? extreme : d));
  const float id = inverse(d);
  auto nibble = [&](float x) {
    if (std::isinf(id)) return 8;
    return static_cast<int>(std::clamp(static_cast<double>(x) * id + 8.5, 0.0, 15.0));
  };
  for (int j = 0; j < kBlock / 2; ++j)
    out[2 + j] = static_cast<std::uint8_t>(nibble(in[j]) | (nibble(in[j + 16]) << 4));
}

void to_q4_1(const float* in, std::uint8_t* out) {
  const auto [low, high] = std::minmax_element(in, in + kBlock);
  const bool broken = std::isnan(largest_magnitude(in));
  const float m = *low, d = (*high - m) / 15.0f;
  store16(out, half_scale(broken ? NAN : d));
  store16(out + 2, half_scale(m));
  const float id = inverse(d);
  auto nibble = [&](float x) {
    if (std::isinf(id)) return 0;
    return static_cast<int>(std::clamp((x - m) * id + 0.5f, 0.0f, 15.0f));
  };
  for (int j = 0; j < kBlock / 2; ++j)
    out[4 + j] = static_cast<std::uint8_t>(nibble(in[j]) | (nibble(in[j + 16]) << 4));
}

void to_q4_k(const float* in, std::uint8_t* out) {
  // The greatest scale and minimum of any of its runs are at most this over 63.
  float most = 0;
  for (int j = 0; j < kSuperBlock; j += kBlock) {
    const float largest = largest_magnitude(in + j);
    most = std::isnan(largest) ? largest : std::max(most, largest);
    if (std::isnan(most)) break;
  }
  half_scale(most / 7);  // refuses what is not finite, or too large
  quantize_q4_k(in, reinterpret_cast<std::byte*>(out));
}

void check_sizes(DType dtype, std::size_t n_bytes, std::size_t n_elements) {
  const auto block = static_cast<std::size_t>(block_elements(dtype));
  const auto size = static_cast<std::size_t>(block_bytes(dtype));
  if (n_elements % block != 0 || n_bytes % size != 0 || n_bytes / size != n_elements / block)
    throw internal_error(std::to_string(n_bytes) + " bytes of " + std::string(dtype_name(dtype)) + " for " +
                         std::to_string(n_elements) + " elements");
}

}  // namespace

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000u);
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)  // NaN: keep the payload's top bits, make it quiet
    return static_cast<std::uint16_t>(sign | 0x7e00u | ((magnitude >> 13) & 0x03ffu));
  if (magnitude >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // 65520 and above
  if (magnitude < 0x38800000u) {
    // Below 2^-14 the result is a multiple of 2^-24, the spacing of floats in [0.5, 1): the addition rounds.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    return static_cast<std::uint16_t>(sign | (std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u));
  }
  const std::uint32_t rounded = magnitude + 0x0fffu + ((magnitude >> 13) & 1u);
  return static_cast<std::uint16_t>(sign | ((rounded >> 13) - (112u << 10)));
}

std::uint16_t f32_to_bf16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((bits >> 16) | 0x0040u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

bool can_dequantize(DType dtype) {
  switch (dtype) {
    case DType::kF64:
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kQ8_0:
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ4_K:
    case DType::kQ6_K:
      return true;
    default:
      return false;
  }
}

void dequantize(DType dtype, std::span<const std::byte> in, std::span<float> out) {
  if (!can_dequantize(dtype))
    throw model_error("elements of type " + std::string(dtype_name(dtype)) + " have no float form", "",
                      "use a file with F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K weights");
  check_sizes(dtype, in.size(), out.size());
  if (in.empty()) return;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(in.data());
  const std::size_t blocks = in.size() / static_cast<std::size_t>(block_bytes(dtype));
  switch (dtype) {
    case DType::kF64:
      return from_f64(bytes, out.data(), blocks);
    case DType::kF32:
      std::memcpy(out.data(), bytes, in.size());
      return;
    case DType::kF16:
      return from_f16(bytes, out.data(), blocks);
    case DType::kBF16:
      return from_bf16(bytes, out.data(), blocks);
    case DType::kQ8_0:
      return from_q8_0(bytes, out.data(), blocks);
    case DType::kQ4_0:
      return from_q4_0(bytes, out.data(), blocks);
    case DType::kQ4_1:
      return from_q4_1(bytes, out.data(), blocks);
    case DType::kQ4_K:
      return from_q4_k(bytes, out.data(), blocks);
    default:
      return from_q6_k(bytes, out.data(), blocks);
  }
}

std::vector<float> to_float(const TensorView& tensor) {
  if (!can_dequantize(tensor.dtype))
    throw model_error("elements of type " + std::string(dtype_name(tensor.dtype)) + " have no float form",
                      tensor.name, "use a file with F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K weights");
  std::vector<float> values(static_cast<std::size_t>(tensor.n_elements()));
  dequantize(tensor.dtype, tensor.bytes, values);
  return values;
}

void quantize(DType dtype, std::span<const float> in, std::span<std::byte> out) {
  check_sizes(dtype, out.size(), in.size());
  if (in.empty()) return;
  auto* bytes = reinterpret_cast<std::uint8_t*>(out.data());
  const auto step = static_cast<std::size_t>(block_elements(dtype));
  const auto size = static_cast<std::size_t>(block_bytes(dtype));
  for (std::size_t i = 0; i < in.size(); i += step, bytes += size) {
    switch (dtype) {
      case DType::kF32:
        std::memcpy(bytes, &in[i], size);
        break;
      case DType::kF16:
        store16(bytes, f32_to_f16(in[i]));
        break;
      case DType::kBF16:
        store16(bytes, f32_to_bf16(in[i]));
        break;
      case DType::kQ8_0:
        to_q8_0(&in[i], bytes);
        break;
      case DType::kQ4_0:
        to_q4_0(&in[i], bytes);
        break;
      case DType::kQ4_1:
        to_q4_1(&in[i], bytes);
        break;
      case DType::kQ4_K:
        to_q4_k(&in[i], bytes);
        break;
      default:
        throw internal_error("there is no quantiser for " + std::string(dtype_name(dtype)));
    }
  }
}

}  // namespace af2
