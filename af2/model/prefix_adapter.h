// What turns the memory of a clip into tokens of the language model (Af2Config::conditioning prefix):
// LayerNorm, a linear layer, GELU (erf), a linear layer, for each audio token alone.
//
// Parameter names below `lang_encoder.prefix_adapter.`: norm, fc1, fc2, each with weight and bias. Ours; the
// paper's comparison (docs/spec/training.md section 10) took another model. Thread rule: forward is
// reentrant.
#pragma once

#include <torch/torch.h>

#include "af2/model/linear.h"

namespace af2 {

struct PrefixAdapterImpl : torch::nn::Module {
  PrefixAdapterImpl(int64_t dim_audio, int64_t dim_text);
  torch::Tensor forward(const torch::Tensor& memory);  // [B, S, D] -> [B, S, D_l]
  torch::nn::LayerNorm norm{nullptr};
  Linear fc1{nullptr}, fc2{nullptr};
};
TORCH_MODULE(PrefixAdapter);

}  // namespace af2
