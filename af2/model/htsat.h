// HTSAT, the audio tower of AF-CLAP: a Swin transformer over the folded log-mel of one 10 s window, or of a
// longer clip in four channels that attentional feature fusion brings together (docs/spec/model.md section
// 3). Module and parameter names are those of the published checkpoint below `clap.nvclap.`.
//
// Not here: what the four channels are (af2/model/clap_mel.h), the pooled embedding (af2/model/clap.h).
// Thread rule: forward in eval mode is reentrant.
#pragma once

#include <torch/torch.h>

#include "af2/model/af2_config.h"
#include "af2/model/batch_norm.h"
#include "af2/model/linear.h"
#include "af2/model/stem_tokens.h"

namespace af2 {

// Multi-head self-attention inside windows of side `window`, with a relative position bias.
struct WindowAttentionImpl : torch::nn::Module {
  WindowAttentionImpl(int64_t dim, int64_t window, int64_t heads);
  // x [B*nW, window^2, C]; mask [nW, window^2, window^2] or undefined -> same shape as x.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& mask);

  int64_t heads;
  Linear qkv{nullptr}, proj{nullptr};
  torch::Tensor relative_position_bias_table, relative_position_index;
};
TORCH_MODULE(WindowAttention);

struct MlpImpl : torch::nn::Module {
  MlpImpl(int64_t dim, int64_t hidden);
  torch::Tensor forward(const torch::Tensor& x);
  Linear fc1{nullptr}, fc2{nullptr};
};
TORCH_MODULE(Mlp);

// One Swin block on a side x side grid; odd blocks of a stage shift by half a window.
struct SwinBlockImpl : torch::nn::Module {
  SwinBlockImpl(int64_t dim, int64_t heads, int64_t side, int64_t window, bool shifted, double mlp_ratio,
                double drop_path);
  torch::Tensor forward(const torch::Tensor& x);  // [B, side^2, C] -> same

  int64_t side, window, shift;
  double drop_path;
  torch::nn::LayerNorm norm1{nullptr}, norm2{nullptr};
  WindowAttention attn{nullptr};
  Mlp mlp{nullptr};
  torch::Tensor attn_mask;  // [nW, window^2, window^2], only when shifted
};
TORCH_MODULE(SwinBlock);

// Joins 2x2 neighbours: [B, side^2, C] -> [B, side^2/4, 2C].
struct PatchMergingImpl : torch::nn::Module {
  PatchMergingImpl(int64_t dim, int64_t side);
  torch::Tensor forward(const torch::Tensor& x);
  int64_t side;
  torch::nn::LayerNorm norm{nullptr};
  Linear reduction{nullptr};
};
TORCH_MODULE(PatchMerging);

struct SwinStageImpl : torch::nn::Module {
  SwinStageImpl(const ClapConfig& config, int64_t stage, const std::vector<double>& drop_paths);
  torch::Tensor forward(torch::Tensor x);
  torch::nn::ModuleList blocks;
  PatchMerging downsample{nullptr};  // absent in the last stage
  bool recompute = false;            // blocks are computed again in the backward pass (recompute.h)
};
TORCH_MODULE(SwinStage);

// Attentional feature fusion, "aff_2d": how much of each place comes from x and how much from y is told by a
// gate that sees their sum, place by place and averaged over all places. x, y [B, C, h, w] -> same.
struct FeatureFusionImpl : torch::nn::Module {
  FeatureFusionImpl(int64_t channels, int64_t reduction);
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& y);
  torch::nn::ModuleDict local_att, global_att;  // by the published numbers: convolution, norm, twice

 private:
  torch::Tensor gate(torch::nn::ModuleDict& layers, int64_t first, const torch::Tensor& x);
};
TORCH_MODULE(FeatureFusion);

// Spectrogram to tokens: the published patch projection, or the convolutional stem (ClapConfig::stem).
struct PatchEmbedImpl : torch::nn::Module {
  explicit PatchEmbedImpl(const ClapConfig& config);
  torch::Tensor forward(const torch::Tensor& x) { return tokens(stem_map(x)); }
  // Spectrogram [B, 1, M, F'] -> the last layer of the stem [B, C', m, t]; without a stem, x itself.
  torch::Tensor stem_map(const torch::Tensor& x);
  // -> [B, grid^2, C]
  torch::Tensor tokens(const torch::Tensor& map);
  // With the fusion path (ClapConfig::fusion): channel 0 the whole clip, channels 1.. its crops
  // [B, 1 + n, M, F'] -> [B, grid^2, C].
  torch::Tensor fused_tokens(const torch::Tensor& channels);

  int64_t folds;  // quarters of the time axis stacked along frequency
  std::vector<StemLayer> stem_layers;
  torch::nn::Conv2d proj{nullptr};
  torch::nn::ModuleList stem;
  torch::nn::Conv2d mel_conv2d{nullptr};  // of the crops
  FeatureFusion fusion_model{nullptr};
  torch::nn::LayerNorm norm{nullptr};

 private:
  torch::Tensor folded(const torch::Tensor& map) const;    // [B, C, m, folds*t] -> [B, C, folds*m, t]
  torch::Tensor normalised(const torch::Tensor& patches);  // [B, C, h, w] -> [B, h*w, C]
};
TORCH_MODULE(PatchEmbed);

struct HtsatImpl : torch::nn::Module {
  HtsatImpl(const ClapConfig& clap, const AudioConfig& audio);
  // log-mel [B, F, M] in dB -> audio tokens [B, S, D]: first all time steps of frequency bin 0, then of
  // bin 1 (tokens of stem_tokens.h have one bin). keep_mask (training, optional; [B, F, M], 1 keep) acts on
  // the normalised mel: SpecAugment.
  torch::Tensor forward(const torch::Tensor& logmel, const torch::Tensor& keep_mask = {}) {
    return from_stem(to_stem(logmel, keep_mask));
  }
  // A clip longer than a window: log-mels [B, 4, F, M], the whole resized to a window and three crops ->
  // audio tokens. Throws kInternal for a tower without the fusion path.
  torch::Tensor forward_fused(const torch::Tensor& logmels);
  // The two halves of forward, for training with a frozen stem: log-mel -> the stem's last layer
  // [B, C', m, t] (without a stem the resized spectrogram [B, 1, M, F']) -> audio tokens.
  torch::Tensor to_stem(const torch::Tensor& logmel, const torch::Tensor& keep_mask = {});
  torch::Tensor from_stem(const torch::Tensor& map);
  // With ClapConfig::cells, what of the stem's map is kept [B, s, c] -> audio tokens (stem_tokens.h).
  torch::Tensor from_cells(const torch::Tensor& cells, double dropout = 0, bool one_clip = false);

  ClapConfig config;
  int64_t n_mels, frames;
  BatchNorm bn0{nullptr};
  PatchEmbed patch_embed{nullptr};
  torch::nn::ModuleList layers;
  StemTokens stem_tokens{nullptr};  // with ClapConfig::cells, in place of what lies above the stem
  torch::nn::LayerNorm norm{nullptr};

 private:
  torch::Tensor to_image(const torch::Tensor& channels, const torch::Tensor& keep_mask);
  torch::Tensor from_tokens(torch::Tensor x);
};
TORCH_MODULE(Htsat);

}  // namespace af2
