// Numbers of the GGUF format that its reader and writer share. Not for other files.
#pragma once

#include <cstdint>

#include "af2/io/tensor_view.h"

namespace af2::gguf_detail {

inline constexpr std::uint32_t kArray = 9;  // the value type "array"
inline constexpr std::uint32_t kMaxDims = 4;
inline constexpr std::uint32_t kDefaultAlignment = 32;
inline constexpr const char* kAlignmentKey = "general.alignment";

// ggml's tensor type numbers.
struct TypeNumber {
  std::uint32_t number;
  DType dtype;
};
inline constexpr TypeNumber kTensorTypes[] = {
    {0, DType::kF32},   {1, DType::kF16},   {2, DType::kQ4_0},  {3, DType::kQ4_1},  {6, DType::kQ5_0},
    {7, DType::kQ5_1},  {8, DType::kQ8_0},  {10, DType::kQ2_K}, {11, DType::kQ3_K}, {12, DType::kQ4_K},
    {13, DType::kQ5_K}, {14, DType::kQ6_K}, {24, DType::kI8},   {25, DType::kI16},  {26, DType::kI32},
    {27, DType::kI64},  {28, DType::kF64},  {30, DType::kBF16},
};

inline std::uint64_t aligned(std::uint64_t offset, std::uint64_t alignment) {
  return (offset + alignment - 1) / alignment * alignment;
}

}  // namespace af2::gguf_detail
