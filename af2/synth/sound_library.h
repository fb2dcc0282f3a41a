// The sounds that scenes are made of: takes out of folders, a sound bank, a bank of spoken words, and noise
// (docs/spec/data.md section 5).
//
// Audio is decoded at the scene's rate when it is first asked for, cut to its audible span (-60 dB of its own
// peak) and kept in a cache of bounded size; what is measured of a take is measured once and kept. Not for
// placing sounds (scene_plan.h). Thread rule: add sounds from one thread, first; then all const functions may
// be called from any.
//
//   SoundLibrary library(16000);
//   library.add_bank("bank");
//   library.add_folders("foreground", "background");   // foreground/LABEL/*, background/LABEL/*
//   const int take = library.draw({.split = Split::kTrain, .label = "dog"}, rng);
//   const TakeSamples samples = library.samples(take);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "af2/audio/pitch.h"
#include "af2/core/random.h"
#include "af2/data/bank.h"
#include "af2/data/vocabulary.h"

namespace af2 {

struct Take {
  std::string id, label;
  std::filesystem::path path;  // empty: in memory
  std::string group, licence, attribution, source;
  Split split = Split::kTrain;
  std::string words, voice, speaker, lang;  // of speech whose words are known
  double seconds = 0;                       // of the file; 0: not known before it is decoded
  bool foreground = true, background = true;
};

// Mono at the library's rate: the audible span alone.
using TakeSamples = std::shared_ptr<const std::vector<float>>;

// Of the audible span, faded in and out as events are (kEventFade_s).
struct TakeFacts {
  std::int64_t length = 0;  // samples
  double lkfs = 0;          // loudness
  double change_db = 0;     // level of the last third over the first
  float peak = 0;
};
inline constexpr double kEventFade_s = 0.01;

enum class TakeRole { kForeground, kBackground };

struct TakeQuery {
  TakeRole role = TakeRole::kForeground;
  Split split = Split::kTrain;
  std::string label = {};
  bool with_words = false;              // only takes whose words are known
  bool no_words = false;                // only takes whose words are not known
  std::vector<std::string> words = {};  // only takes of one of these words
  double min_seconds = 0;               // of the file
};

class SoundLibrary {
 public:
  static constexpr std::size_t kCacheBytes = std::size_t{192} << 20;

  // Throws kUser for a rate that is none of 16000, 32000, 44100, 48000.
  explicit SoundLibrary(int rate_hz = 16000, std::size_t cache_bytes = kCacheBytes);
  ~SoundLibrary();
  SoundLibrary(const SoundLibrary&) = delete;
  SoundLibrary& operator=(const SoundLibrary&) = delete;

  // Every file of foreground/LABEL/ and background/LABEL/; an empty path is none. A table takes.tsv beside
  // the labels' folders (path, and any of group, split, licence, attribution, source, words, voice, speaker,
  // lang) says more of them; else the file's name is its group. Throws kData: no folder, no sound in it, a
  // row of the table without its file.
  void add_folders(const std::filesystem::path& foreground, const std::filesystem::path& background);
  // A folder with bank.tsv and labels.tsv: its sounds serve as both. Throws as SoundBank::open().
  void add_bank(const std::filesystem::path& folder);
  // A bank that outlives the library (16 kHz; resampled where the library has another rate).
  void add_bank(const SoundBank& bank);
  // A folder with words.tsv (id, words, voice, speaker, path, seconds, split, group, package, licence,
  // author, kind; lang where it is not English): takes labelled "man speaking", "woman speaking", "child
  // speaking". Throws kData naming file, line and column.
  void add_words(const std::filesystem::path& folder);

  int rate_hz() const;
  const std::vector<Take>& takes() const;
  const Take& take(int index) const;
  // The words for all labels.
  const Vocabulary& words() const;
  // Labels that have a take, sorted.
  std::vector<std::string> labels(TakeRole role, Split split) const;
  bool has(const TakeQuery& query) const;
  // A group that has a take, then a take of it: each is equally likely. Throws kData where there is none.
  int draw(const TakeQuery& query, Random& rng) const;
  // The take of noise of that colour ("white", "pink", "brown"), kNoise_s long, the same in every run. Throws
  // kUser for another.
  int noise(const std::string& colour) const;
  static constexpr double kNoise_s = 60;
  bool is_noise(int take) const;

  // Throws kData: unreadable, silent.
  TakeSamples samples(int take) const;
  const TakeFacts& facts(int take) const;
  // By YIN at 16 kHz, of the audible span.
  const PitchTrack& pitch(int take) const;
  // Decodes and measures the takes of one split with `threads` threads.
  void load(Split split, int threads) const;
  // Bytes of the samples in the cache; never above the bound, but for a take that alone is.
  std::size_t cached_bytes() const;

  // A hash of everything that draws depend on.
  std::string fingerprint() const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

// [begin, end) of the samples that are not below the peak by more than 60 dB. Empty for silence.
SampleSpan audible_by_peak(std::span<const float> samples, float peak);
// Raised-cosine fades of `n` samples at both ends, shorter where the sound is.
void fade_ends(std::span<float> samples, std::size_t n);
// Mean square level of the last third over that of the first, dB.
double level_change_db(std::span<const float> samples);

}  // namespace af2
