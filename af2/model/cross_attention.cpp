#include "af2/model/cross_attention.h"

#include <cmath>
#include <limits>

#include "af2/model/attention.h"

namespace af2 {
namespace {
constexpr double kMaskedNarrow = -3e38;
}

MaskedCrossAttentionImpl::MaskedCrossAttentionImpl(int64_t dim_text, int64_t dim_audio,
                                                   const XattnConfig& config)
    : heads(config.heads), dim_head(config.dim_head) {
  const int64_t inner = heads * dim_head;
  norm = register_module("norm", torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim_text})));
  to_q = register_module("to_q", drawn_linear(dim_text, inner));
  to_kv = register_module("to_kv", drawn_linear(dim_audio, 2 * inner));
  to_out = register_module("to_out", drawn_linear(inner, dim_text));
}

AudioKeyValues MaskedCrossAttentionImpl::project(const torch::Tensor& memory) {
  const int64_t b = memory.size(0), s = memory.size(1);
  const torch::Tensor both =
      to_kv->forward(to_kv->input(memory)).view({b, s, 2, heads, dim_head}).permute({2, 0, 3, 1, 4});
  return {both[0].contiguous(), both[1].contiguous()};  // [B, H, S, dh]
}

torch::Tensor MaskedCrossAttentionImpl::forward(const torch::Tensor& x, const AudioKeyValues& audio,
                                                const torch::Tensor& key_mask, const PackedTexts& texts) {
  const torch::Tensor asked = texts.spread(to_q->forward(to_q->input(norm->forward(x))));
  const int64_t b = asked.size(0), t = asked.size(1);
  const torch::Tensor q = asked.view({b, t, heads, dim_head}).transpose(1, 2);
  if (to_out->is_placed()) {
    const torch::Tensor seen = key_mask.defined()
                                   ? key_mask.to(x.device()).view({-1, 1, 1, audio.keys.size(2)}) != 0
                                   : torch::Tensor();  // [B, 1, 1, S]
    // Several beams about one clip are as many queries of it: [1, H, B*T, dh].
    const bool shared = audio.keys.size(0) == 1 && b > 1;
    const torch::Tensor queries = shared ? q.transpose(0, 1).reshape({1, heads, b * t, dim_head}) : q;
    torch::Tensor mixed = fused_attention(queries, audio.keys, audio.values, seen);
    if (shared) mixed = mixed.view({heads, b, t, dim_head}).transpose(0, 1);  // [B, H, T, dh]
    return to_out->forward(mixed.transpose(1, 2).reshape({b, t, heads * dim_head}));
  }
  if (torch::GradMode::is_enabled()) {
    torch::Tensor hidden;  // what is added to the scores
    if (key_mask.defined())
      hidden = torch::zeros({b, 1, 1, audio.keys.size(2)}, q.options())
                   .masked_fill(key_mask.view({b, 1, 1, -1}) == 0, kMaskedNarrow);
    const torch::Tensor mixed = trained_attention(q, audio.keys, audio.values, hidden);
    return to_out->forward(texts.pack(mixed.transpose(1, 2).reshape({b, t, heads * dim_head})));
  }
  // Several texts about one clip are as many queries of it: [1, H, B*T, dh].
  const bool shared = audio.keys.size(0) == 1 && b > 1;
  const torch::Tensor queries = shared ? q.transpose(0, 1).reshape({1, heads, b * t, dim_head}) : q;
  torch::Tensor scores = torch::matmul(queries * std::pow(static_cast<double>(dim_head), -0.5),
                                       audio.keys.transpose(-2, -1));  // [B, H, T, S]
  if (key_mask.defined()) {
    // The greatest float, as published, is none of bfloat16.
    const double masked =
        scores.scalar_type() == torch::kFloat32 ? -std::numeric_limits<float>::max() : kMaskedNarrow;
    scores = scores.masked_fill(key_mask.view({-1, 1, 1, audio.keys.size(2)}) == 0, masked);
  }
  torch::Tensor mixed = torch::matmul(scores.softmax(-1), audio.values);
  if (shared) mixed = mixed.view({heads, b, t, dim_head}).transpose(0, 1);  // [B, H, T, dh]
  return to_out->forward(texts.pack(mixed.transpose(1, 2).reshape({b, t, heads * dim_head})));
}

GatedCrossAttentionImpl::GatedCrossAttentionImpl(int64_t dim_text, int64_t dim_audio,
                                                 const XattnConfig& config) {
  attn = register_module("attn", MaskedCrossAttention(dim_text, dim_audio, config));
  attn_gate = register_parameter("attn_gate", torch::zeros({1}));
  const int64_t hidden = static_cast<int64_t>(std::llround(dim_text * config.ff_mult));
  ff = register_module("ff",
                       torch::nn::Sequential(torch::nn::LayerNorm(torch::nn::LayerNormOptions({dim_text})),
                                             drawn_linear(dim_text, hidden), torch::nn::GELU(),
                                             drawn_linear(hidden, dim_text)));
  ff_gate = register_parameter("ff_gate", torch::zeros({1}));
}

torch::Tensor GatedCrossAttentionImpl::forward(const torch::Tensor& x, const AudioKeyValues& audio,
                                               const torch::Tensor& key_mask, const PackedTexts& texts) {
  const torch::Tensor heard = x + attn_gate.tanh() * attn->forward(x, audio, key_mask, texts);
  return heard + ff_gate.tanh() * ff->forward(heard);
}

std::vector<std::pair<std::string, Linear>> GatedCrossAttentionImpl::matrices() const {
  const auto linear = [&](int64_t i) { return Linear(std::dynamic_pointer_cast<LinearImpl>(ff->ptr(i))); };
  return {{"attn.to_q.weight", attn->to_q},
          {"attn.to_kv.weight", attn->to_kv},
          {"attn.to_out.weight", attn->to_out},
          {"ff.1.weight", linear(1)},
          {"ff.3.weight", linear(3)}};
}

}  // namespace af2
