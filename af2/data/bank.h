// The sound bank: labelled recordings at 16 kHz mono, split by source group, drawn class-balanced.
//
// A folder with `bank.tsv` (id, label, path, seconds, split, group, package, licence, author, sha256,
// peak_db, kind) and `labels.tsv` (label, phrase, short, sentence, synonyms, family); tools/sound_bank builds
// one. Not a place for questions or scenes. Thread rule: constant after open(); samples are decoded once, on
// first use, from any thread. An hour of audio takes 115 MB (int16).
//
//   const SoundBank bank = SoundBank::open("bank");
//   Random rng("af2/example/1");
//   const int r = bank.draw(Split::kTrain, rng);
//   const Sound& sound = bank.sound(r);  // sound.samples: int16 at 16 kHz
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/random.h"
#include "af2/data/envelope.h"
#include "af2/data/vocabulary.h"

namespace af2 {

enum class Split { kTrain, kVal, kTest };
inline constexpr int kSplits = 3;
const char* split_name(Split split);             // "train", "val", "test"
Split split_from_name(const std::string& name);  // throws kUser

struct Recording {
  std::string id;
  int label = 0;
  std::string path;  // below the bank's folder
  double seconds = 0;
  Split split = Split::kTrain;
  std::string group, package, licence, author, sha256;
  double peak_db = 0;
  bool synthetic = false;
};

// Decoded samples and what is known of them.
struct Sound {
  std::vector<std::int16_t> samples;  // 16 kHz mono
  SampleSpan audible;                 // empty when the file is silent
  int bursts = 0;                     // of the audible part
  double loudest_db = -120;           // loudest 10 ms, RMS dB of full scale

  // [span.size()] as float in [-1, 1).
  std::vector<float> to_float(SampleSpan span) const;
};

class SoundBank {
 public:
  // Reads and checks both tables; no audio is decoded. Throws kData naming file, line and column.
  static SoundBank open(const std::filesystem::path& folder);
  // A bank out of memory (tests, tools): samples[i] belongs to recordings[i], whose `label` indexes `labels`.
  static SoundBank from_memory(std::vector<LabelInfo> labels, std::vector<Recording> recordings,
                               std::vector<std::vector<std::int16_t>> samples);
  SoundBank(SoundBank&&) noexcept;
  SoundBank& operator=(SoundBank&&) noexcept;
  ~SoundBank();

  // Sorted by name; the index is the label's id.
  const std::vector<LabelInfo>& labels() const;
  const Vocabulary& words() const;
  // The class id, or -1.
  int label_id(std::string_view name) const;
  // All recordings, in the order of the table; ids below are indices into it.
  const std::vector<Recording>& recordings() const;
  // Indices of one split's recordings, and of one label's within it.
  const std::vector<int>& recordings(Split split) const;
  std::vector<int> recordings(Split split, int label) const;
  // Labels that have a recording in the split, sorted.
  const std::vector<int>& labels_in(Split split) const;

  // Decodes on first use. Throws kData (unreadable, wrong length, empty).
  const Sound& sound(int recording) const;
  // Decodes a whole split with `threads` threads; the first error is thrown.
  void load(Split split, int threads) const;
  // Compares every file with its sha256; returns one line per difference, empty when all agree.
  std::vector<std::string> verify() const;

  // Class-balanced: a label with recordings in the split, then one of its groups, then a recording of it.
  // Each draw is uniform. Throws kData when the split is empty.
  int draw(Split split, Random& rng) const;
  int draw(Split split, int label, Random& rng) const;

  // Recordings that are one short burst (audible <= kCountableSeconds), so that repeats of them can be
  // counted; the labels that have one in the split, and a draw of one (group, then recording). The first call
  // decodes the split's short files.
  static constexpr double kCountableSeconds = 2.0;
  const std::vector<int>& countable_labels(Split split) const;
  int draw_countable(Split split, int label, Random& rng) const;

  // Two labels that one word may name (the same label, or a shared name, phrase or synonym): never
  // distractors of one another and never in one scene.
  bool confusable(int label_a, int label_b) const;
  // Lower-case terms that name a label, without articles: its name and its parts at '/', phrase, short name,
  // synonyms.
  const std::vector<std::string>& terms(int label) const;

 private:
  struct Data;
  explicit SoundBank(std::unique_ptr<Data> data);
  std::unique_ptr<Data> data_;
};

}  // namespace af2
