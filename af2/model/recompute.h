// Gradient checkpointing: a part of a network keeps none of its inner values for the backward pass, but is
// computed again there (docs/spec/training.md section 1).
//
// Memory for time: a pass more through the part. Draws (dropout, drop path) are the same both times: the
// state of the CPU's generator is kept. Thread rule: as backward().
//
//   y = recomputed([&](const torch::Tensor& x, auto& k, auto& v) { return layer(x, k, v); }, x, keys,
//   values);
#pragma once

#include <torch/torch.h>

#include <functional>

namespace af2 {

using RecomputedPart =
    std::function<torch::Tensor(const torch::Tensor& a, const torch::Tensor& b, const torch::Tensor& c)>;

// part(a, b, c); b and c may be undefined. What else the part uses (parameters, masks) must live until the
// backward pass, and stay as it is. Without gradients, or where none of the three has one, it is simply run.
torch::Tensor recomputed(RecomputedPart part, const torch::Tensor& a, const torch::Tensor& b = {},
                         const torch::Tensor& c = {});

}  // namespace af2
