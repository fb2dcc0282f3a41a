#include "af2/model/decode_step.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "af2/core/threads.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

constexpr double kLayerNormEpsilon = 1e-5;

void rms_norm(const std::vector<float>& x, const RmsNormImpl& norm, float* out) {
  const float* weight = norm.weight.data_ptr<float>();
  double squares = 0;
  for (const float value : x) squares += static_cast<double>(value) * value;
  const auto scale = static_cast<float>(1 / std::sqrt(squares / static_cast<double>(x.size()) + norm.eps));
  for (std::size_t i = 0; i < x.size(); ++i) out[i] = weight[i] * (x[i] * scale);
}

void layer_norm(const std::vector<float>& x, const torch::nn::LayerNormImpl& norm, float* out) {
  const float *weight = norm.weight.data_ptr<float>(), *bias = norm.bias.data_ptr<float>();
  const auto n = static_cast<double>(x.size());
  double sum = 0, squares = 0;
  for (const float value : x) sum += value;
  const double mean = sum / n;
  for (const float value : x) squares += (value - mean) * (value - mean);
  const double scale = 1 / std::sqrt(squares / n + kLayerNormEpsilon);
  for (std::size_t i = 0; i < x.size(); ++i)
    out[i] = static_cast<float>((x[i] - mean) * scale) * weight[i] + bias[i];
}

void product(LinearImpl& layer, const float* x, std::vector<float>& y) {
  y.resize(static_cast<std::size_t>(layer.out));
  layer.multiply(x, 1, y.data());
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

}  // namespace

DecodeStep::DecodeStep(Af2ModelImpl& network) : network_(network) {}

bool DecodeStep::fits(const Af2ModelImpl& network) {
  const auto parameters = network.lang_encoder->parameters();
  return std::all_of(parameters.begin(), parameters.end(), [](const torch::Tensor& p) {
    return p.device().is_cpu() && p.scalar_type() == torch::kFloat32 && p.is_contiguous();
  });
}

void DecodeStep::mix(const float* q, const float* keys, const float* values, int64_t n, int64_t dh,
                     const int64_t* mask, float* mixed) {
  scores_.resize(static_cast<std::size_t>(n));
  dot_f32(q, keys, n, dh, scores_.data(), 1);
  const auto scale = static_cast<float>(std::pow(static_cast<double>(dh), -0.5));
  float most = -std::numeric_limits<float>::infinity();
  for (int64_t s = 0; s < n; ++s) {
    scores_[s] = mask && mask[s] == 0 ? -std::numeric_limits<float>::max() : scores_[s] * scale;
    most = std::max(most, scores_[s]);
  }
  double sum = 0;
  for (int64_t s = 0; s < n; ++s) sum += scores_[s] = std::exp(scores_[s] - most);
  const auto share = static_cast<float>(1 / sum);
  std::fill(mixed, mixed + dh, 0.0f);
  for (int64_t s = 0; s < n; ++s) {
    const float weight = scores_[s] * share;
    const float* value = values + s * dh;
    for (int64_t i = 0; i < dh; ++i) mixed[i] += weight * value[i];
  }
}

void DecodeStep::hear(GatedCrossAttentionImpl& block, const AudioKeyValues& audio,
                      const torch::Tensor& key_mask) {
  auto& attention = *block.attn;
  const int64_t n = audio.keys.size(2), dh = attention.dim_head;
  normed_.resize(x_.size());
  layer_norm(x_, *attention.norm, normed_.data());
  product(*attention.to_q, normed_.data(), q_);
  mixed_.resize(q_.size());
  const torch::Tensor mask = key_mask.defined() ? key_mask.to(torch::kInt64).contiguous() : torch::Tensor();
  for (int64_t h = 0; h < attention.heads; ++h)
    mix(q_.data() + h * dh, audio.keys.data_ptr<float>() + h * n * dh,
        audio.values.data_ptr<float>() + h * n * dh, n, dh,
        mask.defined() ? mask.data_ptr<int64_t>() : nullptr, mixed_.data() + h * dh);
  product(*attention.to_out, mixed_.data(), out_);
  add(x_, out_, std::tanh(block.attn_gate.data_ptr<float>()[0]));

  layer_norm(x_, *block.ff[0]->as<torch::nn::LayerNorm>(), normed_.data());
  product(*block.ff[1]->as<Linear>(), normed_.data(), up_);
  for (float& value : up_)
    value *= 0.5f * (1 + std::erf(value * static_cast<float>(std::numbers::sqrt2 / 2)));
  product(*block.ff[3]->as<Linear>(), up_.data(), out_);
  add(x_, out_, std::tanh(block.ff_gate.data_ptr<float>()[0]));
}

void DecodeStep::attend(SelfAttentionImpl& attention, const RotaryTable& table, KvCache& cache,
                        std::size_t layer) {
  const LmConfig& lm = attention.config;
  const int64_t dh = lm.head_dim, group = lm.n_heads / lm.n_kv_heads;
  product(*attention.q_proj, normed_.data(), q_);
  product(*attention.k_proj, normed_.data(), k_);
  product(*attention.v_proj, normed_.data(), v_);
  turn(q_.data(), lm.n_heads, table);
  turn(k_.data(), lm.n_kv_heads, table);
  cache.make_room(layer, 1, {1, lm.n_kv_heads, cache.length, dh}, torch::TensorOptions(torch::kFloat32));
  const int64_t capacity = cache.keys[layer].size(2), n = cache.length + 1;
  float *keys = cache.keys[layer].data_ptr<float>(), *values = cache.values[layer].data_ptr<float>();
  mixed_.resize(q_.size());
  for (int64_t h = 0; h < lm.n_kv_heads; ++h) {
    float *head_keys = keys + h * capacity * dh, *head_values = values + h * capacity * dh;
    std::copy_n(k_.data() + h * dh, dh, head_keys + cache.length * dh);
    std::copy_n(v_.data() + h * dh, dh, head_values + cache.length * dh);
    for (int64_t i = h * group; i < (h + 1) * group; ++i)
      mix(q_.data() + i * dh, head_keys, head_values, n, dh, nullptr, mixed_.data() + i * dh);
  }
  product(*attention.o_proj, mixed_.data(), out_);
  add(x_, out_, 1);
}

void DecodeStep::feed_forward(SwiGluImpl& mlp) {
  product(*mlp.gate_proj, normed_.data(), gate_);
  product(*mlp.up_proj, normed_.data(), up_);
  for (std::size_t i = 0; i < up_.size(); ++i) up_[i] *= gate_[i] / (1 + std::exp(-gate_[i]));
  product(*mlp.down_proj, up_.data(), out_);
  add(x_, out_, 1);
}

torch::Tensor DecodeStep::operator()(int64_t id, const AudioContext& audio, KvCache& cache) {
  const torch::InferenceMode inference;
  auto& decoder = *network_.lang_encoder->model;
  const LmConfig& lm = network_.config.lm;
  const RotaryTable table = rotary_table(cache.length, 1, lm.head_dim, lm.rope_theta, torch::kCPU);
  const torch::Tensor row = decoder.embed(torch::full({1, 1}, id, torch::kInt64)).contiguous();
  x_.assign(row.data_ptr<float>(), row.data_ptr<float>() + lm.dim);
  normed_.resize(x_.size());
  std::size_t next_block = 0;
  const auto& before = network_.lang_encoder->xattn_before;
  for (std::size_t i = 0; i < decoder.layers->size(); ++i) {
    if (next_block < audio.blocks.size() && before[next_block] == static_cast<int64_t>(i)) {
      const auto block = network_.lang_encoder->gated_cross_attn_layers_sound[std::to_string(i)];
      hear(*block->as<GatedCrossAttention>(), audio.blocks[next_block++], audio.key_mask);
    }
    auto& layer = *decoder.layers->ptr(i)->as<DecoderLayer>();
    rms_norm(x_, *layer.input_layernorm, normed_.data());
    attend(*layer.self_attn, table, cache, i);
    rms_norm(x_, *layer.post_attention_layernorm, normed_.data());
    feed_forward(*layer.mlp);
  }
  ++cache.length;
  torch::Tensor hidden = torch::empty({1, 1, lm.dim});
  rms_norm(x_, *decoder.norm, hidden.data_ptr<float>());
  return hidden;
}

}  // namespace af2
