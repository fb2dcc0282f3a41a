// AF-CLAP: an audio and a text tower whose embeddings share one space (docs/spec/model.md sections 2-4).
//
// Module names are those of its own checkpoint: `audio_branch`, `text_branch`, `audio_projection`,
// `text_projection`, `logit_scale_a`, `logit_scale_t`. Each clip and each text goes through the towers alone,
// so that its vector does not depend on what stands beside it. Not for reading files or for tokenizers
// (af2/generate/clap_engine.h). Thread rule: const use in eval mode is reentrant.
//
//   ClapModel clap(config);
//   torch::Tensor audio = clap->embed_audio(mel);        // [joint], length 1
//   torch::Tensor text = clap->embed_text(ids);          // [joint], length 1
#pragma once

#include <torch/torch.h>

#include <vector>

#include "af2/model/clap_config.h"
#include "af2/model/clap_mel.h"
#include "af2/model/htsat.h"
#include "af2/model/stem_statistics.h"
#include "af2/model/t5_encoder.h"

namespace af2 {

struct ClapModelImpl : torch::nn::Module {
  explicit ClapModelImpl(const ClapModelConfig& config);

  // Audio tokens of one clip [S, D].
  torch::Tensor audio_tokens(const ClapMel& mel);
  // The two halves of audio_pooled, for training with a frozen stem. Log-mels [B, F, M] -> what the stem
  // hears [B, C, m, t], or of it what statistics keep (StemStatistics::cells) ...
  torch::Tensor stem_map(const torch::Tensor& logmel, const torch::Tensor& keep_mask = {});
  // ... -> what stands for a clip before the projection [B, D]: statistics and their turns, or the mean over
  // the tokens.
  torch::Tensor of_stem(const torch::Tensor& map);
  // The same of one clip: [D].
  torch::Tensor audio_pooled(const ClapMel& mel);
  // The same of several clips that are no longer than a window, in one pass through the tower: the bits of
  // each alone, sooner where the tower's weights do not fit into the processor's caches.
  std::vector<torch::Tensor> windows_pooled(const std::vector<torch::Tensor>& windows);  // each [1, F, M]
  // Token ids of one text, without the end token, which is added; cut and padded to max_tokens. [D_t] is the
  // mean over positions, with `turns` of means weighted by place, before the projection.
  torch::Tensor text_pooled(const std::vector<int>& ids);
  // The same of several texts at once, for training: [N, D_t].
  torch::Tensor text_pooled(const std::vector<std::vector<int>>& texts);
  // Projected, length 1: [joint].
  torch::Tensor embed_audio(const ClapMel& mel) { return project_audio(audio_pooled(mel).unsqueeze(0))[0]; }
  torch::Tensor embed_text(const std::vector<int>& ids) {
    return project_text(text_pooled(ids).unsqueeze(0))[0];
  }
  // pooled [N, D] -> [N, joint], rows of length 1.
  torch::Tensor project_audio(const torch::Tensor& pooled);
  torch::Tensor project_text(const torch::Tensor& pooled);

  ClapModelConfig config;
  Htsat audio_branch{nullptr};
  StemStatistics audio_statistics{nullptr};  // with config.statistics.bands > 0
  T5Encoder text_branch{nullptr};
  torch::nn::ModuleList audio_turns;                        // config.statistics.turns maps [joint, joint]
  torch::nn::ModuleList text_turns;                         // config.text.turns maps [D_t, D_t]
  torch::nn::ModuleDict audio_projection, text_projection;  // keys "0" and "2"; ReLU between
  torch::Tensor logit_scale_a, logit_scale_t;               // logarithms, scalars
};
TORCH_MODULE(ClapModel);

// ids with the end token, cut, and padded to max_tokens, or to the longest where padding does not count
// (pooling "text") -> ids and mask, each [N, T] int64.
struct ClapTokens {
  torch::Tensor ids, mask;
  bool cut = false;
};
ClapTokens clap_tokens(const std::vector<std::vector<int>>& texts, const ClapTextConfig& config);

}  // namespace af2
