#include "af2/model/placed_step.h"

#include <limits>

#include "af2/model/attention.h"
#include "af2/model/precision.h"

namespace af2 {

bool PlacedStep::fits(const Af2ModelImpl& network) {
  const int64_t all = network.config.lm.n_layers;
  return all > 0 && network.placement.holds(all - 1);
}

PlacedStep::PlacedStep(Af2ModelImpl& network, const AudioContext& audio, KvCache& cache)
    : network_(network),
      audio_(audio),
      cache_(cache),
      capacity_(cache.keys.at(0).size(2)),
      replay_(network.placement.device.str(), [this] { run(); }) {
  const LmConfig& lm = network.config.lm;
  const torch::Device device = network.placement.device;
  const auto whole = torch::TensorOptions(torch::kInt64).device(device);
  x_ = torch::zeros({1, 1, lm.dim}, torch::TensorOptions(torch::kFloat32).device(device));
  at_ = torch::zeros({1}, whole);
  places_ = torch::arange(capacity_, whole).unsqueeze(0);
  // What is not filled yet is read too, with a weight of nothing: it must be numbers.
  for (auto* kept : {&cache.keys, &cache.values})
    for (torch::Tensor& tensor : *kept) tensor.narrow(2, cache.length, capacity_ - cache.length).zero_();
  // Made as the forward makes it, on the CPU.
  const RotaryTable table = rotary_table(0, capacity_, lm.head_dim, lm.rope_theta, torch::kCPU);
  all_ = {table.cos.to(device, network.placement.type), table.sin.to(device, network.placement.type)};
}

bool PlacedStep::has_room() const {
  return cache_.length < capacity_ && cache_.keys[0].size(2) == capacity_;
}

torch::Tensor PlacedStep::operator()(int64_t id) {
  const Bf16Products off(false);  // placed layers multiply in the type of their weights
  x_.copy_(network_.lang_encoder->model->embed(torch::full({1, 1}, id, torch::kInt64)));
  at_.fill_(cache_.length);
  replay_();
  ++cache_.length;
  return network_.logits(hidden_)[0];
}

// One query beside every place of the cache, as the placed branch of SelfAttentionImpl::forward.
torch::Tensor PlacedStep::attend(SelfAttentionImpl& attention, const torch::Tensor& states,
                                 std::size_t layer) const {
  const torch::Tensor x = attention.q_proj->input(states);  // [1, 1, D]
  const int64_t h = attention.config.n_heads, kv = attention.config.n_kv_heads,
                dh = attention.config.head_dim;
  const torch::Tensor q = apply_rotary(attention.q_proj->forward(x).view({1, h, 1, dh}), here_);
  const torch::Tensor k = apply_rotary(attention.k_proj->forward(x).view({1, kv, 1, dh}), here_);
  const torch::Tensor v = attention.v_proj->forward(x).view({1, kv, 1, dh});
  torch::Tensor keys = cache_.keys[layer], values = cache_.values[layer];
  keys.index_copy_(2, at_, k);
  values.index_copy_(2, at_, v);
  const torch::Tensor mixed = fused_attention(q.view({1, kv, h / kv, dh}), keys, values, bias_);
  return attention.o_proj->forward(mixed.reshape({1, 1, h * dh}));
}

void PlacedStep::run() {
  LangEncoderImpl& language = *network_.lang_encoder;
  DecoderImpl& decoder = *language.model;
  bias_ = torch::zeros({1, capacity_}, all_.cos.options())
              .masked_fill(places_ > at_, -std::numeric_limits<float>::infinity());
  here_ = {all_.cos.index_select(0, at_), all_.sin.index_select(0, at_)};
  torch::Tensor x = x_;
  std::size_t next_block = 0;
  for (std::size_t i = 0; i < decoder.layers->size(); ++i) {
    if (next_block < audio_.blocks.size() && language.xattn_before[next_block] == static_cast<int64_t>(i)) {
      const auto block = language.gated_cross_attn_layers_sound[std::to_string(i)];
      x = block->as<GatedCrossAttention>()->forward(x, audio_.blocks[next_block++], {});
    }
    DecoderLayerImpl& layer = *decoder.layers->ptr(i)->as<DecoderLayer>();
    x = x + attend(*layer.self_attn, layer.input_layernorm->forward(x), i);
    x = x + layer.mlp->forward(layer.post_attention_layernorm->forward(x));
  }
  hidden_ = decoder.norm->forward(x);
}

}  // namespace af2
