#include "af2/io/finite.h"

#include <atomic>
#include <cstring>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/threads.h"

namespace af2 {
namespace {

constexpr std::int64_t kGrain = 1 << 18;  // values a thread takes at least

// An exponent of all ones: infinite or NaN. `stride` bytes from one value to the next.
template <class Bits>
bool all_finite(const std::byte* bytes, std::int64_t n, std::int64_t stride, Bits exponent) {
  std::atomic<bool> finite = true;
  parallel_for(0, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    Bits bad = 0;
    if (stride == sizeof(Bits)) {
      for (std::int64_t i = begin; i < end; ++i) {
        Bits value;
        std::memcpy(&value, bytes + i * static_cast<std::int64_t>(sizeof value), sizeof value);
        bad = static_cast<Bits>(bad | ((value & exponent) == exponent ? 1 : 0));
      }
    } else {
      for (std::int64_t i = begin; i < end; ++i) {
        Bits value;
        std::memcpy(&value, bytes + i * stride, sizeof value);
        bad = static_cast<Bits>(bad | ((value & exponent) == exponent ? 1 : 0));
      }
    }
    if (bad) finite = false;
  });
  return finite;
}

constexpr std::uint16_t kHalfExponent = 0x7c00;

// Where in a block its half-precision scales lie.
std::vector<std::int64_t> scales_of(DType dtype) {
  switch (dtype) {
    case DType::kQ8_0:
    case DType::kQ4_0:
      return {0};
    case DType::kQ4_1:
    case DType::kQ4_K:
      return {0, 2};
    case DType::kQ6_K:
      return {208};
    default:
      return {};
  }
}

}  // namespace

bool is_finite(const TensorView& tensor) {
  const std::byte* bytes = tensor.bytes.data();
  const auto size = static_cast<std::int64_t>(tensor.bytes.size());
  switch (tensor.dtype) {
    case DType::kF64:
      return all_finite<std::uint64_t>(bytes, size / 8, 8, 0x7ff0000000000000u);
    case DType::kF32:
      return all_finite<std::uint32_t>(bytes, size / 4, 4, 0x7f800000u);
    case DType::kF16:
      return all_finite<std::uint16_t>(bytes, size / 2, 2, kHalfExponent);
    case DType::kBF16:
      return all_finite<std::uint16_t>(bytes, size / 2, 2, 0x7f80);
    default:
      break;
  }
  const std::int64_t block = block_bytes(tensor.dtype);
  for (const std::int64_t at : scales_of(tensor.dtype))
    if (!all_finite<std::uint16_t>(bytes + at, size / block, block, kHalfExponent)) return false;
  return true;
}

void check_finite(const TensorView& tensor, const std::string& where) {
  if (!is_finite(tensor))
    throw model_error("holds values that are not finite", where + " tensor " + tensor.name,
                      "the file is damaged or the training diverged; get it again");
}

}  // namespace af2
