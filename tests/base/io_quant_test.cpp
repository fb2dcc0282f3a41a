// io: 16-bit floats and low-bit blocks, against the gguf package's results (tests/oracle/make_io_goldens.py).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>

#include "af2/io/finite.h"
#include "af2/io/gguf.h"
#include "af2/io/quant_blocks.h"
#include "af2/io/safetensors.h"
#include "tests/base/io_test_util.h"

namespace af2 {
namespace {

using namespace io_test;
using testing::HasSubstr;

// The definition of IEEE binary16, written with ldexp.
float half_by_definition(std::uint16_t h) {
  const int exponent = (h >> 10) & 31, fraction = h & 1023;
  const float sign = h & 0x8000 ? -1.0f : 1.0f;
  if (exponent == 31) return fraction ? std::numeric_limits<float>::quiet_NaN() : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(static_cast<float>(fraction), -24);
  return sign * std::ldexp(static_cast<float>(1024 + fraction), exponent - 25);
}

TEST(Half, EveryValueToFloatAndBack) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto bits = static_cast<std::uint16_t>(h);
    const float value = f16_to_f32(bits), wanted = half_by_definition(bits);
    if (std::isnan(wanted)) {
      ASSERT_TRUE(std::isnan(value)) << h;
      ASSERT_EQ(f32_to_f16(value), bits | 0x0200) << h;  // quiet, sign and payload kept
    } else {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(value), std::bit_cast<std::uint32_t>(wanted)) << h;
      ASSERT_EQ(f32_to_f16(value), bits) << h;
    }
  }
}

TEST(Half, RoundsToNearestEvenBetweenAllNeighbours) {
  for (std::uint16_t h = 0; h < 0x7bff; ++h) {  // from zero over denormals to the largest finite value
    const auto next = static_cast<std::uint16_t>(h + 1), even = static_cast<std::uint16_t>(h & 1 ? next : h);
    const float middle = (f16_to_f32(h) + f16_to_f32(next)) / 2;  // exact in float
    ASSERT_EQ(f32_to_f16(middle), even) << h;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, 0.0f)), h) << h;
    ASSERT_EQ(f32_to_f16(std::nextafter(middle, INFINITY)), next) << h;
    ASSERT_EQ(f32_to_f16(-middle), even | 0x8000) << h;
  }
  EXPECT_EQ(f32_to_f16(65519.996f), 0x7bff);
  EXPECT_EQ(f32_to_f16(65520.0f), 0x7c00);
  EXPECT_EQ(f32_to_f16(-INFINITY), 0xfc00);
  EXPECT_EQ(f32_to_f16(1e-45f), 0);
  EXPECT_EQ(f32_to_f16(-1e-45f), 0x8000);
}

TEST(Bfloat, RoundsToNearestEven) {
  for (std::uint32_t h = 0; h < 65536; ++h) {
    const auto bits = static_cast<std::uint16_t>(h);
    const float value = bf16_to_f32(bits);
    if (std::isnan(value)) {
      ASSERT_EQ(f32_to_bf16(value), bits | 0x0040);
      continue;
    }
    ASSERT_EQ(f32_to_bf16(value), bits);
    if ((bits & 0x7fff) >= 0x7f7f)
      continue;  // the largest finite value and infinity have no finite neighbour
    const auto middle = std::bit_cast<float>((h << 16) | 0x8000u);
    ASSERT_EQ(f32_to_bf16(middle), static_cast<std::uint16_t>(bits + (bits & 1))) << h;
    ASSERT_EQ(f32_to_bf16(std::bit_cast<float>((h << 16) | 0x7fffu)), bits);
    ASSERT_EQ(f32_to_bf16(std::bit_cast<float>((h << 16) | 0x8001u)), bits + 1);
  }
  EXPECT_EQ(f32_to_bf16(std::numeric_limits<float>::max()), 0x7f80);
  EXPECT_EQ(f32_to_bf16(std::bit_cast<float>(0x7f800001u)), 0x7fc0);  // its payload lies below the cut
}

class Goldens : public testing::Test {
 protected:
  Gguf gguf_ = Gguf::open(data_file("python.gguf"));
  SafeTensors expected_ = SafeTensors::open(data_file("dequantized.safetensors"));
};

TEST_F(Goldens, DequantizedBitForBit) {
  for (const char* name : {"f16", "bf16", "q8_0", "q4_0", "q4_1", "q4_k", "q6_k"}) {
    const TensorView& wanted = expected_.get(name);
    EXPECT_EQ(gguf_.get(name).shape, wanted.shape);
    const std::vector<float> values = to_float(gguf_.get(name));
    EXPECT_EQ(std::memcmp(values.data(), wanted.bytes.data(), wanted.bytes.size()), 0) << name;
    EXPECT_EQ(values.size() * 4, wanted.bytes.size());
  }
}

TEST_F(Goldens, QuantizedBitForBit) {
  const std::vector<float> source = to_float(expected_.get("source"));
  for (const char* name : {"bf16", "q8_0", "q4_0", "q4_1"}) {
    const TensorView& wanted = gguf_.get(name);
    Bytes bytes(wanted.bytes.size());
    quantize(wanted.dtype, source, bytes);
    int different = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) different += bytes[i] != wanted.bytes[i];
    EXPECT_EQ(different, 0) << name;
  }
}

TEST_F(Goldens, RowsFromSeveralThreadsAndOddAddresses) {
  const TensorView& tensor = gguf_.get("q4_1");
  const std::vector<float> whole = to_float(tensor);
  std::vector<float> parts(whole.size());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      dequantize(tensor.dtype, tensor.rows(2 * t, 2),
                 std::span(parts).subspan(static_cast<std::size_t>(t) * 512, 512));
    });
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(parts, whole);
  for (const TensorView& any : gguf_.tensors()) {
    if (!can_dequantize(any.dtype)) continue;
    Bytes shifted(any.bytes.size() + 1);
    std::memcpy(shifted.data() + 1, any.bytes.data(), any.bytes.size());
    const TensorView odd{any.name, any.dtype, any.shape, std::span<const std::byte>(shifted).subspan(1)};
    EXPECT_EQ(to_float(odd), to_float(any)) << any.name;
  }
}

TEST(Quantize, RoundTripErrorIsWithinHalfAStep) {
  std::vector<float> source(32 * 64);
  Random rng("af2/test/quantize");
  for (float& x : source) x = static_cast<float>(rng.normal());
  for (const auto& [dtype, levels] :
       {std::pair(DType::kQ8_0, 127.0f), {DType::kQ4_0, 8.0f}, {DType::kQ4_1, 15.0f}}) {
    Bytes bytes(64 * static_cast<std::size_t>(block_bytes(dtype)));
    quantize(dtype, source, bytes);
    std::vector<float> back(source.size());
    dequantize(dtype, bytes, back);
    for (std::size_t b = 0; b < source.size(); b += 32) {
      float low = 0, high = 0, most = 0;
      for (std::size_t i = b; i < b + 32; ++i) {
        low = i == b ? source[i] : std::min(low, source[i]);
        high = i == b ? source[i] : std::max(high, source[i]);
        most = std::max(most, std::fabs(source[i]));
      }
      const float step = (dtype == DType::kQ4_1 ? high - low : most) / levels;
      // Q4_0 has no level at +8: the end opposite to the extreme value may be a whole step off.
      const float allowed = (dtype == DType::kQ4_0 ? 1.0f : 0.5f) * step + 0.004f * most;
      for (std::size_t i = b; i < b + 32; ++i) EXPECT_LE(std::fabs(back[i] - source[i]), allowed);
    }
  }
}

double relative_error(DType dtype, std::span<const float> source) {
  const std::vector<std::int64_t> shape = {static_cast<std::int64_t>(source.size())};
  Bytes bytes(static_cast<std::size_t>(*checked_bytes(dtype, shape)));
  quantize(dtype, source, bytes);
  std::vector<float> back(source.size());
  dequantize(dtype, bytes, back);
  double power = 0, change = 0;
  for (std::size_t i = 0; i < source.size(); ++i) {
    power += double{source[i]} * source[i];
    change += (double{back[i]} - source[i]) * (double{back[i]} - source[i]);
  }
  return std::sqrt(change / power);
}

// 4.5 bits of Q4_K do what 5 bits of Q4_1 do, and better than 4.5 bits of Q4_0; runs of one sign, of one
// value and of very different sizes beside each other keep their places.
TEST(Quantize, Q4KIsNearerThanQ40) {
  Random rng("af2/test/quantize/k");
  std::vector<float> normal(256 * 64), shifted(256 * 8);
  for (float& x : normal) x = static_cast<float>(rng.normal());
  for (float& x : shifted) x = static_cast<float>(3 + 0.2 * rng.normal());
  EXPECT_LT(relative_error(DType::kQ4_K, normal), 1.02 * relative_error(DType::kQ4_1, normal));
  EXPECT_LT(relative_error(DType::kQ4_K, normal), 0.9 * relative_error(DType::kQ4_0, normal));
  EXPECT_LT(relative_error(DType::kQ4_K, shifted), 0.08);
  std::vector<float> runs(256, 0.0f);
  for (int j = 0; j < 32; ++j) {
    runs[32 + j] = -1;
    runs[64 + j] = 5;
    runs[96 + j] = static_cast<float>(j % 16) * 0.25f;
    runs[128 + j] = static_cast<float>(j % 16) * -0.25f;
  }
  EXPECT_LT(relative_error(DType::kQ4_K, runs), 0.02);
}

// What lies on a Q4_K grid already comes back nearly as it was.
TEST_F(Goldens, Q4KAgainChangesLittle) {
  EXPECT_LT(relative_error(DType::kQ4_K, to_float(gguf_.get("q4_k"))), 0.02);
}

TEST(Quantize, RefusesWhatItCannotHold) {
  for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4_1, DType::kQ4_K}) {
    Bytes bytes(static_cast<std::size_t>(block_bytes(dtype)));
    const auto n = static_cast<std::size_t>(block_elements(dtype));
    for (const float bad : {NAN, INFINITY, -INFINITY, 1e30f})
      for (const std::size_t at : {0, 15, 31}) {
        std::vector<float> values(n, 0.5f);
        values[at] = bad;
        EXPECT_EQ(error_of([&] { quantize(dtype, values, bytes); }).kind(), ErrorKind::kModel)
            << bad << " " << at;
      }
    std::vector<float> tiny(n, 1e-44f);  // its inverse scale overflows
    tiny[3] = -1e-44f;
    quantize(dtype, tiny, bytes);
    std::vector<float> back(n);
    dequantize(dtype, bytes, back);
    for (const float x : back) EXPECT_EQ(x, 0.0f);
  }
  Bytes bytes(144);
  std::vector<float> values(256);
  EXPECT_THROW(quantize(DType::kQ6_K, values, std::span(bytes).first(0)), Error);
}

TEST(Dequantize, RefusesWrongSizesAndTypes) {
  const Bytes bytes(40);
  std::vector<float> out(64), less(63);
  EXPECT_NO_THROW(dequantize(DType::kQ4_1, bytes, out));
  EXPECT_THROW(dequantize(DType::kQ4_1, bytes, less), Error);
  EXPECT_THROW(dequantize(DType::kQ4_1, std::span(bytes).first(39), out), Error);
  EXPECT_THROW(dequantize(DType::kQ4_1, std::span(bytes).first(20), out), Error);
  EXPECT_THROW(dequantize(DType::kI8, std::span(bytes).first(0), {}), Error);
  const TensorView tensor{"ids", DType::kI64, {5}, bytes};
  EXPECT_THAT(message_of([&] { to_float(tensor); }), HasSubstr("ids: elements of type I64"));
}

// A value of all-ones exponent, or such a scale, anywhere in a tensor.
TEST(Finite, FindsBadValuesAndScales) {
  struct Place {
    DType dtype;
    std::size_t at;  // of the bits below, bytes into the second block
    std::vector<std::uint8_t> nan, infinity;
  };
  const Place places[] = {
      {DType::kF64, 0, {0, 0, 0, 0, 0, 0, 0xf8, 0x7f}, {0, 0, 0, 0, 0, 0, 0xf0, 0xff}},
      {DType::kF32, 0, {1, 0, 0x80, 0x7f}, {0, 0, 0x80, 0xff}},
      {DType::kF16, 0, {1, 0x7c}, {0, 0xfc}},
      {DType::kBF16, 0, {0xc0, 0x7f}, {0x80, 0xff}},
      {DType::kQ8_0, 0, {1, 0x7c}, {0, 0xfc}},
      {DType::kQ4_0, 0, {1, 0x7c}, {0, 0xfc}},
      {DType::kQ4_1, 2, {1, 0x7c}, {0, 0xfc}},
      {DType::kQ4_K, 2, {1, 0x7c}, {0, 0xfc}},
      {DType::kQ6_K, 208, {1, 0x7c}, {0, 0xfc}},
  };
  for (const Place& place : places) {
    const auto block = static_cast<std::size_t>(block_bytes(place.dtype));
    Bytes bytes(3 * block);
    const TensorView view{"blk.0.w", place.dtype, {3 * block_elements(place.dtype)}, bytes};
    EXPECT_TRUE(is_finite(view)) << dtype_name(place.dtype);
    for (const auto* bits : {&place.nan, &place.infinity}) {
      for (std::size_t i = 0; i < bits->size(); ++i) bytes[block + place.at + i] = std::byte{(*bits)[i]};
      EXPECT_FALSE(is_finite(view)) << dtype_name(place.dtype);
      EXPECT_THAT(message_of([&] { check_finite(view, "lm.gguf"); }), HasSubstr("lm.gguf tensor blk.0.w"));
    }
  }
  // Bits that would be a NaN as a float are just weights in a block, and ids.
  Bytes ones(34, std::byte{0xff});
  ones[0] = ones[1] = std::byte{0};
  EXPECT_TRUE(is_finite(TensorView{"w", DType::kQ8_0, {32}, ones}));
  EXPECT_TRUE(is_finite(TensorView{"ids", DType::kI16, {17}, ones}));
}

}  // namespace
}  // namespace af2
