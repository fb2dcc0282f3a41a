#include "af2/model/lm_linear.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "af2/core/error.h"
#include "af2/core/threads.h"
#include "af2/model/precision.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

constexpr int64_t kGrain = 64;            // rows a thread takes at least
constexpr int64_t kFewRows = 16;          // of x: fewer go through the dot products of QMatrix
constexpr int64_t kPartValues = 1 << 20;  // of the weight, unpacked at once: they stay in the cache

}  // namespace

thread_local int NoDraws::depth_ = 0;

LmLinearImpl::LmLinearImpl(int64_t in_features, int64_t out_features, bool with_bias)
    : in(in_features), out(out_features) {
  weight = register_parameter("weight", torch::empty({out, in}));
  if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
}

void LmLinearImpl::set_low_bit(std::shared_ptr<const QMatrix> matrix) {
  if (matrix->rows() != out || matrix->columns() != in)
    throw internal_error("low-bit matrix has another shape than its layer");
  matrix_ = std::move(matrix);
  weight.set_data(torch::empty({0}));
}

void LmLinearImpl::set_mapped(const TensorView& view) {
  if (reinterpret_cast<std::uintptr_t>(view.bytes.data()) % alignof(float) != 0) {
    set_low_bit(std::make_shared<QMatrix>(view));
    return;
  }
  if (view.shape != std::vector<std::int64_t>{out, in})
    throw internal_error("mapped matrix has another shape than its layer", view.name);
  // Never written: the weights of a loaded model are constant.
  weight.set_data(torch::from_blob(const_cast<std::byte*>(view.bytes.data()), {out, in}));
}

void LmLinearImpl::multiply(const float* x, int64_t n, float* y) const {
  if (matrix_) {
    matrix_->multiply(x, n, y);
  } else if (n == 1) {
    parallel_for(0, out, kGrain, [&](int64_t begin, int64_t end) {
      dot_f32(x, weight.data_ptr<float>() + begin * in, end - begin, in, y + begin, 1);
    });
  } else {
    torch::Tensor result = torch::from_blob(y, {n, out});
    torch::mm_out(result, torch::from_blob(const_cast<float*>(x), {n, in}), weight.t());
  }
  if (!bias.defined()) return;
  const float* b = bias.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < out; ++k) y[i * out + k] += b[k];
}

void LmLinearImpl::multiply_parts(const torch::Tensor& x, torch::Tensor& y) const {
  const bool narrow = Bf16Products::active();
  const torch::ScalarType type = narrow ? torch::kBFloat16 : torch::kFloat32;
  const torch::Tensor input = x.to(type);
  const int64_t together = std::max<int64_t>(kGrain, kPartValues / in);
  torch::Tensor unpacked;
  for (int64_t first = 0; first < out; first += together) {
    const int64_t n = std::min(together, out - first);
    torch::Tensor part;
    if (!matrix_) {
      part = weight.narrow(0, first, n).to(type);
    } else {
      if (!unpacked.defined()) unpacked = torch::empty({together, in});
      float* rows = unpacked.data_ptr<float>();
      parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) matrix_->row(first + r, rows + r * in);
      });
      part = unpacked.narrow(0, 0, n).to(type);
    }
    y.narrow(1, first, n).copy_(torch::mm(input, part.t()));
  }
}

torch::Tensor LmLinearImpl::forward(const torch::Tensor& x) {
  // A single row goes through dot products too, which is faster than a product of matrices with one row.
  const bool inference = !torch::GradMode::is_enabled() && x.numel() > 0;
  const bool own_way = inference && (Bf16Products::active() || x.numel() == in);
  if (!matrix_ && !own_way) return torch::nn::functional::linear(x, weight, bias);
  const torch::Tensor input = x.to(torch::kFloat32).contiguous();
  std::vector<int64_t> shape = input.sizes().vec();
  shape.back() = out;
  const int64_t n = input.numel() / in;
  torch::Tensor result = torch::empty({n, out});
  if (n < kFewRows) {
    multiply(input.data_ptr<float>(), n, result.data_ptr<float>());
    return result.view(shape);
  }
  multiply_parts(input.view({n, in}), result);
  if (bias.defined()) result += bias;
  return result.view(shape);
}

torch::Tensor LmLinearImpl::rows(const torch::Tensor& ids) {
  if (!matrix_) return torch::embedding(weight, ids);
  std::vector<int64_t> shape = ids.sizes().vec();
  shape.push_back(in);
  torch::Tensor result = torch::empty(shape);
  const torch::Tensor flat = ids.contiguous().view(-1);
  for (int64_t i = 0; i < flat.numel(); ++i)
    matrix_->row(flat.data_ptr<int64_t>()[i], result.data_ptr<float>() + i * in);
  return result;
}

void LmLinearImpl::row(int64_t r, float* values) const {
  if (matrix_)
    matrix_->row(r, values);
  else
    std::copy_n(weight.data_ptr<float>() + r * in, in, values);
}

void LmLinearImpl::stored_row(int64_t r, std::span<std::byte> bytes) const {
  const std::span<const std::byte> stored =
      matrix_ ? matrix_->row_bytes(r) : std::as_bytes(std::span(weight.data_ptr<float>() + r * in, in));
  if (stored.size() != bytes.size()) throw internal_error("a stored row has another size");
  std::copy(stored.begin(), stored.end(), bytes.begin());
}

LmLinear drawn_linear(int64_t in_features, int64_t out_features) {
  LmLinear layer(in_features, out_features, false);
  if (!NoDraws::active()) torch::nn::init::kaiming_uniform_(layer->weight, std::sqrt(5));
  return layer;
}

}  // namespace af2
