#include "af2/model/audio_transformer.h"

#include <cmath>

#include "af2/model/attention.h"

namespace af2 {
namespace {

constexpr double kTransformerNormEps = 1e-6;
constexpr double kMasked = -1e9;

torch::nn::LayerNorm layer_norm_of(int64_t dim) {
  return torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim}).eps(kTransformerNormEps));
}

}  // namespace

int64_t audio_rotary_width(int64_t dim_head) {
  return std::min(std::max(dim_head / 2, int64_t{kLeastAudioRotary}), dim_head);
}

AudioSelfAttentionImpl::AudioSelfAttentionImpl(int64_t dim, const AudioTransformerConfig& config)
    : heads(config.heads), dropout(config.dropout) {
  w_qs = register_module("w_qs", drawn_linear(dim, dim));
  w_ks = register_module("w_ks", drawn_linear(dim, dim));
  w_vs = register_module("w_vs", drawn_linear(dim, dim));
  fc = register_module("fc", drawn_linear(dim, dim));
  layer_norm = register_module("layer_norm", layer_norm_of(dim));
}

torch::Tensor AudioSelfAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& key_mask,
                                              const RotaryTable* table) {
  const int64_t b = x.size(0), s = x.size(1), d = x.size(2), dim_head = d / heads;
  const auto split = [&](Linear& w) {
    return w->forward(x).view({b, s, heads, dim_head}).transpose(1, 2);  // [B, H, S, dh]
  };
  torch::Tensor q = split(w_qs), k = split(w_ks);
  if (table) q = apply_rotary(q, *table), k = apply_rotary(k, *table);
  if (fc->is_placed()) {
    const torch::Tensor seen = key_mask.defined() ? key_mask.view({b, 1, 1, s}) != 0 : torch::Tensor();
    const torch::Tensor mixed = fused_attention(fc->input(q), fc->input(k), fc->input(split(w_vs)), seen);
    return layer_norm->forward(fc->forward(mixed.transpose(1, 2).reshape({b, s, d})) + x);
  }
  if (torch::GradMode::is_enabled()) {
    torch::Tensor hidden;  // what is added to the scores
    if (key_mask.defined())
      hidden = torch::zeros({b, 1, 1, s}, q.options()).masked_fill(key_mask.view({b, 1, 1, s}) == 0, kMasked);
    const torch::Tensor mixed = trained_attention(q, k, split(w_vs), hidden, is_training() ? dropout : 0);
    return layer_norm->forward(fc->forward(mixed.transpose(1, 2).reshape({b, s, d})) + x);
  }
  torch::Tensor scores = torch::matmul(q / std::sqrt(static_cast<double>(dim_head)), k.transpose(-2, -1));
  if (key_mask.defined())
    scores = scores.masked_fill(key_mask.view({b, 1, 1, s}) == 0, kMasked);  // [B, H, S, S]
  const torch::Tensor weights = torch::dropout(scores.softmax(-1), dropout, is_training());
  const torch::Tensor mixed = torch::matmul(weights, split(w_vs)).transpose(1, 2).reshape({b, s, d});
  return layer_norm->forward(fc->forward(mixed) + x);
}

AudioFeedForwardImpl::AudioFeedForwardImpl(int64_t dim) {
  w_1 = register_module("w_1", drawn_linear(dim, dim, true));
  w_2 = register_module("w_2", drawn_linear(dim, dim, true));
  layer_norm = register_module("layer_norm", layer_norm_of(dim));
}

torch::Tensor AudioFeedForwardImpl::forward(const torch::Tensor& x) {
  return layer_norm->forward(w_2->forward(torch::relu(w_1->forward(x))) + x);
}

AudioLayerImpl::AudioLayerImpl(int64_t dim, const AudioTransformerConfig& config) {
  slf_attn = register_module("slf_attn", AudioSelfAttention(dim, config));
  pos_ffn = register_module("pos_ffn", AudioFeedForward(dim));
}

torch::Tensor AudioLayerImpl::forward(const torch::Tensor& x, const torch::Tensor& key_mask,
                                      const RotaryTable* table) {
  return pos_ffn->forward(slf_attn->forward(x, key_mask, table));
}

AudioTransformerImpl::AudioTransformerImpl(int64_t width, const AudioTransformerConfig& options)
    : config(options), dim(width) {
  if (config.layers > 0) layer_norm = register_module("layer_norm", layer_norm_of(dim));
  layer_stack = register_module("layer_stack", torch::nn::ModuleList());
  for (int i = 0; i < config.layers; ++i) layer_stack->push_back(AudioLayer(dim, config));
}

torch::Tensor AudioTransformerImpl::forward(const torch::Tensor& tokens, const torch::Tensor& token_mask) {
  if (config.layers == 0) return tokens;
  // First-generation weights rotated whole heads by one angle each: q and k of a head turned alike, so the
  // scores were those without rotation (model.md section 12). `heads_noop` therefore computes none.
  RotaryTable table;
  const bool rotate = config.rotary == "on";
  if (rotate)
    table = rotary_table(0, tokens.size(1), audio_rotary_width(dim / config.heads), kAudioRotaryBase,
                         tokens.device());
  torch::Tensor x = layer_norm->forward(tokens * std::sqrt(static_cast<double>(dim)));
  for (const auto& layer : *layer_stack)
    x = layer->as<AudioLayer>()->forward(x, token_mask, rotate ? &table : nullptr);
  return x;
}

}  // namespace af2
