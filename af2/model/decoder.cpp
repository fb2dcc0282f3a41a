#include "af2/model/decoder.h"

#include <cmath>
#include <limits>

#include "af2/model/attention.h"
#include "af2/model/train_kernels.h"

namespace af2 {
namespace {

constexpr int64_t kCacheStep = 64;  // positions a cache grows by

// Appends k, v [B, H, T, dh] to layer `layer` and returns views of all filled positions.
std::pair<torch::Tensor, torch::Tensor> extend(KvCache& cache, std::size_t layer, const torch::Tensor& k,
                                               const torch::Tensor& v) {
  cache.make_room(layer, k.size(2), k.sizes().vec(), k.options());
  const torch::Tensor &keys = cache.keys[layer], &values = cache.values[layer];
  keys.narrow(2, cache.length, k.size(2)).copy_(k);
  values.narrow(2, cache.length, v.size(2)).copy_(v);
  const int64_t filled = cache.length + k.size(2);
  return {keys.narrow(2, 0, filled), values.narrow(2, 0, filled)};
}

}  // namespace

void KvCache::make_room(std::size_t layer, int64_t more, std::vector<int64_t> shape,
                        const torch::TensorOptions& options) {
  if (keys.size() <= layer) {
    keys.resize(layer + 1);
    values.resize(layer + 1);
  }
  const int64_t wanted = length + more;
  if (keys[layer].defined() && keys[layer].size(2) >= wanted) return;
  shape[2] = std::max({(wanted + kCacheStep - 1) / kCacheStep * kCacheStep, 2 * length, reserve});
  for (auto* kept : {&keys[layer], &values[layer]}) {
    const torch::Tensor larger = torch::empty(shape, options);
    if (kept->defined() && length > 0) larger.narrow(2, 0, length).copy_(kept->narrow(2, 0, length));
    *kept = larger;
  }
}

AudioContext AudioContext::rows(const torch::Tensor& index) const {
  const auto of = [&](const torch::Tensor& tensor) {
    return tensor.defined() ? tensor.index_select(0, index.to(tensor.device())) : tensor;
  };
  AudioContext chosen;
  for (const AudioKeyValues& block : blocks) chosen.blocks.push_back({of(block.keys), of(block.values)});
  chosen.key_mask = of(key_mask);
  chosen.prefix = of(prefix);
  return chosen;
}

RmsNormImpl::RmsNormImpl(int64_t dim, double epsilon) : eps(epsilon) {
  weight = register_parameter("weight", torch::ones({dim}));
}

torch::Tensor RmsNormImpl::forward(const torch::Tensor& x) {
  if (!x.device().is_cpu()) return at::rms_norm(x, {x.size(-1)}, weight, eps);  // one kernel, not eight
  if (x.scalar_type() == torch::kFloat32 && can_train_fused(x)) return trained_rms_norm(x, weight, eps);
  const torch::Tensor wide = x.to(torch::kFloat32);
  return weight * (wide * torch::rsqrt(wide.square().mean(-1, true) + eps)).to(x.dtype());
}

SelfAttentionImpl::SelfAttentionImpl(const LmConfig& options) : config(options) {
  const bool bias = config.arch == "qwen2";
  const int64_t q_width = int64_t{config.n_heads} * config.head_dim,
                kv_width = int64_t{config.n_kv_heads} * config.head_dim;
  q_proj = register_module("q_proj", Linear(config.dim, q_width, bias));
  k_proj = register_module("k_proj", Linear(config.dim, kv_width, bias));
  v_proj = register_module("v_proj", Linear(config.dim, kv_width, bias));
  o_proj = register_module("o_proj", Linear(q_width, config.dim, false));
}

torch::Tensor SelfAttentionImpl::forward(const torch::Tensor& states, const RotaryTable& table,
                                         KvCache* cache, std::size_t layer, const PackedTexts& texts) {
  const torch::Tensor x = q_proj->input(states);  // [B, T, D], or packed
  const int64_t b = texts.active() ? texts.b : x.size(0), t = texts.active() ? texts.t : x.size(1),
                h = config.n_heads, kv = config.n_kv_heads, dh = config.head_dim;
  const auto split = [&](Linear& projection, int64_t heads) {
    return texts.spread(projection->forward(x)).view({b, t, heads, dh}).transpose(1, 2);
  };
  const torch::Tensor q = apply_rotary(split(q_proj, h), table);
  torch::Tensor k = apply_rotary(split(k_proj, kv), table);
  torch::Tensor v = split(v_proj, kv);
  if (cache) std::tie(k, v) = extend(*cache, layer, k, v);
  const int64_t s = k.size(2);
  // Kernels of narrow types know a whole prompt's mask themselves.
  if (o_proj->is_placed() && t > 1 && t == s && q.scalar_type() != torch::kFloat32)
    return o_proj->forward(causal_attention(q, k, v).transpose(1, 2).reshape({b, t, h * dh}));
  if (o_proj->is_placed()) {
    torch::Tensor seen;  // [(H/H_kv)*T, S]
    if (t > 1)
      seen = torch::ones({t, s}, torch::TensorOptions(torch::kBool).device(x.device()))
                 .tril(s - t)
                 .repeat({h / kv, 1});
    const torch::Tensor mixed = fused_attention(q.reshape({b, kv, h / kv * t, dh}), k, v, seen);
    return o_proj->forward(mixed.reshape({b, h, t, dh}).transpose(1, 2).reshape({b, t, h * dh}));
  }
  // Query heads that share a key head stand beside each other: [B, H_kv, (H/H_kv)*T, dh].
  if (torch::GradMode::is_enabled()) {
    const torch::Tensor hidden =
        torch::full({t, s}, -std::numeric_limits<float>::infinity(), q.options()).triu(s - t + 1);
    const torch::Tensor mixed =
        trained_attention(q.reshape({b, kv, h / kv * t, dh}), k, v, hidden.repeat({h / kv, 1}));
    return o_proj->forward(texts.pack(mixed.view({b, h, t, dh}).transpose(1, 2).reshape({b, t, h * dh})));
  }
  const torch::Tensor grouped = q.reshape({b, kv, h / kv * t, dh}) * std::pow(static_cast<double>(dh), -0.5);
  torch::Tensor scores = torch::matmul(grouped, k.transpose(-2, -1)).view({b, h, t, s});
  if (t > 1) {
    const torch::Tensor hidden = torch::ones({t, s}, scores.options().dtype(torch::kBool)).triu(s - t + 1);
    scores = scores.masked_fill(hidden, -std::numeric_limits<float>::infinity());
  }
  const torch::Tensor weights =
      scores.softmax(-1, torch::kFloat32).to(v.dtype()).view({b, kv, h / kv * t, s});
  const torch::Tensor mixed = torch::matmul(weights, v).view({b, h, t, dh}).transpose(1, 2);
  return o_proj->forward(texts.pack(mixed.reshape({b, t, h * dh})));
}

SwiGluImpl::SwiGluImpl(const LmConfig& config) {
  gate_proj = register_module("gate_proj", Linear(config.dim, config.ffn_dim, false));
  up_proj = register_module("up_proj", Linear(config.dim, config.ffn_dim, false));
  down_proj = register_module("down_proj", Linear(config.ffn_dim, config.dim, false));
}

torch::Tensor SwiGluImpl::forward(const torch::Tensor& states) {
  const torch::Tensor x = gate_proj->input(states);  // [B, T, D]
  return down_proj->forward(torch::silu(gate_proj->forward(x)) * up_proj->forward(x));
}

DecoderLayerImpl::DecoderLayerImpl(const LmConfig& config) {
  input_layernorm = register_module("input_layernorm", RmsNorm(config.dim, config.rms_eps));
  self_attn = register_module("self_attn", SelfAttention(config));
  post_attention_layernorm = register_module("post_attention_layernorm", RmsNorm(config.dim, config.rms_eps));
  mlp = register_module("mlp", SwiGlu(config));
}

torch::Tensor DecoderLayerImpl::forward(const torch::Tensor& x, const RotaryTable& table, KvCache* cache,
                                        std::size_t layer, const PackedTexts& texts) {
  const torch::Tensor attended =
      x + self_attn->forward(input_layernorm->forward(x), table, cache, layer, texts);
  return attended + mlp->forward(post_attention_layernorm->forward(attended));
}

DecoderImpl::DecoderImpl(const LmConfig& options, int64_t n_added) : config(options) {
  embed_tokens = register_module("embed_tokens", Linear(config.dim, config.vocab, false));
  if (!config.tied) lm_head = register_module("lm_head", Linear(config.dim, config.vocab, false));
  if (n_added > 0)
    added_embeddings = register_parameter("added_embeddings", torch::zeros({n_added, config.dim}));
  if (n_added > 0 && config.added_head)
    added_head = register_parameter("added_head", torch::zeros({n_added, config.dim}));
  layers = register_module("layers", torch::nn::ModuleList());
  for (int i = 0; i < config.n_layers; ++i) layers->push_back(DecoderLayer(config));
  norm = register_module("norm", RmsNorm(config.dim, config.rms_eps));
}

torch::Tensor DecoderImpl::embed(const torch::Tensor& tokens) {
  const torch::Tensor ids = tokens.to(embed_tokens->device());  // [B, T]
  if (!added_embeddings.defined()) return embed_tokens->rows(ids);
  const torch::Tensor is_added = ids >= config.vocab;
  const torch::Tensor known = embed_tokens->rows(ids.masked_fill(is_added, 0));
  const torch::Tensor added = torch::embedding(added_embeddings, (ids - config.vocab).clamp_min(0));
  return torch::where(is_added.unsqueeze(-1), added, known);
}

torch::Tensor DecoderImpl::logits(const torch::Tensor& hidden) {
  const torch::Tensor known = (lm_head ? lm_head : embed_tokens)->forward(hidden);
  if (!added_embeddings.defined()) return known;
  const torch::Tensor& added = added_head.defined() ? added_head : added_embeddings;
  return torch::cat({known, torch::nn::functional::linear(hidden, added.to(hidden.device()))}, -1);
}

}  // namespace af2
