#include "af2/model/lm_linear.h"

#include "af2/core/error.h"

namespace af2 {

LmLinearImpl::LmLinearImpl(int64_t in_features, int64_t out_features, bool with_bias)
    : in(in_features), out(out_features) {
  // Left empty: the weights are always loaded, and 135 million random draws take seconds.
  weight = register_parameter("weight", torch::empty({out, in}));
  if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
}

void LmLinearImpl::set_low_bit(std::shared_ptr<const QMatrix> matrix) {
  if (matrix->rows() != out || matrix->columns() != in)
    throw internal_error("low-bit matrix has another shape than its layer");
  matrix_ = std::move(matrix);
  weight.set_data(torch::empty({0}));
}

void LmLinearImpl::multiply(const float* x, int64_t n, float* y) const {
  if (matrix_) {
    matrix_->multiply(x, n, y);
  } else {
    torch::Tensor result = torch::from_blob(y, {n, out});
    torch::mm_out(result, torch::from_blob(const_cast<float*>(x), {n, in}), weight.t());
  }
  if (!bias.defined()) return;
  const float* b = bias.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < out; ++k) y[i * out + k] += b[k];
}

torch::Tensor LmLinearImpl::forward(const torch::Tensor& x) {
  if (!matrix_) return torch::nn::functional::linear(x, weight, bias);
  const torch::Tensor input = x.to(torch::kFloat32).contiguous();
  std::vector<int64_t> shape = input.sizes().vec();
  shape.back() = out;
  torch::Tensor result = torch::empty(shape, input.options());
  matrix_->multiply(input.data_ptr<float>(), input.numel() / in, result.data_ptr<float>());
  return bias.defined() ? result + bias : result;
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

}  // namespace af2
