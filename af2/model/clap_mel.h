// What AF-CLAP hears of a clip of any length: one log-mel of a window, or four of it for a longer clip
// (docs/spec/model.md section 2: "repeatpad" and "fusion").
//
// Not the windows of Audio Flamingo 2 (af2/audio/windows.h): here nothing is normalised, a short clip is
// repeated, and a long one is seen as a whole, resized, and in three crops. Of a long clip only the frames
// that are used are computed, so that hours cost no more than a minute beyond their samples. Thread rule:
// const and reentrant.
//
//   ClapFeatures features(config.audio);
//   ClapMel mel = features(clip.samples, {});      // mel.longer says whether it has crops
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "af2/model/logmel.h"

namespace af2 {

struct ClapMel {
  torch::Tensor channels;  // [1, F, M] of a window, or [4, F, M]: the whole resized, then three crops
  bool longer = false;     // four channels, for the fusion path
};

// Where the crops of a clip of `n_frames` begin, each within its third of the possible places: the middle of
// it, or drawn with `seed` (the released code draws without one).
std::array<std::int64_t, 3> crop_starts(std::int64_t n_frames, std::int64_t window_frames,
                                        std::optional<std::uint64_t> seed);

class ClapFeatures {
 public:
  explicit ClapFeatures(const AudioConfig& config) : config_(config), logmel_(config) {}
  // samples: mono at the model's rate. Throws kData without samples or with NaN or infinite ones.
  ClapMel operator()(std::span<const float> samples, std::optional<std::uint64_t> crop_seed) const;
  // One window of at most window_samples(): through 16 bits, repeated, padded -> [1, F, M].
  torch::Tensor window(std::span<const float> samples) const;

 private:
  AudioConfig config_;
  LogMel logmel_;
};

}  // namespace af2
