#include "af2/model/af2_model.h"

#include <optional>

#include "af2/model/precision.h"

namespace af2 {
namespace {

// While it lives, no autocast: placed layers multiply in the type of their weights.
struct OwnTypes {
  Bf16Products off{false};
};

}  // namespace

ClapHolderImpl::ClapHolderImpl(const ClapConfig& clap, const AudioConfig& audio) {
  nvclap = register_module("nvclap", Htsat(clap, audio));
}

LangEncoderImpl::LangEncoderImpl(const Af2Config& config) {
  model = register_module("model", Decoder(config.lm, static_cast<int64_t>(config.text.added.size())));
  gated_cross_attn_layers_sound = register_module("gated_cross_attn_layers_sound", torch::nn::ModuleDict());
  torch::OrderedDict<std::string, std::shared_ptr<torch::nn::Module>> blocks;
  for (int i = config.xattn.every - 1; i < config.lm.n_layers; i += config.xattn.every) {
    xattn_before.push_back(i);
    blocks.insert(std::to_string(i),
                  GatedCrossAttention(config.lm.dim, config.clap.out_dim(), config.xattn).ptr());
  }
  gated_cross_attn_layers_sound->update(blocks);
}

Af2ModelImpl::Af2ModelImpl(const Af2Config& options) : config(options), logmel(options.audio) {
  clap = register_module("clap", ClapHolder(config.clap, config.audio));
  audio_transformer_clap = register_module("audio_transformer_clap",
                                           AudioTransformer(config.clap.out_dim(), config.audio_transformer));
  lang_encoder = register_module("lang_encoder", LangEncoder(config));
}

torch::Tensor Af2ModelImpl::encode(const torch::Tensor& windows) {
  std::optional<OwnTypes> own;
  if (placement.active) own.emplace();
  return clap->nvclap->forward(logmel(windows));
}

torch::Tensor Af2ModelImpl::remember(const torch::Tensor& tokens, const torch::Tensor& token_mask) {
  if (!placement.active) return audio_transformer_clap->forward(tokens, token_mask);
  const OwnTypes own;
  return audio_transformer_clap->forward(tokens.to(placement.device),
                                         token_mask.defined() ? token_mask.to(placement.device) : token_mask);
}

AudioContext Af2ModelImpl::listen(const torch::Tensor& memory, const torch::Tensor& token_mask) {
  AudioContext context;
  context.key_mask = token_mask;
  torch::Tensor here = memory;  // [B, S, D]
  for (std::size_t n = 0; const auto& block : *lang_encoder->gated_cross_attn_layers_sound) {
    const bool placed = placement.holds(lang_encoder->xattn_before[n++]);
    std::optional<OwnTypes> own;
    if (placed) own.emplace();
    if (placement.active) here = here.to(placed ? placement.device : torch::kCPU);
    context.blocks.push_back(block.value()->as<GatedCrossAttention>()->attn->project(here));
  }
  return context;
}

torch::Tensor Af2ModelImpl::forward(const torch::Tensor& ids, const AudioContext& audio, KvCache* cache) {
  auto& decoder = *lang_encoder->model;
  const int64_t past = cache ? cache->length : 0, t = ids.size(1);
  const RotaryTable table = rotary_table(past, t, config.lm.head_dim, config.lm.rope_theta, ids.device());
  torch::Tensor x = decoder.embed(ids);  // [B, T, D_l]
  RotaryTable there;
  std::optional<OwnTypes> own;
  if (placement.holds(0)) {
    own.emplace();
    x = x.to(placement.device);
    there = {table.cos.to(placement.device, placement.type), table.sin.to(placement.device, placement.type)};
  }
  std::size_t next_block = 0;
  for (std::size_t i = 0; i < decoder.layers->size(); ++i) {
    const bool placed = placement.holds(static_cast<int64_t>(i));
    if (own && !placed) {  // from here on the CPU
      x = x.to(torch::kCPU);
      own.reset();
    }
    if (next_block < audio.blocks.size() &&
        lang_encoder->xattn_before[next_block] == static_cast<int64_t>(i)) {
      const auto block = lang_encoder->gated_cross_attn_layers_sound[std::to_string(i)];
      x = block->as<GatedCrossAttention>()->forward(x, audio.blocks[next_block++], audio.key_mask);
    }
    x = decoder.layers->ptr(i)->as<DecoderLayer>()->forward(x, placed ? there : table, cache, i);
  }
  if (cache) cache->length += t;
  return decoder.norm->forward(x);
}

torch::Tensor Af2ModelImpl::logits(const torch::Tensor& hidden) {
  std::optional<OwnTypes> own;
  if (placement.holds(config.lm.n_layers - 1)) own.emplace();
  return lang_encoder->model->logits(hidden).to(torch::kCPU);
}

std::vector<std::pair<std::string, Linear>> cross_attention_matrices(Af2ModelImpl& network) {
  std::vector<std::pair<std::string, Linear>> all;
  for (const auto& block : *network.lang_encoder->gated_cross_attn_layers_sound)
    for (auto& [name, layer] : block.value()->as<GatedCrossAttention>()->matrices())
      all.emplace_back("lang_encoder.gated_cross_attn_layers_sound." + block.key() + "." + name, layer);
  return all;
}

}  // namespace af2
