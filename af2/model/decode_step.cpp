#include "af2/model/decode_step.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "af2/core/error.h"
#include "af2/core/threads.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

constexpr double kLayerNormEpsilon = 1e-5;
constexpr int64_t kParallelWork = 1 << 16;  // products of an attention that are worth a second thread

// Rows of x [B, D] to rows of out.
void rms_norm(const std::vector<float>& x, int64_t n, const RmsNormImpl& norm, float* out) {
  const float* weight = norm.weight.data_ptr<float>();
  const auto dim = static_cast<int64_t>(x.size()) / n;
  for (int64_t i = 0; i < n; ++i) {
    const float* in = x.data() + i * dim;
    double squares = 0;
    for (int64_t k = 0; k < dim; ++k) squares += static_cast<double>(in[k]) * in[k];
    const auto scale = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(dim) + norm.eps));
    for (int64_t k = 0; k < dim; ++k) out[i * dim + k] = weight[k] * (in[k] * scale);
  }
}

void layer_norm(const std::vector<float>& x, int64_t n, const torch::nn::LayerNormImpl& norm, float* out) {
  const float *weight = norm.weight.data_ptr<float>(), *bias = norm.bias.data_ptr<float>();
  const auto dim = static_cast<int64_t>(x.size()) / n;
  for (int64_t i = 0; i < n; ++i) {
    const float* in = x.data() + i * dim;
    double sum = 0, squares = 0;
    for (int64_t k = 0; k < dim; ++k) sum += in[k];
    const double mean = sum / static_cast<double>(dim);
    for (int64_t k = 0; k < dim; ++k) squares += (in[k] - mean) * (in[k] - mean);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(dim) + kLayerNormEpsilon);
    for (int64_t k = 0; k < dim; ++k)
      out[i * dim + k] = static_cast<float>((in[k] - mean) * scale) * weight[k] + bias[k];
  }
}

void turn(float* heads, int64_t n_heads, const RotaryTable& table) {
  const int64_t dim = table.cos.size(1), half = dim / 2;
  const float *cos = table.cos.data_ptr<float>(), *sin = table.sin.data_ptr<float>();
  for (int64_t h = 0; h < n_heads; ++h) {
    float* x = heads + h * dim;
    for (int64_t i = 0; i < half; ++i) {
      const float low = x[i], high = x[i + half];
      x[i] = low * cos[i] - high * sin[i];
      x[i + half] = high * cos[i + half] + low * sin[i + half];
    }
  }
}

void add(std::vector<float>& x, const std::vector<float>& y, float factor) {
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += factor * y[i];
}

// A tensor over the values of `x`, for activations that ATen has in vectors.
torch::Tensor over(std::vector<float>& x) {
  return torch::from_blob(x.data(), {static_cast<int64_t>(x.size())});
}

}  // namespace

DecodeStep::DecodeStep(Af2ModelImpl& network) : network_(network) {}

bool DecodeStep::fits(const Af2ModelImpl& network) {
  if (network.placement.n_layers > 0) return false;
  const LangEncoderImpl& language = *network.lang_encoder;
  const auto plain = [](const torch::nn::Module& part) {
    const auto parameters = part.parameters();
    return std::all_of(parameters.begin(), parameters.end(), [](const torch::Tensor& p) {
      return p.device().is_cpu() && p.scalar_type() == torch::kFloat32 && p.is_contiguous();
    });
  };
  // Not of the prefix adapter, which may be placed alone.
  return plain(*language.model) && plain(*language.gated_cross_attn_layers_sound);
}

void DecodeStep::product(const LinearImpl& layer, const std::vector<float>& x, std::vector<float>& y) {
  y.resize(static_cast<std::size_t>(n_ * layer.out));
  layer.multiply_each(x.data(), n_, y.data());
}

void DecodeStep::products(const std::vector<std::pair<const LinearImpl*, std::vector<float>*>>& all,
                          const std::vector<float>& x) {
  std::vector<LinearImpl::Product> list;
  for (const auto& [layer, y] : all) {
    y->resize(static_cast<std::size_t>(n_ * layer->out));
    list.push_back({layer, y->data()});
  }
  LinearImpl::multiply_all(list, x.data(), n_);
}

void DecodeStep::mix(const std::vector<Head>& heads, int64_t dh) {
  const auto scale = static_cast<float>(std::pow(static_cast<double>(dh), -0.5));
  const auto one = [&](const Head& head, std::vector<float>& scores) {
    scores.resize(static_cast<std::size_t>(head.n));
    dot_f32(head.q, head.keys, head.n, dh, scores.data(), 1);
    float most = -std::numeric_limits<float>::infinity();
    for (int64_t s = 0; s < head.n; ++s) {
      scores[s] = head.mask && head.mask[s] == 0 ? -std::numeric_limits<float>::max() : scores[s] * scale;
      most = std::max(most, scores[s]);
    }
    double sum = 0;
    for (int64_t s = 0; s < head.n; ++s) sum += scores[s] = std::exp(scores[s] - most);
    const auto share = static_cast<float>(1 / sum);
    std::fill(head.mixed, head.mixed + dh, 0.0f);
    for (int64_t s = 0; s < head.n; ++s) {
      const float weight = scores[s] * share;
      const float* value = head.values + s * dh;
      for (int64_t i = 0; i < dh; ++i) head.mixed[i] += weight * value[i];
    }
  };
  int64_t work = 0;
  for (const Head& head : heads) work += head.n * dh;
  const auto n = static_cast<int64_t>(heads.size());
  parallel_for(0, n, work < kParallelWork ? n : 1, [&](int64_t begin, int64_t end) {
    std::vector<float> scores;
    for (int64_t h = begin; h < end; ++h) one(heads[h], scores);
  });
}

void DecodeStep::hear(GatedCrossAttentionImpl& block, std::size_t number,
                      const std::vector<NextToken>& tokens) {
  auto& attention = *block.attn;
  const int64_t dh = attention.dim_head, inner = attention.heads * dh;
  layer_norm(x_, n_, *attention.norm, normed_.data());
  product(*attention.to_q, normed_, q_);
  mixed_.resize(q_.size());
  heads_.clear();
  std::vector<torch::Tensor> masks;
  for (int64_t i = 0; i < n_; ++i) {
    const AudioContext& audio = *tokens[i].audio;
    const AudioKeyValues& heard = audio.blocks[number];
    const int64_t n = heard.keys.size(2);
    masks.push_back(audio.key_mask.defined() ? audio.key_mask.to(torch::kInt64).contiguous()
                                             : torch::Tensor());
    for (int64_t h = 0; h < attention.heads; ++h)
      heads_.push_back({q_.data() + i * inner + h * dh, heard.keys.data_ptr<float>() + h * n * dh,
                        heard.values.data_ptr<float>() + h * n * dh, n,
                        masks.back().defined() ? masks.back().data_ptr<int64_t>() : nullptr,
                        mixed_.data() + i * inner + h * dh});
  }
  mix(heads_, dh);
  product(*attention.to_out, mixed_, out_);
  add(x_, out_, std::tanh(block.attn_gate.data_ptr<float>()[0]));

  layer_norm(x_, n_, *block.ff[0]->as<torch::nn::LayerNorm>(), normed_.data());
  product(*block.ff[1]->as<Linear>(), normed_, up_);
  torch::Tensor up = over(up_);
  at::gelu_(up, "none");
  product(*block.ff[3]->as<Linear>(), up_, out_);
  add(x_, out_, std::tanh(block.ff_gate.data_ptr<float>()[0]));
}

void DecodeStep::attend(SelfAttentionImpl& attention, const std::vector<RotaryTable>& tables,
                        const std::vector<NextToken>& tokens, std::size_t layer) {
  const LmConfig& lm = attention.config;
  const int64_t dh = lm.head_dim, group = lm.n_heads / lm.n_kv_heads;
  products({{attention.q_proj.get(), &q_}, {attention.k_proj.get(), &k_}, {attention.v_proj.get(), &v_}},
           normed_);
  mixed_.resize(q_.size());
  heads_.clear();
  for (int64_t i = 0; i < n_; ++i) {
    KvCache& cache = *tokens[i].cache;
    float *q = q_.data() + i * lm.n_heads * dh, *k = k_.data() + i * lm.n_kv_heads * dh;
    const float* v = v_.data() + i * lm.n_kv_heads * dh;
    turn(q, lm.n_heads, tables[i]);
    turn(k, lm.n_kv_heads, tables[i]);
    cache.make_room(layer, 1, {1, lm.n_kv_heads, cache.length, dh}, torch::TensorOptions(torch::kFloat32));
    const int64_t capacity = cache.keys[layer].size(2), n = cache.length + 1;
    float *keys = cache.keys[layer].data_ptr<float>(), *values = cache.values[layer].data_ptr<float>();
    for (int64_t h = 0; h < lm.n_kv_heads; ++h) {
      float *head_keys = keys + h * capacity * dh, *head_values = values + h * capacity * dh;
      std::copy_n(k + h * dh, dh, head_keys + cache.length * dh);
      std::copy_n(v + h * dh, dh, head_values + cache.length * dh);
      for (int64_t j = h * group; j < (h + 1) * group; ++j)
        heads_.push_back(
            {q + j * dh, head_keys, head_values, n, nullptr, mixed_.data() + (i * lm.n_heads + j) * dh});
    }
  }
  mix(heads_, dh);
  product(*attention.o_proj, mixed_, out_);
  add(x_, out_, 1);
}

void DecodeStep::feed_forward(SwiGluImpl& mlp) {
  products({{mlp.gate_proj.get(), &gate_}, {mlp.up_proj.get(), &up_}}, normed_);
  torch::Tensor gate = over(gate_);
  at::silu_(gate);
  over(up_).mul_(gate);
  product(*mlp.down_proj, up_, out_);
  add(x_, out_, 1);
}

torch::Tensor DecodeStep::operator()(const std::vector<NextToken>& tokens) {
  const torch::InferenceMode inference;
  auto& decoder = *network_.lang_encoder->model;
  const LmConfig& lm = network_.config.lm;
  n_ = static_cast<int64_t>(tokens.size());
  std::vector<RotaryTable> tables;
  x_.resize(static_cast<std::size_t>(n_ * lm.dim));
  normed_.resize(x_.size());
  for (int64_t i = 0; i < n_; ++i) {
    tables.push_back(rotary_table(tokens[i].cache->length, 1, lm.head_dim, lm.rope_theta, torch::kCPU));
    const torch::Tensor row = decoder.embed(torch::full({1, 1}, tokens[i].id, torch::kInt64)).contiguous();
    std::copy_n(row.data_ptr<float>(), lm.dim, x_.data() + i * lm.dim);
  }
  std::size_t next_block = 0;
  const auto& before = network_.lang_encoder->xattn_before;
  const std::size_t n_blocks = n_ > 0 ? tokens[0].audio->blocks.size() : 0;
  for (const NextToken& token : tokens)
    if (token.audio->blocks.size() != n_blocks)
      throw internal_error("answers with and without sound in one step");
  for (const NextToken& token : tokens)
    if (token.audio->prefix.defined() && token.cache->length == 0)
      throw internal_error("a token before its clip's prefix");
  for (std::size_t i = 0; i < decoder.layers->size(); ++i) {
    if (next_block < n_blocks && before[next_block] == static_cast<int64_t>(i)) {
      const auto block = network_.lang_encoder->gated_cross_attn_layers_sound[std::to_string(i)];
      hear(*block->as<GatedCrossAttention>(), next_block++, tokens);
    }
    auto& layer = *decoder.layers->ptr(i)->as<DecoderLayer>();
    rms_norm(x_, n_, *layer.input_layernorm, normed_.data());
    attend(*layer.self_attn, tables, tokens, i);
    rms_norm(x_, n_, *layer.post_attention_layernorm, normed_.data());
    feed_forward(*layer.mlp);
  }
  for (const NextToken& token : tokens) ++token.cache->length;
  torch::Tensor hidden = torch::empty({n_, 1, lm.dim});
  rms_norm(x_, n_, *decoder.norm, hidden.data_ptr<float>());
  return hidden;
}

torch::Tensor DecodeStep::logits(const torch::Tensor& hidden) {
  const torch::InferenceMode inference;
  auto& decoder = *network_.lang_encoder->model;
  LinearImpl& head = decoder.lm_head ? *decoder.lm_head : *decoder.embed_tokens;
  const torch::Tensor& added = decoder.added_head.defined() ? decoder.added_head : decoder.added_embeddings;
  const int64_t n = hidden.size(0), n_added = added.defined() ? added.size(0) : 0, all = head.out + n_added;
  torch::Tensor result = torch::empty({n, all});
  std::vector<float> known(static_cast<std::size_t>(n * head.out));
  head.multiply_each(hidden.data_ptr<float>(), n, known.data());
  for (int64_t i = 0; i < n; ++i) {
    float* row = result.data_ptr<float>() + i * all;
    std::copy_n(known.data() + i * head.out, head.out, row);
    if (n_added > 0)
      dot_f32(hidden.data_ptr<float>() + i * head.in, added.data_ptr<float>(), n_added, head.in,
              row + head.out, 1);
  }
  return result;
}

}  // namespace af2
