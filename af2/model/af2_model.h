// The whole Audio Flamingo 2 network: waveform windows to memory, memory and text to hidden states.
//
// Inputs may lie on the CPU wherever the network was placed: each part takes them to its own device.
//
// Parameter names are those of the published checkpoint (docs/spec/model.md sections 3-7). The same modules
// train and infer; what changes between calls (memory, KV cache) is passed in.
// Thread rule: const use in eval mode is reentrant.
//
//   Af2Model model(config);
//   auto tokens = model->encode(windows);                       // [W, 64, D]
//   auto memory = model->remember(tokens.view({1, -1, d}), {});  // [1, W*64, D]
//   auto context = model->listen(memory, {});
//   auto hidden = model->forward(ids, context, &cache);         // [1, T, D_l]
#pragma once

#include <torch/torch.h>

#include "af2/model/af2_config.h"
#include "af2/model/audio_transformer.h"
#include "af2/model/decoder.h"
#include "af2/model/htsat.h"
#include "af2/model/logmel.h"
#include "af2/model/prefix_adapter.h"

namespace af2 {

// Holds the tower under the published name `clap.nvclap`.
struct ClapHolderImpl : torch::nn::Module {
  ClapHolderImpl(const ClapConfig& clap, const AudioConfig& audio);
  Htsat nvclap{nullptr};
};
TORCH_MODULE(ClapHolder);

// `lang_encoder`: the decoder and its cross-attention blocks, keyed by the decoder layer they precede; with
// conditioning prefix no block, but what makes tokens of the memory.
struct LangEncoderImpl : torch::nn::Module {
  explicit LangEncoderImpl(const Af2Config& config);
  Decoder model{nullptr};
  torch::nn::ModuleDict gated_cross_attn_layers_sound;
  std::vector<int64_t> xattn_before;      // decoder layers with a block, ascending
  PrefixAdapter prefix_adapter{nullptr};  // with conditioning prefix alone
};
TORCH_MODULE(LangEncoder);

// Where the parts of a network lie, if not all in the main memory: see place() in model/placement.h.
struct Placement {
  bool active = false;
  torch::Device device = torch::kCPU;        // of tower, audio transformer and the layers below
  torch::ScalarType type = torch::kFloat32;  // of the matrices there
  int64_t n_layers = 0;                      // of the language model that lie there: the first ones
  bool holds(int64_t layer) const { return active && layer < n_layers; }
};

struct Af2ModelImpl : torch::nn::Module {
  explicit Af2ModelImpl(const Af2Config& config);

  // windows [N, samples] float32 in [-1, 1] -> audio tokens [N, S_w, D], S_w what
  // Af2Config::audio_tokens_per_window says. keep_mask (training, optional; [N, F, M], 1 keep) as in htsat.h.
  torch::Tensor encode(const torch::Tensor& windows, const torch::Tensor& keep_mask = {});
  // encode() in two halves, for training: what of the windows is heard the same whatever is trained above the
  // stem [N, S, K] (without ClapConfig::cells the audio tokens themselves), and the audio tokens of it.
  // dropout, one_clip: StemTokensImpl::of_cells.
  torch::Tensor hear(const torch::Tensor& windows);
  torch::Tensor tokens_of(const torch::Tensor& heard, double dropout = 0, bool one_clip = false);
  // audio tokens [B, S, D], token mask [B, S] or undefined -> memory [B, S, D].
  torch::Tensor remember(const torch::Tensor& tokens, const torch::Tensor& token_mask);
  // memory [B, S, D], token mask [B, S] (1 real, 0 padding) or undefined: keys and values of every
  // cross-attention block, or the tokens that stand before the text.
  AudioContext listen(const torch::Tensor& memory, const torch::Tensor& token_mask);
  // ids [B, T] -> hidden states [B, T, D_l] after the final norm. With a cache, ids follow what it holds.
  // An AudioContext without blocks skips the cross-attention: the language model alone. A prefix (one clip
  // for all rows, or one a row) stands before the ids where nothing is in the cache yet, which then holds
  // both; its masked tokens are left out as if they were not there. Throws kUser where a prefix and the text
  // are longer than the language model's context, kInternal for a cache of rows whose prefixes differ in
  // length.
  torch::Tensor forward(const torch::Tensor& ids, const AudioContext& audio, KvCache* cache = nullptr);
  // The same of texts of several lengths, [B, T] padded on the right, at `rows` [N] of [B*T] alone, which are
  // all that is no padding: [N, D_l]. What treats each token alone computes nothing for the others.
  torch::Tensor forward_packed(const torch::Tensor& ids, const torch::Tensor& rows,
                               const AudioContext& audio);
  // [..., D_l] -> [..., vocab + added], on the CPU.
  torch::Tensor logits(const torch::Tensor& hidden);

  Af2Config config;
  Placement placement;
  // In training: decoder layers and blocks of the tower are computed again in the backward pass
  // (recompute.h).
  void set_recompute(bool on);
  LogMel logmel;
  ClapHolder clap{nullptr};
  AudioTransformer audio_transformer_clap{nullptr};
  LangEncoder lang_encoder{nullptr};

 private:
  bool recompute_ = false;
  // Embeddings [B, T, D_l], or packed, through layers and norm; `tables_on`: where the ids lie.
  torch::Tensor run_layers(torch::Tensor x, torch::Device tables_on, const AudioContext& audio,
                           KvCache* cache, const PackedTexts& texts = {});
  // The same of ids behind `prefix` [B, P, D_l], of whose tokens every one counts -> [B, T, D_l].
  torch::Tensor run_behind(const torch::Tensor& prefix, const torch::Tensor& ids, KvCache* cache);
};
TORCH_MODULE(Af2Model);

// The matrices of all cross-attention blocks, by their names in the published state dict:
// "lang_encoder.gated_cross_attn_layers_sound.0.attn.to_q.weight" ….
std::vector<std::pair<std::string, Linear>> cross_attention_matrices(Af2ModelImpl& network);

}  // namespace af2
