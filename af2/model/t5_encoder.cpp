#include "af2/model/t5_encoder.h"

#include <cmath>
#include <limits>

#include "af2/core/error.h"
#include "af2/model/precision.h"
#include "af2/model/steady.h"

namespace af2 {
namespace {

constexpr double kRmsEps = 1e-6;

Linear t5_linear(int64_t in, int64_t out, double deviation) {
  Linear layer(in, out, false);
  if (NoDraws::active()) return layer;
  torch::NoGradGuard no_grad;
  layer->weight.normal_(0, deviation);
  return layer;
}

double inverse_root(int64_t n) {
  return 1 / std::sqrt(static_cast<double>(n));
}

}  // namespace

T5SelfAttentionImpl::T5SelfAttentionImpl(const ClapTextConfig& config, bool with_positions)
    : heads(config.heads), dim_head(config.dim_head) {
  const int64_t inner = heads * dim_head;
  // T5's initialisation; it stands for the scale that the scores do not get.
  q = register_module("q", t5_linear(config.dim, inner, inverse_root(config.dim * dim_head)));
  k = register_module("k", t5_linear(config.dim, inner, inverse_root(config.dim)));
  v = register_module("v", t5_linear(config.dim, inner, inverse_root(config.dim)));
  o = register_module("o", t5_linear(inner, config.dim, inverse_root(inner)));
  if (!with_positions) return;
  relative_attention_bias =
      register_module("relative_attention_bias", torch::nn::Embedding(config.buckets, heads));
  torch::NoGradGuard no_grad;
  relative_attention_bias->weight.normal_(0, inverse_root(config.dim));
}

torch::Tensor T5SelfAttentionImpl::forward(const torch::Tensor& x, const torch::Tensor& bias) {
  const int64_t b = x.size(0), t = x.size(1);
  const auto split = [&](Linear& layer) {
    return layer->forward(x).view({b, t, heads, dim_head}).transpose(1, 2);  // [B, H, T, dh]
  };
  const torch::Tensor scores = torch::matmul(split(q), split(k).transpose(-1, -2)) + bias;
  const torch::Tensor mixed =
      torch::matmul(scores.to(torch::kFloat32).softmax(-1).to(x.scalar_type()), split(v));
  return o->forward(mixed.transpose(1, 2).reshape({b, t, heads * dim_head}));
}

T5FeedForwardImpl::T5FeedForwardImpl(const ClapTextConfig& config) {
  wi_0 = register_module("wi_0", t5_linear(config.dim, config.ffn_dim, inverse_root(config.dim)));
  wi_1 = register_module("wi_1", t5_linear(config.dim, config.ffn_dim, inverse_root(config.dim)));
  wo = register_module("wo", t5_linear(config.ffn_dim, config.dim, inverse_root(config.ffn_dim)));
}

torch::Tensor T5FeedForwardImpl::forward(const torch::Tensor& x) {
  const torch::Tensor gate =
      steady(wi_0->forward(x), [](const torch::Tensor& part) { return torch::gelu(part, "tanh"); });
  return wo->forward(gate * wi_1->forward(x));
}

T5SubLayerImpl::T5SubLayerImpl(const ClapTextConfig& config, bool attention, bool with_positions) {
  if (attention)
    self_attention = register_module("SelfAttention", T5SelfAttention(config, with_positions));
  else
    feed_forward = register_module("DenseReluDense", T5FeedForward(config));
  layer_norm = register_module("layer_norm", RmsNorm(config.dim, kRmsEps));
}

T5BlockImpl::T5BlockImpl(const ClapTextConfig& config, bool with_positions) {
  layer = register_module("layer", torch::nn::ModuleList());
  layer->push_back(T5SubLayer(config, true, with_positions));
  layer->push_back(T5SubLayer(config, false, false));
}

torch::Tensor T5BlockImpl::forward(const torch::Tensor& x, const torch::Tensor& bias) {
  auto& attention = *layer->ptr(0)->as<T5SubLayer>();
  auto& feed_forward = *layer->ptr(1)->as<T5SubLayer>();
  const torch::Tensor y =
      x + attention.self_attention->forward(narrowed(attention.layer_norm->forward(x)), bias);
  return y + feed_forward.feed_forward->forward(narrowed(feed_forward.layer_norm->forward(y)));
}

T5StackImpl::T5StackImpl(const ClapTextConfig& config) {
  block = register_module("block", torch::nn::ModuleList());
  for (int i = 0; i < config.layers; ++i) block->push_back(T5Block(config, i == 0));
  final_layer_norm = register_module("final_layer_norm", RmsNorm(config.dim, kRmsEps));
}

torch::Tensor t5_position_buckets(int64_t n, int64_t buckets, int64_t max_distance) {
  const int64_t half = buckets / 2, exact = half / 2;
  const torch::Tensor result = torch::empty({n, n}, torch::kInt64);
  int64_t* out = result.data_ptr<int64_t>();
  for (int64_t query = 0; query < n; ++query)
    for (int64_t key = 0; key < n; ++key) {
      const int64_t distance = std::abs(key - query);
      int64_t bucket = distance;
      if (distance >= exact) {
        // In float32, as the reference: at powers of two the rounding decides.
        const float steps =
            std::log(static_cast<float>(distance) / static_cast<float>(exact)) /
            static_cast<float>(std::log(static_cast<double>(max_distance) / static_cast<double>(exact))) *
            static_cast<float>(half - exact);
        bucket = std::min(exact + static_cast<int64_t>(steps), half - 1);
      }
      *out++ = bucket + (key > query ? half : 0);
    }
  return result;
}

T5EncoderImpl::T5EncoderImpl(const ClapTextConfig& sizes) : config(sizes) {
  if (config.lm.empty())
    shared = register_module("shared", torch::nn::Embedding(config.vocab, config.dim));
  else
    embed_projection = register_module("embed_projection",
                                       t5_linear(config.lm_dim, config.dim, inverse_root(config.lm_dim)));
  encoder = register_module("encoder", T5Stack(config));
}

void T5EncoderImpl::set_token_rows(std::shared_ptr<const QMatrix> rows) {
  if (rows->rows() < config.vocab || rows->columns() != config.lm_dim)
    throw model_error("has an embedding of " + std::to_string(rows->rows()) + "x" +
                          std::to_string(rows->columns()) + ", the text tower needs " +
                          std::to_string(config.vocab) + "x" + std::to_string(config.lm_dim),
                      config.lm, "put the language model there that the AF-CLAP was trained with");
  token_rows_ = std::move(rows);
}

torch::Tensor T5EncoderImpl::embed(const torch::Tensor& ids) {
  if (shared) return shared->forward(ids);
  if (!token_rows_) throw internal_error("the text tower has no token embedding");
  const torch::Tensor rows = torch::empty({ids.size(0), ids.size(1), config.lm_dim});
  const torch::Tensor flat = ids.contiguous().view(-1);
  for (int64_t i = 0; i < flat.numel(); ++i)
    token_rows_->row(flat.data_ptr<int64_t>()[i], rows.data_ptr<float>() + i * config.lm_dim);
  // A language model's rows are small (root mean square 0.12 in SmolLM2); beside what the layers add, tokens
  // of that size would hardly be told apart. T5's own have 1.
  const torch::Tensor size = rows.square().mean(-1, /*keepdim=*/true).add(kRmsEps).sqrt();
  return embed_projection->forward(rows / size);
}

torch::Tensor T5EncoderImpl::forward(const torch::Tensor& ids, const torch::Tensor& mask) {
  const int64_t b = ids.size(0), t = ids.size(1);
  auto& first = *encoder->block->ptr(0)->as<T5Block>()->layer->ptr(0)->as<T5SubLayer>();
  const torch::Tensor buckets = t5_position_buckets(t, config.buckets, config.max_distance).to(ids.device());
  const torch::Tensor positions = first.self_attention->relative_attention_bias->forward(buckets.view(-1))
                                      .view({t, t, config.heads})
                                      .permute({2, 0, 1})
                                      .unsqueeze(0);  // [1, H, T, T]
  const torch::Tensor unseen =
      (1 - mask.to(torch::kFloat32)).view({b, 1, 1, t}) * std::numeric_limits<float>::lowest();
  const torch::Tensor bias = (positions + unseen).contiguous();
  torch::Tensor x = embed(ids);  // [B, T, D]
  for (const auto& block : *encoder->block) x = block->as<T5Block>()->forward(x, bias);
  return encoder->final_layer_norm->forward(x);
}

}  // namespace af2
