#include "af2/quant/packed_rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "af2/core/error.h"
#include "af2/core/threads.h"
#include "af2/io/quant_blocks.h"

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define AF2_HAS_VNNI_BUILD 1
// The headers of gcc 12 hold undefined values on purpose and warn of them.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#pragma GCC diagnostic pop
#endif

namespace af2 {
namespace {

constexpr std::int64_t kRows = 16, kBlock = 32;  // rows of a group; weights of a block
constexpr std::int64_t kGroupGrain = 4;          // groups a thread takes at least
constexpr std::int64_t kLine = 64;
constexpr std::int64_t kAhead = 16384;  // bytes that are asked for before they are needed

constexpr std::int64_t kScalesAhead = 2048;  // the same of the scales, which lie apart

constexpr std::int64_t kRuns = 8;  // blocks of a Q4_K block of 256

// A group: for each block of 32 the weights of its sixteen rows, four of a row beside four of the next; then
// for each block sixteen half-precision scales; then, for Q4_1, sixteen offsets. Q4_K instead: for each block
// sixteen scales and sixteen minima of a byte, then for eight blocks sixteen halves that the scales and
// sixteen that the minima are multiplied by.
std::int64_t weight_bytes(DType dtype) {
  return dtype == DType::kQ8_0 ? kRows * kBlock : kRows * kBlock / 2;
}

std::int64_t bytes_of_group(DType dtype, std::int64_t n_blocks) {
  std::int64_t bytes = n_blocks * weight_bytes(dtype);
  if (dtype == DType::kQ4_K)
    bytes += n_blocks * kRows * 2 + n_blocks / kRuns * kRows * 4;
  else
    bytes += n_blocks * kRows * 2 * (dtype == DType::kQ4_1 ? 2 : 1);
  return (bytes + kLine - 1) / kLine * kLine;
}

// x in blocks of 32: x = step * (256 * high + low), both bytes signed.
struct SplitInput {
  std::vector<std::int8_t> high, low;  // [columns]
  std::vector<float> step;             // [blocks]
  std::vector<std::int32_t> sum;       // of 256 * high + low
};

constexpr float kMost = 127 * 256 + 127;
constexpr float kLeast = 1e-30f;  // below, its inverse is no float

#ifdef AF2_HAS_VNNI_BUILD
#define AF2_VNNI __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,f16c")))

// Rounds to the nearest, as lrint.
AF2_VNNI SplitInput split_input(const float* x, std::int64_t columns) {
  SplitInput s;
  const std::int64_t blocks = columns / kBlock;
  s.high.resize(static_cast<std::size_t>(columns));
  s.low.resize(s.high.size());
  s.step.resize(static_cast<std::size_t>(blocks));
  s.sum.resize(s.step.size());
  constexpr std::int64_t kHalf = kBlock / 2;
  const __m512 largest = _mm512_set1_ps(std::numeric_limits<float>::max());
  const __m512i half_byte = _mm512_set1_epi32(128);
  for (std::int64_t b = 0; b < blocks; ++b) {
    const __m512 in[2] = {_mm512_loadu_ps(x + b * kBlock), _mm512_loadu_ps(x + b * kBlock + kHalf)};
    const __m512 size[2] = {_mm512_abs_ps(in[0]), _mm512_abs_ps(in[1])};
    const unsigned finite =
        _mm512_cmp_ps_mask(size[0], largest, _CMP_LE_OQ) & _mm512_cmp_ps_mask(size[1], largest, _CMP_LE_OQ);
    const float most = _mm512_reduce_max_ps(_mm512_max_ps(size[0], size[1]));
    const bool whole = finite == 0xffff;  // else NaN or infinite: so is every sum
    const float per_step = whole && most > kLeast ? kMost / most : 0;
    __m512i sum = _mm512_setzero_si512();
    for (int h = 0; h < 2; ++h) {
      const __m512i value =
          whole ? _mm512_cvtps_epi32(_mm512_mul_ps(in[h], _mm512_set1_ps(per_step))) : _mm512_setzero_si512();
      const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(value, half_byte), 8);
      const __m512i low = _mm512_sub_epi32(value, _mm512_slli_epi32(high, 8));
      const std::int64_t at = b * kBlock + h * kHalf;
      _mm_storeu_si128(reinterpret_cast<__m128i*>(s.high.data() + at), _mm512_cvtepi32_epi8(high));
      _mm_storeu_si128(reinterpret_cast<__m128i*>(s.low.data() + at), _mm512_cvtepi32_epi8(low));
      sum = _mm512_add_epi32(sum, value);
    }
    s.step[b] = whole ? most / kMost : std::nanf("");
    s.sum[b] = _mm512_reduce_add_epi32(sum);
  }
  return s;
}

// In all sixteen places; from memory, where a way over a general register costs more.
AF2_VNNI inline __attribute__((always_inline)) __m512i four_bytes_at(const std::int8_t* at) {
  return _mm512_broadcastd_epi32(_mm_loadu_si32(at));
}

// The sixteen products of block b of a group with x, before the weights' scales. `zero`: what the stored
// weight 0 stands for, negated.
template <bool kEightBits>
AF2_VNNI inline __attribute__((always_inline)) __m512 block_product(const std::byte* packed,
                                                                    const SplitInput& x, std::int64_t b,
                                                                    std::int32_t zero) {
  constexpr std::int64_t kBytes = kEightBits ? kRows * kBlock : kRows * kBlock / 2;
  const __m512i nibble = _mm512_set1_epi8(15);
  for (std::int64_t line = 0; line < kBytes; line += kLine)  // past the end it is the next group, or no harm
    _mm_prefetch(reinterpret_cast<const char*>(packed + kAhead + line), _MM_HINT_T0);
  __m512i w[8];
  if constexpr (kEightBits) {
    for (int j = 0; j < 8; ++j) w[j] = _mm512_load_si512(packed + j * kLine);
  } else {
    for (int j = 0; j < 4; ++j) {
      const __m512i both = _mm512_load_si512(packed + j * kLine);
      w[j] = _mm512_and_si512(both, nibble);
      w[j + 4] = _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble);
    }
  }
  const std::int8_t *high_bytes = x.high.data() + b * kBlock, *low_bytes = x.low.data() + b * kBlock;
  __m512i high = _mm512_setzero_si512(), low = high, high2 = high, low2 = high;
  for (int j = 0; j < 8; j += 2) {
    high = _mm512_dpbusd_epi32(high, w[j], four_bytes_at(high_bytes + 4 * j));
    low = _mm512_dpbusd_epi32(low, w[j], four_bytes_at(low_bytes + 4 * j));
    high2 = _mm512_dpbusd_epi32(high2, w[j + 1], four_bytes_at(high_bytes + 4 * j + 4));
    low2 = _mm512_dpbusd_epi32(low2, w[j + 1], four_bytes_at(low_bytes + 4 * j + 4));
  }
  high = _mm512_slli_epi32(_mm512_add_epi32(high, high2), 8);
  low = _mm512_sub_epi32(_mm512_add_epi32(low, low2), _mm512_set1_epi32(zero * x.sum[b]));
  return _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_add_epi32(high, low)), _mm512_set1_ps(x.step[b]));
}

AF2_VNNI inline __attribute__((always_inline)) __m512 halves_at(const std::byte* at) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at)));
}

AF2_VNNI inline __attribute__((always_inline)) __m512 bytes_at(const std::byte* at) {
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))));
}

// The sixteen products of a group with x, of Q8_0, Q4_0 and Q4_1.
template <bool kEightBits, bool kOffsets>
AF2_VNNI inline __attribute__((always_inline)) __m512 group_product(const std::byte* group,
                                                                    std::int64_t n_blocks,
                                                                    const SplitInput& x, std::int32_t zero) {
  constexpr std::int64_t kBytes = kEightBits ? kRows * kBlock : kRows * kBlock / 2;
  const std::byte* scales = group + n_blocks * kBytes;
  const std::byte* offsets = scales + n_blocks * kRows * 2;
  __m512 result = _mm512_setzero_ps();
  for (std::int64_t b = 0; b < n_blocks; ++b) {
    _mm_prefetch(reinterpret_cast<const char*>(scales + b * kRows * 2 + kScalesAhead), _MM_HINT_T0);
    const __m512 dot = block_product<kEightBits>(group + b * kBytes, x, b, zero);
    result = _mm512_fmadd_ps(dot, halves_at(scales + b * kRows * 2), result);
    if constexpr (kOffsets) {
      const __m512 total =
          _mm512_mul_ps(_mm512_set1_ps(static_cast<float>(x.sum[b])), _mm512_set1_ps(x.step[b]));
      result = _mm512_fmadd_ps(total, halves_at(offsets + b * kRows * 2), result);
    }
  }
  return result;
}

AF2_VNNI inline __attribute__((always_inline)) __m512 group_product_q4_k(const std::byte* group,
                                                                         std::int64_t n_blocks,
                                                                         const SplitInput& x) {
  constexpr std::int64_t kBytes = kRows * kBlock / 2;
  const std::byte* small = group + n_blocks * kBytes;
  const std::byte* units = small + n_blocks * kRows * 2;
  __m512 result = _mm512_setzero_ps();
  for (std::int64_t b = 0; b < n_blocks; b += kRuns, units += kRows * 4) {
    __m512 scaled = _mm512_setzero_ps(), minima = scaled;  // sums in units of d and dmin
    for (std::int64_t run = b; run < b + kRuns; ++run, small += kRows * 2) {
      const __m512 dot = block_product<false>(group + run * kBytes, x, run, 0);
      scaled = _mm512_fmadd_ps(dot, bytes_at(small), scaled);
      const __m512 total = _mm512_set1_ps(static_cast<float>(x.sum[run]) * x.step[run]);
      minima = _mm512_fmadd_ps(total, bytes_at(small + kRows), minima);
    }
    result = _mm512_fmadd_ps(scaled, halves_at(units), result);
    result = _mm512_fnmadd_ps(minima, halves_at(units + kRows * 2), result);
  }
  return result;
}

// y[i, rows of the groups] for every input i: a group is read from memory once.
AF2_VNNI void multiply_groups(DType dtype, const std::byte* groups, std::int64_t group_bytes,
                              std::int64_t n_blocks, std::int64_t begin, std::int64_t end,
                              const std::vector<SplitInput>& inputs, std::int64_t rows, float* y) {
  for (std::int64_t g = begin; g < end; ++g) {
    const std::byte* group = groups + g * group_bytes;
    const std::int64_t in_matrix = std::min(kRows, rows - g * kRows);
    const auto mask = static_cast<__mmask16>((1u << in_matrix) - 1);
    float* out = y + g * kRows;
    for (const SplitInput& x : inputs) {
      const __m512 result = dtype == DType::kQ4_K   ? group_product_q4_k(group, n_blocks, x)
                            : dtype == DType::kQ8_0 ? group_product<true, false>(group, n_blocks, x, 128)
                            : dtype == DType::kQ4_0 ? group_product<false, false>(group, n_blocks, x, 8)
                                                    : group_product<false, true>(group, n_blocks, x, 0);
      _mm512_mask_storeu_ps(out, mask, result);
      out += rows;
    }
  }
}
#endif

}  // namespace

bool PackedRows::usable(DType dtype) {
#ifdef AF2_HAS_VNNI_BUILD
  static const bool has = __builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                          __builtin_cpu_supports("f16c");
  return has &&
         (dtype == DType::kQ4_0 || dtype == DType::kQ4_1 || dtype == DType::kQ8_0 || dtype == DType::kQ4_K);
#else
  (void)dtype;
  return false;
#endif
}

namespace {

// Row `lane` of a group, of Q8_0, Q4_0 and Q4_1.
void pack_row(DType dtype, const std::byte* in, std::int64_t n_blocks, std::int64_t lane, std::byte* group) {
  const bool offsets = dtype == DType::kQ4_1;
  const std::int64_t header = offsets ? 4 : 2, in_block = block_bytes(dtype);
  const std::int64_t bytes = weight_bytes(dtype), of_row = bytes / kRows;
  const std::uint32_t flip = dtype == DType::kQ8_0 ? 0x80808080u : 0u;  // signed to unsigned
  std::byte* scales = group + n_blocks * bytes;
  for (std::int64_t b = 0; b < n_blocks; ++b, in += in_block) {
    std::memcpy(scales + (b * kRows + lane) * 2, in, 2);
    if (offsets) std::memcpy(scales + ((n_blocks + b) * kRows + lane) * 2, in + 2, 2);
    for (std::int64_t j = 0; j < of_row / 4; ++j) {
      std::uint32_t four;
      std::memcpy(&four, in + header + 4 * j, 4);
      four ^= flip;
      std::memcpy(group + b * bytes + j * kLine + lane * 4, &four, 4);
    }
  }
}

void pack_row_q4_k(const std::byte* in, std::int64_t n_blocks, std::int64_t lane, std::byte* group) {
  const std::int64_t bytes = weight_bytes(DType::kQ4_K);
  std::byte* small = group + n_blocks * bytes;
  std::byte* units = small + n_blocks * kRows * 2;
  for (std::int64_t b = 0; b < n_blocks; b += kRuns, in += block_bytes(DType::kQ4_K)) {
    const Q4KScales six = q4_k_scales(in);
    std::memcpy(units + (b / kRuns * 2 * kRows + lane) * 2, in, 2);
    std::memcpy(units + ((b / kRuns * 2 + 1) * kRows + lane) * 2, in + 2, 2);
    for (std::int64_t run = 0; run < kRuns; ++run) {
      small[(b + run) * kRows * 2 + lane] = static_cast<std::byte>(six.scale[run]);
      small[((b + run) * 2 + 1) * kRows + lane] = static_cast<std::byte>(six.minimum[run]);
      // 32 nibbles, low or high ones of 32 bytes, become 16 bytes: the first half low, the second high.
      const std::byte* q = in + 16 + run / 2 * kBlock;
      std::byte* out = group + (b + run) * bytes + lane * 4;
      constexpr std::uint64_t kNibbles = 0x0f0f0f0f0f0f0f0full;
      for (int half = 0; half < 2; ++half) {
        std::uint64_t first, second;
        std::memcpy(&first, q + 8 * half, 8);
        std::memcpy(&second, q + kBlock / 2 + 8 * half, 8);
        const int shift = run % 2 == 0 ? 0 : 4;
        const std::uint64_t packed = ((first >> shift) & kNibbles) | (((second >> shift) & kNibbles) << 4);
        const auto low = static_cast<std::uint32_t>(packed), high = static_cast<std::uint32_t>(packed >> 32);
        std::memcpy(out + 2 * half * kLine, &low, 4);
        std::memcpy(out + (2 * half + 1) * kLine, &high, 4);
      }
    }
  }
}

}  // namespace

PackedRows::PackedRows(const TensorView& view, const std::vector<std::int64_t>& order)
    : dtype_(view.dtype), rows_(view.shape.at(0)), columns_(view.shape.at(1)), n_blocks_(columns_ / kBlock) {
  if (!usable(dtype_)) throw internal_error("rows of this type cannot be packed here", view.name);
  const std::int64_t n_groups = (rows_ + kRows - 1) / kRows;
  group_bytes_ = bytes_of_group(dtype_, n_blocks_);
  groups_ = aligned_bytes(static_cast<std::size_t>(n_groups * group_bytes_));
  parallel_for(0, n_groups, kGroupGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t g = begin; g < end; ++g) {
      std::byte* group = groups_.get() + g * group_bytes_;
      const std::int64_t n = std::min(kRows, rows_ - g * kRows);
      if (n < kRows) std::memset(group, 0, static_cast<std::size_t>(group_bytes_));  // the others' scale: 0
      for (std::int64_t lane = 0; lane < n; ++lane) {
        const std::int64_t r = g * kRows + lane;
        const std::byte* row = view.bytes.data() + (order.empty() ? r : order[r]) * view.row_bytes();
        if (dtype_ == DType::kQ4_K)
          pack_row_q4_k(row, n_blocks_, lane, group);
        else
          pack_row(dtype_, row, n_blocks_, lane, group);
      }
    }
  });
}

void PackedRows::multiply_all(const std::vector<Product>& products, const float* x, std::int64_t n) {
#ifdef AF2_HAS_VNNI_BUILD
  const std::int64_t columns = products.at(0).matrix->columns_;
  std::vector<SplitInput> inputs;
  for (std::int64_t i = 0; i < n; ++i) inputs.push_back(split_input(x + i * columns, columns));
  std::vector<std::int64_t> first = {0};  // group of each matrix, counted through all of them
  for (const Product& product : products) {
    if (product.matrix->columns_ != columns) throw internal_error("matrices of other columns in one product");
    first.push_back(first.back() + (product.matrix->rows_ + kRows - 1) / kRows);
  }
  parallel_for(0, first.back(), kGroupGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::size_t k = 0; k < products.size(); ++k) {
      const PackedRows& m = *products[k].matrix;
      const std::int64_t from = std::max(begin, first[k]), to = std::min(end, first[k + 1]);
      if (from >= to) continue;
      multiply_groups(m.dtype_, m.groups_.get(), m.group_bytes_, m.n_blocks_, from - first[k], to - first[k],
                      inputs, m.rows_, products[k].y);
    }
  });
#else
  (void)products, (void)x, (void)n;
  throw internal_error("packed rows without the instructions for them");
#endif
}

}  // namespace af2
