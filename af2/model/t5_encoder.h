// The text tower of AF-CLAP: the encoder of T5 1.1 (docs/spec/model.md section 4). Module and parameter names
// are those of `transformers`: "encoder.block.0.layer.0.SelfAttention.q.weight" ….
//
// Its token embedding may also be that of a language model, as it lies in its file and never trained, behind
// a projection (ClapTextConfig::lm): words that were never trained on then lie where the language model has
// them. Not the decoder, and no cache: texts are short. Thread rule: forward in eval mode is reentrant.
#pragma once

#include <torch/torch.h>

#include "af2/model/clap_config.h"
#include "af2/model/decoder.h"
#include "af2/model/linear.h"

namespace af2 {

struct T5SelfAttentionImpl : torch::nn::Module {
  T5SelfAttentionImpl(const ClapTextConfig& config, bool with_positions);
  // x [B, T, D], bias [B, H, T, T] -> [B, T, D]. Scores are not scaled.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& bias);
  int64_t heads, dim_head;
  Linear q{nullptr}, k{nullptr}, v{nullptr}, o{nullptr};
  torch::nn::Embedding relative_attention_bias{nullptr};  // [buckets, H], in the first layer only
};
TORCH_MODULE(T5SelfAttention);

struct T5FeedForwardImpl : torch::nn::Module {
  explicit T5FeedForwardImpl(const ClapTextConfig& config);
  torch::Tensor forward(const torch::Tensor& x);  // GELU (tanh) of one projection times the other
  Linear wi_0{nullptr}, wi_1{nullptr}, wo{nullptr};
};
TORCH_MODULE(T5FeedForward);

// Half a layer: its norm and what follows it, under the names of `transformers`.
struct T5SubLayerImpl : torch::nn::Module {
  T5SubLayerImpl(const ClapTextConfig& config, bool attention, bool with_positions);
  RmsNorm layer_norm{nullptr};
  T5SelfAttention self_attention{nullptr};
  T5FeedForward feed_forward{nullptr};
};
TORCH_MODULE(T5SubLayer);

struct T5BlockImpl : torch::nn::Module {
  T5BlockImpl(const ClapTextConfig& config, bool with_positions);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& bias);
  torch::nn::ModuleList layer;
};
TORCH_MODULE(T5Block);

struct T5StackImpl : torch::nn::Module {
  explicit T5StackImpl(const ClapTextConfig& config);
  torch::nn::ModuleList block;
  RmsNorm final_layer_norm{nullptr};
};
TORCH_MODULE(T5Stack);

// Bucket of the position of a key relative to a query: exact ones near, then in logarithmic steps, the same
// number for each direction. [n, n] int64, queries along the first axis.
torch::Tensor t5_position_buckets(int64_t n, int64_t buckets, int64_t max_distance);

struct T5EncoderImpl : torch::nn::Module {
  explicit T5EncoderImpl(const ClapTextConfig& config);
  // ids [B, T] int64, mask [B, T] (1 text, 0 padding) -> [B, T, D].
  torch::Tensor forward(const torch::Tensor& ids, const torch::Tensor& mask);
  // The language model's embedding [vocab, lm_dim], where the config names one. Throws kModel for another
  // shape.
  void set_token_rows(std::shared_ptr<const QMatrix> rows);

  ClapTextConfig config;
  torch::nn::Embedding shared{nullptr};  // [vocab, D], or
  Linear embed_projection{nullptr};      // [D, lm_dim] behind the language model's rows
  T5Stack encoder{nullptr};

 private:
  torch::Tensor embed(const torch::Tensor& ids);
  std::shared_ptr<const QMatrix> token_rows_;
};
TORCH_MODULE(T5Encoder);

}  // namespace af2
