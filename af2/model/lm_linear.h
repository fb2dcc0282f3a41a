// A linear layer of the language model, whose weight is either a float tensor or rows in a low-bit format
// that stay as they lie in the memory-mapped file.
//
// Both give the product with the same dequantised weights; low-bit is for inference of frozen weights only.
// Thread rule: forward is reentrant.
#pragma once

#include <torch/torch.h>

#include <memory>

#include "af2/quant/qmatrix.h"

namespace af2 {

struct LmLinearImpl : torch::nn::Module {
  LmLinearImpl(int64_t in_features, int64_t out_features, bool with_bias);
  torch::Tensor forward(const torch::Tensor& x);  // [..., in] -> [..., out]
  // The same for n rows of plain floats on the CPU (the weight float32): x [n, in] -> y [n, out].
  void multiply(const float* x, int64_t n, float* y) const;
  torch::Tensor rows(const torch::Tensor& ids);  // [...] int64 -> [..., in], the weight as embedding

  // Replaces the float weight by low-bit rows; the shape must agree.
  void set_low_bit(std::shared_ptr<const QMatrix> matrix);
  bool is_low_bit() const { return matrix_ != nullptr; }

  int64_t in, out;
  torch::Tensor weight;  // [out, in]; undefined when low-bit
  torch::Tensor bias;    // [out] or undefined

 private:
  std::shared_ptr<const QMatrix> matrix_;
};
TORCH_MODULE(LmLinear);

}  // namespace af2
