#include "af2/quant/qmatrix.h"

#include <algorithm>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/pages.h"
#include "af2/core/threads.h"
#include "af2/io/quant_blocks.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

constexpr std::int64_t kRowGrain = 64;  // rows a thread takes at least
constexpr std::int64_t kStep = 16;      // rows that several x share before the next ones

}  // namespace

QMatrix::QMatrix(TensorView view, std::vector<std::int64_t> row_order)
    : view_(std::move(view)), row_order_(std::move(row_order)) {
  if (view_.shape.size() != 2) throw model_error("is not a matrix", view_.name);
  if (!can_dequantize(view_.dtype))
    throw model_error(std::string("type ") + std::string(dtype_name(view_.dtype)) + " cannot be read",
                      view_.name, "quantise the model to q8_0, q4_0, q4_1, q4_K or q6_K");
  rows_ = view_.shape[0];
  columns_ = view_.shape[1];
  row_bytes_ = view_.row_bytes();
  if (!row_order_.empty() && static_cast<std::int64_t>(row_order_.size()) != rows_)
    throw internal_error("row order has another length than the matrix", view_.name);
}

void QMatrix::row(std::int64_t r, float* out) const {
  dequantize(view_.dtype, {stored_row(r), static_cast<std::size_t>(row_bytes_)},
             {out, static_cast<std::size_t>(columns_)});
}

void QMatrix::multiply(const float* x, std::int64_t n, float* y) const {
  // A prompt keeps float sums; what is written token by token takes the rounding of x for the speed.
  if (n == 1) {
    multiply_each(x, n, y);
    return;
  }
  parallel_for(0, rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    std::vector<float> weights(columns_);
    for (std::int64_t r = begin; r < end; ++r) {
      row(r, weights.data());
      dot_f32(weights.data(), x, n, columns_, y + r, rows_);
    }
  });
}

const PackedRows& QMatrix::packed() const {
  std::call_once(pack_once_, [this] {
    packed_ = std::make_unique<PackedRows>(view_, row_order_);
    release_mapped(view_.bytes);  // a prompt reads them again
  });
  return *packed_;
}

void QMatrix::multiply_all(const std::vector<Product>& products, const float* x, std::int64_t n) {
  std::vector<PackedRows::Product> all;
  for (const Product& product : products)
    if (PackedRows::usable(product.matrix->dtype())) all.push_back({&product.matrix->packed(), product.y});
  if (all.size() == products.size() && !all.empty()) {
    PackedRows::multiply_all(all, x, n);
    return;
  }
  for (const Product& product : products) product.matrix->multiply_each(x, n, product.y);
}

void QMatrix::multiply_each(const float* x, std::int64_t n, float* y) const {
  const DType type = view_.dtype;
  if (PackedRows::usable(type)) {
    packed().multiply(x, n, y);
    return;
  }
  const std::int64_t n_blocks = columns_ / 32;
  const bool four_bits = type == DType::kQ4_0 || type == DType::kQ4_1;
  const bool fused = four_bits || type == DType::kQ8_0 || (type == DType::kBF16 && columns_ % 32 == 0);
  if (!fused) {
    parallel_for(0, rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> weights(columns_);
      for (std::int64_t r = begin; r < end; ++r) {
        row(r, weights.data());
        for (std::int64_t i = 0; i < n; ++i)
          dot_f32(weights.data(), x + i * columns_, 1, columns_, y + i * rows_ + r, rows_);
      }
    });
    return;
  }
  std::vector<float> sums(four_bits ? n * n_blocks : 0, 0.0f);
  for (std::size_t b = 0; b < sums.size(); ++b)
    for (int i = 0; i < 32; ++i) sums[b] += x[b * 32 + i];
  parallel_for(0, rows_, kRowGrain, [&](std::int64_t begin, std::int64_t end) {
    // Rows in the order of the file go in one call, with several x no more than stay in the cache.
    const std::int64_t most = !row_order_.empty() ? 1 : n > 1 ? kStep : end - begin;
    for (std::int64_t r = begin; r < end; r += most) {
      const BlockRows rows{stored_row(r), row_bytes_, std::min(most, end - r), n_blocks};
      for (std::int64_t i = 0; i < n; ++i) {
        const float* one = x + i * columns_;
        const float* sum = four_bits ? sums.data() + i * n_blocks : nullptr;
        float* out = y + i * rows_ + r;
        if (type == DType::kQ4_0)
          dot_q4_0(rows, one, sum, out);
        else if (type == DType::kQ4_1)
          dot_q4_1(rows, one, sum, out);
        else if (type == DType::kBF16)
          dot_bf16(rows, one, out);
        else
          dot_q8_0(rows, one, out);
      }
    }
  });
}

}  // namespace af2
