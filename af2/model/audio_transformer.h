// The transformation layers between the tower and the cross-attention (docs/spec/model.md section 5): a
// post-norm transformer over all audio tokens of a clip. Names as in the published checkpoint below
// `audio_transformer_clap.`.
// Thread rule: forward in eval mode is reentrant.
#pragma once

#include <torch/torch.h>

#include "af2/model/af2_config.h"
#include "af2/model/linear.h"
#include "af2/model/rotary.h"

namespace af2 {

inline constexpr double kAudioRotaryBase = 4096;
inline constexpr int kLeastAudioRotary = 32;
// Width that is rotated of each head: half of it, at least 32, at most all.
int64_t audio_rotary_width(int64_t dim_head);

struct AudioSelfAttentionImpl : torch::nn::Module {
  AudioSelfAttentionImpl(int64_t dim, const AudioTransformerConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& key_mask, const RotaryTable* table);
  int64_t heads;
  double dropout;
  Linear w_qs{nullptr}, w_ks{nullptr}, w_vs{nullptr}, fc{nullptr};
  torch::nn::LayerNorm layer_norm{nullptr};
};
TORCH_MODULE(AudioSelfAttention);

struct AudioFeedForwardImpl : torch::nn::Module {
  explicit AudioFeedForwardImpl(int64_t dim);
  torch::Tensor forward(const torch::Tensor& x);
  Linear w_1{nullptr}, w_2{nullptr};
  torch::nn::LayerNorm layer_norm{nullptr};
};
TORCH_MODULE(AudioFeedForward);

struct AudioLayerImpl : torch::nn::Module {
  AudioLayerImpl(int64_t dim, const AudioTransformerConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& key_mask, const RotaryTable* table);
  AudioSelfAttention slf_attn{nullptr};
  AudioFeedForward pos_ffn{nullptr};
};
TORCH_MODULE(AudioLayer);

struct AudioTransformerImpl : torch::nn::Module {
  AudioTransformerImpl(int64_t dim, const AudioTransformerConfig& config);
  // tokens [B, S, D], token_mask [B, S] (1 real, 0 padding; may be undefined) -> memory [B, S, D]. Without
  // layers there are no parameters, and the tokens are the memory.
  torch::Tensor forward(const torch::Tensor& tokens, const torch::Tensor& token_mask);

  AudioTransformerConfig config;
  int64_t dim;
  torch::nn::LayerNorm layer_norm{nullptr};  // absent without layers
  torch::nn::ModuleList layer_stack;
};
TORCH_MODULE(AudioTransformer);

}  // namespace af2
