// A clip as statistics of what the stem of a tower hears in it, in bands of frequency.
//
// For AF-CLAP of few recordings (ClapModelConfig::statistics): nothing here is learned but means and
// deviations, so there is nothing to know recordings by heart with; one linear map follows. Maxima over time
// find short sounds among silence. Not for Audio Flamingo's own tower, which needs tokens in time
// (stem_tokens.h).
// Thread rule: const use in eval mode is reentrant.
//
//   StemStatistics statistics(512, config.statistics);
//   torch::Tensor pooled = statistics->forward(statistics->cells(map));    // [B, (1 + turns) * D]
#pragma once

#include <torch/torch.h>

#include "af2/model/batch_norm.h"
#include "af2/model/clap_config.h"

namespace af2 {

struct StemStatisticsImpl : torch::nn::Module {
  StemStatisticsImpl(int64_t channels, const StemStatisticsConfig& config);
  // The stem's map [B, C, m, t], m a multiple of the bands -> roots of its means in cells of band and time
  // [B, C * bands, 1, steps], steps = min(t, 64): all that is kept of it, and nothing in it is learned.
  torch::Tensor cells(const torch::Tensor& map) const;
  // Cells -> [B, (1 + turns) * D], D = C * bands * 2: means and maxima over the clip, brought to mean 0 and
  // deviation 1; then, for each turn, the mean of those of eight parts of the clip, weighted by a Legendre
  // polynomial of the part's place, in the same deviations.
  torch::Tensor forward(const torch::Tensor& of_map);
  int64_t size() const { return size_; }  // D
  BatchNorm norm{nullptr};                // of the clip's statistics, without weights of its own

 private:
  StemStatisticsConfig config_;
  int64_t size_;
};
TORCH_MODULE(StemStatistics);

}  // namespace af2
