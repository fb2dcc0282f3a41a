// Attention of placed layers (model/placement.h): one fused call of the device, in the type of its operands.
//
// The ordinary layers keep their own arithmetic, whose float32 results are reproducible to the bit. Thread
// rule: pure.
#pragma once

#include <torch/torch.h>

#include <cmath>

namespace af2 {

// softmax(q . k^T / sqrt(dh)) . v; q [B, H, T, dh], k and v [B, H, S, dh], `seen` [.., T or 1, S] bool, true
// where a key counts, or in the type of the others what is added to the scores, or undefined: all do
// -> [B, H, T, dh].
inline torch::Tensor fused_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                                     const torch::Tensor& seen) {
  return at::scaled_dot_product_attention(
      q, k, v, seen.defined() ? std::optional<torch::Tensor>(seen) : std::nullopt, /*dropout_p=*/0.0,
      /*is_causal=*/false, /*scale=*/1 / std::sqrt(static_cast<double>(q.size(-1))));
}

// The same where query i sees keys 0 to i, as many of both, and several heads of q may share one of k and v:
// q [B, H, T, dh], k and v [B, H_kv, T, dh] -> [B, H, T, dh].
inline torch::Tensor causal_attention(const torch::Tensor& q, const torch::Tensor& k,
                                      const torch::Tensor& v) {
  return at::scaled_dot_product_attention(q, k, v, std::nullopt, /*dropout_p=*/0.0, /*is_causal=*/true,
                                          /*scale=*/1 / std::sqrt(static_cast<double>(q.size(-1))),
                                          /*enable_gqa=*/q.size(1) != k.size(1));
}

}  // namespace af2
