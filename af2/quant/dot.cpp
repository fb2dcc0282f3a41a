#ifdef AF2_WITH_HIGHWAY
#include "af2/quant/dot.h"

#include <algorithm>

// Highway compiles the section below once per instruction set and picks one when the program runs.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "af2/quant/dot.cpp"
#include <hwy/foreach_target.h>  // IWYU pragma: keep
//
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace af2 {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// At most 16 lanes, so that a half block is a whole number of vectors everywhere.
using Floats = hn::CappedTag<float, 16>;
using Ints = hn::RebindToSigned<Floats>;
using Bytes = hn::Rebind<std::uint8_t, Floats>;
using SignedBytes = hn::Rebind<std::int8_t, Floats>;

using FourFloats = hn::CappedTag<float, 4>;
using Halves = hn::Rebind<hwy::float16_t, FourFloats>;

// The half at `at`; up to eight bytes are read, so they must be there.
HWY_INLINE float read_half(const std::byte* at) {
  return hn::GetLane(
      hn::PromoteTo(FourFloats(), hn::LoadU(Halves(), reinterpret_cast<const hwy::float16_t*>(at))));
}

float dot_q4_1(const std::byte* row, const float* x, const float* sums, std::int64_t n_blocks) {
  const Floats f;
  const Ints d;
  const auto low_mask = hn::Set(d, 15);
  auto low_total = hn::Zero(f), high_total = hn::Zero(f);
  float offset = 0;
  for (std::int64_t b = 0; b < n_blocks; ++b, row += 20, x += 32) {
    offset += read_half(row + 2) * sums[b];
    const auto scale = hn::Set(f, read_half(row));
    const auto* packed = reinterpret_cast<const std::uint8_t*>(row + 4);
    for (std::size_t i = 0; i < 16; i += hn::Lanes(f)) {
      const auto both = hn::PromoteTo(d, hn::LoadU(Bytes(), packed + i));
      const auto low = hn::Mul(hn::ConvertTo(f, hn::And(both, low_mask)), scale);
      const auto high = hn::Mul(hn::ConvertTo(f, hn::ShiftRight<4>(both)), scale);
      low_total = hn::MulAdd(low, hn::LoadU(f, x + i), low_total);
      high_total = hn::MulAdd(high, hn::LoadU(f, x + 16 + i), high_total);
    }
  }
  return hn::GetLane(hn::SumOfLanes(f, hn::Add(low_total, high_total))) + offset;
}

float dot_q8_0(const std::byte* row, const float* x, std::int64_t n_blocks) {
  const Floats f;
  const Ints d;
  auto low_total = hn::Zero(f), high_total = hn::Zero(f);
  for (std::int64_t b = 0; b < n_blocks; ++b, row += 34, x += 32) {
    const auto scale = hn::Set(f, read_half(row));
    const auto* values = reinterpret_cast<const std::int8_t*>(row + 2);
    for (std::size_t i = 0; i < 16; i += hn::Lanes(f)) {
      const auto low = hn::ConvertTo(f, hn::PromoteTo(d, hn::LoadU(SignedBytes(), values + i)));
      const auto high = hn::ConvertTo(f, hn::PromoteTo(d, hn::LoadU(SignedBytes(), values + 16 + i)));
      low_total = hn::MulAdd(hn::Mul(low, scale), hn::LoadU(f, x + i), low_total);
      high_total = hn::MulAdd(hn::Mul(high, scale), hn::LoadU(f, x + 16 + i), high_total);
    }
  }
  return hn::GetLane(hn::SumOfLanes(f, hn::Add(low_total, high_total)));
}

// Four rows of x at a time, so that each weight vector is loaded once for all of them.
void dot_f32(const float* w, const float* x, std::int64_t n, std::int64_t k, float* y,
             std::int64_t y_stride) {
  const Floats f;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(f)), whole = k / lanes * lanes;
  for (std::int64_t i = 0; i < n; i += 4) {
    const std::int64_t last = n - 1;  // a short group reads its last row again
    const float* x0 = x + i * k;
    const float* x1 = x + std::min(i + 1, last) * k;
    const float* x2 = x + std::min(i + 2, last) * k;
    const float* x3 = x + std::min(i + 3, last) * k;
    auto s0 = hn::Zero(f), s1 = hn::Zero(f), s2 = hn::Zero(f), s3 = hn::Zero(f);
    for (std::int64_t j = 0; j < whole; j += lanes) {
      const auto weights = hn::LoadU(f, w + j);
      s0 = hn::MulAdd(weights, hn::LoadU(f, x0 + j), s0);
      s1 = hn::MulAdd(weights, hn::LoadU(f, x1 + j), s1);
      s2 = hn::MulAdd(weights, hn::LoadU(f, x2 + j), s2);
      s3 = hn::MulAdd(weights, hn::LoadU(f, x3 + j), s3);
    }
    float sums[4] = {hn::GetLane(hn::SumOfLanes(f, s0)), hn::GetLane(hn::SumOfLanes(f, s1)),
                     hn::GetLane(hn::SumOfLanes(f, s2)), hn::GetLane(hn::SumOfLanes(f, s3))};
    const float* rows[4] = {x0, x1, x2, x3};
    for (std::int64_t r = 0; r < 4 && i + r < n; ++r) {
      for (std::int64_t j = whole; j < k; ++j) sums[r] += w[j] * rows[r][j];
      y[(i + r) * y_stride] = sums[r];
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace af2
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace af2 {

HWY_EXPORT(dot_q4_1);
HWY_EXPORT(dot_q8_0);
HWY_EXPORT(dot_f32);

float dot_q4_1(const std::byte* row, const float* x, const float* sums, std::int64_t n_blocks) {
  return HWY_DYNAMIC_DISPATCH(dot_q4_1)(row, x, sums, n_blocks);
}
float dot_q8_0(const std::byte* row, const float* x, std::int64_t n_blocks) {
  return HWY_DYNAMIC_DISPATCH(dot_q8_0)(row, x, n_blocks);
}
void dot_f32(const float* w, const float* x, std::int64_t n, std::int64_t k, float* y,
             std::int64_t y_stride) {
  HWY_DYNAMIC_DISPATCH(dot_f32)(w, x, n, k, y, y_stride);
}

}  // namespace af2
#endif
#endif  // AF2_WITH_HIGHWAY
