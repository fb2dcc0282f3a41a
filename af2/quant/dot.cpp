#ifdef AF2_WITH_HIGHWAY
#include "af2/quant/dot.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "af2/io/quant_blocks.h"

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

// The half at `at` from a table: a load, where a conversion would take the ports that the products need.
HWY_INLINE float read_half(const float* halves, const std::byte* at) {
  std::uint16_t bits;
  std::memcpy(&bits, at, sizeof bits);
  return halves[bits];
}

using Sum = decltype(hn::Zero(Floats()));

HWY_INLINE float total(Sum even, Sum odd) {
  return hn::GetLane(hn::SumOfLanes(Floats(), hn::Add(even, odd)));
}

// Q4_1 has a scale and an offset of its own; Q4_0 a scale, and 8 is zero.
struct Q4_1 {
  static constexpr std::int64_t kBytes = 20, kHeader = 4;
  static HWY_INLINE float offset(const float* halves, const std::byte* block) {
    return read_half(halves, block + 2);
  }
};
struct Q4_0 {
  static constexpr std::int64_t kBytes = 18, kHeader = 2;
  static HWY_INLINE float offset(const float* halves, const std::byte* block) {
    return -8.0f * read_half(halves, block);
  }
};

template <class Type>
HWY_INLINE void add_q4(const std::byte* block, const float* x, float x_sum, const float* halves, Sum& total,
                       float& offset) {
  const Floats f;
  const Ints d;
  const auto low_mask = hn::Set(d, 15);
  const auto scale = hn::Set(f, read_half(halves, block));
  offset += Type::offset(halves, block) * x_sum;
  const auto* packed = reinterpret_cast<const std::uint8_t*>(block + Type::kHeader);
  for (std::size_t i = 0; i < 16; i += hn::Lanes(f)) {
    const auto both = hn::PromoteTo(d, hn::LoadU(Bytes(), packed + i));
    auto sum = hn::Mul(hn::ConvertTo(f, hn::And(both, low_mask)), hn::LoadU(f, x + i));
    sum = hn::MulAdd(hn::ConvertTo(f, hn::ShiftRight<4>(both)), hn::LoadU(f, x + 16 + i), sum);
    total = hn::MulAdd(sum, scale, total);
  }
}

HWY_INLINE void add_q8_0(const std::byte* block, const float* x, const float* halves, Sum& total) {
  const Floats f;
  const Ints d;
  const auto scale = hn::Set(f, read_half(halves, block));
  const auto* values = reinterpret_cast<const std::int8_t*>(block + 2);
  for (std::size_t i = 0; i < 16; i += hn::Lanes(f)) {
    const auto low = hn::ConvertTo(f, hn::PromoteTo(d, hn::LoadU(SignedBytes(), values + i)));
    const auto high = hn::ConvertTo(f, hn::PromoteTo(d, hn::LoadU(SignedBytes(), values + 16 + i)));
    const auto sum = hn::MulAdd(high, hn::LoadU(f, x + 16 + i), hn::Mul(low, hn::LoadU(f, x + i)));
    total = hn::MulAdd(sum, scale, total);
  }
}

// Two rows at a time, which share the loads of x. Blocks alternate between two sums, which halves the wait
// for the sum before.
template <class Type>
HWY_INLINE void dot_q4(const BlockRows& rows, const float* x, const float* sums, const float* halves,
                       float* y) {
  constexpr std::int64_t kBytes = Type::kBytes;
  for (std::int64_t r = 0; r < rows.n_rows; r += 2) {
    const std::byte* first = rows.first + r * rows.row_bytes;
    const std::byte* second = r + 1 < rows.n_rows ? first + rows.row_bytes : first;
    auto even1 = hn::Zero(Floats()), odd1 = even1, even2 = even1, odd2 = even1;
    float offset1 = 0, offset2 = 0;
    for (std::int64_t b = 0; b < rows.n_blocks; b += 2) {
      add_q4<Type>(first + b * kBytes, x + b * 32, sums[b], halves, even1, offset1);
      add_q4<Type>(second + b * kBytes, x + b * 32, sums[b], halves, even2, offset2);
      if (b + 1 == rows.n_blocks) break;
      add_q4<Type>(first + b * kBytes + kBytes, x + b * 32 + 32, sums[b + 1], halves, odd1, offset1);
      add_q4<Type>(second + b * kBytes + kBytes, x + b * 32 + 32, sums[b + 1], halves, odd2, offset2);
    }
    y[r] = total(even1, odd1) + offset1;
    if (r + 1 < rows.n_rows) y[r + 1] = total(even2, odd2) + offset2;
  }
}

void dot_q4_0(const BlockRows& rows, const float* x, const float* sums, const float* halves, float* y) {
  dot_q4<Q4_0>(rows, x, sums, halves, y);
}
void dot_q4_1(const BlockRows& rows, const float* x, const float* sums, const float* halves, float* y) {
  dot_q4<Q4_1>(rows, x, sums, halves, y);
}

// Four rows at a time, which share the loads of x.
void dot_bf16(const BlockRows& rows, const float* x, float* y) {
  const Floats f;
  const hn::Rebind<hwy::bfloat16_t, Floats> narrow;
  const std::int64_t lanes = static_cast<std::int64_t>(hn::Lanes(f)), k = rows.n_blocks * 32;
  for (std::int64_t r = 0; r < rows.n_rows; r += 4) {
    const hwy::bfloat16_t* w[4];
    for (std::int64_t i = 0; i < 4; ++i)
      w[i] = reinterpret_cast<const hwy::bfloat16_t*>(rows.first +
                                                      std::min(r + i, rows.n_rows - 1) * rows.row_bytes);
    auto s0 = hn::Zero(f), s1 = hn::Zero(f), s2 = hn::Zero(f), s3 = hn::Zero(f);
    for (std::int64_t j = 0; j < k; j += lanes) {
      const auto input = hn::LoadU(f, x + j);
      s0 = hn::MulAdd(hn::PromoteTo(f, hn::LoadU(narrow, w[0] + j)), input, s0);
      s1 = hn::MulAdd(hn::PromoteTo(f, hn::LoadU(narrow, w[1] + j)), input, s1);
      s2 = hn::MulAdd(hn::PromoteTo(f, hn::LoadU(narrow, w[2] + j)), input, s2);
      s3 = hn::MulAdd(hn::PromoteTo(f, hn::LoadU(narrow, w[3] + j)), input, s3);
    }
    const float sums[4] = {hn::GetLane(hn::SumOfLanes(f, s0)), hn::GetLane(hn::SumOfLanes(f, s1)),
                           hn::GetLane(hn::SumOfLanes(f, s2)), hn::GetLane(hn::SumOfLanes(f, s3))};
    for (std::int64_t i = 0; i < 4 && r + i < rows.n_rows; ++i) y[r + i] = sums[i];
  }
}

void dot_q8_0(const BlockRows& rows, const float* x, const float* halves, float* y) {
  for (std::int64_t r = 0; r < rows.n_rows; r += 2) {
    const std::byte* first = rows.first + r * rows.row_bytes;
    const std::byte* second = r + 1 < rows.n_rows ? first + rows.row_bytes : first;
    auto even1 = hn::Zero(Floats()), odd1 = even1, even2 = even1, odd2 = even1;
    for (std::int64_t b = 0; b < rows.n_blocks; b += 2) {
      add_q8_0(first + b * 34, x + b * 32, halves, even1);
      add_q8_0(second + b * 34, x + b * 32, halves, even2);
      if (b + 1 == rows.n_blocks) break;
      add_q8_0(first + b * 34 + 34, x + b * 32 + 32, halves, odd1);
      add_q8_0(second + b * 34 + 34, x + b * 32 + 32, halves, odd2);
    }
    y[r] = total(even1, odd1);
    if (r + 1 < rows.n_rows) y[r + 1] = total(even2, odd2);
  }
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

HWY_EXPORT(dot_q4_0);
HWY_EXPORT(dot_q4_1);
HWY_EXPORT(dot_bf16);
HWY_EXPORT(dot_q8_0);
HWY_EXPORT(dot_f32);

namespace {

// Every half as a float, 256 KiB; of those a model's scales touch a few lines.
const float* half_table() {
  static const std::vector<float> table = [] {
    std::vector<float> values(1 << 16);
    for (std::size_t i = 0; i < values.size(); ++i) values[i] = f16_to_f32(static_cast<std::uint16_t>(i));
    return values;
  }();
  return table.data();
}

}  // namespace

void dot_q4_0(const BlockRows& rows, const float* x, const float* sums, float* y) {
  HWY_DYNAMIC_DISPATCH(dot_q4_0)(rows, x, sums, half_table(), y);
}
void dot_bf16(const BlockRows& rows, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(dot_bf16)(rows, x, y);
}
void dot_q4_1(const BlockRows& rows, const float* x, const float* sums, float* y) {
  HWY_DYNAMIC_DISPATCH(dot_q4_1)(rows, x, sums, half_table(), y);
}
void dot_q8_0(const BlockRows& rows, const float* x, float* y) {
  HWY_DYNAMIC_DISPATCH(dot_q8_0)(rows, x, half_table(), y);
}
void dot_f32(const float* w, const float* x, std::int64_t n, std::int64_t k, float* y,
             std::int64_t y_stride) {
  HWY_DYNAMIC_DISPATCH(dot_f32)(w, x, n, k, y, y_stride);
}

}  // namespace af2
#endif
#endif  // AF2_WITH_HIGHWAY
