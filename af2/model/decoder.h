// The language model: a Qwen2 or Llama decoder with gated cross-attention blocks between its layers
// (docs/spec/model.md sections 6, 7). Parameter names are those of a Hugging Face folder below `model.`;
// the cross-attention's are `gated_cross_attn_layers_sound.{i}`, i the decoder layer that follows.
//
// Token ids from `LmConfig::vocab` on are added tokens: their rows live in `added_embeddings`, input and
// output. Thread rule: forward in eval mode is reentrant; what changes is in the caller's KvCache.
#pragma once

#include <torch/torch.h>

#include <vector>

#include "af2/model/af2_config.h"
#include "af2/model/attention.h"
#include "af2/model/cross_attention.h"
#include "af2/model/linear.h"
#include "af2/model/rotary.h"

namespace af2 {

// Keys and values of the text so far, and of a clip's prefix before it; it grows as needed.
struct KvCache {
  int64_t length = 0;                       // positions filled
  int64_t reserve = 0;                      // positions to make room for at once; 0: as they come
  std::vector<torch::Tensor> keys, values;  // per layer [B, H_kv, capacity, dh]

  // Room for `more` positions in layer `layer`; `shape` is [B, H_kv, any, dh].
  void make_room(std::size_t layer, int64_t more, std::vector<int64_t> shape,
                 const torch::TensorOptions& options);
};

// What a clip gives to the language model: keys and values per cross-attention block, or what stands before
// the text (Af2Config::conditioning).
struct AudioContext {
  std::vector<AudioKeyValues> blocks;  // one per cross-attention block, in order
  torch::Tensor key_mask;              // [B, S], undefined when every token counts
  torch::Tensor prefix;                // [B, S, D_l], undefined with cross-attention

  // Positions of the language model that the clip takes, padding counted.
  int64_t prefix_length() const { return prefix.defined() ? prefix.size(1) : 0; }
  // The clips of these rows (int64 [N]; a row may come several times), in their order: for batches in which
  // several texts are about one clip.
  AudioContext rows(const torch::Tensor& index) const;
};

struct RmsNormImpl : torch::nn::Module {
  RmsNormImpl(int64_t dim, double epsilon);
  torch::Tensor forward(const torch::Tensor& x);
  double eps;
  torch::Tensor weight;
};
TORCH_MODULE(RmsNorm);

struct SelfAttentionImpl : torch::nn::Module {
  explicit SelfAttentionImpl(const LmConfig& config);
  // x [B, T, D]; cache may be null (no reuse), else layer `layer` of it is read and extended. Without a cache
  // x may be packed.
  torch::Tensor forward(const torch::Tensor& x, const RotaryTable& table, KvCache* cache, std::size_t layer,
                        const PackedTexts& texts = {});
  LmConfig config;
  Linear q_proj{nullptr}, k_proj{nullptr}, v_proj{nullptr}, o_proj{nullptr};
};
TORCH_MODULE(SelfAttention);

struct SwiGluImpl : torch::nn::Module {
  explicit SwiGluImpl(const LmConfig& config);
  torch::Tensor forward(const torch::Tensor& x);
  Linear gate_proj{nullptr}, up_proj{nullptr}, down_proj{nullptr};
};
TORCH_MODULE(SwiGlu);

struct DecoderLayerImpl : torch::nn::Module {
  explicit DecoderLayerImpl(const LmConfig& config);
  torch::Tensor forward(const torch::Tensor& x, const RotaryTable& table, KvCache* cache, std::size_t layer,
                        const PackedTexts& texts = {});
  RmsNorm input_layernorm{nullptr}, post_attention_layernorm{nullptr};
  SelfAttention self_attn{nullptr};
  SwiGlu mlp{nullptr};
};
TORCH_MODULE(DecoderLayer);

// Embedding, layers and final norm: what Hugging Face calls `model`.
struct DecoderImpl : torch::nn::Module {
  DecoderImpl(const LmConfig& config, int64_t n_added);
  torch::Tensor embed(const torch::Tensor& ids);      // [B, T] -> [B, T, D]
  torch::Tensor logits(const torch::Tensor& hidden);  // [..., D] -> [..., vocab + n_added]

  LmConfig config;
  Linear embed_tokens{nullptr};    // rows of the vocabulary; also the output when tied
  Linear lm_head{nullptr};         // only when not tied
  torch::Tensor added_embeddings;  // [n_added, D], undefined when there are none
  torch::Tensor added_head;        // their output rows, where LmConfig::added_head
  torch::nn::ModuleList layers;
  RmsNorm norm{nullptr};
};
TORCH_MODULE(Decoder);

}  // namespace af2
