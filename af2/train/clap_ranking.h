// How well clips find their captions and captions their clips: what AF-CLAP is validated on.
//
// Thread rule: free functions.
//
//   const ClipsToRank of = scenes_to_rank(bank, writer, Split::kVal, options);
//   const Json figures = ranking_figures(of, audio, text, wrong);
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/captions.h"
#include "af2/train/train_options.h"

namespace af2 {

struct ClipsToRank {
  std::vector<std::vector<float>> clips;
  std::vector<std::string> captions;     // [clips], no two alike
  std::vector<std::string> wrong;        // false texts of some of the clips ...
  std::vector<std::int64_t> with_wrong;  // ... and which these are
  std::string wrong_name = "negative";   // of the figure
};

// Up to options.clap.val_scenes rendered scenes, some beside the caption with its sounds in the other order.
ClipsToRank scenes_to_rank(const SoundBank& bank, const CaptionWriter& writer, Split split,
                           const TrainOptions& options);

// R@1, 5, 10 both ways, and how often the caption beats the wrong one. Vectors of length 1: audio and text
// [clips, J], wrong [wrong, J].
Json ranking_figures(const ClipsToRank& of, const torch::Tensor& audio, const torch::Tensor& text,
                     const torch::Tensor& wrong);

}  // namespace af2
