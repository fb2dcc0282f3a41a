// The sound of one training item, as the model hears it: a stretch of a file, changed if so wished, in
// windows (docs/spec/training.md sections 4 and 8).
//
// A sound that cannot be used is told as a reason, never replaced by another. Every draw is named by seed,
// set, item and pass: nothing depends on workers or ranks. Thread rule: free functions.
//
//   const TrainSound sound = load_train_sound(item, {"clotho", 12, /*pass=*/0, /*seed=*/42}, options);
//   if (!sound.problem.empty()) count(sound.problem); else hear(sound.windows, sound.n_windows);
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "af2/audio/decode.h"
#include "af2/data/train_sets.h"

namespace af2 {

struct SoundAugmentOptions {
  bool crop = false;
  double noise_share = 0, min_snr_db = 10, max_snr_db = 40;
  double max_shift_s = 0;

  // Whether a sound is another in every pass.
  bool any() const { return crop || noise_share > 0 || max_shift_s > 0; }
  // Throws kUser naming the key below `where`.
  void check(const std::string& where) const;

  template <class V>
  void visit(V& v) {
    v.field("crop", crop, "of sounds longer than the cap a stretch at random; else their beginning");
    v.field("noise_share", noise_share, "share of sounds that get white noise");
    v.field("min_snr_db", min_snr_db, "loudest noise: power of the sound over that of the noise");
    v.field("max_snr_db", max_snr_db, "quietest noise");
    v.field("max_shift_s", max_shift_s, "silence put before a sound, up to this; its end is cut at the cap");
  }
};

struct TrainSoundOptions {
  int rate_hz = 16000;
  double window_s = 10;
  Channels channels = Channels::kMean;
  SoundAugmentOptions augment;
};

struct TrainDraw {
  std::string set;
  std::size_t item = 0;
  std::int64_t pass = 0;
  std::uint64_t seed = 42;
  // "PURPOSE/SEED/SET/ITEM/PASS"
  std::string name(const std::string& purpose) const;
};

// Why a sound cannot be used.
inline constexpr std::array<const char*, 2> kSoundProblems = {"audio_missing", "audio_unreadable"};

struct TrainSound {
  std::vector<float> windows;  // [n_windows, rate * window_s]; n_windows at most the item's
  int n_windows = 0;
  double seconds = 0;           // that are heard
  std::string problem, detail;  // of kSoundProblems; what was wrong, with the path
};

TrainSound load_train_sound(const TrainItem& item, const TrainDraw& draw, const TrainSoundOptions& options);

}  // namespace af2
