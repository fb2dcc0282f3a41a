// Steps of training on the CPU that are done in one pass over their values each way, where ATen's elementary
// operations take five to ten: RMSNorm and the rotation of positions.
//
// With gradients kept alone; the arithmetic of inference stays its own. Sums and products are in float32
// whatever the types of input and result. Thread rule: free functions.
#pragma once

#include <torch/torch.h>

#include "af2/model/rotary.h"

namespace af2 {

// Whether x is what they take: float32 or bfloat16 on the CPU, its last dimension side by side, gradients
// kept.
bool can_train_fused(const torch::Tensor& x);

// weight * x / sqrt(mean(x^2) + eps) over the last dimension; x [..., D] float32, weight [D] float32 -> [...,
// D], in bfloat16 where products are (model/precision.h), so that several layers that read it convert
// nothing.
torch::Tensor trained_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps);

// apply_rotary of x [B, H, T, dh], in the type of x, its values contiguous in the result.
torch::Tensor trained_rotary(const torch::Tensor& x, const RotaryTable& table);

}  // namespace af2
