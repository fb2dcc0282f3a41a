#include "af2/model/af2_model.h"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "af2/core/error.h"
#include "af2/model/precision.h"
#include "af2/model/recompute.h"

namespace af2 {
namespace {

// While it lives, no autocast: placed layers multiply in the type of their weights.
struct OwnTypes {
  Bf16Products off{false};
};

void check_context(int64_t past, int64_t n_audio, int64_t n_text, int64_t context) {
  if (past + n_audio + n_text <= context) return;
  const std::string before = past > 0 ? fmt::format("{} positions before them", past)
                                      : fmt::format("{} audio tokens before them", n_audio);
  throw user_error(fmt::format("{} tokens of text do not fit behind {}: the language model's context has {} "
                               "(lm.context)",
                               n_text, before, context),
                   "a model with conditioning prefix", "let it hear fewer windows, or ask less");
}

// The tokens that count of rows that have `n` of them each: prefix [B, P, D], mask [B, P] bool -> [B, n, D].
torch::Tensor unpadded(const torch::Tensor& prefix, const torch::Tensor& mask, int64_t n) {
  const torch::Tensor here = mask.to(prefix.device());
  return prefix.masked_select(here.unsqueeze(-1)).view({prefix.size(0), n, prefix.size(2)});
}

}  // namespace

ClapHolderImpl::ClapHolderImpl(const ClapConfig& clap, const AudioConfig& audio) {
  nvclap = register_module("nvclap", Htsat(clap, audio));
}

LangEncoderImpl::LangEncoderImpl(const Af2Config& config) {
  model = register_module("model", Decoder(config.lm, static_cast<int64_t>(config.text.added.size())));
  gated_cross_attn_layers_sound = register_module("gated_cross_attn_layers_sound", torch::nn::ModuleDict());
  if (config.has_prefix()) {
    prefix_adapter = register_module("prefix_adapter", PrefixAdapter(config.clap.out_dim(), config.lm.dim));
    return;
  }
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

torch::Tensor Af2ModelImpl::encode(const torch::Tensor& windows, const torch::Tensor& keep_mask) {
  std::optional<OwnTypes> own;
  if (placement.active) own.emplace();
  const torch::Tensor tokens = clap->nvclap->forward(logmel(windows), keep_mask);
  return config.audio_feature == "head" ? tokens.mean(1, /*keepdim=*/true) : tokens;
}

torch::Tensor Af2ModelImpl::hear(const torch::Tensor& windows) {
  HtsatImpl& tower = *clap->nvclap;
  if (!tower.stem_tokens) return encode(windows);
  return tower.stem_tokens->cells(tower.to_stem(logmel(windows)));
}

torch::Tensor Af2ModelImpl::tokens_of(const torch::Tensor& heard, double dropout, bool one_clip) {
  HtsatImpl& tower = *clap->nvclap;
  if (!tower.stem_tokens) return heard;
  const torch::Tensor tokens = tower.from_cells(heard, dropout, one_clip);
  return config.audio_feature == "head" ? tokens.mean(1, /*keepdim=*/true) : tokens;
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
  if (lang_encoder->prefix_adapter) {
    std::optional<OwnTypes> own;
    if (placement.active) own.emplace();
    const torch::Tensor there = placement.active ? memory.to(placement.device) : memory;
    context.prefix = lang_encoder->prefix_adapter->forward(there);
    return context;
  }
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
  const int64_t past = cache ? cache->length : 0, b = ids.size(0);
  if (!audio.prefix.defined() || past > 0) {
    if (audio.prefix.defined()) check_context(past, 0, ids.size(1), config.lm.context);
    return run_layers(lang_encoder->model->embed(ids), ids.device(), audio, cache);
  }
  const torch::Tensor prefix = audio.prefix.expand({b, -1, -1});
  if (!audio.key_mask.defined()) return run_behind(prefix, ids, cache);
  // Rows of one length at a time: what is padded must neither be seen nor move the text.
  const torch::Tensor mask = (audio.key_mask != 0).to(torch::kCPU).expand({b, -1});  // [B, P]
  const torch::Tensor lengths = mask.sum(1);
  std::map<int64_t, std::vector<int64_t>> groups;
  for (int64_t row = 0; row < b; ++row) groups[lengths[row].item<int64_t>()].push_back(row);
  if (cache && groups.size() > 1) throw internal_error("clips of several lengths share a cache");
  std::vector<torch::Tensor> parts;
  std::vector<int64_t> row_at(static_cast<std::size_t>(b));  // its place among the parts
  int64_t n_done = 0;
  for (const auto& [n, rows] : groups) {
    for (const int64_t row : rows) row_at[static_cast<std::size_t>(row)] = n_done++;
    const torch::Tensor index = torch::tensor(rows);
    const auto of = [&](const torch::Tensor& t) { return t.index_select(0, index.to(t.device())); };
    parts.push_back(run_behind(unpadded(of(prefix), of(mask), n), of(ids), cache));
  }
  const torch::Tensor all = torch::cat(parts);
  return all.index_select(0, torch::tensor(row_at).to(all.device()));
}

torch::Tensor Af2ModelImpl::forward_packed(const torch::Tensor& ids, const torch::Tensor& rows,
                                           const AudioContext& audio) {
  const int64_t b = ids.size(0), t = ids.size(1);
  if (audio.prefix.defined() || placement.active || rows.size(0) == b * t)
    return forward(ids, audio).flatten(0, 1).index_select(0, rows);
  const PackedTexts texts{rows, b, t};
  const torch::Tensor known = lang_encoder->model->embed(ids.flatten().index_select(0, rows));  // [N, D_l]
  return run_layers(known, ids.device(), audio, nullptr, texts);
}

torch::Tensor Af2ModelImpl::run_behind(const torch::Tensor& prefix, const torch::Tensor& ids,
                                       KvCache* cache) {
  const int64_t n_audio = prefix.size(1), t = ids.size(1);
  check_context(0, n_audio, t, config.lm.context);
  const torch::Tensor text = lang_encoder->model->embed(ids);  // [B, T, D_l]
  const torch::Tensor both = torch::cat({prefix.to(text.device(), text.scalar_type()), text}, 1);
  return run_layers(both, ids.device(), {}, cache).narrow(1, n_audio, t);
}

torch::Tensor Af2ModelImpl::run_layers(torch::Tensor x, torch::Device tables_on, const AudioContext& audio,
                                       KvCache* cache, const PackedTexts& texts) {
  auto& decoder = *lang_encoder->model;
  const int64_t past = cache ? cache->length : 0, t = texts.active() ? texts.t : x.size(1);
  const RotaryTable table = rotary_table(past, t, config.lm.head_dim, config.lm.rope_theta, tables_on);
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
    AudioKeyValues heard;
    torch::nn::Module* block = nullptr;
    if (next_block < audio.blocks.size() &&
        lang_encoder->xattn_before[next_block] == static_cast<int64_t>(i)) {
      block = lang_encoder->gated_cross_attn_layers_sound[std::to_string(i)].get();
      heard = audio.blocks[next_block++];
    }
    const auto layer = [block, i, cache, texts, this, mask = audio.key_mask, rotary = placed ? there : table](
                           const torch::Tensor& in, const torch::Tensor& keys, const torch::Tensor& values) {
      torch::Tensor y = in;
      if (block) y = block->as<GatedCrossAttention>()->forward(y, {keys, values}, mask, texts);
      return lang_encoder->model->layers->ptr(i)->as<DecoderLayer>()->forward(y, rotary, cache, i, texts);
    };
    x = recompute_ && !cache ? recomputed(layer, x, heard.keys, heard.values)
                             : layer(x, heard.keys, heard.values);
  }
  if (cache) cache->length += t;
  return decoder.norm->forward(x);
}

void Af2ModelImpl::set_recompute(bool on) {
  recompute_ = on;
  for (const auto& stage : *clap->nvclap->layers) stage->as<SwinStage>()->recompute = on;
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
