#include "af2/model/prefix_adapter.h"

namespace af2 {

PrefixAdapterImpl::PrefixAdapterImpl(int64_t dim_audio, int64_t dim_text) {
  norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim_audio})));
  fc1 = register_module("fc1", drawn_linear(dim_audio, dim_text, true));
  fc2 = register_module("fc2", drawn_linear(dim_text, dim_text, true));
}

torch::Tensor PrefixAdapterImpl::forward(const torch::Tensor& memory) {
  return fc2->forward(fc1->forward_gelu(norm->forward(memory)));
}

}  // namespace af2
