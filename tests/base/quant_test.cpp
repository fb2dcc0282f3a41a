// quant: products with low-bit rows equal the product with the dequantised weights, whatever the threads.
#include <gtest/gtest.h>

#include <cmath>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/threads.h"
#include "af2/io/quant_blocks.h"
#include "af2/quant/qmatrix.h"

namespace af2 {
namespace {

struct Case {
  DType dtype;
  std::int64_t rows, columns, n;
};

class Product : public testing::TestWithParam<Case> {};

TEST_P(Product, EqualsDequantised) {
  const auto [dtype, rows, columns, n] = GetParam();
  Random rng("af2/test/qmatrix");
  std::vector<float> weights(rows * columns), x(n * columns);
  for (float& value : weights) value = static_cast<float>(rng.normal());
  for (float& value : x) value = static_cast<float>(rng.normal());
  std::vector<std::byte> packed(*checked_bytes(dtype, std::vector<std::int64_t>{rows, columns}));
  quantize(dtype, weights, packed);
  std::vector<std::int64_t> order(rows);
  for (std::int64_t r = 0; r < rows; ++r)
    order[r] = (r * 7 + 3) % rows;  // 7 and the row counts share no factor
  const TensorView view{"w", dtype, {rows, columns}, packed};
  const QMatrix matrix(view, order);
  const std::vector<float> exact = to_float(view);
  std::vector<float> y(n * rows);
  matrix.multiply(x.data(), n, y.data());
  for (std::int64_t i = 0; i < n; ++i)
    for (std::int64_t r = 0; r < rows; ++r) {
      double sum = 0;
      for (std::int64_t k = 0; k < columns; ++k)
        sum += double{exact[order[r] * columns + k]} * x[i * columns + k];
      EXPECT_NEAR(y[i * rows + r], sum, 2e-4 * std::sqrt(columns)) << "row " << r << " of item " << i;
    }
  std::vector<float> row(columns);
  matrix.row(2, row.data());
  for (std::int64_t k = 0; k < columns; ++k) EXPECT_EQ(row[k], exact[order[2] * columns + k]);
}

INSTANTIATE_TEST_SUITE_P(Types, Product,
                         testing::Values(Case{DType::kQ4_1, 65, 64, 1}, Case{DType::kQ4_1, 16, 96, 5},
                                         Case{DType::kQ8_0, 65, 576, 1}, Case{DType::kQ8_0, 9, 32, 4},
                                         Case{DType::kQ4_0, 65, 96, 1}, Case{DType::kQ4_0, 10, 64, 3},
                                         Case{DType::kQ4_0, 48, 64, 17}, Case{DType::kQ4_1, 33, 32, 9},
                                         Case{DType::kBF16, 65, 96, 1}, Case{DType::kBF16, 5, 37, 3},
                                         Case{DType::kQ4_K, 65, 512, 1}, Case{DType::kQ4_K, 5, 256, 3},
                                         Case{DType::kF32, 3, 5, 1}),
                         [](const auto& item) {
                           return std::string(dtype_name(item.param.dtype)) + "_x" +
                                  std::to_string(item.param.n);
                         });

TEST(QMatrix, ThreadsDoNotChangeTheResult) {
  Random rng("af2/test/qmatrix/threads");
  std::vector<float> weights(300 * 64), x(64), one(300), many(300);
  for (float& value : weights) value = static_cast<float>(rng.normal());
  for (float& value : x) value = static_cast<float>(rng.normal());
  for (const DType type : {DType::kQ4_0, DType::kQ4_1, DType::kQ8_0, DType::kBF16}) {
    std::vector<std::byte> packed(*checked_bytes(type, std::vector<std::int64_t>{300, 64}));
    quantize(type, weights, packed);
    const QMatrix matrix(TensorView{"w", type, {300, 64}, packed});
    matrix.multiply(x.data(), 1, one.data());
    set_range_runner([](std::int64_t begin, std::int64_t end, std::int64_t, const RangeBody& body) {
      for (std::int64_t i = begin; i < end; i += 7) body(i, std::min(end, i + 7));
    });
    matrix.multiply(x.data(), 1, many.data());
    set_range_runner(nullptr);
    EXPECT_EQ(one, many) << dtype_name(type);
  }
}

// Several x at once are what each gives alone, bit for bit, in every type and with rows in another order.
TEST(QMatrix, EachOfSeveralIsAsAlone) {
  Random rng("af2/test/qmatrix/each");
  constexpr std::int64_t kRows = 75, kColumns = 256, kMany = 5;
  std::vector<float> weights(kRows * kColumns), x(kMany * kColumns), alone(kRows), together(kMany * kRows);
  for (float& value : weights) value = static_cast<float>(rng.normal());
  for (float& value : x) value = static_cast<float>(rng.normal());
  std::vector<std::int64_t> order(kRows);
  for (std::int64_t r = 0; r < kRows; ++r) order[r] = (r * 7 + 3) % kRows;
  for (const DType type :
       {DType::kQ4_0, DType::kQ4_1, DType::kQ4_K, DType::kQ8_0, DType::kBF16, DType::kF32}) {
    std::vector<std::byte> packed(*checked_bytes(type, std::vector<std::int64_t>{kRows, kColumns}));
    quantize(type, weights, packed);
    for (const bool ordered : {false, true}) {
      const QMatrix matrix(TensorView{"w", type, {kRows, kColumns}, packed},
                           ordered ? order : std::vector<std::int64_t>());
      matrix.multiply_each(x.data(), kMany, together.data());
      for (std::int64_t i = 0; i < kMany; ++i) {
        matrix.multiply(x.data() + i * kColumns, 1, alone.data());
        for (std::int64_t r = 0; r < kRows; ++r)
          ASSERT_EQ(together[i * kRows + r], alone[r]) << dtype_name(type) << " item " << i << " row " << r;
      }
    }
  }
}

// A row of x with one large value beside small ones, zeros, and values as they come out of norms: each sum is
// as near as sixteen bits of each block's largest value allow.
TEST(PackedRows, RoundsInputsToSixteenBits) {
  if (!PackedRows::usable(DType::kQ4_0)) GTEST_SKIP() << "this processor has no products of bytes";
  Random rng("af2/test/packed");
  constexpr std::int64_t kRows = 37, kColumns = 96;
  std::vector<float> weights(kRows * kColumns), x(kColumns), y(kRows);
  for (float& value : weights) value = static_cast<float>(rng.normal());
  for (std::int64_t k = 0; k < 32; ++k) x[k] = 0;
  for (std::int64_t k = 32; k < 64; ++k) x[k] = static_cast<float>(1e-6 * rng.normal());
  for (std::int64_t k = 64; k < 96; ++k) x[k] = static_cast<float>(rng.normal());
  x[70] = -5000;
  for (const DType type : {DType::kQ4_0, DType::kQ4_1, DType::kQ8_0}) {
    std::vector<std::byte> bytes(*checked_bytes(type, std::vector<std::int64_t>{kRows, kColumns}));
    quantize(type, weights, bytes);
    const TensorView view{"w", type, {kRows, kColumns}, bytes};
    const std::vector<float> exact = to_float(view);
    PackedRows(view, {}).multiply(x.data(), 1, y.data());
    for (std::int64_t r = 0; r < kRows; ++r) {
      double sum = 0, allowed = 1e-6;
      for (std::int64_t k = 0; k < kColumns; ++k) {
        const double most = k < 32 ? 0 : k < 64 ? 4e-6 : 5000;
        sum += double{exact[r * kColumns + k]} * x[k];
        allowed += std::fabs(exact[r * kColumns + k]) * most / 65000;
      }
      EXPECT_NEAR(y[r], sum, allowed + 1e-6 * std::fabs(sum)) << dtype_name(type) << " row " << r;
    }
  }
}

// Inputs that are not numbers must not become numbers.
TEST(PackedRows, KeepsNan) {
  if (!PackedRows::usable(DType::kQ4_0)) GTEST_SKIP() << "this processor has no products of bytes";
  std::vector<float> weights(16 * 32, 0.5f), x(32, 1.0f), y(16);
  std::vector<std::byte> bytes(*checked_bytes(DType::kQ4_0, std::vector<std::int64_t>{16, 32}));
  quantize(DType::kQ4_0, weights, bytes);
  const PackedRows rows(TensorView{"w", DType::kQ4_0, {16, 32}, bytes}, {});
  for (const float bad : {std::nanf(""), HUGE_VALF}) {
    x[5] = bad;
    rows.multiply(x.data(), 1, y.data());
    for (const float value : y) EXPECT_FALSE(std::isfinite(value));
  }
}

TEST(QMatrix, RefusesWhatItCannotRead) {
  std::vector<std::byte> bytes(24);
  EXPECT_THROW(QMatrix(TensorView{"w", DType::kQ5_1, {1, 32}, bytes}), Error);
  EXPECT_THROW(QMatrix(TensorView{"w", DType::kF32, {6}, bytes}), Error);
}

}  // namespace
}  // namespace af2
