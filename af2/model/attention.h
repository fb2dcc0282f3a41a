// Attention of placed layers (model/placement.h): one fused call of the device, in the type of its operands;
// attention of training; and texts of several lengths without padding.
//
// The ordinary layers keep their own arithmetic, whose float32 results are reproducible to the bit. Thread
// rule: pure.
#pragma once

#include <torch/torch.h>

#include <cmath>

#include "af2/model/precision.h"

namespace af2 {

// Rows of texts of several lengths without the padding between them: [B, T, D] <-> [N, D]. Layers that treat
// each token alone work on the N rows; attention spreads them out. An empty one: nothing is packed.
struct PackedTexts {
  torch::Tensor rows;  // [N] int64, places in [B * T]; undefined where nothing is packed
  int64_t b = 0, t = 0;

  bool active() const { return rows.defined(); }
  // [N, w] -> [B, T, w], zero between; what is not packed stays as it is.
  torch::Tensor spread(const torch::Tensor& packed) const {
    if (!active()) return packed;
    return torch::zeros({b * t, packed.size(1)}, packed.options())
        .index_copy(0, rows, packed)
        .view({b, t, packed.size(1)});
  }
  torch::Tensor pack(const torch::Tensor& padded) const {  // and back
    return active() ? padded.flatten(0, 1).index_select(0, rows) : padded;
  }
};

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

// Attention as training computes it: softmax(q . k^T / sqrt(dh) + hidden) . v with gradients, in the type of
// q, k and v, sums within products and softmax in float32. q [.., T, dh], k and v [.., S, dh]; `hidden`
// broadcasts to [.., T, S], very negative where a key does not count, or undefined; `dropout` of the weights.
// Adding instead of filling is a pass less each way, and one that bfloat16 has vectors for.
inline torch::Tensor trained_attention(const torch::Tensor& q, const torch::Tensor& k, const torch::Tensor& v,
                                       const torch::Tensor& hidden, double dropout = 0) {
  // Autocast would have the softmax convert the scores to float32 and back.
  const bool one_type = q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type();
  const Bf16Products own_types(Bf16Products::active() && !(one_type && q.scalar_type() == torch::kBFloat16));
  torch::Tensor scores =
      torch::matmul(q * (1 / std::sqrt(static_cast<double>(q.size(-1)))), k.transpose(-2, -1));
  if (hidden.defined()) scores.add_(hidden);
  torch::Tensor weights = scores.softmax(-1);
  if (dropout > 0) weights = torch::dropout(weights, dropout, /*train=*/true);
  return torch::matmul(weights, v);
}

}  // namespace af2
