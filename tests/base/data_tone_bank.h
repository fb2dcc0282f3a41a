// A bank of synthetic sounds in memory: 30 labels (decaying tones, one pitch each), of which "rain" and
// "wind" are long noises of family ambience, "clock" ticks several times, and "gong" lasts 3 s. In every
// split each label has 3 recordings in 2 groups. "cat" and "lion" share the synonym "feline".
#pragma once

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "af2/data/bank.h"

namespace af2::test {

inline std::vector<LabelInfo> tone_labels() {
  const std::vector<std::string> names = {
      "bell",  "bird",  "cat",   "clock", "cow",  "crow", "cymbal", "dog",   "door",  "drum",
      "duck",  "flute", "frog",  "goat",  "gong", "gun",  "harp",   "horn",  "horse", "lion",
      "organ", "owl",   "phone", "piano", "rain", "ship", "siren",  "train", "wind",  "wooden accordion"};
  std::vector<LabelInfo> labels;
  for (const std::string& name : names) {
    LabelInfo info{name, "a " + name + " sounding", "a " + name, "a " + name + " sounds", {}, "thing"};
    if (name == "cat" || name == "lion") info.synonyms = {"feline"};
    if (name == "dog") info.synonyms = {"hound", "barking", "puppy dog"};
    if (name == "rain" || name == "wind") info.family = "ambience";
    labels.push_back(info);
  }
  return labels;
}

inline std::vector<std::int16_t> tone(const std::string& label, int index, int variant) {
  const double hz = 200 * std::pow(1.12, index) * (1 + 0.01 * variant);
  const bool noise = label == "rain" || label == "wind";
  const double seconds = noise ? 6 : label == "gong" ? 3 : 0.4 + 0.15 * variant;
  const int repeats = label == "clock" ? 3 : 1;
  const std::size_t pad = 1600;  // silence around, to be trimmed
  std::vector<std::int16_t> samples(pad, 0);
  Random rng("af2/test/tone/" + label + "/" + std::to_string(variant));
  for (int k = 0; k < repeats; ++k) {
    const auto n = static_cast<std::size_t>(seconds * kBankRateHz);
    for (std::size_t i = 0; i < n; ++i) {
      const double t = static_cast<double>(i) / kBankRateHz;
      const double x = noise ? 0.2 * rng.normal()
                             : 0.6 * std::exp(-3 * t / seconds) * std::sin(2 * 3.14159265358979 * hz * t);
      samples.push_back(static_cast<std::int16_t>(std::lround(32767 * std::max(-1.0, std::min(1.0, x)))));
    }
    samples.insert(samples.end(), pad, 0);
  }
  return samples;
}

inline SoundBank tone_bank() {
  std::vector<Recording> recordings;
  std::vector<std::vector<std::int16_t>> samples;
  const std::vector<LabelInfo> labels = tone_labels();
  for (std::size_t label = 0; label < labels.size(); ++label) {
    for (int s = 0; s < kSplits; ++s) {
      for (int k = 0; k < 3; ++k) {
        Recording r;
        r.split = static_cast<Split>(s);
        r.label = static_cast<int>(label);
        r.group = labels[label].name + "-" + split_name(r.split) + (k < 2 ? "-a" : "-b");
        r.id = r.group + std::to_string(k);
        samples.push_back(tone(labels[label].name, static_cast<int>(label), 3 * s + k));
        r.seconds = static_cast<double>(samples.back().size()) / kBankRateHz;
        recordings.push_back(r);
      }
    }
  }
  return SoundBank::from_memory(labels, recordings, samples);
}

// Built once per program.
inline const SoundBank& shared_tone_bank() {
  static const SoundBank bank = tone_bank();
  return bank;
}

}  // namespace af2::test
