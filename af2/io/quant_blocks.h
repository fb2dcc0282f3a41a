// Low-bit block formats of GGUF and the 16-bit floats, to and from float32.
//
// Not for low-bit products (those keep the packed form) and not for choosing what to quantise. Layouts: the
// GGUF format's block structures (ggml, docs/gguf.md); every result equals the `gguf` Python package bit for
// bit, because each formula rounds once whether or not the compiler fuses multiply and add.
// Thread rule: pure functions; several threads may work on different rows of one tensor.
//
//   std::vector<float> w = to_float(gguf.get("token_embd.weight"));        // a whole tensor
//   dequantize(view.dtype, view.rows(first, n), out);                      // n rows into out
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "af2/io/tensor_view.h"

namespace af2 {

// IEEE half to float: exact, with denormals, infinities and NaN payloads. Branch-free, and without denormal
// float32 operands, so that flush-to-zero modes do not change it.
inline float f16_to_f32(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7fffu;
  const std::uint32_t rebias = 112u << 23;
  const std::uint32_t normal = (magnitude << 13) + rebias + (magnitude >= 0x7c00u ? rebias : 0u);
  const auto small =
      std::bit_cast<std::uint32_t>(static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24f);
  const std::uint32_t bits = magnitude < 0x0400u ? small : normal;
  return std::bit_cast<float>(bits | (static_cast<std::uint32_t>(half & 0x8000u) << 16));
}

// Round to nearest even; above 65519.99 infinity; NaN stays NaN (quiet).
std::uint16_t f32_to_f16(float value);

inline float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}
// Round to nearest even; NaN stays NaN (quiet).
std::uint16_t f32_to_bf16(float value);

// True for F32, F16, BF16, F64, Q8_0, Q4_0, Q4_1, Q4_K and Q6_K.
bool can_dequantize(DType dtype);

// in: whole blocks of `dtype`, at any alignment; out: exactly their elements. Throws kModel for a type that
// has no float form here and kInternal when the sizes disagree.
void dequantize(DType dtype, std::span<const std::byte> in, std::span<float> out);

// All elements, row-major. Throws as dequantize, naming the tensor.
std::vector<float> to_float(const TensorView& tensor);

// Reference quantisers for kQ8_0, kQ4_0 and kQ4_1, our own for kQ4_K; also F32, F16 and BF16. in: a whole
// number of blocks. out: exactly their bytes. Throws kModel for values that are not finite or exceed the
// scale's half range, kInternal for another type or wrong sizes.
void quantize(DType dtype, std::span<const float> in, std::span<std::byte> out);

// The six-bit scales and minima of a Q4_K block's eight runs of 32 weights: w = d scale q - dmin minimum.
struct Q4KScales {
  std::uint8_t scale[8], minimum[8];
};
Q4KScales q4_k_scales(const std::byte* block);

// One block: 256 finite values to 144 bytes. Steps and minima by least squares over several roundings.
void quantize_q4_k(const float* in, std::byte* out);

}  // namespace af2
