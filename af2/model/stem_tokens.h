// A window as tokens in time, each of what the stem of the tower hears around one step: the tokens of a small
// Audio Flamingo whose tower is AF-CLAP by statistics (stem_statistics.h).
//
// Half of a token is AF-CLAP's own map of the statistics of the steps around it, a unit vector of the joint
// space: what sounds there. The rest is a map of that step alone: when, how loud, how high. With few
// recordings that tells more about unheard ones than blocks learned above the stem. Thread rule: const use is
// reentrant.
//
//   StemTokens tokens(512, config.cells);
//   torch::Tensor heard = tokens->forward(map);   // [B, steps, context + moment]
#pragma once

#include <torch/torch.h>

#include "af2/model/af2_config.h"
#include "af2/model/batch_norm.h"
#include "af2/model/linear.h"

namespace af2 {

// The stem's map [B, C, m, t], m a multiple of `bands` -> roots of its means in cells of band and time
// [B, C * bands, s], s = min(t, steps).
torch::Tensor stem_cells(const torch::Tensor& map, int bands, int64_t steps);

struct StemTokensImpl : torch::nn::Module {
  StemTokensImpl(int64_t channels, const StemTokensConfig& config);
  // The stem's map [B, C, m, t] -> tokens [B, s, context + moment], float32.
  torch::Tensor forward(const torch::Tensor& map) { return of_cells(cells(map)); }
  // The two halves of it: nothing in the first is trained. -> [B, s, C * bands]
  torch::Tensor cells(const torch::Tensor& map) const;
  // With `dropout`, that share of the values is left out, the same ones at all steps of a row, or of all rows
  // where they are windows of one clip: as if another recording were heard.
  torch::Tensor of_cells(const torch::Tensor& cells, double dropout = 0, bool one_clip = false);

  BatchNorm norm{nullptr};  // AF-CLAP's `audio_statistics.norm`: its statistics alone are used, as they are
  Linear context{nullptr};  // AF-CLAP's `audio_projection.0`
  Linear moment{nullptr};

 private:
  StemTokensConfig config_;
};
TORCH_MODULE(StemTokens);

}  // namespace af2
