// Gated cross-attention (XATTN-Dense): how the language model hears (docs/spec/model.md section 6).
//
// Keys and values depend on the audio alone: `project` makes them once per clip, `forward` uses them for
// every token. They are values handed in, never kept in the layer.
// Thread rule: forward in eval mode is reentrant.
#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "af2/model/af2_config.h"
#include "af2/model/attention.h"
#include "af2/model/linear.h"

namespace af2 {

// Keys and values of one clip for one block, [B, H, S, dh] each; key_mask [B, S] or undefined.
struct AudioKeyValues {
  torch::Tensor keys, values;
};

struct MaskedCrossAttentionImpl : torch::nn::Module {
  MaskedCrossAttentionImpl(int64_t dim_text, int64_t dim_audio, const XattnConfig& config);
  AudioKeyValues project(const torch::Tensor& memory);  // [B, S, D_a]
  torch::Tensor forward(const torch::Tensor& x, const AudioKeyValues& audio, const torch::Tensor& key_mask,
                        const PackedTexts& texts = {});
  int64_t heads, dim_head;
  torch::nn::LayerNorm norm{nullptr};
  Linear to_q{nullptr}, to_kv{nullptr}, to_out{nullptr};
};
TORCH_MODULE(MaskedCrossAttention);

struct GatedCrossAttentionImpl : torch::nn::Module {
  GatedCrossAttentionImpl(int64_t dim_text, int64_t dim_audio, const XattnConfig& config);
  // x [B, T, D_l] -> [B, T, D_l]; or packed, [N, D_l] -> [N, D_l]
  torch::Tensor forward(const torch::Tensor& x, const AudioKeyValues& audio, const torch::Tensor& key_mask,
                        const PackedTexts& texts = {});
  MaskedCrossAttention attn{nullptr};
  torch::Tensor attn_gate, ff_gate;   // one scalar each, 0 at the start
  torch::nn::Sequential ff{nullptr};  // 0 LayerNorm, 1 linear, 2 GELU, 3 linear
  // The matrices with their names below the block: "attn.to_q.weight" …, "ff.3.weight".
  std::vector<std::pair<std::string, Linear>> matrices() const;
};
TORCH_MODULE(GatedCrossAttention);

}  // namespace af2
